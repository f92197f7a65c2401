/* Rankings under several replacements, and the claim that one method is better: tau-b, Student's
 * test and Holm's correction against their definitions, and what they make of records. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/metric.h"
#include "eval/significance.h"
#include "eval/summary.h"
#include "support/golden.h"
#include "support/sample_record.h"

#include "support/unit.h"

/* ---- Kendall ---- */

/* (C - D) / sqrt((C + D + Ta) (C + D + Tb)), by Kendall's own words. */
static double tau_twin(const double *a, const double *b, size_t count) {
    double concordant = 0.0;
    double discordant = 0.0;
    double tied_a = 0.0; /* in a alone */
    double tied_b = 0.0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = i + 1; k < count; k++) {
            double product = (a[i] - a[k]) * (b[i] - b[k]);
            concordant += product > 0.0 ? 1.0 : 0.0;
            discordant += product < 0.0 ? 1.0 : 0.0;
            tied_a += a[i] == a[k] && b[i] != b[k] ? 1.0 : 0.0;
            tied_b += a[i] != a[k] && b[i] == b[k] ? 1.0 : 0.0;
        }
    }
    double strict = concordant + discordant;
    return (concordant - discordant) / sqrt((strict + tied_a) * (strict + tied_b));
}

static void test_tau(void **unused) {
    static const double UP[] = {1.0, 2.0, 3.0, 4.0};
    static const double DOWN[] = {9.0, 7.0, 5.0, 1.0};
    static const double LEVEL[] = {2.0, 2.0, 2.0, 2.0};
    static const double SWAPPED[] = {1.0, 3.0, 2.0, 4.0};
    struct test_random random = {4};
    (void) unused;
    assert_true(significance_tau(UP, UP, 4) == 1.0);
    assert_true(significance_tau(UP, DOWN, 4) == -1.0);
    assert_true(fabs(significance_tau(UP, SWAPPED, 4) - 4.0 / 6.0) < 1e-15);
    assert_true(isnan(significance_tau(UP, LEVEL, 4)));
    assert_true(isnan(significance_tau(UP, UP, 1)));
    for (size_t trial = 0; trial < 200; trial++) {
        double a[12];
        double b[12];
        for (size_t i = 0; i < 12; i++) {
            a[i] = (double) test_below(&random, 6);
            b[i] = (double) test_below(&random, 6);
        }
        assert_true(fabs(significance_tau(a, b, 12) - tau_twin(a, b, 12)) < 1e-12);
    }
}

/* ---- Student ---- */

static double density(double t, double freedom) {
    return exp(lgamma((freedom + 1.0) / 2.0) - lgamma(freedom / 2.0)) /
           sqrt(freedom * 3.14159265358979323846) *
           pow(1.0 + t * t / freedom, -(freedom + 1.0) / 2.0);
}

/* 1 - 2 times the integral from 0 to t, by Simpson's rule. */
static double p_twin(double t, double freedom) {
    enum { STEPS = 20000 };
    double sum = 0.0;
    for (int i = 0; i <= STEPS; i++) {
        double weight = i == 0 || i == STEPS ? 1.0 : i % 2 == 1 ? 4.0 : 2.0;
        sum += weight * density(t * i / STEPS, freedom);
    }
    return 1.0 - 2.0 * sum * t / STEPS / 3.0;
}

static void test_student(void **unused) {
    static const size_t COUNTS[] = {2, 3, 20, 200};
    struct test_random random = {8};
    (void) unused;
    for (size_t c = 0; c < 4; c++) {
        for (int shift = 0; shift < 4; shift++) {
            struct significance found = {0};
            double sum = 0.0;
            double squares = 0.0;
            double n = (double) COUNTS[c];
            for (size_t i = 0; i < COUNTS[c]; i++) {
                double difference = test_uniform(&random) - 0.5 + 0.04 * shift;
                significance_add(&found, difference);
                significance_add(&found, NAN);
                sum += difference;
                squares += difference * difference;
            }
            double variance = (squares - sum * sum / n) / (n - 1.0);
            double t = fabs(sum / n) / sqrt(variance / n);
            assert_int_equal(found.n, COUNTS[c]);
            assert_true(fabs(significance_p(&found) - p_twin(t, n - 1.0)) < 1e-7);
        }
    }
    struct significance same = {0};
    assert_true(significance_p(&same) == 1.0);
    significance_add(&same, 2.0);
    assert_true(significance_p(&same) == 1.0);
    significance_add(&same, 2.0);
    assert_true(significance_p(&same) == 0.0);
    struct significance none = {.n = 2};
    assert_true(significance_p(&none) == 1.0);
}

/* ---- Holm ---- */

/* The example of his paper's kind: four levels, of which the third does not pass the second's. */
static void test_holm(void **unused) {
    double p[] = {0.01, 0.04, 0.03, 0.005, 1.0, 0.0};
    static const double EXPECTED[] = {0.04, 0.09, 0.09, 0.025, 1.0, 0.0};
    (void) unused;
    significance_holm(p, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_true(fabs(p[i] - EXPECTED[i]) < 1e-15);
        assert_false(signbit(p[i]));
    }
    significance_holm(p, 0);
}

