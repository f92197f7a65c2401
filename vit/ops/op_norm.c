/* LayerNorm: y = (x - mean) / std * w + b, row by row; and RMSNorm: y = x / rms * w.
 *
 * Relevance: the identity on 1 / std, LRP-0 on centring and the affine part (Achtibat et al. 2024,
 * proposition 3.4). In G form u = w * G_y, G_x += (u - mean u) / std; RMSNorm, which does not
 * centre, has G_x += u / rms. The plain gradient does not hold std and rms constant. In the ledger:
 * the shift b, which some models do without, as RMSNorm does. */
#include "vit/ops/op.h"

/* A pass: the call and, backwards, one of the two rules. */
struct norm_job {
    const struct op_call *call;
    void (*rule)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                 float eps);
};

static const struct norm_kernels *kernels_of(const struct op_call *call) {
    return &call->engine->kernels->norms[call->op->kind->norm];
}

static void forward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = ((const struct norm_job *) context)->call;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        kernels_of(call)->forward(call->out.x + r * width, call->in[0].x + r * width,
                                  call->op->weights[0], call->op->weights[1], width, call->op->eps);
    }
}

static void forward(const struct op_call *call) {
    struct norm_job job = {call, NULL};
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

static void backward(struct norm_job job) {
    const struct op_call *call = job.call;
    double received = op_relevance_of(call, &call->out);
    double before = op_relevance_of(call, &call->in[0]);
    engine_rows(call->engine, call->out.rows, backward_rows, &job);
    op_record(call, 0, received, op_relevance_of(call, &call->in[0]) - before);
}

static void relevance(const struct op_call *call) {
    backward((struct norm_job){call, kernels_of(call)->relevance});
}

static void gradient(const struct op_call *call) {
    backward((struct norm_job){call, kernels_of(call)->gradient});
}

const struct op_kind OP_NORM = {.name = "norm",
                                .norm = NORM_LAYER,
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
                                    .norm = NORM_RMS,
                                    .forward = forward,
                                    .relevance = relevance,
                                    .gradient = gradient};
