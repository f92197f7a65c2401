/* Multi-head self-attention of given queries, keys and values: O = softmax(Q K^T / sqrt d) V.
 *
 * AttnLRP (Achtibat et al. 2024): half of the relevance of a product to each operand (proposition
 * 3.3), the softmax by its Taylor expansion with bias (3.1). In G form G_A = G_O V^T / 2, G_V = A^T
 * G_O / 2, G_S = A * (G_A - rowsum(A * G_A)), G_Q = G_S K / (2 sqrt d), G_K = G_S^T Q / (2 sqrt d).
 * CP-LRP (Ali et al. 2022): A is constant, G_V = A^T G_O. The plain gradient gives all to each. In
 * the ledger, as softmax: the bias of its expansion. */
#include "vit/ops/op_attention.h"
#include "vit/math/flops.h"
#include "vit/ops/op_qkv.h"

struct attention op_attention_of(const struct op_call *call) {
    return (struct attention){.rows = call->out.rows,
                              .tokens = call->in[0].rows,
                              .heads = call->op->heads,
                              .dim = call->out.width,
                              .qkv = call->in[0].x};
}

/* For all query rows, though fewer may leave: observers see every one. */
static void need(const struct op_call *call, struct op_need *need) {
    need->thread_floats = attention_thread_scratch(call->in[0].rows, call->in[0].rows);
}

static void forward(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    attention_forward(call->engine, &attention, call->images, call->out.x);
}

static struct attention_rule rule_of(const struct op_call *call) {
    bool constant = op_is_constant(call);
    return (struct attention_rule){.share = constant || op_is_gradient(call) ? 1.0F : 0.5F,
                                   .constant = constant};
}

static void relevance(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    attention_relevance(call->engine, &attention, rule_of(call), call->out.g, call->in[0].g,
                        call->maps);
    double passed = op_qkv_relevance_of(call, &call->in[0]);
    op_record(call, 0, op_relevance_of(call, &call->out), passed);
}

static double flops(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    return flops_attention(&attention, call->images);
}

static double flops_relevance(const struct op_call *call) {
    struct attention attention = op_attention_of(call);
    return flops_attention_relevance(&attention, rule_of(call));
}

const struct op_kind OP_ATTENTION = {.name = "attention",
                                     .ledger_lines = 1,
                                     .mixes_tokens = true,
                                     .need = need,
                                     .forward = forward,
                                     .relevance = relevance,
                                     .gradient = relevance,
                                     .flops = flops,
                                     .flops_relevance = flops_relevance};
