/* Edits of hidden values: y = f * x + c, a factor and a constant for each column. The constant is
 * one for the token that stands for the image (CLS) and another for the others, so that a neuron
 * can be set to its mean over the tokens of its kind.
 *
 * Relevance (Achtibat et al. 2024, arXiv:2402.05602, section 4.3, turns neurons off and up): the
 * rule of what reads y sees y, and a linear layer of one input for each output passes G_x = f *
 * G_y. The constant is a contribution of its own, which has no input: the ledger's line "edit" is
 * the sum of c * G_y. weights[0]: f; weights[1] and [2]: c of a leading CLS token and of the
 * others, or both NULL. */
#include "vit/ops/op.h"

enum { FACTOR, LEADING, OTHERS };

static const float *constant_of(const struct op_call *call, size_t row) {
    return call->op->weights[row % call->out.rows == 0 ? LEADING : OTHERS];
}

static void forward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = context;
    const struct kernels *kernels = call->engine->kernels;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        float *out = call->out.x + r * width;
        kernels->multiply(out, call->in[0].x + r * width, call->op->weights[FACTOR], width);
        if (call->op->weights[OTHERS] != NULL) {
            kernels->add(out, out, constant_of(call, r), width);
        }
    }
}

static void forward(const struct op_call *call) {
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, (void *) call);
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = context;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        call->engine->kernels->multiply(call->in[0].g + r * width, call->out.g + r * width,
                                        call->op->weights[FACTOR], width);
    }
}

/* The relevance of the constants. */
static double kept(const struct op_call *call) {
    size_t width = call->out.width;
    double sum = 0.0;
    for (size_t r = 0; call->ledger != NULL && r < call->out.rows; r++) {
        sum += call->engine->kernels->dot(constant_of(call, r), call->out.g + r * width, width);
    }
    return sum;
}

static void relevance(const struct op_call *call) {
    if (call->op->weights[OTHERS] != NULL) {
        op_record(call, 0, kept(call), 0.0);
    }
    engine_rows(call->engine, call->out.rows, backward_rows, (void *) call);
}

const struct op_kind OP_EDIT = {.name = "edit",
                                .ledger_lines = 1,
                                .remade = true,
                                .in_place = true,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = relevance};
