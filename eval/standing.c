#include "eval/standing.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/order.h"
#include "base/random.h"
#include "eval/metric.h"
#include "eval/significance.h"
#include "eval/summary.h"

/* An interval of an agreement, which takes few values, needs fewer samples than one of a mean. */
#define RESAMPLES ((size_t) 2000)
#define TAIL 0.025

/* More copies of an image in a sample have a chance below 1e-12. */
#define MOST_COPIES 15

/* What is added up over the images. */
struct sums {
    const struct evaluation *evaluation;
    size_t leader, methods, places;
    struct significance *leads; /* [methods][places], owned: leader - method */

    /* Sums of Delta, [places][competing], over the images that have all of them; in the
     * samples, over as many copies of each as chance gives. */
    size_t competing; /* methods that are no controls */
    size_t images;
    bool is_sampled;
    double *image, *all, *samples; /* owned; samples [RESAMPLES] */
};

bool standing_is_control(const char *method) {
    return strcmp(method, "random") == 0 || strcmp(method, "centre") == 0;
}

size_t standing_pair(size_t a, size_t b) {
    size_t high = a > b ? a : b;
    return high * (high - 1) / 2 + (a > b ? b : a);
}

/* ---- The leader ---- */

static bool is_measured(const struct summary *summary, size_t method) {
    return summary_row(summary, method, 0)->metrics[EVAL_DELTA_LOGIT].n > 0;
}

static size_t rank_sum(const struct summary *summary, size_t method) {
    size_t sum = 0;
    for (size_t r = 0; r < summary->place_count; r++) {
        sum += summary_rank(summary, method, r);
    }
    return sum;
}

static size_t find_leader(const struct summary *summary) {
    const size_t *ranking = summary_ranking(summary, 0);
    size_t leader = summary->method_count;
    for (size_t i = 0; i < summary->method_count; i++) {
        if (is_measured(summary, ranking[i]) &&
            (leader == summary->method_count ||
             rank_sum(summary, ranking[i]) < rank_sum(summary, leader))) {
            leader = ranking[i];
        }
    }
    return leader;
}

/* ---- Sums over the images ---- */

static size_t cells_of(const struct sums *sums) {
    return sums->competing * sums->places;
}

static enum vitlrp_status sums_open(struct sums *sums, struct vitlrp_error *err) {
    for (size_t m = 0; m < sums->methods; m++) {
        sums->competing += standing_is_control(sums->evaluation->methods[m]) ? 0 : 1;
    }
    sums->is_sampled = sums->places > 1 && sums->evaluation->image_count >= STANDING_LEAST;
    size_t bytes = cells_of(sums) * sizeof *sums->all;
    sums->leads = mem_calloc(sums->methods, sums->places * sizeof *sums->leads);
    sums->image = mem_calloc(1, bytes);
    sums->all = mem_calloc(1, bytes);
    sums->samples = mem_calloc(sums->is_sampled ? RESAMPLES : 0, bytes);
    return sums->leads == NULL || sums->image == NULL || sums->all == NULL || sums->samples == NULL
               ? fail(err, VITLRP_NOMEM, "out of memory for the standing of methods")
               : VITLRP_OK;
}

static void sums_close(struct sums *sums) {
    mem_free(sums->leads);
    mem_free(sums->image);
    mem_free(sums->all);
    mem_free(sums->samples);
}

/* A number of the Poisson distribution of mean 1, by inversion. */
static size_t draw_copies(struct random_stream *stream) {
    double left = random_uniform(stream) - exp(-1.0);
    double chance = exp(-1.0);
    size_t copies = 0;
    while (left >= 0.0 && copies < MOST_COPIES) {
        chance /= (double) ++copies;
        left -= chance;
    }
    return copies;
}

/* The bootstrap of Poisson numbers (Hanley and MacGibbon 2006): images come one by one, and which
 * samples have one follows from its index alone. */
static void add_to_samples(struct sums *sums, size_t index) {
    size_t cells = cells_of(sums);
    struct random_stream stream =
        random_open(random_derive(sums->evaluation->protocol.seed, "standing") + index);
    for (size_t s = 0; s < RESAMPLES; s++) {
        double copies = (double) draw_copies(&stream);
        double *sample = sums->samples + s * cells;
        for (size_t c = 0; copies > 0.0 && c < cells; c++) {
            sample[c] += copies * sums->image[c];
        }
    }
}

static enum vitlrp_status add_image(void *user, const struct eval_image *image,
                                    struct vitlrp_error *err) {
    struct sums *sums = user;
    const struct evaluation *evaluation = sums->evaluation;
    double *cell = sums->image;
    bool is_whole = true;
    (void) err;
    for (size_t r = 0; r < sums->places; r++) {
        const struct eval_measure measure = {EVAL_DELTA_LOGIT, r};
        double first = sums->leader < sums->methods
                           ? eval_metric_value(evaluation, image, sums->leader, measure)
                           : (double) NAN;
        for (size_t m = 0; m < sums->methods; m++) {
            double delta = eval_metric_value(evaluation, image, m, measure);
            significance_add(&sums->leads[m * sums->places + r], first - delta);
            if (!standing_is_control(evaluation->methods[m])) {
                is_whole = is_whole && !isnan(delta);
                *cell++ = delta;
            }
        }
    }
    if (is_whole) {
        for (size_t c = 0; c < cells_of(sums); c++) {
            sums->all[c] += sums->image[c];
        }
        sums->images++;
    }
    if (is_whole && sums->is_sampled) {
        add_to_samples(sums, image->index);
    }
    return VITLRP_OK;
}

