/* Attention of one learned query, the probe of an attention pool (MAP): O = softmax(q K^T / sqrt d)
 * V, head by head, with q = W_q probe + b the same for every image. Keys and values are the input,
 * [k, v]; rows before op.skips are passed over.
 *
 * AttnLRP (Achtibat et al. 2024): A V is a product of two values that depend on the image, half to
 * each (proposition 3.3); the softmax by its Taylor expansion with bias (3.1). q does not depend on
 * the image: the scores are linear in K, which takes all of their relevance. In G form G_A = G_O
 * V^T / 2, G_V = A^T G_O / 2, G_S = A * (G_A - sum(A * G_A)), G_K = G_S^T q / sqrt d. CP-LRP (Ali
 * et al. 2022): A is constant, G_V = A^T G_O. An attention share as in op_attention.c. The plain
 * gradient gives all to each. In the ledger, as softmax: the bias of its expansion. The probe takes
 * nothing. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "vit/ops/op.h"

enum { PROBE, QUERY_WEIGHT, QUERY_BIAS }; /* weights */
enum { QUERY };                           /* scratch */

/* One head of an image. */
struct probe_head {
    const struct op_call *call;
    size_t image, at, size; /* its columns */
    size_t tokens;
};

static size_t tokens_of(const struct op_call *call) {
    return call->in[0].rows - call->op->skips;
}

static struct probe_head head_of(const struct op_call *call, size_t index) {
    size_t size = call->out.width / call->op->heads;
    return (struct probe_head){.call = call,
                               .image = index / call->op->heads,
                               .at = index % call->op->heads * size,
                               .size = size,
                               .tokens = tokens_of(call)};
}

/* The head's key of a token in an array of the input's shape; its value is `width` behind it. */
static size_t key_at(const struct probe_head *head, size_t token) {
    const struct op_array *input = &head->call->in[0];
    size_t row = head->image * input->rows + head->call->op->skips + token;
    return row * input->width + head->at;
}

static void need(const struct op_call *call, struct op_need *need) {
    need->thread_floats = 2 * tokens_of(call);
    need->scratch[QUERY] = call->out.width;
}

static void query_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = context;
    const float *const *weights = call->op->weights;
    size_t width = call->out.width;
    for (size_t j = first; j < first + count; j++) {
        double sum = weights[QUERY_BIAS] == NULL ? 0.0 : weights[QUERY_BIAS][j];
        if (weights[PROBE] != NULL) {
            sum += call->engine->kernels->dot(weights[QUERY_WEIGHT] + j * width, weights[PROBE],
                                              width);
        }
        call->scratch[QUERY][j] = (float) sum;
    }
}

static void make_query(const struct op_call *call) {
    engine_rows(call->engine, call->out.width, query_rows, (void *) call);
}

static float score_scale(const struct probe_head *head) {
    return (float) (1.0 / sqrt((double) head->size));
}

/* a [tokens]: the head's attention weights. */
static void make_weights(const struct probe_head *head, float *a) {
    const struct op_call *call = head->call;
    const struct kernels *kernels = call->engine->kernels;
    const float *query = call->scratch[QUERY] + head->at;
    for (size_t t = 0; t < head->tokens; t++) {
        a[t] = (float) kernels->dot(query, call->in[0].x + key_at(head, t), head->size);
    }
    const uint8_t *absent = call->absent == NULL
                                ? NULL
                                : call->absent + head->image * call->in[0].rows + call->op->skips;
    attention_softmax(call->engine, a, head->tokens, absent, score_scale(head));
}

static void forward_head(void *context, size_t index, size_t thread) {
    const struct op_call *call = context;
    const struct probe_head head = head_of(call, index);
    float *a = engine_scratch(call->engine, thread);
    float *out = call->out.x + head.image * call->out.width + head.at;
    make_weights(&head, a);
    for (size_t d = 0; d < head.size; d++) {
        double sum = 0.0;
        for (size_t t = 0; t < head.tokens; t++) {
            sum += a[t] * call->in[0].x[key_at(&head, t) + call->out.width + d];
        }
        out[d] = (float) sum;
    }
}

static void forward(const struct op_call *call) {
    make_query(call);
    pool_run(call->engine->pool, call->images * call->op->heads, forward_head, (void *) call);
}

/* g [tokens] = G of the scores times the scale of its product. */
static void score_relevance(const struct probe_head *head, const float *a, float *g) {
    const struct op_call *call = head->call;
    const struct kernels *kernels = call->engine->kernels;
    const float *g_out = call->out.g + head->at;
    for (size_t t = 0; t < head->tokens; t++) {
        const float *value = call->in[0].x + key_at(head, t) + call->out.width;
        g[t] = op_factor_share(call) * (float) kernels->dot(g_out, value, head->size);
    }
    kernels->softmax_relevance(g, a, head->tokens, score_scale(head));
}

static void relevance_head(void *context, size_t index, size_t thread) {
    const struct op_call *call = context;
    const struct probe_head head = head_of(call, index);
    const float *query = call->scratch[QUERY] + head.at;
    const float *g_out = call->out.g + head.at;
    float *a = engine_scratch(call->engine, thread);
    float *g = a + head.tokens;
    make_weights(&head, a);
    memset(g, 0, head.tokens * sizeof *g);
    if (!op_is_constant(call)) {
        score_relevance(&head, a, g);
    }
    for (size_t t = 0; t < head.tokens; t++) {
        float *g_key = call->in[0].g + key_at(&head, t);
        for (size_t d = 0; d < head.size; d++) {
            g_key[d] = g[t] * query[d];
            g_key[call->out.width + d] = op_value_share(call) * a[t] * g_out[d];
        }
    }
}

static void relevance(const struct op_call *call) {
    const struct op_array *input = &call->in[0];
    make_query(call);
    memset(input->g, 0, call->op->skips * input->width * sizeof *input->g);
    pool_run(call->engine->pool, call->op->heads, relevance_head, (void *) call);
    op_record(call, 0, op_relevance_of(call, &call->out), op_relevance_of(call, input));
}

/* Products over the tokens, and the query's. */
static double products(const struct op_call *call, double each) {
    double width = (double) call->out.width;
    double tokens = (double) (call->images * tokens_of(call));
    double query = call->op->weights[PROBE] == NULL ? 0.0 : 2.0 * width * width;
    return query + each * 2.0 * tokens * width;
}

static double flops(const struct op_call *call) {
    return products(call, 2.0);
}

static double flops_relevance(const struct op_call *call) {
    return products(call, op_is_constant(call) ? 1.0 : 3.0);
}

const struct op_kind OP_PROBE = {.name = "probe",
                                 .ledger_lines = 1,
                                 .mixes_tokens = true,
                                 .need = need,
                                 .forward = forward,
                                 .relevance = relevance,
                                 .gradient = relevance,
                                 .flops = flops,
                                 .flops_relevance = flops_relevance};
