#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/mem.h"
#include "base/signals.h"
#include "base/thread.h"

/* How often a waiting thread looks before it sleeps: some ten microseconds, shorter than a wake-up
 * through the kernel, short enough that another program on the same core is not kept waiting. */
#define SPIN_LIMIT 2000

struct worker {
    struct pool *pool;
    pthread_t thread;
    size_t number;
};

struct pool {
    size_t threads; /* workers + 1 */
    struct worker *workers;
    void (*at_start)(void);

    /* The job. Written by the caller while no worker is busy; published by `generation`. */
    void (*task)(void *context, size_t index, size_t thread);
    void *context;
    size_t count;
    atomic_size_t next;
    atomic_size_t busy; /* workers that have not finished the job of this generation */
    atomic_uint generation;
    atomic_bool stop;

    pthread_mutex_t mutex; /* guards sleeping only */
    pthread_cond_t wake;   /* a new generation, or stop */
    pthread_cond_t done;   /* busy reached 0 */
};

static void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

static void run_tasks(struct pool *pool, size_t thread) {
    for (;;) {
        size_t index = atomic_fetch_add(&pool->next, 1);
        if (index >= pool->count) {
            return;
        }
        pool->task(pool->context, index, thread);
    }
}

static void wait_for_job(struct pool *pool, unsigned seen) {
    for (int i = 0; i < SPIN_LIMIT; i++) {
        if (atomic_load(&pool->generation) != seen) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->generation) == seen) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}

static void report_idle(struct pool *pool) {
    if (atomic_fetch_sub(&pool->busy, 1) == 1) {
        pthread_mutex_lock(&pool->mutex);
        pthread_cond_signal(&pool->done);
        pthread_mutex_unlock(&pool->mutex);
    }
}

static void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    unsigned seen = 0;
    if (pool->at_start != NULL) {
        pool->at_start();
    }
    report_idle(pool);
    for (;;) {
        wait_for_job(pool, seen);
        seen = atomic_load(&pool->generation);
        if (atomic_load(&pool->stop)) {
            return NULL;
        }
        run_tasks(pool, worker->number);
        report_idle(pool);
    }
}

static void publish(struct pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->generation, 1);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

static void wait_until_done(struct pool *pool) {
    for (int i = 0; i < SPIN_LIMIT; i++) {
        if (atomic_load(&pool->busy) == 0) {
            return;
        }
        pause_briefly();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load(&pool->busy) != 0) {
        pthread_cond_wait(&pool->done, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}

/* As many as the system gives. */
static void start_workers(struct pool *pool, size_t threads) {
    struct signals saved;
    bool started = true;
    signals_hold(&saved);
    while (started && pool->threads < threads) {
        struct worker *worker = &pool->workers[pool->threads - 1];
        *worker = (struct worker){.pool = pool, .number = pool->threads};
        atomic_fetch_add(&pool->busy, 1);
        started = thread_start(&worker->thread, worker_main, worker);
        if (started) {
            pool->threads++;
        } else {
            atomic_fetch_sub(&pool->busy, 1);
        }
    }
    signals_release(&saved);
}

enum vitlrp_status pool_open(size_t threads, void (*at_start)(void), struct pool **out,
                             struct vitlrp_error *err) {
    if (threads < 1 || threads > POOL_MAX_THREADS) {
        return fail(err, VITLRP_USAGE, "threads must be from 1 to %d", POOL_MAX_THREADS);
    }
    struct pool *pool = mem_calloc(1, sizeof *pool);
    struct worker *workers = mem_calloc(threads, sizeof *workers);
    if (pool == NULL || workers == NULL) {
        mem_free(workers);
        mem_free(pool);
        return fail(err, VITLRP_NOMEM, "out of memory for %zu threads", threads);
    }
    pool->workers = workers;
    pool->threads = 1;
    pool->at_start = at_start;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    start_workers(pool, threads);
    wait_until_done(pool);
    *out = pool;
    return VITLRP_OK;
}

void pool_close(struct pool *pool) {
    if (pool == NULL) {
        return;
    }
    atomic_store(&pool->stop, true);
    publish(pool);
    for (size_t i = 0; i + 1 < pool->threads; i++) {
        pthread_join(pool->workers[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    mem_free(pool->workers);
    mem_free(pool);
}

size_t pool_threads(const struct pool *pool) {
    return pool == NULL ? 1 : pool->threads;
}

void pool_run(struct pool *pool, size_t count,
              void (*task)(void *context, size_t index, size_t thread), void *context) {
    if (pool == NULL || pool->threads == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++) {
            task(context, i, 0);
        }
        return;
    }
    pool->task = task;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->busy, pool->threads - 1);
    publish(pool);
    run_tasks(pool, 0);
    wait_until_done(pool);
}
