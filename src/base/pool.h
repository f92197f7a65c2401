/* The project's one thread pool: fork-join over numbered tasks, waiting threads sleep after a short
 * spin. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

#include "base/status.h"

#define POOL_MAX_THREADS 1024

struct pool;

/* A pool of `threads` (1 to POOL_MAX_THREADS) including the calling thread. Starts fewer, and says
 * so by pool_threads, if the system refuses more; never fails for that. at_start (may be NULL) runs
 * once in every worker. Workers take no signals. *out is owned. */
enum vitlrp_status pool_open(size_t threads, void (*at_start)(void), struct pool **out,
                             struct vitlrp_error *err);

/* Joins the workers. NULL is ignored. */
void pool_close(struct pool *pool);

/* Threads that pool_run uses. */
size_t pool_threads(const struct pool *pool);

/* Calls task(context, i, thread) for i = 0..count-1, each once, from pool_threads threads numbered
 * from 0, and returns when all are done. Which thread runs which i is not fixed: tasks must not
 * depend on it but for scratch memory. Not to be called from a task, nor by two threads at once.
 * NULL pool: runs here. */
void pool_run(struct pool *pool, size_t count,
              void (*task)(void *context, size_t index, size_t thread), void *context);

#endif
