#define _GNU_SOURCE
#include "concepts_run.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/unit_index_run.h"
#include "concepts_item.h"

/* ---- State ---- */

static enum vitlrp_status write_state(const struct concepts_run *run, struct vitlrp_error *err) {
    if (run->rows != NULL) {
        TRY(class_rows_settle(run->rows, err));
    }
    TRY(unit_index_write(run->index, run->identity, run->folder->folder, UNIT_INDEX_STATE, err));
    if (run->rows != NULL) {
        class_rows_keep(run->rows);
    }
    return VITLRP_OK;
}

/* The lines first: an image that the state holds has one, unless the disk has lost it. */
static enum vitlrp_status save(const struct concepts_run *run, struct vitlrp_error *err) {
    TRY(journal_sync(&run->folder->journal, err));
    return error_prefix(err, write_state(run, err), run->folder->path);
}

/* ---- Workers ---- */

struct engine {
    struct concepts_run *run;
    size_t total; /* images to do */

    pthread_mutex_t mutex; /* over everything below, the run's results, its journal and its index */
    size_t next;           /* place to look for the next image at */
    double saved;          /* when the state was written last */
    bool stopped;
};

struct worker {
    struct engine *engine;
    struct explain_session state;
    struct concepts_values values;
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

static bool is_cancelled(const struct engine *engine) {
    const struct vitlrp_eval_observer *observer = &engine->run->observer;
    return observer->cancelled != NULL && observer->cancelled(observer->user);
}

/* The next image without a result; false where the run ends. */
static bool take_next(struct engine *engine, struct concepts_item *item) {
    const struct journal *journal = &engine->run->folder->journal;
    pthread_mutex_lock(&engine->mutex);
    if (!engine->stopped && is_cancelled(engine)) {
        engine->run->outcome.cancelled = true;
        engine->stopped = true;
    }
    while (engine->next < journal->count && journal->entries[engine->next].state != JOURNAL_OPEN) {
        engine->next++;
    }
    bool found = !engine->stopped && engine->next < journal->count;
    if (found) {
        *item = (struct concepts_item){.item = {.place = engine->next++}};
        item->item.image = batch_plan_image(engine->run->plan, item->item.place);
    }
    pthread_mutex_unlock(&engine->mutex);
    return found;
}

/* At the end of a round, which images or seconds may fill. */
static enum vitlrp_status save_round(struct engine *engine, struct vitlrp_error *err) {
    double now = clock_seconds();
    if (engine->run->outcome.done % CONCEPTS_ROUND != 0 &&
        now - engine->saved < CONCEPTS_ROUND_SECONDS) {
        return VITLRP_OK;
    }
    engine->saved = now;
    return save(engine->run, err);
}

/* The item's status is what is wrong with the image; rows that cannot be written are the run's
 * failure. */
static enum vitlrp_status add_values(const struct concepts_run *run,
                                     const struct unit_index_image *image, struct batch_item *of,
                                     struct vitlrp_error *err) {
    of->status = unit_index_check(run->index, image, &of->err);
    if (of->status == VITLRP_OK && run->rows != NULL && !unit_index_has(run->index, image->image)) {
        TRY(error_prefix(err, class_rows_add(run->rows, image, err), run->folder->path));
    }
    if (of->status == VITLRP_OK) {
        of->status = unit_index_add(run->index, image, &of->err);
    }
    return VITLRP_OK;
}

/* The image is in the index when its line is in the journal; only the state file makes that last.
 */
static enum vitlrp_status add_item(struct engine *engine, struct worker *worker,
                                   struct concepts_item *item, struct vitlrp_error *err) {
    struct concepts_run *run = engine->run;
    struct batch_outcome *outcome = &run->outcome;
    struct batch_item *of = &item->item;
    if (of->status == VITLRP_OK) {
        const struct unit_index_image image = concepts_item_image(item, &worker->values);
        TRY(add_values(run, &image, of, err));
    }
    TRY(concepts_item_end(item, &worker->state, &worker->values, err));
    TRY(run_folder_add(run->folder, of->place, of->state, &of->line, err));
    bool too_many = batch_outcome_add(outcome, of, &run->choice->images.max_failures);
    outcome->gave_up = outcome->gave_up || (too_many && !engine->stopped);
    engine->stopped = engine->stopped || too_many;
    if (run->observer.progress != NULL) {
        run->observer.progress(run->observer.user, outcome->done, engine->total, outcome->failed);
    }
    return save_round(engine, err);
}

static enum vitlrp_status open_worker(struct worker *worker, struct vitlrp_error *err) {
    const struct concepts_run *run = worker->engine->run;
    const struct explain_session *first = run->first;
    worker->state.passes = first->passes;
    worker->state.observer = (struct vitlrp_session_observer){.cancelled = run->observer.cancelled,
                                                              .user = run->observer.user};
    TRY(concepts_values_open(&run->index->shape, run->choice, &worker->values, err));
    return explain_session_open_on(first->settings, &worker->console, first->model, &worker->state,
                                   err);
}

static enum vitlrp_status do_item(struct worker *worker, struct concepts_item *item,
                                  struct vitlrp_error *err) {
    struct engine *engine = worker->engine;
    enum vitlrp_status status =
        concepts_item_explain(item, engine->run->plan, &worker->state, &worker->values, err);
    if (status == VITLRP_CANCELLED && is_cancelled(engine)) {
        return VITLRP_OK; /* the next look for an image ends the run */
    }
    if (status == VITLRP_OK) {
        pthread_mutex_lock(&engine->mutex);
        status = add_item(engine, worker, item, err);
        pthread_mutex_unlock(&engine->mutex);
    }
    return status;
}

static void *explain_some(void *context) {
    struct worker *worker = context;
    struct vitlrp_error err;
    struct concepts_item item;
    enum vitlrp_status status = open_worker(worker, &err);
    if (status != VITLRP_OK) {
        engine_stop(worker->engine, status, CODE_INPUT, &err);
    }
    while (status == VITLRP_OK && take_next(worker->engine, &item)) {
        status = do_item(worker, &item, &err);
        concepts_item_free(&item);
        if (status != VITLRP_OK) {
            engine_stop(worker->engine, status, CODE_OUTPUT, &err);
        }
    }
    return NULL;
}

/* Fewer threads than wanted are a warning, none a failure. */
static void run_threads(struct engine *engine, struct worker *workers, size_t wanted) {
    struct vitlrp_error err;
    size_t started = 0;
    explain_session_release(engine->run->first);
    while (started < wanted) {
        workers[started] = (struct worker){.engine = engine};
        if (!thread_start(&workers[started].thread, explain_some, &workers[started])) {
            break;
        }
        started++;
    }
    if (started == 0) {
        engine_stop(engine, fail(&err, VITLRP_LIMIT, "the system gives no threads"), CODE_OUTPUT,
                    &err);
    } else if (started < wanted) {
        console_warn(engine->run->console, "the system gives no more than %zu thread%s", started,
                     started == 1 ? "" : "s");
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        explain_session_close(&workers[i].state);
        concepts_values_close(&workers[i].values);
    }
}

void concepts_run(struct concepts_run *run) {
    const struct journal *journal = &run->folder->journal;
    struct engine engine = {.run = run,
                            .total = journal_count(journal, JOURNAL_OPEN),
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .saved = clock_seconds()};
    size_t count = run->threads < engine.total ? run->threads : engine.total;
    struct vitlrp_error err;
    if (count > 0) {
        struct worker *workers = mem_calloc(count, sizeof *workers);
        if (workers == NULL) {
            run->outcome.status =
                fail(&run->outcome.err, VITLRP_NOMEM, "out of memory for %zu threads", count);
            run->outcome.stage = CODE_OUTPUT;
            return;
        }
        run_threads(&engine, workers, count);
        mem_free(workers);
    }
    /* Over the last images there is nothing left to be given up. */
    run->outcome.gave_up = run->outcome.gave_up && journal_count(journal, JOURNAL_OPEN) > 0;
    enum vitlrp_status status = save(run, &err);
    if (status != VITLRP_OK) {
        engine_stop(&engine, status, CODE_OUTPUT, &err);
    }
}
