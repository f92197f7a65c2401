/* ReLU, in an MLP or between the two layers of a head, and tanh there, element by element: h =
 * max(z, 0) or tanh(z). GELU has a page of its own.
 *
 * Relevance: the identity rule (Achtibat et al. 2024, eq. 9), G_z = (h / z) G_h, where tanh(z) / z
 * is 1 at 0. The plain gradient: 1 - h^2, and 1 or 0. Nothing is absorbed. */
#include <math.h>

#include "vit/ops/op.h"

static float value_of(enum vit_activation activation, float z) {
    return activation == VIT_TANH ? tanhf(z) : fmaxf(z, 0.0F);
}

static float ratio_of(enum vit_activation activation, float z) {
    if (activation == VIT_TANH) {
        return z == 0.0F ? 1.0F : tanhf(z) / z;
    }
    return z > 0.0F ? 1.0F : 0.0F;
}

static float slope_of(enum vit_activation activation, float z) {
    if (activation == VIT_TANH) {
        float h = tanhf(z);
        return 1.0F - h * h;
    }
    return z > 0.0F ? 1.0F : 0.0F;
}

static void forward(const struct op_call *call) {
    size_t count = call->images * call->out.rows * call->out.width;
    for (size_t i = 0; i < count; i++) {
        call->out.x[i] = value_of(call->op->activation, call->in[0].x[i]);
    }
}

static void backward(const struct op_call *call, float (*factor)(enum vit_activation, float)) {
    size_t count = call->out.rows * call->out.width;
    for (size_t i = 0; i < count; i++) {
        call->in[0].g[i] = call->out.g[i] * factor(call->op->activation, call->in[0].x[i]);
    }
}

static void relevance(const struct op_call *call) {
    backward(call, ratio_of);
}

static void gradient(const struct op_call *call) {
    backward(call, slope_of);
}

const struct op_kind OP_ACTIVATION = {.name = "activation",
                                      .remade = true,
                                      .in_place = true,
                                      .forward = forward,
                                      .relevance = relevance,
                                      .gradient = gradient};
