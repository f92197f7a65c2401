/* The inside of struct vitlrp_evaluation, for the files that implement vitlrp.h. */
#ifndef API_EVAL_PRIVATE_H
#define API_EVAL_PRIVATE_H

#include "eval/record.h"
#include "eval/summary.h"
#include "vitlrp_eval.h"

struct vitlrp_evaluation {
    struct record record;
    struct summary summary; /* of the record */
};

/* The public form of a statistic. */
struct vitlrp_statistic eval_statistic(const struct statistic *statistic);

/* Passes an evaluation's questions on to the public observer. */
struct evaluate_observer eval_observer(const struct vitlrp_eval_observer *observer);

#endif
