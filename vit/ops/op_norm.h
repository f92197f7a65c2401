/* What the norms of rows and the norms within heads share: the two rules and the ledger's line.
 * They differ in what one row holds. */
#ifndef VIT_OP_NORM_H
#define VIT_OP_NORM_H

#include "vit/ops/op.h"

/* A pass: the call and, backwards, one of the two rules. The context of its rows. */
struct norm_job {
    const struct op_call *call;
    void (*rule)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                 float eps);
};

/* The rows of a kind of norm, over a norm_job, and the relevance that one of its arrays carries. */
struct norm_rows {
    void (*forward)(void *job, size_t first, size_t count);
    void (*backward)(void *job, size_t first, size_t count);
    double (*sum)(const struct op_call *call, const struct op_array *array);
};

static inline const struct norm_kernels *op_norm_kernels(const struct op_call *call) {
    return &call->engine->kernels->norms[call->op->kind->norm];
}

void op_norm_forward(const struct op_call *call, const struct norm_rows *rows);
void op_norm_relevance(const struct op_call *call, const struct norm_rows *rows);
void op_norm_gradient(const struct op_call *call, const struct norm_rows *rows);

#endif
