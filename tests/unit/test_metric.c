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

/* The area under a curve of `steps` equal steps, by the trapezoid rule. */
static double area_of(const float *curve, size_t steps) {
    double sum = 0.0;
    for (size_t k = 0; k < steps; k++) {
        sum += ((double) curve[k] + (double) curve[k + 1]) / 2.0;
    }
    return sum / (double) steps;
}

/* Every metric of curves reads its own; no two of these are alike. AOPC is the mean, over all
 * points and the first, of what is lost since the first (Samek et al. 2017, eq. 12). */
static void test_metrics_of_curves(void **unused) {
    enum { STEPS = 5 };
    struct sample_shape shape = {.images = 1, .methods = 1, .steps = STEPS, .grid = 4, .shards = 1};
    struct record record = sample_record(&shape);
    float *const *of = record.evaluation.images[0].methods[0].curves->of;
    struct test_random random = {12};
    double areas[EVAL_CURVES];
    double lost[2] = {0.0, 0.0};
    (void) unused;
    for (size_t c = 0; c < EVAL_CURVES; c++) {
        test_fill(&random, of[c], STEPS + 1, 1.0);
        areas[c] = area_of(of[c], STEPS);
    }
    for (size_t k = 0; k <= STEPS; k++) {
        const float *logit = of[EVAL_CURVE_MORF_LOGIT];
        const float *prob = of[EVAL_CURVE_MORF_PROB];
        lost[0] += ((double) logit[0] - (double) logit[k]) / (STEPS + 1);
        lost[1] += ((double) prob[0] - (double) prob[k]) / (STEPS + 1);
    }
    const struct {
        enum eval_metric metric;
        double value;
    } EXPECTED[] = {{EVAL_DELTA_LOGIT, areas[EVAL_CURVE_LERF_LOGIT] - areas[EVAL_CURVE_MORF_LOGIT]},
                    {EVAL_DELTA_PROB, areas[EVAL_CURVE_LERF_PROB] - areas[EVAL_CURVE_MORF_PROB]},
                    {EVAL_MORF_LOGIT, areas[EVAL_CURVE_MORF_LOGIT]},
                    {EVAL_MORF_PROB, areas[EVAL_CURVE_MORF_PROB]},
                    {EVAL_DELETION, areas[EVAL_CURVE_MORF_PROB]},
                    {EVAL_LERF_LOGIT, areas[EVAL_CURVE_LERF_LOGIT]},
                    {EVAL_LERF_PROB, areas[EVAL_CURVE_LERF_PROB]},
                    {EVAL_INSERTION, areas[EVAL_CURVE_LERF_PROB]},
                    {EVAL_MORF_TOP1, areas[EVAL_CURVE_MORF_TOP1]},
                    {EVAL_LERF_TOP1, areas[EVAL_CURVE_LERF_TOP1]},
                    {EVAL_AOPC_LOGIT, lost[0]},
                    {EVAL_AOPC_PROB, lost[1]}};
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++) {
        assert_true(eval_metric_is_of_curves(EXPECTED[i].metric));
        assert_true(fabs(metric_of(&record, EXPECTED[i].metric, 0) - EXPECTED[i].value) < 1e-6);
    }
    assert_true(isnan(metric_of(&record, EVAL_DROP_1, 0))); /* of hidden units alone */
    record_free(&record);
}

/* Every metric of maps reads its own field; a method that failed has none of any kind. */
static void test_metrics_of_maps(void **unused) {
    struct sample_shape shape = {.images = 1, .methods = 1, .steps = 4, .grid = 2, .shards = 1};
    struct record record = sample_record(&shape);
    struct eval_method_result *result = &record.evaluation.images[0].methods[0];
    (void) unused;
    result->pointing = 1.0;
    result->mass = 2.0;
    result->rank = 3.0;
    result->sparseness = 4.0;
    result->complexity = 5.0;
    result->rho_drop = 6.0;
    result->rho_shapley = 7.0;
    result->segmentation.accuracy = 8.0;
    result->segmentation.average_precision = 9.0;
    result->rho_randomized = 10.0;
    result->max_sensitivity = 11.0;
    static const enum eval_metric METRICS[] = {
        EVAL_POINTING,          EVAL_MASS,           EVAL_RANK,           EVAL_SPARSENESS,
        EVAL_COMPLEXITY,        EVAL_RHO_DROP,       EVAL_RHO_SHAPLEY,    EVAL_PIXEL_ACCURACY,
        EVAL_AVERAGE_PRECISION, EVAL_RHO_RANDOMIZED, EVAL_MAX_SENSITIVITY};
    for (size_t i = 0; i < sizeof METRICS / sizeof METRICS[0]; i++) {
        assert_false(eval_metric_is_of_curves(METRICS[i]));
        assert_true(metric_of(&record, METRICS[i], 0) == (double) (i + 1));
    }
    result->valid = false;
    for (size_t i = 0; i < EVAL_METRIC_COUNT; i++) {
        assert_true(isnan(metric_of(&record, (enum eval_metric) i, 0)));
    }
    result->valid = true;
    record_free(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concentration),
        cmocka_unit_test(test_concentration_ends),
        cmocka_unit_test(test_metrics_of_curves),
        cmocka_unit_test(test_metrics_of_maps),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_shares_between_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
