#include "vit/math/engine.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/mem.h"
#include "vit/math/gemm_weights.h"

/* OpenBLAS never returns from a product whose buffer does not fit, and oneDNN ends the process
 * where it cannot compile its first. */
static enum vitlrp_status check_reserve(const struct gemm_backend *backend, size_t threads,
                                        struct vitlrp_error *err) {
    size_t bytes;
    if (checked_mul(&bytes, threads, backend->thread_reserve) &&
        checked_add(&bytes, bytes, backend->start_reserve) && mem_addresses_left() >= bytes) {
        return VITLRP_OK;
    }
    return fail(err, VITLRP_NOMEM,
                "out of memory: matrix products in %zu thread%s need %zu MiB of address space (see "
                "ulimit -v); take fewer threads",
                threads, threads == 1 ? "" : "s",
                (backend->start_reserve >> 20) + threads * (backend->thread_reserve >> 20));
}

enum vitlrp_status engine_prepare(const struct gemm_backend *backend, size_t threads,
                                  struct vitlrp_error *err) {
    struct gemm_entry saved;
    TRY(check_reserve(backend, threads, err));
    backend->enter(&saved);
    backend->prepare(threads);
    backend->thread_start(); /* here first: what is compiled once is compiled in one thread */
    backend->leave(&saved);
    return VITLRP_OK;
}

enum vitlrp_status engine_pool_open(const struct gemm_backend *backend, size_t threads,
                                    struct pool **out, struct vitlrp_error *err) {
    TRY(engine_prepare(backend, threads, err));
    return pool_open(threads, backend->thread_start, out, err);
}

/* What each thread needs for the backend. */
static enum vitlrp_status open_threads(struct engine *engine, struct vitlrp_error *err) {
    size_t threads = pool_threads(engine->pool);
    engine->threads = mem_calloc(threads, sizeof *engine->threads);
    if (engine->threads == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu threads", threads);
    }
    for (size_t i = 0; engine->backend->packing != NULL && i < threads; i++) {
        TRY(engine->backend->packing->context_open(&engine->threads[i].context, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status engine_open(struct engine *engine, const char *backend, size_t threads,
                               struct vitlrp_error *err) {
    TRY(gemm_backend_find(backend, &engine->backend, err));
    engine->kernels = kernels_select();
    TRY(engine_pool_open(engine->backend, threads, &engine->pool, err));
    return open_threads(engine, err);
}

enum vitlrp_status engine_open_in_pool(struct engine *engine, const char *backend,
                                       struct vitlrp_error *err) {
    TRY(gemm_backend_find(backend, &engine->backend, err));
    engine->kernels = kernels_select();
    return open_threads(engine, err);
}

void engine_close(struct engine *engine) {
    for (size_t i = 0; engine->threads != NULL && i < pool_threads(engine->pool); i++) {
        if (engine->threads[i].context != NULL) {
            engine->backend->packing->context_close(engine->threads[i].context);
        }
    }
    mem_free(engine->threads);
    pool_close(engine->pool);
    engine->threads = NULL;
    engine->pool = NULL;
}

/* Between two questions. */
#define WATCH_SECONDS 0.02

void engine_watch_begin(struct engine_watch *watch) {
    watch->asked = 0.0;
    watch->is_cancelled = false;
}

bool engine_goes_on(const struct engine *engine) {
    struct engine_watch *watch = engine->watch;
    if (watch == NULL || watch->cancelled == NULL || watch->is_cancelled) {
        return watch == NULL || !watch->is_cancelled;
    }
    double now = clock_seconds();
    if (watch->asked == 0.0 || now - watch->asked >= WATCH_SECONDS) {
        watch->asked = now;
        watch->is_cancelled = watch->cancelled(watch->user) != 0;
    }
    return !watch->is_cancelled;
}

enum vitlrp_status engine_check(const struct engine *engine, struct vitlrp_error *err) {
    bool failed = false;
    for (size_t i = 0; i < pool_threads(engine->pool); i++) {
        failed = failed || engine->threads[i].failed;
        engine->threads[i].failed = false;
    }
    if (engine->watch != NULL && engine->watch->is_cancelled) {
        return fail(err, VITLRP_CANCELLED, "cancelled");
    }
    return failed ? fail(err, VITLRP_NOMEM, "out of memory for a matrix product") : VITLRP_OK;
}

/* Rows per task: enough work to be worth handing over, few enough to share out evenly. */
#define ROWS_PER_TASK 16

struct row_job {
    void (*rows)(void *context, size_t first, size_t count);
    void *context;
    size_t total;
};

static void run_rows(void *context, size_t index, size_t thread) {
    const struct row_job *job = context;
    (void) thread;
    size_t first = index * ROWS_PER_TASK;
    size_t left = job->total - first;
    job->rows(job->context, first, left < ROWS_PER_TASK ? left : ROWS_PER_TASK);
}

void engine_rows(const struct engine *engine, size_t total,
                 void (*rows)(void *context, size_t first, size_t count), void *context) {
    struct row_job job = {rows, context, total};
    pool_run(engine->pool, (total + ROWS_PER_TASK - 1) / ROWS_PER_TASK, run_rows, &job);
}