/* ---- Records ---- */

static const uint32_t TWO =
    VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);

static struct summary summary_of(const struct record *record) {
    struct summary summary;
    struct vitlrp_error err = {0};
    assert_int_equal(summary_make(&record->evaluation, NULL, 2, &summary, &err), VITLRP_OK);
    return summary;
}

static struct record record_of(size_t images, uint32_t replacements) {
    struct sample_shape shape = {.images = images,
                                 .methods = 6,
                                 .steps = 4,
                                 .grid = 2,
                                 .shards = 1,
                                 .replacements = replacements};
    return sample_record(&shape);
}

/* Turns the curves of a method under a replacement around: Delta changes its sign. */
static void reverse(struct record *record, size_t method, size_t replacement) {
    for (size_t i = 0; i < record->evaluation.image_count; i++) {
        struct eval_method_result *methods = record->evaluation.images[i].methods;
        if (methods != NULL && methods[method].valid) {
            float **of = methods[method].curves[replacement].of;
            float *kept = of[EVAL_CURVE_MORF_LOGIT];
            of[EVAL_CURVE_MORF_LOGIT] = of[EVAL_CURVE_LERF_LOGIT];
            of[EVAL_CURVE_LERF_LOGIT] = kept;
        }
    }
}

static void test_leader(void **unused) {
    struct record record = record_of(40, TWO);
    (void) unused;
    struct summary summary = summary_of(&record);
    const struct standing *standing = &summary.standing;
    assert_int_equal(standing->leader, 0);
    assert_true(standing->leads);
    assert_int_equal(standing->test_count, 5 * 2);
    assert_null(standing_worst(standing));
    assert_int_equal(standing->tests[9].than, 5);
    assert_int_equal(standing->tests[9].place, 1);
    assert_int_equal(standing->tests[0].n, 38); /* 3 failed, and method 1 on 5 */
    assert_int_equal(standing->tests[2].n, 39);
    assert_int_equal(standing->agreement[0].n, 38);
    assert_true(standing->agreement[0].mean == 1.0 && standing->agreement[0].hi == 1.0);
    summary_free(&summary);
    record_free(&record);
}

/* An interval is clear that leaves 0 out, on either side; nothing is, of no image. */
static void test_clear_intervals(void **unused) {
    static const struct {
        size_t n;
        double lo, hi;
        bool is_clear;
    } INTERVALS[] = {{1, 0.25, 0.5, true}, {9, -0.5, -0.25, true}, {9, -0.25, 0.5, false},
                     {9, 0.0, 0.5, false}, {9, -0.5, 0.0, false},  {0, 0.25, 0.5, false}};
    (void) unused;
    for (size_t i = 0; i < sizeof INTERVALS / sizeof INTERVALS[0]; i++) {
        const struct vitlrp_statistic statistic = {
            .n = INTERVALS[i].n, .lo = INTERVALS[i].lo, .hi = INTERVALS[i].hi};
        assert_true(summary_is_clear(&statistic) == INTERVALS[i].is_clear);
    }
}

/* The method that others are compared with, by its name: any of them, or none. */
static void test_reference(void **unused) {
    struct record record = record_of(20, TWO);
    const struct evaluation *evaluation = &record.evaluation;
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t m = 0; m <= evaluation->method_count + 1; m++) {
        struct summary summary;
        bool is_there = m < evaluation->method_count;
        const char *name = is_there                       ? evaluation->methods[m]
                           : m > evaluation->method_count ? "lime"
                                                          : NULL;
        assert_int_equal(summary_make(evaluation, name, 1, &summary, &err), VITLRP_OK);
        assert_int_equal(summary.reference, is_there ? m : evaluation->method_count);
        summary_free(&summary);
    }
    record_free(&record);
}

/* A method that is ahead under one replacement only is called better by nobody. */
static void test_one_replacement_is_not_enough(void **unused) {
    struct record record = record_of(40, TWO);
    (void) unused;
    reverse(&record, 0, 1);
    struct summary summary = summary_of(&record);
    const struct standing *standing = &summary.standing;
    assert_false(standing->leads);
    assert_int_equal(standing->leader, 1);
    const struct standing_test *worst = standing_worst(standing);
    assert_int_equal(worst->than, 0);
    assert_int_equal(worst->place, 0);
    assert_true(worst->difference < 0.0 && worst->p < 1e-6);
    /* Five methods compete, and one goes from the first place to the last. */
    assert_true(fabs(standing->agreement[0].mean - 0.2) < 1e-12);
    summary_free(&summary);
    record_free(&record);
}

static void test_few_images(void **unused) {
    (void) unused;
    for (size_t images = 19; images <= 22; images++) {
        struct record record = record_of(images, TWO); /* one failed, one without method 1 */
        struct summary summary = summary_of(&record);
        bool enough = images >= 22;
        assert_true(summary.standing.leads == enough);
        assert_true(isnan(summary.standing.agreement[0].lo) == !enough);
        assert_true(isfinite(summary.standing.agreement[0].mean));
        summary_free(&summary);
        record_free(&record);
    }
}

