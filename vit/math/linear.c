#include "vit/math/linear.h"

#include <stdint.h>
#include <string.h>

#include "base/checked.h"
#include "vit/math/linear_private.h"

size_t linear_thread_scratch(void) {
    return 2 * GEMM_TILE_FLOATS + LINEAR_SLICE_FLOATS;
}

size_t linear_forward_operand(size_t rows, size_t widest, size_t pieces) {
    return operand_bytes(rows, widest, size_max(pieces, 1) * sizeof(uint16_t));
}

/* |x| as floats, or s and s sign(y) in two bytes each piece. */
size_t linear_relevance_operand(size_t rows, size_t widest, size_t pieces) {
    return size_max(operand_bytes(rows, widest, sizeof(float)),
                    2 * operand_bytes(rows, widest, size_max(pieces, 1) * sizeof(uint16_t)));
}

struct linear_scratch linear_scratch_of(const struct engine *engine, size_t thread) {
    float *floats = engine_scratch(engine, thread);
    return (struct linear_scratch){
        .tile = floats, .other = floats + GEMM_TILE_FLOATS, .slice = floats + 2 * GEMM_TILE_FLOATS};
}

struct linear linear_rows(const struct linear *layer, size_t first, size_t count) {
    if (count == layer->outputs) {
        return *layer;
    }
    return (struct linear){.weight = layer->weight + first * layer->inputs,
                           .bias = layer->bias == NULL ? NULL : layer->bias + first,
                           .outputs = count,
                           .inputs = layer->inputs};
}

struct gemm_weights linear_forward_weights(const struct linear *layer) {
    return (struct gemm_weights){.n = layer->outputs,
                                 .k = layer->inputs,
                                 .values = layer->weight,
                                 .transposed = true,
                                 .pack = layer->packs.forward};
}

struct gemm_weights linear_backward_weights(const struct linear *layer) {
    return (struct gemm_weights){.n = layer->inputs,
                                 .k = layer->outputs,
                                 .values = layer->weight,
                                 .pack = layer->packs.backward};
}

struct forward_job {
    const struct engine *engine;
    const struct linear *layer;
    struct gemm_weights weights;
    struct operand operand;
    struct gemm_grid grid;
    float *y;
    size_t y_stride;
    const float *residual;
};

/* Part of a row of y: the product, and what is added to it while it is in cache. */
static void finish_row(const struct forward_job *job, float *out, const float *product, size_t row,
                       const struct gemm_place *place) {
    const struct kernels *kernels = job->engine->kernels;
    const float *bias = job->layer->bias;
    if (bias != NULL) {
        kernels->add(out, product, bias + place->column, place->columns);
        product = out;
    }
    if (job->residual != NULL) {
        kernels->add(out, product, job->residual + row * job->layer->outputs + place->column,
                     place->columns);
    } else if (bias == NULL) {
        memcpy(out, product, place->columns * sizeof *out);
    }
}

static void forward_tile(void *context, size_t index, size_t thread) {
    const struct forward_job *job = context;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    float *tile = linear_scratch_of(job->engine, thread).tile;
    operand_tile(job->engine, thread, &job->operand, &job->weights, &place, tile);
    for (size_t r = 0; r < place.rows; r++) {
        finish_row(job, job->y + (place.row + r) * job->y_stride + place.column,
                   tile + r * place.columns, place.row + r, &place);
    }
}

void linear_forward(const struct engine *engine, const struct linear *layer,
                    const struct linear_pass *of) {
    struct forward_job job = {.engine = engine,
                              .layer = layer,
                              .weights = linear_forward_weights(layer),
                              .grid = gemm_grid_of(of->rows, layer->outputs),
                              .y = of->y,
                              .y_stride = of->y_stride,
                              .residual = of->residual};
    const struct operand_rows rows = {of->rows, of->x, layer->inputs, false};
    job.operand = operand_prepare(engine, &job.weights, &rows, engine->operand);
    pool_run(engine->pool, gemm_grid_tiles(&job.grid), forward_tile, &job);
}

bool linear_rule_reads_output(struct linear_rule rule) {
    return rule.gamma != 0.0F || rule.epsilon != 0.0F;
}

struct backward_job {
    const struct engine *engine;
    const struct linear_step *step;
    struct gemm_weights weights;
    struct operand operand;
    struct gemm_grid grid;
};

/* A tile of G_x = s W. */
static void backward_tile(void *context, size_t index, size_t thread) {
    const struct backward_job *job = context;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    size_t inputs = job->step->layer->inputs;
    float *tile = linear_scratch_of(job->engine, thread).tile;
    operand_tile(job->engine, thread, &job->operand, &job->weights, &place, tile);
    for (size_t r = 0; r < place.rows; r++) {
        memcpy(job->step->g_x + (place.row + r) * inputs + place.column, tile + r * place.columns,
               place.columns * sizeof *tile);
    }
}

static void epsilon_rows(void *context, size_t first, size_t count) {
    const struct backward_job *job = context;
    const struct linear_step *step = job->step;
    for (size_t r = first; r < first + count; r++) {
        job->engine->kernels->epsilon_scale(step->g_y + r * step->y_stride,
                                            step->y + r * step->y_stride, step->layer->outputs,
                                            step->rule.epsilon);
    }
}

void linear_relevance(const struct engine *engine, const struct linear_step *step) {
    if (step->rule.gamma != 0.0F) {
        linear_relevance_gamma(engine, step);
        return;
    }
    struct backward_job job = {.engine = engine,
                               .step = step,
                               .weights = linear_backward_weights(step->layer),
                               .grid = gemm_grid_of(step->rows, step->layer->inputs)};
    if (step->rule.epsilon != 0.0F) {
        engine_rows(engine, step->rows, epsilon_rows, &job);
    }
    job.operand = operand_prepare(
        engine, &job.weights, &(struct operand_rows){step->rows, step->g_y, step->y_stride, false},
        engine->operand);
    pool_run(engine->pool, gemm_grid_tiles(&job.grid), backward_tile, &job);
}
