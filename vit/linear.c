#include "vit/linear.h"

#include <string.h>

#include "base/checked.h"

/* A tile of |W|, made in a thread's scratch and used at once: 1 MB of floats at most, so that it
 * stays in cache, and wide enough that packing the other operand again for every tile costs little.
 */
#define TILE_WIDTH 256
#define TILE_DEPTH 1024

/* The columns of a product over tiles of |W|, in parts no wider than a tile that follow from the
 * shape alone. */
static struct gemm_split tile_split(size_t columns) {
    struct gemm_split split = gemm_split_of(1, columns);
    split.parts = size_max(split.parts, (columns + TILE_WIDTH - 1) / TILE_WIDTH);
    return split;
}

struct forward_job {
    const struct engine *engine;
    const struct linear *layer;
    size_t rows;
    const float *x;
    float *y;
    size_t y_stride;
    const float *residual;
    struct gemm_split split;
};

/* A part of y starts as bias (and residual), and the product is added to it. */
static void forward_part(void *context, size_t index, size_t thread) {
    const struct forward_job *job = context;
    const struct linear *layer = job->layer;
    size_t first = gemm_split_begin(&job->split, index);
    size_t count = gemm_split_begin(&job->split, index + 1) - first;
    struct gemm_product product = {.transpose_b = true,
                                   .m = job->rows,
                                   .n = layer->outputs,
                                   .k = layer->inputs,
                                   .alpha = 1.0F,
                                   .a = job->x,
                                   .a_stride = layer->inputs,
                                   .b = layer->weight,
                                   .b_stride = layer->inputs,
                                   .beta = 1.0F,
                                   .c = job->y,
                                   .c_stride = job->y_stride};
    product = job->split.by_columns ? gemm_columns(&product, first, count)
                                    : gemm_rows(&product, first, count);
    size_t row = job->split.by_columns ? 0 : first;
    size_t column = job->split.by_columns ? first : 0;
    (void) thread;
    for (size_t r = 0; r < product.m; r++) {
        float *out = product.c + r * product.c_stride;
        if (job->residual == NULL) {
            memcpy(out, layer->bias + column, product.n * sizeof *out);
        } else {
            job->engine->kernels->add(out, job->residual + (row + r) * layer->outputs + column,
                                      layer->bias + column, product.n);
        }
    }
    job->engine->backend->multiply(&product);
}

void linear_forward(const struct engine *engine, const struct linear *layer, size_t rows,
                    const float *x, float *y, size_t y_stride, const float *residual) {
    struct forward_job job = {engine, layer,    rows,     x,
                              y,      y_stride, residual, gemm_split_of(rows, layer->outputs)};
    pool_run(engine->pool, job.split.parts, forward_part, &job);
}

bool linear_rule_reads_output(struct linear_rule rule) {
    return rule.gamma != 0.0F || rule.epsilon != 0.0F;
}

size_t linear_relevance_scratch(size_t rows, size_t outputs, size_t inputs) {
    /* |x| or the columns of the second product, and t or s sign(y). */
    return rows * inputs + rows * outputs;
}

size_t linear_thread_scratch(void) {
    return (size_t) TILE_WIDTH * TILE_DEPTH;
}

struct gamma_job {
    const struct engine *engine;
    const struct linear_step *step;
    struct gamma_weights weights;
    float *spread;           /* [rows, inputs]: |x|, later (s sign y) |W| */
    float *total;            /* [rows, outputs]: t */
    float *signed_s;         /* [rows, outputs]: s sign(y); may be total */
    struct gemm_split split; /* of the columns */
};

static void absolute_inputs(void *context, size_t first, size_t count) {
    const struct gamma_job *job = context;
    size_t inputs = job->step->layer->inputs;
    job->engine->kernels->absolute(job->spread + first * inputs, job->step->x + first * inputs,
                                   count * inputs);
}

/* Columns of t = |x||W|^T + |b|. */
static void total_columns(void *context, size_t index, size_t thread) {
    const struct gamma_job *job = context;
    const struct linear *layer = job->step->layer;
    const struct kernels *kernels = job->engine->kernels;
    float *tile = engine_scratch(job->engine, thread);
    size_t first = gemm_split_begin(&job->split, index);
    size_t count = gemm_split_begin(&job->split, index + 1) - first;
    for (size_t r = 0; r < job->step->rows; r++) {
        kernels->absolute(job->total + r * layer->outputs + first, layer->bias + first, count);
    }
    for (size_t k = 0; k < layer->inputs; k += TILE_DEPTH) {
        size_t depth = size_min(TILE_DEPTH, layer->inputs - k);
        for (size_t j = 0; j < count; j++) {
            kernels->absolute(tile + j * depth, layer->weight + (first + j) * layer->inputs + k,
                              depth);
        }
        job->engine->backend->multiply(&(struct gemm_product){.transpose_b = true,
                                                              .m = job->step->rows,
                                                              .n = count,
                                                              .k = depth,
                                                              .alpha = 1.0F,
                                                              .a = job->spread + k,
                                                              .a_stride = layer->inputs,
                                                              .b = tile,
                                                              .b_stride = depth,
                                                              .beta = 1.0F,
                                                              .c = job->total + first,
                                                              .c_stride = layer->outputs});
    }
}

