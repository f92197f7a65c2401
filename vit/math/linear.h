/* Linear layers y = x W^T + b: forward, and relevance under LRP-0, the epsilon rule and the gamma
 * rule (vit/RULES.md). */
#ifndef VIT_LINEAR_H
#define VIT_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/math/engine.h"
#include "vit/math/operand.h"

/* A layer's matrices arranged for the backend; those that are NULL are read as they are stored. */
struct linear_packs {
    const struct gemm_pack *forward;           /* W^T */
    const struct gemm_pack *backward;          /* W */
    const struct gemm_pack *absolute_forward;  /* |W|^T */
    const struct gemm_pack *absolute_backward; /* |W| */
};

struct linear {
    const float *weight; /* [outputs, inputs] */
    const float *bias;   /* [outputs]; NULL: none */
    size_t outputs, inputs;
    struct linear_packs packs;
};

/* The layer of `count` of its outputs from `first` on; arrangements are of whole layers only. */
struct linear linear_rows(const struct linear *layer, size_t first, size_t count);

/* Its two directions as second operands: W^T and W. */
struct gemm_weights linear_forward_weights(const struct linear *layer);
struct gemm_weights linear_backward_weights(const struct linear *layer);

/* gamma 0 with epsilon 0 is LRP-0; epsilon counts only where gamma is 0. */
struct linear_rule {
    float gamma;
    float epsilon;
};

/* The rows of a forward pass: x [rows, inputs] is dense, and so is the residual [rows, outputs],
 * which may be NULL; rows of y have a stride. */
struct linear_pass {
    size_t rows;
    const float *x;
    float *y;
    size_t y_stride;
    const float *residual;
};

/* y = x W^T + b + residual. */
void linear_forward(const struct engine *engine, const struct linear *layer,
                    const struct linear_pass *of);

/* One backward step. Rows of y and g_y have stride y_stride; x, g_x are dense. */
struct linear_step {
    const struct linear *layer;
    struct linear_rule rule;
    size_t rows;
    const float *x; /* [rows, inputs] */
    const float *y; /* [rows, outputs], bias included; not read under LRP-0 */
    float *g_y;     /* [rows, outputs]; overwritten */
    size_t y_stride;
    float *g_x;     /* [rows, inputs] */
    float *scratch; /* [rows, outputs]; unused under LRP-0 and epsilon */

    /* t = |x||W|^T + |b| of the gamma rule [rows, outputs], which depends on x alone: kept between
     * steps over the same x if total is not NULL, and not made again if total_is_made. */
    float *total;
    bool total_is_made;
};

/* True if the rule needs y. */
bool linear_rule_reads_output(struct linear_rule rule);

void linear_relevance(const struct engine *engine, const struct linear_step *step);

/* Floats of scratch that a thread needs (struct engine). */
size_t linear_thread_scratch(void);

/* Bytes of engine->operand for layers of up to `widest` inputs and outputs over that many rows:
 * forward only, and with relevance. pieces: op_call.form.pieces. */
size_t linear_forward_operand(size_t rows, size_t widest, size_t pieces);
size_t linear_relevance_operand(size_t rows, size_t widest, size_t pieces);

#endif
