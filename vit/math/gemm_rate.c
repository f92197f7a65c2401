/* The machine's own matrix-product rate on the shapes of the model: the yardstick of `vitlrp
 * bench`. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <time.h>

#include "vit/program/session_private.h"

enum { REPETITIONS = 9 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *) a;
    double y = *(const double *) b;
    return (x > y) - (x < y);
}

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

double vit_session_gemm_rate(struct vit_session *session) {
    const struct network *net = &session->net;
    struct linear layer = network_fc1(net, &net->model->weights.blocks[0]);
    struct rate_job job = {.engine = &net->engine,
                           .weights = linear_forward_weights(&layer),
                           .grid = gemm_grid_of(net->tokens, layer.outputs)};
    double flops = 2.0 * (double) net->tokens * (double) layer.outputs * (double) layer.inputs;
    double seconds[REPETITIONS];
    struct gemm_entry saved;
    net->engine.backend->enter(&saved);
    job.operand =
        operand_prepare(&net->engine, &job.weights, net->tokens, session->state.blocks[0].x_in,
                        net->dim, false, net->engine.operand);
    pool_run(net->engine.pool, gemm_grid_tiles(&job.grid), rate_tile, &job);
    for (size_t i = 0; i < REPETITIONS; i++) {
        double start = seconds_now();
        pool_run(net->engine.pool, gemm_grid_tiles(&job.grid), rate_tile, &job);
        seconds[i] = seconds_now() - start;
    }
    net->engine.backend->leave(&saved);
    qsort(seconds, REPETITIONS, sizeof seconds[0], compare_doubles);
    return flops / seconds[REPETITIONS / 2] * 1e-9;
}
