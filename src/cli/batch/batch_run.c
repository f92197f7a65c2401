#define _GNU_SOURCE
#include "batch_run.h"

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/thread.h"
#include "batch_item.h"
#include "cli/machine.h"
#include "cli/model_input.h"
#include "cli/photo.h"

/* ---- Queues ---- */

struct batch_queue {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    void **items; /* owned: a ring */
    size_t capacity, first, count;
    bool ended;
};

enum vitlrp_status batch_queue_open(size_t capacity, struct batch_queue **out,
                                    struct vitlrp_error *err) {
    struct batch_queue *queue = mem_calloc(1, sizeof *queue);
    void **items = mem_calloc(capacity, sizeof *items);
    if (queue == NULL || items == NULL) {
        mem_free(queue);
        mem_free(items);
        return fail(err, VITLRP_NOMEM, "out of memory for a queue");
    }
    queue->items = items;
    queue->capacity = capacity;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_cond_init(&queue->changed, NULL);
    *out = queue;
    return VITLRP_OK;
}

void batch_queue_close(struct batch_queue *queue) {
    if (queue != NULL) {
        pthread_cond_destroy(&queue->changed);
        pthread_mutex_destroy(&queue->mutex);
        mem_free(queue->items);
        mem_free(queue);
    }
}

void batch_queue_push(struct batch_queue *queue, void *item) {
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == queue->capacity) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    queue->items[(queue->first + queue->count) % queue->capacity] = item;
    queue->count++;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

void *batch_queue_pop(struct batch_queue *queue) {
    void *item = NULL;
    pthread_mutex_lock(&queue->mutex);
    while (queue->count == 0 && !queue->ended) {
        pthread_cond_wait(&queue->changed, &queue->mutex);
    }
    if (queue->count > 0) {
        item = queue->items[queue->first];
        queue->first = (queue->first + 1) % queue->capacity;
        queue->count--;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->mutex);
    return item;
}

void batch_queue_end(struct batch_queue *queue) {
    pthread_mutex_lock(&queue->mutex);
    queue->ended = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->mutex);
}

/* ---- As many workers as there is memory for ---- */

#define MIB ((uint64_t) 1 << 20)

/* Addresses of a thread: its stack, and glibc's heap for it. */
#define THREAD_ADDRESSES (80 * MIB)

/* OpenBLAS's buffer, which is waited for without an end where the addresses have run out. */
#define PRODUCT_ADDRESSES (130 * MIB)

static uint64_t minus(uint64_t whole, uint64_t part) {
    return whole > part ? whole - part : 0;
}

struct batch_workers batch_workers_within(size_t wanted, size_t session_bytes,
                                          const struct machine_room *room) {
    uint64_t bytes = (uint64_t) session_bytes + MEM_OF_PHOTOGRAPH;
    uint64_t addresses = bytes + THREAD_ADDRESSES + PRODUCT_ADDRESSES;
    uint64_t begun = (BATCH_WRITERS + 1) * THREAD_ADDRESSES + PRODUCT_ADDRESSES + MEM_OF_PHOTOGRAPH;
    /* What the first worker and the writers take comes before. */
    uint64_t by_memory = minus(room->memory, bytes) / bytes;
    uint64_t by_addresses = minus(room->addresses, begun) / addresses;
    struct batch_workers workers = {.count = wanted, .each = bytes, .left = room->memory};
    if (by_addresses < by_memory) {
        workers.each = addresses;
        workers.left = room->addresses;
    }
    uint64_t further = by_addresses < by_memory ? by_addresses : by_memory;
    if (wanted > 1 && further < wanted - 1) {
        workers.count = 1 + (size_t) further;
    }
    return workers;
}

/* ---- Sessions of the workers ---- */

#define MEGABYTE 1048576.0

size_t batch_take_threads(struct settings *settings) {
    size_t threads = settings->threads > 0 ? (size_t) settings->threads : available_processors();
    settings->threads = 1;
    return threads;
}

