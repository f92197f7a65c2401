/* Metrics that are made of curves and maps, against their definitions. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/concentration.h"
#include "eval/metric.h"
#include "support/golden.h"
#include "support/sample_record.h"

#include "support/unit.h"

static struct concentration concentrate(const float *scores, size_t count) {
    struct concentration found;
    struct vitlrp_error err = {0};
    assert_int_equal(concentration_of(scores, count, &found, &err), VITLRP_OK);
    return found;
}

/* Gini: half the mean absolute difference of two scores, to their mean. */
static void test_concentration(void **unused) {
    enum { COUNT = 37 };
    float scores[COUNT];
    struct test_random random = {3};
    (void) unused;
    for (int trial = 0; trial < 20; trial++) {
        double differences = 0.0;
        double sum = 0.0;
        double entropy = 0.0;
        test_fill(&random, scores, COUNT, 1.0); /* of both signs */
        scores[trial] = 0.0F;
        for (size_t i = 0; i < COUNT; i++) {
            sum += fabs((double) scores[i]);
            for (size_t k = 0; k < COUNT; k++) {
                differences += fabs(fabs((double) scores[i]) - fabs((double) scores[k]));
            }
        }
        for (size_t i = 0; i < COUNT; i++) {
            double p = fabs((double) scores[i]) / sum;
            entropy += p > 0.0 ? -p * log(p) : 0.0;
        }
        struct concentration found = concentrate(scores, COUNT);
        assert_true(fabs(found.sparseness - differences / (2.0 * COUNT * sum)) < 1e-12);
        assert_true(fabs(found.complexity - entropy) < 1e-12);
    }
}

static void test_concentration_ends(void **unused) {
    static const float ALL[] = {-2.0F, 2.0F, 2.0F, -2.0F};
    static const float ONE[] = {0.0F, 0.0F, -3.0F, 0.0F};
    static const float NONE[] = {0.0F, 0.0F, -0.0F, 0.0F};
    (void) unused;
    assert_true(fabs(concentrate(ALL, 4).sparseness) < 1e-15);
    assert_true(fabs(concentrate(ALL, 4).complexity - log(4.0)) < 1e-15);
    assert_true(fabs(concentrate(ONE, 4).sparseness - 0.75) < 1e-15);
    assert_true(concentrate(ONE, 4).complexity == 0.0);
    assert_true(isnan(concentrate(NONE, 4).sparseness) && isnan(concentrate(NONE, 4).complexity));
}

static double metric_of(const struct record *record, enum eval_metric metric, size_t replacement) {
    const struct eval_measure measure = {metric, replacement};
    return eval_metric_value(&record->evaluation, &record->evaluation.images[0], 0, measure);
}

/* With 100 steps the five shares are points of the curves. */
static void test_shares(void **unused) {
    static const size_t POINTS[] = {1, 5, 10, 20, 50};
    struct sample_shape shape = {.images = 1,
                                 .methods = 1,
                                 .steps = 100,
                                 .grid = 10,
                                 .shards = 1,
                                 .replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) |
                                                 VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR)};
    struct record record = sample_record(&shape);
    (void) unused;
    for (size_t r = 0; r < 2; r++) {
        float *const *of = record.evaluation.images[0].methods[0].curves[r].of;
        const float *morf = of[EVAL_CURVE_MORF_PROB];
        const float *lerf = of[EVAL_CURVE_LERF_PROB];
        double without = 0.0;
        double alone = 0.0;
        double top1 = 0.0;
        for (size_t i = 0; i < 5; i++) {
            without += ((double) morf[0] - (double) morf[POINTS[i]]) / 5.0;
            alone += ((double) lerf[0] - (double) lerf[100 - POINTS[i]]) / 5.0;
        }
        for (size_t k = 0; k < 100; k++) {
            top1 +=
                ((double) of[EVAL_CURVE_LERF_TOP1][k] + (double) of[EVAL_CURVE_LERF_TOP1][k + 1]) /
                200.0;
        }
        assert_true(fabs(metric_of(&record, EVAL_COMPREHENSIVENESS, r) - without) < 1e-6);
        assert_true(fabs(metric_of(&record, EVAL_SUFFICIENCY, r) - alone) < 1e-6);
        assert_true(fabs(metric_of(&record, EVAL_LERF_TOP1, r) - top1) < 1e-12);
        assert_true(metric_of(&record, EVAL_SPARSENESS, r) == 0.75);
        assert_true(metric_of(&record, EVAL_DELETION, r) == metric_of(&record, EVAL_MORF_PROB, r));
    }
    assert_true(metric_of(&record, EVAL_SUFFICIENCY, 0) != metric_of(&record, EVAL_SUFFICIENCY, 1));
    record_free(&record);
}

/* Between two points in proportion: on straight lines nothing depends on the steps. */
static void test_shares_between_points(void **unused) {
    static const int32_t STEPS[] = {1, 3, 28};
    (void) unused;
    for (size_t s = 0; s < 3; s++) {
        struct sample_shape shape = {
            .images = 1, .methods = 1, .steps = STEPS[s], .grid = 2, .shards = 1};
        struct record record = sample_record(&shape);
        float *const *of = record.evaluation.images[0].methods[0].curves->of;
        for (int32_t k = 0; k <= STEPS[s]; k++) {
            of[EVAL_CURVE_MORF_PROB][k] = 1.0F - (float) k / (float) STEPS[s];
            of[EVAL_CURVE_LERF_PROB][k] = 1.0F - (float) k / (float) STEPS[s];
        }
        assert_true(fabs(metric_of(&record, EVAL_COMPREHENSIVENESS, 0) - 0.172) < 1e-6);
        assert_true(fabs(metric_of(&record, EVAL_SUFFICIENCY, 0) - 0.828) < 1e-6);
        record_free(&record);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concentration),
        cmocka_unit_test(test_concentration_ends),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_shares_between_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
