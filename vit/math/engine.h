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

struct engine {
    struct pool *pool; /* NULL: one thread */
    const struct gemm_backend *backend;
    const struct kernels *kernels;
    struct engine_thread *threads; /* [pool_threads(pool)] */
    float *thread_scratch;         /* [threads, thread_floats] */
    size_t thread_floats;
    void *operand;           /* operand_bytes of the largest operand (vit/math/operand.h) */
    struct profile *profile; /* NULL: nobody measures (vit/math/profile.h) */
};

/* Opens backend, kernels, pool and what every thread needs for the backend; engine_close releases
 * them, also after a failure. Scratch is the caller's. */
enum vitlrp_status engine_open(struct engine *engine, const char *backend, size_t threads,
                               struct vitlrp_error *err);
void engine_close(struct engine *engine);

/* NOMEM if a product since the last call found no memory: what was computed is worthless. */
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