enum vitlrp_status batch_session_open(const struct settings *settings,
                                      const struct batch_plan *plan, struct vitlrp_model *model,
                                      struct console *console, struct explain_session *state,
                                      struct vitlrp_error *err) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    state->reads_ledger = plan->choice->writes[BATCH_JSON];
    /* The whole list's, so that every shard computes alike. */
    state->passes = (int32_t) plan->info.manifest;
    state->tells_work = true; /* once: workers have states of their own */
    TRY(explain_session_open_on(settings, console, model, state, err));
    model_input_warn(settings, model, &state->preprocess, console);
    TRY(model_input_check(&state->preprocess, err));
    const struct vitlrp_preprocess *preprocess = &state->preprocess;
    bool cropped = preprocess->crop_height > 0;
    return explain_session_fit(state, cropped ? preprocess->crop_height : info.image_height,
                               cropped ? preprocess->crop_width : info.image_width, err);
}

enum vitlrp_status batch_session_workers(const struct explain_session *state, size_t wanted,
                                         size_t *workers, struct vitlrp_error *err) {
    size_t bytes = 0;
    struct machine_room room = machine_room();
    TRY(explain_session_bytes(state, state->info.input_height, state->info.input_width, &bytes,
                              err));
    struct batch_workers within = batch_workers_within(wanted, bytes, &room);
    if (within.count < wanted) {
        console_warn(state->console,
                     "%zu thread%s instead of %zu: each may take %.0f MB of %s, of which %.0f "
                     "MB are left",
                     within.count, within.count == 1 ? "" : "s", wanted,
                     (double) within.each / MEGABYTE,
                     within.left == room.memory ? "memory" : "address space (ulimit -v)",
                     (double) within.left / MEGABYTE);
    }
    *workers = within.count;
    return VITLRP_OK;
}

/* Between two times that the journal is sent to the disk. */
#define SYNC_EVERY 256

struct engine {
    struct batch_run *run;
    struct batch_queue *read, *explained; /* owned */
    size_t total;                         /* images to do */

    pthread_mutex_t mutex; /* over everything below, the run's results and the journal */
    size_t next;           /* place to look for the next image at */
    size_t workers;        /* that have not ended */
    bool stopped;
};

struct worker {
    struct engine *engine;
    struct explain_session state;
    struct settings settings;
    struct console console; /* silent: the run's first session has said everything */
    pthread_t thread;
};

/* The first failure counts; nothing new is begun after it. */
static void engine_stop(struct engine *engine, enum vitlrp_status status, enum exit_code stage,
                        const struct vitlrp_error *err) {
    pthread_mutex_lock(&engine->mutex);
    batch_outcome_stop(&engine->run->outcome, status, stage, err);
    engine->stopped = true;
    pthread_mutex_unlock(&engine->mutex);
}

static bool is_stopped(struct engine *engine) {
    pthread_mutex_lock(&engine->mutex);
    const struct vitlrp_eval_observer *observer = &engine->run->observer;
    if (!engine->stopped && observer->cancelled != NULL && observer->cancelled(observer->user)) {
        engine->run->outcome.cancelled = true;
        engine->stopped = true;
    }
    bool stopped = engine->stopped;
    pthread_mutex_unlock(&engine->mutex);
    return stopped;
}

static void item_release(struct batch_item *item) {
    batch_item_free(item);
    mem_free(item);
}

/* ---- Reading ---- */

static enum vitlrp_status read_item(const struct batch_run *run, struct batch_item *item,
                                    struct vitlrp_error *err) {
    size_t most = run->first->settings->image.limits.max_file_bytes;
    item->status = file_read(item->image.path, most, &item->bytes, &item->err);
    if (item->status == VITLRP_IO && batch_plan_is_gone(run->plan)) {
        return error_prefix(err, fail(err, VITLRP_IO, "the dataset is no longer there"),
                            run->plan->choice->dataset);
    }
    return VITLRP_OK;
}

/* The next place without a result, count behind the last. */
static size_t next_place(struct engine *engine) {
    const struct journal *journal = engine->run->journal;
    while (engine->next < journal->count && journal->entries[engine->next].state != JOURNAL_OPEN) {
        engine->next++;
    }
    return engine->next < journal->count ? engine->next++ : journal->count;
}