static void scale_rows(void *context, size_t first, size_t count) {
    const struct gamma_job *job = context;
    const struct linear_step *step = job->step;
    size_t outputs = step->layer->outputs;
    for (size_t r = first; r < first + count; r++) {
        job->engine->kernels->gamma_scale(step->g_y + r * step->y_stride,
                                          job->signed_s + r * outputs, job->total + r * outputs,
                                          step->y + r * step->y_stride, outputs, job->weights);
    }
}

/* Columns of (s sign y) |W|. */
static void spread_columns(const struct gamma_job *job, size_t first, size_t count, float *tile) {
    const struct linear *layer = job->step->layer;
    for (size_t k = 0; k < layer->outputs; k += TILE_DEPTH) {
        size_t depth = size_min(TILE_DEPTH, layer->outputs - k);
        for (size_t j = 0; j < depth; j++) {
            job->engine->kernels->absolute(tile + j * count,
                                           layer->weight + (k + j) * layer->inputs + first, count);
        }
        job->engine->backend->multiply(&(struct gemm_product){.m = job->step->rows,
                                                              .n = count,
                                                              .k = depth,
                                                              .alpha = 1.0F,
                                                              .a = job->signed_s + k,
                                                              .a_stride = layer->outputs,
                                                              .b = tile,
                                                              .b_stride = count,
                                                              .beta = k == 0 ? 0.0F : 1.0F,
                                                              .c = job->spread + first,
                                                              .c_stride = layer->inputs});
    }
}

/* The product s W, the part that LRP-0 and the gamma rule share. */
static struct gemm_product direct_product(const struct linear_step *step) {
    const struct linear *layer = step->layer;
    return (struct gemm_product){.m = step->rows,
                                 .n = layer->inputs,
                                 .k = layer->outputs,
                                 .alpha = 1.0F,
                                 .a = step->g_y,
                                 .a_stride = step->y_stride,
                                 .b = layer->weight,
                                 .b_stride = layer->inputs,
                                 .beta = 0.0F,
                                 .c = step->g_x,
                                 .c_stride = layer->inputs};
}

/* Columns of G_x: both products and their combination. */
static void combine_columns(void *context, size_t index, size_t thread) {
    const struct gamma_job *job = context;
    const struct linear_step *step = job->step;
    size_t inputs = step->layer->inputs;
    size_t first = gemm_split_begin(&job->split, index);
    size_t count = gemm_split_begin(&job->split, index + 1) - first;
    struct gemm_product whole = direct_product(step);
    struct gemm_product part = gemm_columns(&whole, first, count);
    job->engine->backend->multiply(&part);
    spread_columns(job, first, count, engine_scratch(job->engine, thread));
    for (size_t r = 0; r < step->rows; r++) {
        size_t at = r * inputs + first;
        job->engine->kernels->gamma_combine(step->g_x + at, job->spread + at, step->x + at, count,
                                            job->weights);
    }
}

static void relevance_gamma(const struct engine *engine, const struct linear_step *step) {
    const struct linear *layer = step->layer;
    struct gamma_job job = {.engine = engine,
                            .step = step,
                            .weights = gamma_weights_of(step->rule.gamma),
                            .spread = step->scratch,
                            .signed_s = step->scratch + step->rows * layer->inputs};
    job.total = step->total != NULL ? step->total : job.signed_s;
    if (step->total == NULL || !step->total_is_made) {
        engine_rows(engine, step->rows, absolute_inputs, &job);
        job.split = tile_split(layer->outputs);
        pool_run(engine->pool, job.split.parts, total_columns, &job);
    }
    engine_rows(engine, step->rows, scale_rows, &job);
    job.split = tile_split(layer->inputs);
    pool_run(engine->pool, job.split.parts, combine_columns, &job);
}

static void epsilon_rows(void *context, size_t first, size_t count) {
    const struct gamma_job *job = context;
    const struct linear_step *step = job->step;
    for (size_t r = first; r < first + count; r++) {
        job->engine->kernels->epsilon_scale(step->g_y + r * step->y_stride,
                                            step->y + r * step->y_stride, step->layer->outputs,
                                            step->rule.epsilon);
    }
}

void linear_relevance(const struct engine *engine, const struct linear_step *step) {
    if (step->rule.gamma != 0.0F) {
        relevance_gamma(engine, step);
        return;
    }
    if (step->rule.epsilon != 0.0F) {
        struct gamma_job job = {.engine = engine, .step = step};
        engine_rows(engine, step->rows, epsilon_rows, &job);
    }
    struct gemm_product product = direct_product(step);
    gemm_run(engine->backend, engine->pool, &product);
}
