/* OP_QKV and OP_ATTENTION in one, for one row and without a backward pass: keys and values are
 * never made (vit/math/attention_row.h). */
#include "base/checked.h"
#include "vit/math/attention_row.h"
#include "vit/ops/op_attention.h"

enum { FIRST, QUERIES, KEYS, VALUES };

/* With many heads on few tokens, what it makes instead of keys and values would be larger. */
bool op_attention_row_suits(size_t rows, size_t tokens, size_t heads) {
    return rows == 1 && 2 * heads <= 3 * tokens;
}

static struct linear layer_of(const struct op_call *call) {
    return (struct linear){.weight = call->op->weights[0],
                           .bias = call->op->weights[1],
                           .outputs = 3 * call->out.width,
                           .inputs = call->in[0].width};
}

static void need(const struct op_call *call, struct op_need *need) {
    size_t row = call->images * call->out.width;
    need->thread_floats = size_max(attention_row_thread_scratch(call->op->heads, call->in[0].rows),
                                   linear_thread_scratch());
    need->operand = linear_forward_operand(call->images, call->in[0].width, call->form.pieces);
    need->scratch[FIRST] = row;
    need->scratch[QUERIES] = row;
    need->scratch[KEYS] = call->op->heads * row;
    need->scratch[VALUES] = call->op->heads * row;
}

static void forward(const struct op_call *call) {
    struct linear qkv = layer_of(call);
    attention_row_forward(call->engine,
                          &(struct attention_row){
                              .images = call->images,
                              .tokens = call->in[0].rows,
                              .heads = call->op->heads,
                              .dim = call->out.width,
                              .qkv = &qkv,
                              .absent = call->absent,
                              .x = call->in[0].x,
                              .first = op_leading_rows(call, &call->in[0], 1, call->scratch[FIRST]),
                              .queries = call->scratch[QUERIES],
                              .keys = call->scratch[KEYS],
                              .values = call->scratch[VALUES],
                              .out = call->out.x});
}

static double flops(const struct op_call *call) {
    double dim = (double) call->out.width;
    double mixed = (double) (call->op->heads * call->in[0].rows);
    return 2.0 * (double) call->images * dim * (3.0 * dim + 2.0 * mixed);
}

const struct op_kind OP_ATTENTION_ROW = {.name = "attention of a row",
                                         .mixes_tokens = true,
                                         .need = need,
                                         .forward = forward,
                                         .flops = flops};
