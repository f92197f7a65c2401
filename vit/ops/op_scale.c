/* LayerScale: y = g * x, a factor for each column, and what is added to it: z = y + residual.
 *
 * A diagonal linear layer without a bias: under every rule all of R passes, R_x = R_y, since each
 * output has one contribution. In G form G_x = g * G_y; the residual receives G_z. Folding the
 * factors into the layer before would be the same under LRP-0 and gamma, but not under epsilon,
 * which compares that layer's outputs with a constant. Nothing is absorbed. */
#include "vit/ops/op.h"

struct scale_job {
    const struct op_call *call;
    const float *residual;
};

static void need(const struct op_call *call, struct op_need *need) {
    bool gathers = call->op->residual != OP_NONE && call->residual.rows != call->out.rows;
    if (!call->backward && gathers && call->images > 1) {
        need->scratch[0] = call->images * call->out.rows * call->out.width;
    }
}

static void forward_rows(void *context, size_t first, size_t count) {
    const struct scale_job *job = context;
    const struct op_call *call = job->call;
    const struct kernels *kernels = call->engine->kernels;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        float *out = call->out.x + r * width;
        kernels->multiply(out, call->in[0].x + r * width, call->op->weights[0], width);
        if (job->residual != NULL) {
            kernels->add(out, out, job->residual + r * width, width);
        }
    }
}

static void forward(const struct op_call *call) {
    struct scale_job job = {call, NULL};
    if (call->op->residual != OP_NONE) {
        job.residual = op_leading_rows(call, &call->residual, call->out.rows, call->scratch[0]);
    }
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, &job);
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct scale_job *job = context;
    const struct op_call *call = job->call;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        call->engine->kernels->multiply(call->in[0].g + r * width, call->out.g + r * width,
                                        call->op->weights[0], width);
    }
}

static void relevance(const struct op_call *call) {
    struct scale_job job = {call, NULL};
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
}

const struct op_kind OP_SCALE = {.name = "scale",
                                 .in_place = true,
                                 .need = need,
                                 .forward = forward,
                                 .relevance = relevance,
                                 .gradient = relevance};
