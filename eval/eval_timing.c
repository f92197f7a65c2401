#include "eval/eval_timing.h"

#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/random.h"
#include "eval/curve.h"
#include "eval/protocol_table.h"
#include "vit/math/engine.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"

/* Inputs of the evaluator for each that a session computes on its own. */
#define POINTS_PER_SINGLE 8

/* One thread's. */
struct bench_worker {
    struct vit_batch *points; /* the evaluator's */
    struct vit_batch *batch;  /* the plain one */
    struct curve_evaluator *evaluator;
    struct vit_session *session;
    struct eval_method_result *methods; /* their scores lie in `values` */
    float *values;                      /* [methods, patches] */
    float *inputs;                      /* [capacity, 3, height, width] */
    float *logits;                      /* [capacity, classes] */
    struct eval_timing_result sums;
    enum vitlrp_status status;
    struct vitlrp_error err;
};

struct bench {
    const struct eval_timing_options *options;
    struct vitlrp_preprocess preprocess; /* not read by the replacement that is timed */
    const struct gemm_backend *backend;
    size_t patches, pixels;
    struct bench_worker *workers;
    size_t worker_count;
};

static void random_fill(struct random_stream *stream, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (float) (2.0 * random_uniform(stream) - 1.0);
    }
}

/* ---- Opening ---- */

