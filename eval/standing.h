/* How methods stand to each other over several places: whether the rankings agree, and
 * whether one method is better than all others under every one of them. */
#ifndef EVAL_STANDING_H
#define EVAL_STANDING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "eval/eval_results.h"

/* Below it a method is called better, after the correction for the number of tests. */
#define STANDING_LEVEL 0.05

/* Images that intervals and claims need: fewer tell nothing apart. */
#define STANDING_LEAST ((size_t) 20)

/* The leader against another method in a place, by Delta (logit). */
struct standing_test {
    size_t than, place;
    double difference; /* mean over the images that both have; NaN without any */
    double p, holm;    /* two-sided, and corrected over all tests of the leader */
    size_t n;
};

struct standing {
    size_t leader; /* the method with the least sum of ranks; of equal ones that which is first
                      in the first place; method_count if no method was measured */
    bool leads;    /* it is ahead of every other method in every test, of enough images */
    struct standing_test *tests; /* [(methods - 1) places], by method, then place;
                                    owned */
    size_t test_count;

    /* Of two places a < b, at b (b - 1) / 2 + a: Kendall's tau-b of the methods' mean Delta
     * (logit), without random and centre. lo and hi, from samples of the images, are NaN of fewer
     * than STANDING_LEAST images; n counts the images on which every method was measured, which
     * alone count here. Owned. */
    struct vitlrp_statistic *agreement;
};

struct summary;

/* The test that speaks most against the leader; NULL if it passes all, or there is none. */
const struct standing_test *standing_worst(const struct standing *standing);

/* True for random and centre, which compete with nobody. */
bool standing_is_control(const char *method);

/* Where the agreement of two different places is. */
size_t standing_pair(size_t a, size_t b);

/* From the rankings of the summary. *out is owned: standing_free. */
enum vitlrp_status standing_make(const struct evaluation *evaluation, const struct summary *summary,
                                 struct standing *out, struct vitlrp_error *err);

/* A zeroed one is fine. */
void standing_free(struct standing *standing);

#endif
