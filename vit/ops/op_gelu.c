/* GELU: h = z Phi(z), element by element.
 *
 * Relevance: the identity rule (Achtibat et al. 2024, eq. 9), G_z = Phi(z) G_h, since h / z =
 * Phi(z). Nothing is absorbed. */
#include <string.h>

#include "vit/ops/op.h"

struct gelu_job {
    const struct op_call *call;
    void (*rule)(float *g, const float *z, size_t count, enum vit_activation activation);
};

static void forward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = context;
    size_t width = call->out.width;
    call->engine->kernels->gelu_forward(call->out.x + first * width, call->in[0].x + first * width,
                                        count * width, call->op->activation);
}

static void forward(const struct op_call *call) {
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, (void *) call);
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct gelu_job *job = context;
    const struct op_call *call = job->call;
    size_t width = call->out.width;
    job->rule(call->in[0].g + first * width, call->in[0].x + first * width, count * width,
              call->op->activation);
}

static void relevance(const struct op_call *call) {
    struct gelu_job job = {call, call->engine->kernels->gelu_relevance};
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
}

static void gradient(const struct op_call *call) {
    struct gelu_job job = {call, call->engine->kernels->gelu_gradient};
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
}

static void change(const struct op_call *call, const struct op_changes *changes) {
    size_t floats = call->out.rows * call->out.width;
    memcpy(changes->out, changes->in, changes->count * floats * sizeof *changes->out);
    for (size_t i = 0; i < changes->count; i++) {
        call->engine->kernels->gelu_relevance(changes->out + i * floats, call->in[0].x, floats,
                                              call->op->activation);
    }
}

const struct op_kind OP_GELU = {.name = "gelu",
                                .remade = true,
                                .in_place = true,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = gradient,
                                .change = change};
