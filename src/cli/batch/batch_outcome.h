/* What came of a run over the images of a plan, and what is said of it: of batch, and of what else
 * goes through a data set image by image. */
#ifndef CLI_BATCH_OUTCOME_H
#define CLI_BATCH_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/journal.h"
#include "base/status.h"
#include "base/text.h"
#include "batch_item.h"
#include "batch_plan.h"
#include "cli/console.h"

#define BATCH_TOLD_FAILURES 5

/* An image that failed, for the summary. */
struct batch_failure {
    char image[120];
    char message[240];
};

struct batch_outcome {
    size_t done, failed; /* images of this run */
    bool cancelled;
    bool gave_up;                                       /* too many failed, and some are left */
    struct batch_failure failures[BATCH_TOLD_FAILURES]; /* the first `failed` of this run */
    enum vitlrp_status status;                          /* of what stopped it, or OK */
    struct vitlrp_error err;
    enum exit_code stage; /* of the failure that stopped the run */
};

/* The first failure counts; OK is none. */
void batch_outcome_stop(struct batch_outcome *outcome, enum vitlrp_status status,
                        enum exit_code stage, const struct vitlrp_error *err);

/* An image that has its line. True if too many have failed now. */
bool batch_outcome_add(struct batch_outcome *outcome, const struct batch_item *item,
                       const struct batch_limit *most);

/* A line's end, "; 3 already there; 9 in 1.2 s, 7.5 images/s", and a line for each of the first
 * failures. `resumed`: images that an earlier run has done; `left`: that none has. */
void batch_outcome_append(const struct batch_outcome *outcome, size_t resumed, size_t left,
                          double seconds, struct text *out);

/* Says so if it was given up. */
void batch_outcome_tell_giving_up(const struct batch_outcome *outcome,
                                  const struct batch_limit *most);

#endif
