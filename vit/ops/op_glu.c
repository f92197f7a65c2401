/* The gate of a gated MLP: h = a(g) * v, a(g) = g Phi(g), of rows [g, v] of twice the width (SwiGLU
 * with SiLU, Shazeer 2020).
 *
 * Relevance (Achtibat et al. 2024): half of a product to each factor (proposition 3.3), the
 * identity rule on the activation (eq. 9). In G form G_v = a(g) G_h / 2, G_g = v Phi(g) G_h / 2,
 * since a(g) / g = Phi(g). An attention share a gives it a, and 1 - a to v. CP-LRP holds the gate
 * constant: G_v = a(g) G_h, G_g = 0. Nothing is absorbed. */
#include <string.h>

#include "vit/ops/op.h"

struct glu_job {
    const struct op_call *call;
    void (*rule)(float *g, const float *z, size_t count, enum vit_activation activation);
    float gate, value; /* shares of the result's relevance */
};

static void forward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = context;
    const struct kernels *kernels = call->engine->kernels;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        const float *gate = call->in[0].x + r * 2 * width;
        float *out = call->out.x + r * width;
        kernels->gelu_forward(out, gate, width, call->op->activation);
        kernels->multiply(out, out, gate + width, width);
    }
}

static void forward(const struct op_call *call) {
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, (void *) call);
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct glu_job *job = context;
    const struct op_call *call = job->call;
    const struct kernels *kernels = call->engine->kernels;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        const float *gate = call->in[0].x + r * 2 * width;
        float *g = call->out.g + r * width;
        float *g_gate = call->in[0].g + r * 2 * width;
        for (size_t i = 0; i < width; i++) {
            g_gate[i] = g[i] * job->gate;
            g[i] *= job->value;
        }
        kernels->gelu_forward(g_gate + width, gate, width, call->op->activation);
        kernels->multiply(g_gate + width, g_gate + width, g, width);
        if (job->rule == NULL) {
            memset(g_gate, 0, width * sizeof *g_gate);
        } else {
            kernels->multiply(g_gate, gate + width, g_gate, width);
            job->rule(g_gate, gate, width, call->op->activation);
        }
    }
}

static void relevance(const struct op_call *call) {
    const struct kernels *kernels = call->engine->kernels;
    struct glu_job job = {call, op_is_constant(call) ? NULL : kernels->gelu_relevance,
                          op_factor_share(call), op_value_share(call)};
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
}

static void gradient(const struct op_call *call) {
    struct glu_job job = {call, call->engine->kernels->gelu_gradient, 1.0F, 1.0F};
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
}

const struct op_kind OP_GLU = {.name = "glu",
                               .remade = true,
                               .forward = forward,
                               .relevance = relevance,
                               .gradient = gradient};