/* ---- Tests ---- */

static enum vitlrp_status correct_tests(struct standing *standing, struct vitlrp_error *err) {
    double *p = mem_calloc(standing->test_count, sizeof *p);
    if (p == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the tests of methods");
    }
    for (size_t i = 0; i < standing->test_count; i++) {
        p[i] = standing->tests[i].p;
    }
    significance_holm(p, standing->test_count);
    for (size_t i = 0; i < standing->test_count; i++) {
        standing->tests[i].holm = p[i];
    }
    mem_free(p);
    return VITLRP_OK;
}

/* True if the leader is called better by this test. */
static bool test_passes(const struct standing_test *test) {
    return test->n >= STANDING_LEAST && test->difference > 0.0 && test->holm < STANDING_LEVEL;
}

const struct standing_test *standing_worst(const struct standing *standing) {
    const struct standing_test *worst = NULL;
    for (size_t i = 0; i < standing->test_count; i++) {
        const struct standing_test *test = &standing->tests[i];
        if (!test_passes(test) && (worst == NULL || test->difference < worst->difference)) {
            worst = test;
        }
    }
    return worst;
}

static enum vitlrp_status make_tests(const struct sums *sums, struct standing *out,
                                     struct vitlrp_error *err) {
    out->tests = mem_calloc(sums->methods, sums->places * sizeof *out->tests);
    if (out->tests == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the tests of methods");
    }
    for (size_t m = 0; m < sums->methods && out->leader < sums->methods; m++) {
        for (size_t r = 0; m != out->leader && r < sums->places; r++) {
            const struct significance *lead = &sums->leads[m * sums->places + r];
            out->tests[out->test_count++] =
                (struct standing_test){.than = m,
                                       .place = r,
                                       .difference = lead->n > 0 ? lead->mean : (double) NAN,
                                       .p = significance_p(lead),
                                       .n = lead->n};
        }
    }
    TRY(correct_tests(out, err));
    out->leads = out->test_count > 0 && standing_worst(out) == NULL &&
                 !standing_is_control(sums->evaluation->methods[out->leader]);
    return VITLRP_OK;
}

/* ---- Agreement of rankings ---- */

/* Of the rankings in two places by sums [places][competing], which rank as means do.
 */
static double agreement_of(const struct sums *sums, const double *values, size_t a, size_t b) {
    return significance_tau(values + a * sums->competing, values + b * sums->competing,
                            sums->competing);
}

/* taus [RESAMPLES]: scratch. Samples in which all methods are level have no agreement, and do not
 * count. */
static void give_interval(const struct sums *sums, size_t a, size_t b, double *taus,
                          struct vitlrp_statistic *out) {
    size_t count = 0;
    for (size_t s = 0; s < RESAMPLES; s++) {
        double tau = agreement_of(sums, sums->samples + s * cells_of(sums), a, b);
        if (!isnan(tau)) {
            taus[count++] = tau;
        }
    }
    if (count > 0) {
        size_t tail = (size_t) (TAIL * (double) (count - 1));
        qsort(taus, count, sizeof *taus, order_doubles);
        out->lo = taus[tail];
        out->hi = taus[count - 1 - tail];
    }
}

static enum vitlrp_status make_agreement(const struct sums *sums, struct standing *out,
                                         struct vitlrp_error *err) {
    size_t pairs = sums->places * (sums->places - 1) / 2;
    double *taus = mem_calloc(RESAMPLES, sizeof *taus);
    out->agreement = mem_calloc(pairs, sizeof *out->agreement);
    if (taus == NULL || out->agreement == NULL) {
        mem_free(taus);
        return fail(err, VITLRP_NOMEM, "out of memory for the rankings of methods");
    }
    for (size_t b = 1; b < sums->places; b++) {
        for (size_t a = 0; a < b; a++) {
            struct vitlrp_statistic *found = &out->agreement[standing_pair(a, b)];
            double tau = agreement_of(sums, sums->all, a, b);
            *found = (struct vitlrp_statistic){tau, NAN, NAN, sums->images};
            if (sums->images >= STANDING_LEAST) {
                give_interval(sums, a, b, taus, found);
            }
        }
    }
    mem_free(taus);
    return VITLRP_OK;
}

enum vitlrp_status standing_make(const struct evaluation *evaluation, const struct summary *summary,
                                 struct standing *out, struct vitlrp_error *err) {
    struct standing standing = {.leader = find_leader(summary)};
    struct sums sums = {.evaluation = evaluation,
                        .leader = standing.leader,
                        .methods = summary->method_count,
                        .places = summary->place_count};
    enum vitlrp_status status = VITLRP_OK;
    TRY_GOTO(status, sums_open(&sums, err), cleanup);
    TRY_GOTO(status, evaluation_visit(evaluation, add_image, &sums, err), cleanup);
    TRY_GOTO(status, make_tests(&sums, &standing, err), cleanup);
    TRY_GOTO(status, make_agreement(&sums, &standing, err), cleanup);
    *out = standing;
    standing = (struct standing){0};

cleanup:
    standing_free(&standing);
    sums_close(&sums);
    return status;
}

void standing_free(struct standing *standing) {
    mem_free(standing->tests);
    mem_free(standing->agreement);
    *standing = (struct standing){0};
}
