#include "vit/engine.h"

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
