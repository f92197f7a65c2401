/* The work of a batch: sessions for as many workers as there is memory for, and queues through
 * which images pass from the reader to the writers. */
#ifndef CLI_BATCH_RUN_H
#define CLI_BATCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/journal.h"
#include "base/status.h"
#include "batch_outcome.h"
#include "batch_plan.h"
#include "batch_store.h"
#include "cli/console.h"
#include "cli/explain_session.h"
#include "cli/machine.h"
#include "vitlrp_eval.h"

struct batch_queue;

/* Room for `capacity` items. *out is owned: batch_queue_close. */
enum vitlrp_status batch_queue_open(size_t capacity, struct batch_queue **out,
                                    struct vitlrp_error *err);

/* No thread may be in it any more; it must be empty. NULL is ignored. */
void batch_queue_close(struct batch_queue *queue);

/* Waits for room. */
void batch_queue_push(struct batch_queue *queue, void *item);

/* Waits for an item; NULL when the queue is empty and has ended. */
void *batch_queue_pop(struct batch_queue *queue);

/* Nothing more will be pushed. */
void batch_queue_end(struct batch_queue *queue);

struct batch_workers {
    size_t count;        /* at least 1, unless none are wanted */
    uint64_t each, left; /* bytes that decided: what a further one takes, and what there is */
};

/* At most `wanted` workers, each with a session of so many bytes. The addresses of one such session
 * are taken already. Cautious: what a worker takes beside its session depends on the pictures.
 * Results do not depend on the number. */
struct batch_workers batch_workers_within(size_t wanted, size_t session_bytes,
                                          const struct machine_room *room);

/* Opens a session for the size that images will have, as far as that is known: a crop's, else the
 * one that the model was trained with. The model stays the caller's. explain_session_close releases
 * it, after a failure too. */
enum vitlrp_status batch_session_open(const struct settings *settings,
                                      const struct batch_plan *plan, struct vitlrp_model *model,
                                      struct console *console, struct explain_session *state,
                                      struct vitlrp_error *err);

/* How many of `wanted` workers there is memory for, with sessions like that of `state`. A warning
 * says why they are fewer. */
enum vitlrp_status batch_session_workers(const struct explain_session *state, size_t wanted,
                                         size_t *workers, struct vitlrp_error *err);

/* How many images are to be explained at once: the settings' threads, which become one for each
 * image's session. */
size_t batch_take_threads(struct settings *settings);

/* Writing waits for the disk, several times a file: a few threads keep it busy. */
#define BATCH_WRITERS 4

struct batch_run {
    const struct batch_plan *plan;
    const struct batch_store *store;
    struct journal *journal;
    struct explain_session *first; /* with the model of all; its session is given up */
    size_t threads;
    struct console *console;
    struct vitlrp_eval_observer observer; /* progress, and whether to end early */
    struct batch_outcome outcome;
};

/* Does every image that is open in the journal. The result is in the run: its status is that of
 * what stopped it, or OK. Images that failed do not stop it, as long as they are not too many. */
void batch_run(struct batch_run *run);

#endif
