/* LayerNorm: y = (x - mean) / std * w + b, row by row; and RMSNorm: y = x / rms * w.
 *
 * Relevance: the identity on 1 / std, LRP-0 on centring and the affine part (Achtibat et al. 2024,
 * proposition 3.4). In G form u = w * G_y, G_x += (u - mean u) / std; RMSNorm, which does not
 * centre, has G_x += u / rms. The plain gradient does not hold std and rms constant. In the ledger:
 * the shift b, which some models do without, as RMSNorm does. */
#include "vit/ops/op.h"

struct norm_job {
    const struct op_call *call;
    void (*norm)(float *out, const float *x, const float *weight, const float *bias, size_t dim,
                 float eps);
    void (*rule)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                 float eps);
};

static void forward_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    const struct op_call *call = job->call;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        job->norm(call->out.x + r * width, call->in[0].x + r * width, call->op->weights[0],
                  call->op->weights[1], width, call->op->eps);
    }
}

static void forward(const struct op_call *call) {
    struct norm_job job = {.call = call, .norm = call->engine->kernels->norm_forward};
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, &job);
}

static void rms_forward(const struct op_call *call) {
    struct norm_job job = {.call = call, .norm = call->engine->kernels->rms_forward};
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, &job);
}

static void backward_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    const struct op_call *call = job->call;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        job->rule(call->in[0].g + r * width, call->out.g + r * width, call->in[0].x + r * width,
                  call->op->weights[0], width, call->op->eps);
    }
}

static void backward(const struct op_call *call, struct norm_job job) {
    double received = op_relevance_of(call, &call->out);
    double before = op_relevance_of(call, &call->in[0]);
    job.call = call;
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
    op_record(call, 0, received, op_relevance_of(call, &call->in[0]) - before);
}

static void relevance(const struct op_call *call) {
    backward(call, (struct norm_job){.rule = call->engine->kernels->norm_relevance});
}

static void gradient(const struct op_call *call) {
    backward(call, (struct norm_job){.rule = call->engine->kernels->norm_gradient});
}

static void rms_relevance(const struct op_call *call) {
    backward(call, (struct norm_job){.rule = call->engine->kernels->rms_relevance});
}

static void rms_gradient(const struct op_call *call) {
    backward(call, (struct norm_job){.rule = call->engine->kernels->rms_gradient});
}

const struct op_kind OP_NORM = {.name = "norm",
                                .ledger_lines = 1,
                                .remade = true,
                                .adds_relevance = true,
                                .reads_output = true,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = gradient};

const struct op_kind OP_RMS_NORM = {.name = "rms norm",
                                    .ledger_lines = 1,
                                    .remade = true,
                                    .adds_relevance = true,
                                    .reads_output = true,
                                    .forward = rms_forward,
                                    .relevance = rms_relevance,
                                    .gradient = rms_gradient};
