/* The work of a batch: images that have no result yet are read, explained and written, by threads
 * that hand them on to each other. A few read, so that no processor waits for a disk; each worker
 * takes one image from its bytes to those of its results, with a session of its own; a few write.
 */
#ifndef CLI_BATCH_RUN_H
#define CLI_BATCH_RUN_H

#include <stddef.h>

#include "base/status.h"
#include "batch_journal.h"
#include "batch_plan.h"
#include "batch_store.h"
#include "cli/console.h"
#include "cli/explain_session.h"
#include "vitlrp_eval.h"

#define BATCH_TOLD_FAILURES 5

/* Writing waits for the disk, several times a file: a few threads keep it busy. */
#define BATCH_WRITERS 4

/* An image that failed, for the summary. */
struct batch_failure {
    char image[120];
    char message[240];
};

struct batch_run {
    const struct batch_plan *plan;
    const struct batch_store *store;
    struct batch_journal *journal;
    struct explain_session *first; /* with the model of all; its session is given up */
    size_t threads;
    struct console *console;
    struct vitlrp_eval_observer observer; /* progress, and whether to end early */

    /* What came of it. */
    size_t done, failed; /* images of this run */
    bool cancelled;
    bool gave_up;                                       /* too many failed, and some are left */
    struct batch_failure failures[BATCH_TOLD_FAILURES]; /* the first `failed` of this run */
    enum vitlrp_status status;
    struct vitlrp_error err;
    enum exit_code stage; /* of the failure that stopped the run */
};

/* Does every image that is open in the journal. The result is in the run: its status is that of
 * what stopped it, or OK. Images that failed do not stop it, as long as they are not too many. */
void batch_run(struct batch_run *run);

#endif
