/* Multi-head self-attention of given queries, keys and values: O = softmax(Q K^T / sqrt d) V.
 *
 * AttnLRP (Achtibat et al. 2024): half of the relevance of a product to each operand (proposition
 * 3.3), the softmax by its Taylor expansion with bias (3.1). In G form G_A = G_O V^T / 2, G_V = A^T
 * G_O / 2, G_S = A * (G_A - rowsum(A * G_A)), G_Q = G_S K / (2 sqrt d), G_K = G_S^T Q / (2 sqrt d).
 * CP-LRP (Ali et al. 2022): A is constant, G_V = A^T G_O. Between the two, and beyond: an attention
 * share a, G_A = a G_O V^T, G_V = (1 - a) A^T G_O, which is AttnLRP at 1/2 and CP-LRP at 0. The
 * plain gradient gives all to each. In the ledger, as softmax: the bias of its expansion.
 *
 * A relative position bias B is added to the scaled scores: a sum, whose terms each receive G_S
 * (LRP-0). In the ledger, as attention bias: B * G_S. weights[0]: its table
 * (vit/math/attention_bias.h), or NULL.
 *
 * Differential attention (Ye et al. 2024, arXiv:2410.05258): A = A1 - lambda A2, two softmaxes of
 * the halves of each head's q and k. lambda = exp(q1 . k1) - exp(q2 . k2) + lambda0(block) is made
 * of parameters, so a constant: G_A1 = G_A, G_A2 = -lambda G_A. weights[1]: q1, k1, q2, k2, or
 * NULL.
 *
 * Causal, as in CLIP's text tower: row i of A has no entries behind i, so no relevance passes
 * there.
 */
#include "vit/ops/op_attention.h"

#include <math.h>

#include "base/checked.h"
#include "vit/math/flops.h"
#include "vit/ops/op_qkv.h"

enum { BIAS = 0 };

static bool has_bias(const struct op_call *call) {
    return call->op->lines[1] != NULL;
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) a[i] * b[i];
    }
    return sum;
}

static float lambda_of(const struct op *op, size_t size) {
    const float *vectors = op->weights[1];
    double first = dot(vectors, vectors + size, size);
    double second = dot(vectors + 2 * size, vectors + 3 * size, size);
    return (float) (exp(first) - exp(second) + attention_lambda0((size_t) op->block));
}

static size_t longest_text(const struct text_rows *texts) {
    size_t longest = 0;
    for (size_t i = 0; i < texts->count; i++) {
        longest = size_max(longest, texts->starts[i + 1] - texts->starts[i]);
    }
    return longest;
}

struct attention op_attention_of(const struct op_call *call) {
    const struct token_layout *tokens = call->op->tokens;
    struct attention attention = {.rows = call->out.rows,
                                  .tokens = call->in[0].rows,
                                  .heads = call->op->heads,
                                  .dim = call->out.width,
                                  .qkv = call->in[0].x,
                                  .absent = call->absent,
                                  .causal = call->op->causal,
                                  .form = call->form};
    if (call->texts != NULL && call->texts->count > 1) {
        attention.starts = call->texts->starts;
        attention.tokens = longest_text(call->texts);
        attention.rows = attention.tokens;
    }
    if (call->op->weights[0] != NULL) {
        attention.bias = (struct attention_bias){.table = call->op->weights[0],
                                                 .rows = tokens->grid.rows,
                                                 .columns = tokens->grid.columns,
                                                 .prefix = tokens->prefix};
    }
    if (call->op->weights[1] != NULL) {
        attention.differential = true;
        attention.lambda = lambda_of(call->op, attention.dim / attention.heads / 2);
    }
    return attention;
}

/* For all query rows, though fewer may leave: observers see every one. */
static void need(const struct op_call *call, struct op_need *need) {
    size_t tokens = size_max(call->in[0].rows, call->op->tokens->longest);
    need->thread_floats = attention_thread_scratch(tokens, tokens, call->op->weights[1] != NULL) +
                          attention_operand_scratch(
                              tokens, tokens, call->out.width / call->op->heads, call->form.pieces);
    need->scratch[BIAS] = call->backward && has_bias(call) ? call->op->heads : 0;
}

static void forward(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    size_t images = attention.starts == NULL ? call->images : call->texts->count;
    attention_forward(call->engine, &attention, images, call->out.x);
}

static struct attention_rule rule_of(const struct op_call *call) {
    return (struct attention_rule){.matrix = op_factor_share(call),
                                   .value = op_value_share(call),
                                   .score = op_is_gradient(call) ? 1.0F : 0.5F,
                                   .constant = op_is_constant(call)};
}

/* What the bias of all heads keeps; nothing where attention weights are constants. */
static double bias_of(const struct op_call *call) {
    double sum = 0.0;
    for (size_t h = 0; call->ledger != NULL && has_bias(call) && h < call->op->heads; h++) {
        sum += op_is_constant(call) ? 0.0 : (double) call->scratch[BIAS][h];
    }
    return sum;
}

static void relevance(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    const struct attention_result result = {.g_qkv = call->in[0].g,
                                            .maps = call->maps,
                                            .bias =
                                                call->ledger == NULL ? NULL : call->scratch[BIAS]};
    attention_relevance(call->engine, &attention, rule_of(call), call->out.g, &result);
    double kept = bias_of(call);
    double passed = op_qkv_relevance_of(call, &call->in[0]);
    op_record(call, 0, op_relevance_of(call, &call->out), passed + kept);
    op_record(call, 1, kept, 0.0);
}

static void change(const struct op_call *call, const struct op_changes *changes) {
    struct attention attention = op_attention_of(call);
    attention_change(call->engine, &attention, rule_of(call),
                     &(struct attention_changes){changes->count, changes->in, changes->out});
}

static double flops(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    double sum = 0.0;
    for (size_t i = 0; attention.starts != NULL && i < call->texts->count; i++) {
        attention.tokens = attention.starts[i + 1] - attention.starts[i];
        attention.rows = attention.tokens;
        sum += flops_attention(&attention, 1);
    }
    return attention.starts != NULL ? sum : flops_attention(&attention, call->images);
}

static double flops_relevance(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    return flops_attention_relevance(&attention, rule_of(call));
}

const struct op_kind OP_ATTENTION = {.name = "attention",
                                     .ledger_lines = 2,
                                     .mixes_tokens = true,
                                     .need = need,
                                     .forward = forward,
                                     .relevance = relevance,
                                     .gradient = relevance,
                                     .change = change,
                                     .flops = flops,
                                     .flops_relevance = flops_relevance};
