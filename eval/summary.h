/* The table of an evaluation: for every method and place the mean of each metric with its
 * interval, and the paired differences to a method of reference. */
#ifndef EVAL_SUMMARY_H
#define EVAL_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "eval/audit.h"
#include "eval/eval_results.h"
#include "eval/metric.h"
#include "eval/standing.h"
#include "eval/statistics.h"

/* Metrics that are compared with the reference's. */
enum summary_pair { SUMMARY_PAIR_LOGIT, SUMMARY_PAIR_PROB, SUMMARY_PAIRS };

struct summary_method {
    struct vitlrp_statistic metrics[EVAL_METRIC_COUNT];
    struct vitlrp_statistic
        paired[SUMMARY_PAIRS]; /* of EVAL_DELTA_LOGIT and EVAL_DELTA_PROB: this method
                           - the reference; n = 0 for the reference itself */
    struct vitlrp_audit audits[AUDIT_METRICS]; /* of curves in fewer bits; else n = 0 */
};

/* Rows and ranking in the first place come first. */
struct summary {
    struct summary_method *methods; /* [places][methods], owned: summary_free */
    size_t method_count, place_count;
    size_t *ranking;  /* [places][methods], owned: methods by EVAL_DELTA_LOGIT, best first;
                         those without any last */
    size_t reference; /* method_count if there is none */
    size_t failed;    /* images */
    size_t audited;   /* that did not fail */
    char *first_failed,
        *first_error; /* owned: id and message of the first image that failed; NULL */
    struct standing standing;

    /* Of the Shapley values that maps are compared with (eval/agreement.h); n = 0 without them. */
    struct vitlrp_statistic shapley_error, shapley_split_half;
};

/* The row of a method in a place; the methods in their order in one. */
const struct summary_method *summary_row(const struct summary *summary, size_t method,
                                         size_t place);
const size_t *summary_ranking(const struct summary *summary, size_t place);

/* The place of a method there, from 0. */
size_t summary_rank(const struct summary *summary, size_t method, size_t place);

/* `reference` may be NULL or a method that was not run: then nothing is paired. The same for any
 * number of threads. Goes over the images as often as it needs to hold the values of some rows
 * at a time in SUMMARY_MEMORY bytes, and those of one in any case; fails as a visit does. *out is
 * owned: summary_free. */
#define SUMMARY_MEMORY ((size_t) 64 << 20)
enum vitlrp_status summary_make(const struct evaluation *evaluation, const char *reference,
                                size_t threads, struct summary *out, struct vitlrp_error *err);

/* Likewise, with another number of bytes. Every one gives the same. */
enum vitlrp_status summary_make_within(const struct evaluation *evaluation, const char *reference,
                                       size_t threads, size_t memory, struct summary *out,
                                       struct vitlrp_error *err);

/* True if the interval does not contain 0. */
bool summary_is_clear(const struct vitlrp_statistic *statistic);

enum eval_metric summary_pair_metric(enum summary_pair pair);

/* A zeroed one is fine. */
void summary_free(struct summary *summary);

#endif
