/* What every computing function is handed: where to run and with which arithmetic. Plain data,
 * owned by the session. */
#ifndef VIT_ENGINE_H
#define VIT_ENGINE_H

#include <stddef.h>

#include "base/pool.h"
#include "vit/gemm.h"
#include "vit/kernels.h"

struct profile;

struct engine {
    struct pool *pool; /* NULL: one thread */
    const struct gemm_backend *backend;
    const struct kernels *kernels;
    float *thread_scratch; /* [threads, thread_floats] */
    size_t thread_floats;
    struct profile *profile; /* NULL: nobody measures (vit/profile.h) */
};

/* Scratch of one thread of the pool. */
static inline float *engine_scratch(const struct engine *engine, size_t thread) {
    return engine->thread_scratch + thread * engine->thread_floats;
}

/* Calls rows(context, first, count) for consecutive ranges that together cover [0, total), on the
 * pool. */
void engine_rows(const struct engine *engine, size_t total,
                 void (*rows)(void *context, size_t first, size_t count), void *context);

#endif
