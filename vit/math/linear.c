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
    /* A model whose operations are counted may have no weights yet. */
    const float *weight = layer->weight == NULL ? NULL : layer->weight + first * layer->inputs;
    return (struct linear){.weight = weight,
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

/* A product on the pool, tile by tile. */
struct product_job {
    const struct engine *engine;
    struct gemm_weights weights;
    struct operand operand;
    struct gemm_grid grid;
    struct gemm_finish finish;
};

static void product_tile(void *context, size_t index, size_t thread) {
    const struct product_job *job = context;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    const struct operand_result result = {job->finish, linear_scratch_of(job->engine, thread).tile};
    operand_finished_tile(job->engine, thread, &job->operand, &job->weights, &place, &result);
}

static void make_product(struct product_job *job, const struct operand_rows *rows) {
    job->grid = gemm_grid_of(rows->rows, job->weights.n);
    job->operand = operand_prepare(job->engine, &job->weights, rows, job->engine->operand);
    pool_run(job->engine->pool, gemm_grid_tiles(&job->grid), product_tile, job);
}

void linear_forward(const struct engine *engine, const struct linear *layer,
                    const struct linear_pass *of) {
    struct product_job job = {.engine = engine,
                              .weights = linear_forward_weights(layer),
                              .finish = {.out = of->y,
                                         .out_stride = of->y_stride,
                                         .bias = layer->bias,
                                         .residual = of->residual,
                                         .residual_stride = layer->outputs}};
    const struct operand_rows rows = {of->rows, of->x, layer->inputs, false};
    make_product(&job, &rows);
}

bool linear_rule_reads_output(struct linear_rule rule) {
    return rule.gamma != 0.0F || rule.epsilon != 0.0F;
}

struct epsilon_job {
    const struct kernels *kernels;
    const struct linear_step *step;
};

static void epsilon_rows(void *context, size_t first, size_t count) {
    const struct epsilon_job *job = context;
    const struct linear_step *step = job->step;
    for (size_t r = first; r < first + count; r++) {
        job->kernels->epsilon_scale(step->g_y + r * step->y_stride, step->y + r * step->y_stride,
                                    step->layer->outputs, step->rule.epsilon);
    }
}

/* G_x = s W. */
void linear_relevance(const struct engine *engine, const struct linear_step *step) {
    if (step->rule.gamma != 0.0F) {
        linear_relevance_gamma(engine, step);
        return;
    }
    if (step->rule.epsilon != 0.0F) {
        struct epsilon_job epsilon = {engine->kernels, step};
        engine_rows(engine, step->rows, epsilon_rows, &epsilon);
    }
    struct product_job job = {.engine = engine,
                              .weights = linear_backward_weights(step->layer),
                              .finish = {.out = step->g_x, .out_stride = step->layer->inputs}};
    const struct operand_rows rows = {step->rows, step->g_y, step->y_stride, false};
    make_product(&job, &rows);
}
