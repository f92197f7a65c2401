#include "vit/math/gemm_rate.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/order.h"
#include "vit/math/operand.h"

enum { REPETITIONS = 9 };

struct rate_job {
    const struct engine *engine;
    struct gemm_weights weights;
    struct operand operand;
    struct gemm_grid grid;
};

static void rate_tile(void *context, size_t index, size_t thread) {
    const struct rate_job *job = context;
    struct gemm_place place = gemm_grid_place(&job->grid, index);
    operand_tile(job->engine, thread, &job->operand, &job->weights, &place,
                 engine_scratch(job->engine, thread));
}

double gemm_rate(const struct engine *engine, const struct linear *layer, size_t rows,
                 const float *x) {
    struct rate_job job = {.engine = engine,
                           .weights = linear_forward_weights(layer),
                           .grid = gemm_grid_of(rows, layer->outputs)};
    double flops = 2.0 * (double) rows * (double) layer->outputs * (double) layer->inputs;
    double seconds[REPETITIONS];
    struct gemm_entry saved;
    engine->backend->enter(&saved);
    job.operand =
        operand_prepare(engine, &job.weights, &(struct operand_rows){rows, x, layer->inputs, false},
                        engine->operand);
    pool_run(engine->pool, gemm_grid_tiles(&job.grid), rate_tile, &job);
    for (size_t i = 0; i < REPETITIONS; i++) {
        double start = clock_seconds();
        pool_run(engine->pool, gemm_grid_tiles(&job.grid), rate_tile, &job);
        seconds[i] = clock_seconds() - start;
    }
    engine->backend->leave(&saved);
    qsort(seconds, REPETITIONS, sizeof seconds[0], order_doubles);
    return flops / seconds[REPETITIONS / 2] * 1e-9;
}
