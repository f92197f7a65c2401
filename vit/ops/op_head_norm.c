/* Norms within heads: LayerNorm or RMSNorm over the entries of each head, by weights that the heads
 * share. Of a value [q, k, v] the queries and the keys, before their product: weights[0],
 * weights[1] hold factors and shifts of queries, then of keys; values pass as they are. Of any
 * other value all heads: the norm behind a differential attention.
 *
 * Rules: those of the norms (vit/ops/op_norm.c). In the ledger: the shifts. */
#include <string.h>

#include "vit/ops/op_norm.h"
#include "vit/ops/op_qkv.h"

/* [q, k, v] has three parts of which two are normed, other values are one. */
struct head_parts {
    size_t all, normed;
};

static bool is_qkv(const struct op_call *call) {
    return call->out.query_rows > 0;
}

static struct head_parts parts_of(const struct op_call *call) {
    return is_qkv(call) ? (struct head_parts){3, 2} : (struct head_parts){1, 1};
}

/* The first part of a row that is normed: rows that do not leave have no queries. */
static size_t first_part(const struct op_call *call, size_t row) {
    return is_qkv(call) && row % call->out.rows >= call->out.query_rows ? 1 : 0;
}

/* What one head of one token is, and its weights. */
struct head {
    size_t at, size;
    const float *weight, *bias;
};

static struct head head_of(const struct op_call *call, size_t row, size_t part, size_t head) {
    const struct op *op = call->op;
    size_t dim = call->out.width / parts_of(call).all;
    size_t size = dim / op->heads;
    const float *bias = op->weights[1];
    return (struct head){.at = row * call->out.width + part * dim + head * size,
                         .size = size,
                         .weight = op->weights[0] + part * size,
                         .bias = bias == NULL ? NULL : bias + part * size};
}

/* Where the parts of a row begin that pass as they are, and their entries. */
static size_t rest_of(const struct op_call *call, size_t row, size_t *count) {
    struct head_parts parts = parts_of(call);
    size_t dim = call->out.width / parts.all;
    *count = (parts.all - parts.normed) * dim;
    return row * call->out.width + parts.normed * dim;
}

static void forward_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    const struct op_call *call = job->call;
    const float *x = call->in[0].x;
    float *y = call->out.x;
    for (size_t r = first; r < first + count; r++) {
        for (size_t part = first_part(call, r); part < parts_of(call).normed; part++) {
            for (size_t h = 0; h < call->op->heads; h++) {
                struct head head = head_of(call, r, part, h);
                op_norm_kernels(call)->forward(y + head.at, x + head.at, head.weight, head.bias,
                                               head.size, call->op->eps);
            }
        }
        size_t rest = 0;
        size_t at = rest_of(call, r, &rest);
        memcpy(y + at, x + at, rest * sizeof *y);
    }
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    const struct op_call *call = job->call;
    bool only_rest = is_qkv(call) && op_is_constant(call); /* q and k carry no relevance */
    float *g_x = call->in[0].g;
    const float *g_y = call->out.g;
    for (size_t r = first; r < first + count; r++) {
        size_t part = only_rest ? parts_of(call).normed : first_part(call, r);
        for (; part < parts_of(call).normed; part++) {
            for (size_t h = 0; h < call->op->heads; h++) {
                struct head head = head_of(call, r, part, h);
                job->rule(g_x + head.at, g_y + head.at, call->in[0].x + head.at, head.weight,
                          head.size, call->op->eps);
            }
        }
        size_t rest = 0;
        size_t at = rest_of(call, r, &rest);
        call->engine->kernels->add(g_x + at, g_x + at, g_y + at, rest);
    }
}

static double relevance_sum(const struct op_call *call, const struct op_array *array) {
    return is_qkv(call) ? op_qkv_relevance_of(call, array) : op_relevance_of(call, array);
}

static const struct norm_rows ROWS = {forward_rows, backward_rows, relevance_sum};

static void forward(const struct op_call *call) {
    op_norm_forward(call, &ROWS);
}

static void relevance(const struct op_call *call) {
    op_norm_relevance(call, &ROWS);
}

static void gradient(const struct op_call *call) {
    op_norm_gradient(call, &ROWS);
}

const struct op_kind OP_HEAD_NORM = {.name = "head norm",
                                     .norm = NORM_LAYER,
                                     .ledger_lines = 1,
                                     .remade = true,
                                     .adds_relevance = true,
                                     .reads_output = true,
                                     .forward = forward,
                                     .relevance = relevance,
                                     .gradient = gradient};

const struct op_kind OP_HEAD_RMS_NORM = {.name = "head rms norm",
                                         .ledger_lines = 1,
                                         .remade = true,
                                         .adds_relevance = true,
                                         .reads_output = true,
                                         .norm = NORM_RMS,
                                         .forward = forward,
                                         .relevance = relevance,
                                         .gradient = gradient};