static void read_all(struct engine *engine) {
    struct vitlrp_error err;
    enum vitlrp_status status = VITLRP_OK;
    while (status == VITLRP_OK && !is_stopped(engine)) {
        pthread_mutex_lock(&engine->mutex);
        size_t place = next_place(engine);
        pthread_mutex_unlock(&engine->mutex);
        if (place == engine->run->journal->count) {
            break;
        }
        struct batch_item *item = mem_calloc(1, sizeof *item);
        if (item == NULL) {
            status = fail(&err, VITLRP_NOMEM, "out of memory for an image");
            break;
        }
        item->place = place;
        item->image = batch_plan_image(engine->run->plan, place);
        status = read_item(engine->run, item, &err);
        if (status == VITLRP_OK) {
            batch_queue_push(engine->read, item);
        } else {
            item_release(item);
        }
    }
    if (status != VITLRP_OK) {
        engine_stop(engine, status, CODE_OUTPUT, &err);
    }
    batch_queue_end(engine->read);
}

/* ---- Explaining ---- */

/* A cancelled run ends its passes too; after a failure, or one too many, images at hand are done.
 * A pass asks often, and waits for no lock. */
static struct vitlrp_session_observer pass_observer(const struct engine *engine) {
    const struct vitlrp_eval_observer *observer = &engine->run->observer;
    return (struct vitlrp_session_observer){.cancelled = observer->cancelled,
                                            .user = observer->user};
}

static enum vitlrp_status open_worker(struct worker *worker, struct vitlrp_error *err) {
    const struct explain_session *first = worker->engine->run->first;
    worker->state.reads_ledger = first->reads_ledger;
    worker->state.passes = first->passes;
    worker->state.record = first->record;
    worker->state.unedited.model = first->unedited.model;
    worker->state.observer = pass_observer(worker->engine);
    return explain_session_open_on(first->settings, &worker->console, first->model, &worker->state,
                                   err);
}

static void *explain_some(void *context) {
    struct worker *worker = context;
    struct engine *engine = worker->engine;
    struct vitlrp_error err;
    enum vitlrp_status status = open_worker(worker, &err);
    if (status != VITLRP_OK) {
        engine_stop(engine, status, CODE_INPUT, &err);
    }
    struct batch_item *item;
    while ((item = batch_queue_pop(engine->read)) != NULL) {
        if (is_stopped(engine)) {
            item_release(item);
            continue;
        }
        status = batch_item_explain(item, engine->run->plan->choice, &worker->state, &err);
        if (status == VITLRP_OK) {
            batch_queue_push(engine->explained, item);
        } else if (status == VITLRP_CANCELLED && is_stopped(engine)) {
            item_release(item);
        } else {
            engine_stop(engine, status, CODE_OUTPUT, &err);
            item_release(item);
        }
    }
    pthread_mutex_lock(&engine->mutex);
    bool last = --engine->workers == 0;
    pthread_mutex_unlock(&engine->mutex);
    if (last) {
        batch_queue_end(engine->explained);
    }
    return NULL;
}

/* ---- Writing ---- */