static enum vitlrp_status open_results(const struct bench *bench,
                                       const struct eval_protocol *protocol,
                                       struct bench_worker *worker, struct vitlrp_error *err) {
    for (size_t m = 0; m < bench->options->methods; m++) {
        struct eval_method_result *result = &worker->methods[m];
        result->valid = true;
        result->patches = worker->values + m * bench->patches;
        TRY(eval_curves_open(protocol, &result->curves, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status worker_open(const struct bench *bench, struct bench_worker *worker,
                                      struct vitlrp_error *err) {
    const struct eval_timing_options *options = bench->options;
    const struct vit_config *config = &options->model->config;
    struct vit_batch_options batch = {.threads = 1, .in_pool = true, .backend = options->backend};
    struct vit_session_options session = {
        .threads = 1, .in_pool = true, .backend = options->backend};
    struct curve_options curves = {.model = options->model,
                                   .input_height = config->image_height,
                                   .input_width = config->image_width,
                                   .preprocess = &bench->preprocess,
                                   .protocol = eval_protocol_default(),
                                   .method_count = options->methods};
    curves.protocol.steps = options->steps;
    TRY(vit_batch_open(options->model, &batch, &worker->batch, err));
    batch.precision = options->precision;
    TRY(vit_batch_open(options->model, &batch, &worker->points, err));
    curves.batch = worker->points;
    TRY(curve_evaluator_open(&curves, &worker->evaluator, err));
    TRY(vit_session_open(options->model, &session, &worker->session, err));
    size_t capacity = vit_batch_capacity(worker->batch);
    worker->methods = mem_calloc(options->methods, sizeof *worker->methods);
    worker->values = mem_calloc(options->methods, bench->patches * sizeof *worker->values);
    worker->inputs = mem_calloc(capacity, bench->pixels * sizeof *worker->inputs);
    worker->logits = mem_calloc(capacity, (size_t) config->classes * sizeof *worker->logits);
    if (worker->methods == NULL || worker->values == NULL || worker->inputs == NULL ||
        worker->logits == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the benchmark's inputs");
    }
    return open_results(bench, &curves.protocol, worker, err);
}

static void worker_close(const struct bench *bench, struct bench_worker *worker) {
    for (size_t m = 0; worker->methods != NULL && m < bench->options->methods; m++) {
        mem_free(worker->methods[m].curves);
    }
    vit_session_close(worker->session);
    curve_evaluator_close(worker->evaluator);
    vit_batch_close(worker->points);
    vit_batch_close(worker->batch);
    mem_free(worker->logits);
    mem_free(worker->inputs);
    mem_free(worker->values);
    mem_free(worker->methods);
}

/* ---- Measuring ---- */

static enum vitlrp_status run_plain(struct bench_worker *worker, size_t points,
                                    struct vitlrp_error *err) {
    size_t capacity = vit_batch_capacity(worker->batch);
    for (size_t done = 0; done < points; done += capacity) {
        TRY(vit_batch_forward(worker->batch, size_min(capacity, points - done), worker->inputs,
                              worker->logits, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status run_single(const struct bench *bench, struct bench_worker *worker,
                                     size_t points, struct vitlrp_error *err) {
    size_t capacity = vit_batch_capacity(worker->batch);
    for (size_t i = 0; i < points; i++) {
        TRY(vit_forward(worker->session, worker->inputs + i % capacity * bench->pixels,
                        worker->logits, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status measure_image(const struct bench *bench, struct bench_worker *worker,
                                        size_t image, struct vitlrp_error *err) {
    struct random_stream stream = random_open(bench->options->seed + image);
    struct curve_request request = {.input = worker->inputs,
                                    .methods = worker->methods,
                                    .method_count = bench->options->methods};
    size_t before = vit_batch_inputs(worker->points);
    random_fill(&stream, worker->inputs, vit_batch_capacity(worker->batch) * bench->pixels);
    for (size_t m = 0; m < bench->options->methods; m++) {
        random_fill(&stream, worker->methods[m].patches, bench->patches);
    }
    double start = clock_seconds();
    TRY(curve_evaluate(worker->evaluator, &request, err));
    double evaluated = clock_seconds();
    size_t points = vit_batch_inputs(worker->points) - before;
    size_t singles = size_max(1, points / POINTS_PER_SINGLE);
    TRY(run_plain(worker, points, err));
    double batched = clock_seconds();
    TRY(run_single(bench, worker, singles, err));
    worker->sums.single_seconds += clock_seconds() - batched;
    worker->sums.plain_seconds += batched - evaluated;
    worker->sums.evaluator_seconds += evaluated - start;
    worker->sums.points += points;
    worker->sums.single_points += singles;
    worker->sums.images++;
    return VITLRP_OK;
}

static void measure_task(void *context, size_t index, size_t thread) {
    struct bench *bench = context;
    struct bench_worker *worker = &bench->workers[thread];
    if (worker->status == VITLRP_OK) {
        worker->status = measure_image(bench, worker, index, &worker->err);
    }
}

static enum vitlrp_status add_up(const struct bench *bench, struct eval_timing_result *result,
                                 struct vitlrp_error *err) {
    *result = (struct eval_timing_result){
        .threads = bench->worker_count,
        .backend = bench->backend->name,
        .precision = packs_precision(bench->backend, bench->options->precision)};
    for (size_t w = 0; w < bench->worker_count; w++) {
        const struct bench_worker *worker = &bench->workers[w];
        if (worker->status != VITLRP_OK) {
            return error_forward(err, &worker->err);
        }
        result->images += worker->sums.images;
        result->points += worker->sums.points;
        result->single_points += worker->sums.single_points;
        result->single_seconds += worker->sums.single_seconds;
        result->evaluator_seconds += worker->sums.evaluator_seconds;
        result->plain_seconds += worker->sums.plain_seconds;
    }
    return VITLRP_OK;
}

enum vitlrp_status eval_timing_run(const struct eval_timing_options *options,
                                   struct eval_timing_result *result, struct vitlrp_error *err) {
    const struct vit_config *config = &options->model->config;
    const struct gemm_backend *backend = NULL;
    struct bench bench = {.options = options,
                          .patches = (size_t) config->grid_height * (size_t) config->grid_width,
                          .pixels = vit_channels(config) * (size_t) config->image_height *
                                    (size_t) config->image_width};
    struct pool *pool = NULL;
    enum vitlrp_status status = VITLRP_OK;
    if (options->methods < 1 || options->steps < 1) {
        return fail(err, VITLRP_USAGE, "a benchmark needs methods and steps");
    }
    TRY(gemm_backend_find(options->backend, &backend, err));
    bench.backend = backend;
    TRY(engine_pool_open(backend, options->threads, &pool, err));
    bench.workers = mem_calloc(pool_threads(pool), sizeof *bench.workers);
    if (bench.workers == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for %zu workers", pool_threads(pool));
        goto cleanup;
    }
    for (; bench.worker_count < pool_threads(pool); bench.worker_count++) {
        struct bench_worker *worker = &bench.workers[bench.worker_count];
        status = worker_open(&bench, worker, err);
        if (status != VITLRP_OK) {
            worker_close(&bench, worker);
            goto cleanup;
        }
    }
    pool_run(pool, options->images > 0 ? options->images : pool_threads(pool), measure_task,
             &bench);
    status = add_up(&bench, result, err);
cleanup:
    for (size_t w = 0; w < bench.worker_count; w++) {
        worker_close(&bench, &bench.workers[w]);
    }
    mem_free(bench.workers);
    pool_close(pool);
    return status;
}
