/* The work of a run over hidden units: images on several threads, all of which add to one index. */
#ifndef CLI_CONCEPTS_RUN_H
#define CLI_CONCEPTS_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/class_rows.h"
#include "base/run_folder.h"
#include "base/sha256.h"
#include "base/status.h"
#include "base/unit_index.h"
#include "cli/batch/batch_outcome.h"
#include "cli/batch/batch_plan.h"
#include "cli/batch/batch_run.h"
#include "cli/console.h"
#include "cli/explain_session.h"
#include "concepts_config.h"

/* Images, or seconds, between two times that the state is written: what a killed process loses. */
#define CONCEPTS_ROUND 512
#define CONCEPTS_ROUND_SECONDS 30.0

struct concepts_run {
    const struct concepts_choice *choice;
    const struct batch_plan *plan;
    struct run_folder *folder;
    struct unit_index *index;
    struct class_rows *rows;       /* NULL: relevance is not added up by class */
    const char *identity;          /* unit_index_run_identity of the run */
    struct explain_session *first; /* with the model of all; its session is given up */
    size_t threads;
    struct console *console;
    struct vitlrp_eval_observer observer; /* progress, and whether to end early */
    struct batch_outcome outcome;
};

/* Does every image that is open in the journal, and writes the state. The result is in the run: its
 * status is that of what stopped it, or OK. */
void concepts_run(struct concepts_run *run);

#endif