static enum vitlrp_status write_outputs(const struct batch_run *run, const struct batch_item *item,
                                        struct vitlrp_error *err) {
    for (size_t i = 0; i < item->output_count; i++) {
        const struct batch_output *output = &item->outputs[i];
        TRY(batch_store_write(run->store, output->path, output->data, output->size, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_line(struct engine *engine, const struct batch_item *item,
                                   struct vitlrp_error *err) {
    struct batch_run *run = engine->run;
    struct batch_outcome *outcome = &run->outcome;
    TRY(journal_add(run->journal, item->place, item->state, item->line.data, item->line.length,
                    err));
    bool too_many = batch_outcome_add(outcome, item, &run->plan->choice->max_failures);
    outcome->gave_up = outcome->gave_up || (too_many && !engine->stopped);
    engine->stopped = engine->stopped || too_many;
    if (outcome->done % SYNC_EVERY == 0) {
        TRY(journal_sync(run->journal, err));
    }
    if (run->observer.progress != NULL) {
        run->observer.progress(run->observer.user, outcome->done, engine->total, outcome->failed);
    }
    return VITLRP_OK;
}

/* An image that is explained is written even if the run was cancelled or given up meanwhile; not
 * after a failure, whose cause it would meet. */
static void *write_some(void *context) {
    struct engine *engine = context;
    struct batch_item *item;
    while ((item = batch_queue_pop(engine->explained)) != NULL) {
        struct vitlrp_error err;
        pthread_mutex_lock(&engine->mutex);
        bool failed = engine->run->outcome.status != VITLRP_OK;
        pthread_mutex_unlock(&engine->mutex);
        enum vitlrp_status status = failed ? VITLRP_OK : write_outputs(engine->run, item, &err);
        if (!failed && status == VITLRP_OK) {
            pthread_mutex_lock(&engine->mutex);
            status = add_line(engine, item, &err);
            pthread_mutex_unlock(&engine->mutex);
        }
        if (status != VITLRP_OK) {
            engine_stop(engine, status, CODE_OUTPUT, &err);
        }
        item_release(item);
    }
    return NULL;
}

/* ---- All of it ---- */

/* Starts as many threads as the system gives; fewer are a warning, none a failure. */
static size_t start_workers(struct engine *engine, struct worker *workers, size_t wanted) {
    size_t started = 0;
    engine->workers = wanted;
    while (started < wanted) {
        struct worker *worker = &workers[started];
        *worker = (struct worker){.engine = engine};
        if (!thread_start(&worker->thread, explain_some, worker)) {
            break;
        }
        started++;
    }
    pthread_mutex_lock(&engine->mutex);
    engine->workers -= wanted - started;
    bool none = engine->workers == 0;
    pthread_mutex_unlock(&engine->mutex);
    if (none) {
        batch_queue_end(engine->explained);
    }
    if (started > 0 && started < wanted) {
        console_warn(engine->run->console, "the system gives no more than %zu thread%s", started,
                     started == 1 ? "" : "s");
    }
    return started;
}

static size_t start_writers(struct engine *engine, pthread_t threads[BATCH_WRITERS]) {
    size_t started = 0;
    while (started < BATCH_WRITERS && thread_start(&threads[started], write_some, engine)) {
        started++;
    }
    return started;
}

/* This thread reads; the others explain and write what it has read. Each worker opens its session
 * itself, as OpenBLAS has a buffer for every thread that multiplies, and asks for it there. */
static void run_threads(struct engine *engine, struct worker *workers, size_t count) {
    pthread_t writers[BATCH_WRITERS];
    struct vitlrp_error err;
    explain_session_release(engine->run->first);
    size_t writing = start_writers(engine, writers);
    size_t working = start_workers(engine, workers, writing == 0 ? 0 : count);
    if (working == 0) {
        engine_stop(engine, fail(&err, VITLRP_LIMIT, "the system gives no threads"), CODE_OUTPUT,
                    &err);
    }
    read_all(engine);
    for (size_t i = 0; i < working; i++) {
        pthread_join(workers[i].thread, NULL);
        explain_session_close(&workers[i].state);
    }
    for (size_t i = 0; i < writing; i++) {
        pthread_join(writers[i], NULL);
    }
}

static enum vitlrp_status open_queues(struct engine *engine, size_t workers,
                                      struct vitlrp_error *err) {
    TRY(batch_queue_open(2 * workers, &engine->read, err));
    return batch_queue_open(workers + BATCH_WRITERS, &engine->explained, err);
}

void batch_run(struct batch_run *run) {
    struct engine engine = {.run = run,
                            .total = journal_count(run->journal, JOURNAL_OPEN),
                            .mutex = PTHREAD_MUTEX_INITIALIZER};
    size_t count = run->threads < engine.total ? run->threads : engine.total;
    if (count == 0) {
        return;
    }
    struct worker *workers = mem_calloc(count, sizeof *workers);
    enum vitlrp_status status = workers == NULL ? fail(&run->outcome.err, VITLRP_NOMEM,
                                                       "out of memory for %zu threads", count)
                                                : open_queues(&engine, count, &run->outcome.err);
    if (status != VITLRP_OK) {
        run->outcome.status = status;
        run->outcome.stage = CODE_OUTPUT;
    } else {
        struct vitlrp_error err;
        run_threads(&engine, workers, count);
        /* Over the last images there is nothing left to be given up. */
        run->outcome.gave_up =
            run->outcome.gave_up && journal_count(run->journal, JOURNAL_OPEN) > 0;
        status = journal_sync(run->journal, &err);
        if (status != VITLRP_OK) {
            engine_stop(&engine, status, CODE_OUTPUT, &err);
        }
    }
    batch_queue_close(engine.read);
    batch_queue_close(engine.explained);
    mem_free(workers);
}
