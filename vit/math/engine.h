/* What every computing function is handed: where to run and with which arithmetic. Owned by the
 * session or batch, which also gives it its scratch. */
#ifndef VIT_ENGINE_H
#define VIT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "vit/math/gemm.h"
#include "vit/math/kernels.h"

struct profile;

/* Of one thread of the pool. */
struct engine_thread {
    struct gemm_context *context; /* NULL: the backend needs none */
    bool failed;                  /* a product found no memory since engine_check */
};

/* Who may want no more of the work: asked between operations, by the thread that computes. Of one
 * line of work; its engines share it. */
struct engine_watch {
    int32_t (*cancelled)(void *user); /* another value than 0: no more; NULL: nobody is asked */
    void *user;
    double asked; /* clock_seconds of the last question; 0: none yet */
    bool is_cancelled;
};

/* Before a call's first pass: what an earlier call was told is forgotten. */
void engine_watch_begin(struct engine_watch *watch);

struct engine {
    struct pool *pool; /* NULL: one thread */
    const struct gemm_backend *backend;
    const struct kernels *kernels;
    struct engine_thread *threads; /* [pool_threads(pool)] */
    float *thread_scratch;         /* [threads, thread_floats] */
    size_t thread_floats;
    void *operand;              /* operand_bytes of the largest operand (vit/math/operand.h) */
    struct profile *profile;    /* NULL: nobody measures (vit/math/profile.h) */
    struct engine_watch *watch; /* NULL: nobody is asked */
};

/* Makes what `threads` products at the same time take; NOMEM if the address space has no room for
 * it. The caller's own threads need it before they meet in passes of sessions of one thread each.
 */
enum vitlrp_status engine_prepare(const struct gemm_backend *backend, size_t threads,
                                  struct vitlrp_error *err);

/* The one way to a pool of threads that multiply: *out has `threads` or, where the system refuses,
 * fewer, each of them and the calling thread ready for the backend, with the memory that its
 * products take. NOMEM, before a thread starts, if the address space has no room for that. *out is
 * owned: pool_close. */
enum vitlrp_status engine_pool_open(const struct gemm_backend *backend, size_t threads,
                                    struct pool **out, struct vitlrp_error *err);

/* Opens backend, kernels, pool and what every thread needs for the backend; engine_close releases
 * them, also after a failure. Scratch is the caller's. */
enum vitlrp_status engine_open(struct engine *engine, const char *backend, size_t threads,
                               struct vitlrp_error *err);

/* The same with one thread, for what runs in a task of a pool by engine_pool_open: the pool has the
 * memory that its products take, so none is asked for again. */
enum vitlrp_status engine_open_in_pool(struct engine *engine, const char *backend,
                                       struct vitlrp_error *err);

void engine_close(struct engine *engine);

/* False once the watch has said no. Asks it again no sooner than after WATCH_SECONDS, so that a
 * watch may cost some microseconds. */
bool engine_goes_on(const struct engine *engine);

/* NOMEM if a product since the last call found no memory, CANCELLED if the watch said no: what was
 * computed is worthless. */
enum vitlrp_status engine_check(const struct engine *engine, struct vitlrp_error *err);

/* Scratch of one thread of the pool. */
static inline float *engine_scratch(const struct engine *engine, size_t thread) {
    return engine->thread_scratch + thread * engine->thread_floats;
}

/* Calls rows(context, first, count) for consecutive ranges that together cover [0, total), on the
 * pool. */
void engine_rows(const struct engine *engine, size_t total,
                 void (*rows)(void *context, size_t first, size_t count), void *context);

#endif
