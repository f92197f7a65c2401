#include "vit/ops/op.h"

#include <string.h>

double op_ledger_sum(const struct op_call *call, const float *a, const float *g, size_t rows,
                     size_t width, size_t stride) {
    double sum = 0.0;
    for (size_t r = 0; r < rows; r++) {
        sum += call->engine->kernels->dot(a + r * stride, g + r * stride, width);
    }
    return sum;
}

void op_ledger_record(const struct op_call *call, size_t line, double received, double passed) {
    call->ledger->record(call->ledger->user, call->op, call->op->lines[line], received, passed);
}

struct linear op_linear_layer(const struct op_call *call) {
    return (struct linear){.weight = call->op->weights[0],
                           .bias = call->op->weights[1],
                           .outputs = call->out.width,
                           .inputs = call->in[0].width,
                           .packs = call->op->packs};
}

/* Arrangements are for as many rows as a pass has. */
void op_linear_change(const struct op_call *call, const struct op_changes *changes) {
    struct linear layer = op_linear_layer(call);
    layer.bias = NULL;
    layer.packs = (struct linear_packs){0};
    linear_forward(call->engine, &layer,
                   &(struct linear_pass){changes->count * call->out.rows, changes->in, changes->out,
                                         layer.outputs, changes->residual});
}

float op_factor_share(const struct op_call *call) {
    bool chosen = !op_is_gradient(call) && call->rules->attention == VITLRP_ATTENTION_SHARE;
    return op_is_gradient(call) || op_is_constant(call) ? 1.0F
           : chosen                                     ? call->rules->attention_share
                                                        : 0.5F;
}

float op_value_share(const struct op_call *call) {
    bool chosen = !op_is_gradient(call) && call->rules->attention == VITLRP_ATTENTION_SHARE;
    return chosen ? 1.0F - call->rules->attention_share : op_factor_share(call);
}

/* LRP-0 in G form is the gradient of a linear layer. */
struct linear_rule op_linear_rule(const struct op_call *call) {
    if (op_is_gradient(call)) {
        return (struct linear_rule){0};
    }
    return (struct linear_rule){.gamma = call->rules->gamma[call->op->role],
                                .epsilon = call->rules->epsilon};
}

const float *op_leading_rows(const struct op_call *call, const struct op_array *from, size_t rows,
                             float *out) {
    size_t count = rows * from->width;
    if (rows == from->rows || call->images == 1) {
        return from->x;
    }
    for (size_t i = 0; i < call->images; i++) {
        memcpy(out + i * count, from->x + i * from->rows * from->width, count * sizeof *out);
    }
    return out;
}