/* Without a measurement there is no leader, and no test of one. */
static void test_nothing_measured(void **unused) {
    struct record record = record_of(20, TWO);
    (void) unused;
    for (size_t i = 0; i < record.evaluation.image_count; i++) {
        struct eval_method_result *methods = record.evaluation.images[i].methods;
        for (size_t m = 0; methods != NULL && m < record.evaluation.method_count; m++) {
            methods[m].valid = false;
        }
    }
    struct summary summary = summary_of(&record);
    assert_int_equal(summary.standing.leader, record.evaluation.method_count);
    assert_int_equal(summary.standing.test_count, 0);
    assert_false(summary.standing.leads);
    summary_free(&summary);
    record_free(&record);
}

/* Random and centre may come first, and are the best at nothing. */
static void test_controls(void **unused) {
    struct record record = record_of(40, TWO);
    (void) unused;
    char *kept = record.evaluation.methods[0];
    record.evaluation.methods[0] = record.evaluation.methods[5];
    record.evaluation.methods[5] = kept;
    struct summary summary = summary_of(&record);
    assert_string_equal(record.evaluation.methods[summary.standing.leader], "random");
    assert_false(summary.standing.leads);
    summary_free(&summary);
    record_free(&record);
}

/* ---- The interval ---- */

/* Two methods whose order under the second replacement a coin decides on each image: tau is 1 or -1
 * in a sample, as its mean says. Its share of samples is that of the binomial distribution. */
static void test_interval_follows_the_images(void **unused) {
    struct record record = record_of(60, TWO);
    (void) unused;
    for (size_t m = 2; m < 6; m++) { /* the others always agree */
        reverse(&record, m, 0);
        reverse(&record, m, 1);
    }
    struct summary sure = summary_of(&record);
    assert_true(sure.standing.agreement[0].lo == sure.standing.agreement[0].hi);
    for (size_t i = 0; i < 60; i += 2) { /* methods 0 and 1 change places on half of the images */
        struct eval_method_result *methods = record.evaluation.images[i].methods;
        struct eval_curves kept = methods[0].curves[1];
        methods[0].curves[1] = methods[1].curves[1];
        methods[1].curves[1] = kept;
    }
    struct summary split = summary_of(&record);
    struct summary again = summary_of(&record);
    assert_true(split.standing.agreement[0].lo < split.standing.agreement[0].hi);
    assert_memory_equal(split.standing.agreement, again.standing.agreement,
                        sizeof *again.standing.agreement);
    summary_free(&sure);
    summary_free(&split);
    summary_free(&again);
    record_free(&record);
}

/* Delta of a method on an image under a replacement. */
static void set_delta(struct record *record, size_t image, size_t method, size_t replacement,
                      double delta) {
    struct eval_method_result *methods = record->evaluation.images[image].methods;
    for (size_t k = 0; k < 5 && methods != NULL && methods[method].valid; k++) {
        methods[method].curves[replacement].of[EVAL_CURVE_MORF_LOGIT][k] = 0.0F;
        methods[method].curves[replacement].of[EVAL_CURVE_LERF_LOGIT][k] = (float) delta;
    }
}

/* The lower end of tau's interval, 1 or -1, of two methods that agree under the first replacement,
 * and under the second are 1 + lead and 1 - lead apart, in turns. */
static double lower_end(double lead) {
    enum { IMAGES = 100 };
    struct sample_shape shape = {
        .images = IMAGES, .methods = 2, .steps = 4, .grid = 2, .shards = 1, .replacements = TWO};
    struct record record = sample_record(&shape);
    for (size_t i = 0; i < IMAGES; i++) {
        set_delta(&record, i, 0, 0, 1.0);
        set_delta(&record, i, 1, 0, 0.0);
        set_delta(&record, i, 0, 1, lead + (i % 2 == 0 ? 1.0 : -1.0));
        set_delta(&record, i, 1, 1, 0.0);
    }
    struct summary summary = summary_of(&record);
    struct vitlrp_statistic found = summary.standing.agreement[0];
    assert_int_equal(found.n, IMAGES - 2); /* image 3, and a method on image 5, have none */
    assert_true(found.mean == 1.0 && found.hi == 1.0);
    summary_free(&summary);
    record_free(&record);
    return found.lo;
}

/* The sum of leads over a sample is below 0 in 0.7 % of samples of the one, and in 5 % of the
 * other: 95 % intervals leave out the first and have the second. */
static void test_interval_has_its_level(void **unused) {
    (void) unused;
    assert_true(lower_end(0.23) == 1.0);
    assert_true(lower_end(0.14) == -1.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tau),
        cmocka_unit_test(test_student),
        cmocka_unit_test(test_holm),
        cmocka_unit_test(test_leader),
        cmocka_unit_test(test_clear_intervals),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_one_replacement_is_not_enough),
        cmocka_unit_test(test_few_images),
        cmocka_unit_test(test_nothing_measured),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_interval_follows_the_images),
        cmocka_unit_test(test_interval_has_its_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
