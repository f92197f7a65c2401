/* LayerNorm: y = (x - mean) / std * w + b, row by row; and RMSNorm: y = x / rms * w.
 *
 * Relevance: the identity on 1 / std, LRP-0 on centring and the affine part (Achtibat et al. 2024,
 * proposition 3.4). In G form u = w * G_y, G_x += (u - mean u) / std; RMSNorm, which does not
 * centre, has G_x += u / rms. The plain gradient does not hold std and rms constant. In the ledger:
 * the shift b, which some models do without, as RMSNorm does. */
#include "vit/ops/op_norm.h"

#include <math.h>

void op_norm_forward(const struct op_call *call, const struct norm_rows *rows) {
    struct norm_job job = {call, NULL};
    engine_rows(call->engine, call->images * call->out.rows, rows->forward, &job);
}

static void norm_backward(struct norm_job job, const struct norm_rows *rows) {
    const struct op_call *call = job.call;
    double received = rows->sum(call, &call->out);
    double before = rows->sum(call, &call->in[0]);
    engine_rows(call->engine, call->out.rows, rows->backward, &job);
    op_record(call, 0, received, rows->sum(call, &call->in[0]) - before);
}

void op_norm_relevance(const struct op_call *call, const struct norm_rows *rows) {
    norm_backward((struct norm_job){call, op_norm_kernels(call)->relevance}, rows);
}

void op_norm_gradient(const struct op_call *call, const struct norm_rows *rows) {
    norm_backward((struct norm_job){call, op_norm_kernels(call)->gradient}, rows);
}

/* ---- Over rows ---- */

static void forward_rows(void *context, size_t first, size_t count) {
    const struct op_call *call = ((const struct norm_job *) context)->call;
    size_t width = call->out.width;
    for (size_t r = first; r < first + count; r++) {
        op_norm_kernels(call)->forward(call->out.x + r * width, call->in[0].x + r * width,
                                       call->op->weights[0], call->op->weights[1], width,
                                       call->op->eps);
    }
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

static double relevance_sum(const struct op_call *call, const struct op_array *array) {
    return op_relevance_of(call, array);
}

static const struct norm_rows ROWS = {forward_rows, backward_rows, relevance_sum};

static void forward(const struct op_call *call) {
    op_norm_forward(call, &ROWS);
}

static void relevance(const struct op_call *call) {
    op_norm_relevance(call, &ROWS);
}

static void gradient(const struct op_call *call) {
    op_norm_gradient(call, &ROWS);
}

/* ---- Changes ---- */

static double mean_of(const float *row, size_t width) {
    double sum = 0.0;
    for (size_t i = 0; i < width; i++) {
        sum += row[i];
    }
    return sum / (double) width;
}

static double inverse_deviation(const float *row, size_t width, float eps) {
    double mean = mean_of(row, width);
    double sum = 0.0;
    for (size_t i = 0; i < width; i++) {
        sum += (row[i] - mean) * (row[i] - mean);
    }
    return 1.0 / sqrt(sum / (double) width + eps);
}

/* std is a constant, the rest linear. */
static void change(const struct op_call *call, const struct op_changes *changes) {
    size_t width = call->out.width;
    size_t rows = call->out.rows;
    for (size_t r = 0; r < changes->count * rows; r++) {
        const float *in = changes->in + r * width;
        double scale = inverse_deviation(call->in[0].x + r % rows * width, width, call->op->eps);
        double mean = mean_of(in, width);
        for (size_t i = 0; i < width; i++) {
            changes->out[r * width + i] =
                (float) ((in[i] - mean) * scale * (double) call->op->weights[0][i]);
        }
    }
}

const struct op_kind OP_NORM = {.name = "norm",
                                .norm = NORM_LAYER,
                                .ledger_lines = 1,
                                .remade = true,
                                .adds_relevance = true,
                                .reads_output = true,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = gradient,
                                .change = change};

const struct op_kind OP_RMS_NORM = {.name = "rms norm",
                                    .ledger_lines = 1,
                                    .remade = true,
                                    .adds_relevance = true,
                                    .reads_output = true,
                                    .norm = NORM_RMS,
                                    .forward = forward,
                                    .relevance = relevance,
                                    .gradient = gradient};
