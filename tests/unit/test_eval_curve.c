/* Perturbation curves: an independent program's, and a brute-force twin's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "eval/curve.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "eval/replace.h"
#include "eval/road.h"
#include "support/golden.h"
#include "support/load_checks.h"

#include "support/unit.h"

enum { CLASSES = 10, SIDE = 32, PATCH = 8, AREA = SIDE * SIDE, INPUT = 3 * AREA };
enum { COLUMNS = SIDE / PATCH, PATCHES = COLUMNS * COLUMNS, MAX_STEPS = 40, MAX_METHODS = 5 };

/* The class of top-1: that of the last input which a twin was made for; and at how many points of
 * it that class was the first. */
static size_t expected_class, top1_met;

static const struct vitlrp_preprocess PREPROCESS = {.mean = {0.4F, 0.5F, 0.3F},
                                                    .std = {0.2F, 0.1F, 0.5F}};

/* Another image's input; filled once. */
static float DONOR[INPUT];

/* Everything that curves need on the model of tests/golden/parity. */
struct bench {
    struct vit_model *model;
    struct vit_batch *batch;
    struct curve_evaluator *evaluator;
    size_t steps;
    float patches[MAX_METHODS][PATCHES];
    float curves[MAX_METHODS][EVAL_CURVES][MAX_STEPS + 1];
    struct eval_curves under[MAX_METHODS];
    struct eval_method_result results[MAX_METHODS];
};

/* Everything but the evaluator, whose protocol is yet to come. */
static struct curve_options bench_prepare(struct bench *bench, int32_t steps, size_t methods,
                                          size_t capacity) {
    struct vitlrp_error err = {0};
    struct vit_batch_options batch = {.threads = 1, .capacity = capacity, .backend = "auto"};
    memset(bench, 0, sizeof *bench);
    bench->steps = (size_t) steps;
    bench->model = expect_parity("timm.safetensors");
    assert_int_equal(vit_batch_open(bench->model, &batch, &bench->batch, &err), VITLRP_OK);
    for (size_t m = 0; m < methods; m++) {
        for (size_t c = 0; c < EVAL_CURVES; c++) {
            bench->under[m].of[c] = bench->curves[m][c];
        }
        bench->results[m] = (struct eval_method_result){
            .valid = true, .curves = &bench->under[m], .patches = bench->patches[m]};
    }
    return (struct curve_options){.model = bench->model,
                                  .batch = bench->batch,
                                  .input_height = SIDE,
                                  .input_width = SIDE,
                                  .preprocess = &PREPROCESS,
                                  .protocol = {.steps = steps, .regions = 1},
                                  .method_count = methods};
}

static void bench_begin(struct bench *bench, const struct curve_options *options) {
    struct vitlrp_error err = {0};
    if (curve_evaluator_open(options, &bench->evaluator, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

static void bench_open(struct bench *bench, int32_t steps, enum vitlrp_replacement replacement,
                       size_t methods, size_t capacity) {
    struct curve_options options = bench_prepare(bench, steps, methods, capacity);
    options.protocol.replacements = VITLRP_REPLACEMENT_BIT(replacement);
    bench_begin(bench, &options);
}

static void bench_close(struct bench *bench) {
    curve_evaluator_close(bench->evaluator);
    vit_batch_close(bench->batch);
    vit_model_free(bench->model);
}

static void evaluate(struct bench *bench, const float *input, int32_t output, size_t methods) {
    struct curve_request request = {.input = input,
                                    .output = output,
                                    .seed = 77,
                                    .expected = (int32_t) expected_class,
                                    .donor = DONOR,
                                    .methods = bench->results,
                                    .method_count = methods};
    struct vitlrp_error err = {0};
    if (curve_evaluate(bench->evaluator, &request, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

/* ---- The independent program's curves ---- */

static const char *const CURVES[] = {"morf_logit", "morf_prob", "lerf_logit", "lerf_prob"};

static void compare_golden(const json_t *expected, const char *scores) {
    struct bench bench;
    char path[128];
    int32_t steps = (int32_t) json_integer_value(json_object_get(expected, "steps"));
    int32_t target = (int32_t) json_integer_value(json_object_get(expected, "target"));
    float *input = golden_read("parity/input.npy", 3, INPUT);
    snprintf(path, sizeof path, "parity/%s.npy", scores);
    float *patches = golden_read(path, 1, PATCHES);
    assert_in_range(steps, 1, MAX_STEPS);
    bench_open(&bench, steps, VITLRP_REPLACE_ZERO, 1, 0);
    memcpy(bench.patches[0], patches, sizeof bench.patches[0]);
    evaluate(&bench, input, target, 1);
    for (size_t c = 0; c < 4; c++) {
        const json_t *curve = json_object_get(expected, CURVES[c]);
        const json_t *area = json_object_get(json_object_get(expected, "auc"), CURVES[c]);
        assert_int_equal(json_array_size(curve), steps + 1);
        for (size_t k = 0; k <= bench.steps; k++) {
            double value = json_real_value(json_array_get(curve, k));
            assert_true(fabs((double) bench.curves[0][c][k] - value) < 1e-4);
        }
        assert_true(fabs(protocol_area(bench.curves[0][c], bench.steps) - json_real_value(area)) <
                    1e-4);
    }
    bench_close(&bench);
    mem_free(patches);
    mem_free(input);
}

static void test_golden_curves(void **unused) {
    json_t *expected = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(json_read_object(TEST_DATA "/golden/parity/expected.json", (size_t) 1 << 24,
                                      &expected, &err),
                     VITLRP_OK);
    const json_t *curves = json_object_get(expected, "curves");
    compare_golden(json_object_get(curves, "attnlrp_paper"), "patches_attnlrp_paper");
    compare_golden(json_object_get(curves, "rollout_mean"), "patches_rollout_mean");
    json_decref(expected);
}

/* ---- The twin: every point by itself, pixels mixed by hand ---- */

static void mix(const float *input, const float *replacement, const uint8_t *mask, float *out) {
    for (size_t i = 0; i < INPUT; i++) {
        size_t patch = i % AREA / SIDE / PATCH * COLUMNS + i % SIDE / PATCH;
        out[i] = mask[patch] != 0 ? replacement[i] : input[i];
    }
}

/* The input with the patches of a mask replaced. */
static void perturb(enum vitlrp_replacement replacement, const float *input, const uint8_t *mask,
                    float *out) {
    float other[INPUT];
    struct vitlrp_error err = {0};
    if (replacement == VITLRP_REPLACE_ROAD) {
        struct road_shape shape = {SIDE, SIDE, PATCH, PATCH, false};
        struct road *road = NULL;
        assert_int_equal(road_open(&shape, &road, &err), VITLRP_OK);
        replacement_noise(77, ROAD_NOISE, INPUT, other);
        road_impute(road, input, mask, other, out);
        road_close(road);
        return;
    }
    struct replacement_request request = {replacement, &PREPROCESS, SIDE,  SIDE,
                                          PATCH,       PATCH,       DONOR, 77};
    assert_int_equal(replacement_make(&request, input, other, &err), VITLRP_OK);
    mix(input, other, mask, out);
}

/* Squares of `side` patches, counted row by row. */
static size_t region_of(size_t patch, size_t side) {
    size_t across = (COLUMNS + side - 1) / side;
    return patch / COLUMNS / side * across + patch % COLUMNS / side;
}

static float region_score(const float *scores, size_t region, size_t side) {
    double sum = 0.0;
    size_t count = 0;
    for (size_t p = 0; p < PATCHES; p++) {
        sum += region_of(p, side) == region ? (double) scores[p] : 0.0;
        count += region_of(p, side) == region ? 1 : 0;
    }
    return (float) (sum / (double) count);
}

/* How regions are put in an order. */
struct twin_order {
    size_t side;
    bool reversed; /* least relevant first */
    bool back;     /* equal scores stand by their index, the last one first */
};

/* Which patches are replaced after `count` regions of the scores' order. */
static void mask_after(const float *scores, size_t count, const struct twin_order *order,
                       uint8_t *mask) {
    size_t regions = region_of(PATCHES - 1, order->side) + 1;
    for (size_t p = 0; p < PATCHES; p++) {
        size_t own = region_of(p, order->side);
        float score = region_score(scores, own, order->side);
        size_t before = 0;
        for (size_t other = 0; other < regions; other++) {
            float theirs = region_score(scores, other, order->side);
            bool first = order->back ? other > own : other < own;
            before += theirs > score || (theirs == score && first);
        }
        mask[p] = order->reversed ? before >= regions - count : before < count;
    }
}

/* logit and probability with the patches of a mask replaced, added with half their weight. */
static void point_alone(struct bench *bench, enum vitlrp_replacement replacement,
                        const float *input, const uint8_t *mask, double out[3]) {
    float perturbed[INPUT];
    float logits[CLASSES];
    double sum = 0.0;
    struct vitlrp_error err = {0};
    perturb(replacement, input, mask, perturbed);
    assert_int_equal(vit_batch_forward(bench->batch, 1, perturbed, logits, &err), VITLRP_OK);
    for (size_t i = 0; i < CLASSES; i++) {
        sum += exp((double) logits[i]);
    }
    bool largest = true;
    for (size_t i = 0; i < CLASSES; i++) {
        largest = largest && (i == expected_class || logits[i] < logits[expected_class]);
    }
    out[2] += largest ? 0.5 : 0.0;
    out[0] += 0.5 * (double) logits[4];
    out[1] += 0.5 * exp((double) logits[4]) / sum;
}

static size_t predicted_class(struct bench *bench, const float *input) {
    float logits[CLASSES];
    size_t largest = 0;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_batch_forward(bench->batch, 1, input, logits, &err), VITLRP_OK);
    for (size_t i = 1; i < CLASSES; i++) {
        largest = logits[i] > logits[largest] ? i : largest;
    }
    return largest;
}

/* A point of one method's curve: both orders of equal scores, the direction by `order`. */
static void compare_point(struct bench *bench, enum vitlrp_replacement replacement,
                          const float *input, size_t m, size_t k, struct twin_order order) {
    double expected[3] = {0};
    uint8_t mask[PATCHES];
    double regions = (double) region_of(PATCHES - 1, order.side) + 1.0;
    size_t count = (size_t) floor((double) k * regions / (double) bench->steps + 0.5);
    for (int back = 0; back < 2; back++) {
        order.back = back != 0;
        mask_after(bench->patches[m], count, &order, mask);
        point_alone(bench, replacement, input, mask, expected);
    }
    float(*curves)[MAX_STEPS + 1] = bench->curves[m];
    bool lerf = order.reversed;
    double logit = (double) curves[lerf ? EVAL_CURVE_LERF_LOGIT : EVAL_CURVE_MORF_LOGIT][k];
    double probability = (double) curves[lerf ? EVAL_CURVE_LERF_PROB : EVAL_CURVE_MORF_PROB][k];
    double top1 = (double) curves[lerf ? EVAL_CURVE_LERF_TOP1 : EVAL_CURVE_MORF_TOP1][k];
    assert_true(fabs(logit - expected[0]) < 1e-4);
    assert_true(fabs(probability - expected[1]) < 1e-5);
    assert_true(top1 == expected[2]);
    top1_met += expected[2] > 0.0 ? 1 : 0;
}

static void compare_twin(enum vitlrp_replacement replacement, int32_t steps, size_t capacity,
                         size_t side) {
    struct bench bench;
    float input[INPUT];
    struct test_random random = {(unsigned long long) steps};
    struct curve_options options = bench_prepare(&bench, steps, 2, capacity);
    options.protocol.replacements = VITLRP_REPLACEMENT_BIT(replacement);
    options.protocol.regions = (int32_t) side;
    bench_begin(&bench, &options);
    test_fill(&random, input, INPUT, 2.0);
    test_fill(&random, bench.patches[0], PATCHES, 1.0);
    for (size_t p = 0; p < PATCHES; p++) {
        bench.patches[1][p] = (float) test_below(&random, 3); /* ties */
    }
    top1_met = 0;
    expected_class = predicted_class(&bench, input);
    evaluate(&bench, input, 4, 2);
    for (size_t i = 0; i < 2 * (bench.steps + 1) * 2; i++) {
        struct twin_order order = {.side = side, .reversed = i / 2 % 2 != 0};
        compare_point(&bench, replacement, input, i % 2, i / 4, order);
    }
    assert_true(top1_met > 0);
    bench_close(&bench);
}

static void test_twin_for_every_replacement(void **unused) {
    (void) unused;
    for (int i = VITLRP_REPLACE_ZERO; i <= VITLRP_REPLACE_DONOR; i++) {
        compare_twin((enum vitlrp_replacement) i, 5, 0, 1);
    }
}

static void test_twin_for_steps(void **unused) {
    (void) unused;
    compare_twin(VITLRP_REPLACE_ZERO, 1, 0, 1);
    compare_twin(VITLRP_REPLACE_ZERO, PATCHES, 3, 1);
    compare_twin(VITLRP_REPLACE_ZERO, 28, 1, 1); /* more points than patches */
}

/* Of 4 x 4 patches: whole squares, and those of which only one is whole. */
static void test_twin_for_regions(void **unused) {
    (void) unused;
    for (size_t side = 2; side < COLUMNS; side++) {
        compare_twin(VITLRP_REPLACE_ZERO, 4, 0, side);
        compare_twin(VITLRP_REPLACE_ROAD, 3, 2, side);
        compare_twin(VITLRP_REPLACE_BLUR, 7, 0, side); /* more points than regions */
    }
}

/* The whole grid at once has no order, and squares of no patches are none. */
static void test_regions_are_refused(void **unused) {
    static const int32_t SIDES[] = {0, COLUMNS, COLUMNS + 1};
    struct bench bench;
    struct curve_options options = bench_prepare(&bench, 4, 1, 0);
    (void) unused;
    options.protocol.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO);
    for (size_t i = 0; i < sizeof SIDES / sizeof SIDES[0]; i++) {
        struct vitlrp_error err = {0};
        options.protocol.regions = SIDES[i];
        assert_int_equal(curve_evaluator_open(&options, &bench.evaluator, &err), VITLRP_USAGE);
        assert_non_null(strstr(err.message, "regions"));
    }
    bench_close(&bench);
}

/* Row b37 of the table of bad inputs: a map that says nothing has no Delta, on one image, nor where
 * some regions are smaller than others. */
static void test_b37_constant_map(void **unused) {
    struct bench bench;
    float input[INPUT];
    struct test_random random = {37};
    (void) unused;
    for (int32_t side = 1; side <= 3; side++) {
        struct curve_options options = bench_prepare(&bench, 28, 1, 0);
        options.protocol.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO);
        options.protocol.regions = side;
        bench_begin(&bench, &options);
        test_fill(&random, input, INPUT, 2.0);
        for (size_t p = 0; p < PATCHES; p++) {
            bench.patches[0][p] = 0.1F; /* sums of which are not exact */
        }
        evaluate(&bench, input, 4, 1);
        for (size_t c = 0; c < 2; c++) {
            assert_memory_equal(bench.curves[0][c], bench.curves[0][c + 2],
                                (bench.steps + 1) * sizeof(float));
        }
        bench_close(&bench);
    }
}

/* A method's ties change no bit of a method without: method 0 has the same first order in both
 * runs, once with ties. The last batch of the first orders has 8 of 9 inputs; a ninth, of the
 * second orders, would be multiplied by another kernel. */
static void test_b37_ties_of_others(void **unused) {
    struct bench bench;
    float input[INPUT];
    float beside_none[4][MAX_STEPS + 1];
    struct test_random random = {38};
    (void) unused;
    bench_open(&bench, 28, VITLRP_REPLACE_ZERO, 2, 9);
    test_fill(&random, input, INPUT, 2.0);
    test_fill(&random, bench.patches[1], PATCHES, 1.0);
    for (size_t p = 0; p < PATCHES; p++) {
        bench.patches[0][p] = 1000.0F * (float) (p % 3) - (float) p;
    }
    evaluate(&bench, input, 4, 2);
    memcpy(beside_none, bench.curves[1], sizeof beside_none);
    for (size_t p = 0; p < PATCHES; p++) {
        bench.patches[0][p] = (float) (p % 3);
    }
    evaluate(&bench, input, 4, 2);
    assert_memory_equal(beside_none, bench.curves[1], sizeof beside_none);
    bench_close(&bench);
}

/* ---- What is computed once ---- */

static void test_points_are_shared(void **unused) {
    struct bench bench;
    float input[INPUT];
    struct test_random random = {1};
    (void) unused;
    bench_open(&bench, PATCHES, VITLRP_REPLACE_ZERO, 4, 0);
    test_fill(&random, input, INPUT, 2.0);
    test_fill(&random, bench.patches[0], PATCHES, 1.0);
    for (size_t p = 0; p < PATCHES; p++) {
        bench.patches[1][p] = 3.0F * bench.patches[0][p]; /* the same order */
        bench.patches[2][p] = -bench.patches[0][p];       /* the reverse */
        bench.patches[3][p] = 1.0F;
    }
    bench.results[3].valid = false;
    evaluate(&bench, input, 4, 4);
    /* Both directions of one order: all but the end points twice. */
    assert_int_equal(vit_batch_inputs(bench.batch), 2 + 2 * (PATCHES - 1));
    assert_memory_equal(bench.curves[0], bench.curves[1], sizeof bench.curves[0]);
    assert_memory_equal(bench.curves[0][0], bench.curves[2][2], sizeof bench.curves[0][0]);
    assert_memory_equal(bench.curves[0][3], bench.curves[2][1], sizeof bench.curves[0][0]);
    for (size_t k = 0; k <= PATCHES; k++) {
        assert_true(bench.curves[3][0][k] == 0.0F); /* not valid: not touched */
    }
    bench_close(&bench);
}

static void test_end_points(void **unused) {
    struct bench bench;
    float input[INPUT];
    float both[2 * INPUT] = {0};
    float logits[2 * CLASSES];
    struct test_random random = {9};
    struct vitlrp_error err = {0};
    (void) unused;
    bench_open(&bench, 7, VITLRP_REPLACE_ZERO, 1, 0);
    test_fill(&random, input, INPUT, 2.0);
    test_fill(&random, bench.patches[0], PATCHES, 1.0);
    memcpy(both, input, sizeof input);
    evaluate(&bench, input, 2, 1);
    assert_int_equal(vit_batch_forward(bench.batch, 2, both, logits, &err), VITLRP_OK);
    for (size_t direction = 0; direction < 4; direction += 2) {
        assert_true(fabsf(bench.curves[0][direction][0] - logits[2]) < 1e-5F);
        assert_true(fabsf(bench.curves[0][direction][7] - logits[CLASSES + 2]) < 1e-5F);
    }
    assert_true(bench.curves[0][0][0] == bench.curves[0][2][0]);
    assert_true(bench.curves[0][0][7] == bench.curves[0][2][7]);
    bench_close(&bench);
}

/* ---- Several replacements ---- */

/* Under each, the bits of an evaluation that has it alone: road computes fewer points at a time,
 * and noise draws anew. */
static void test_each_of_several_as_if_alone(void **unused) {
    static const enum vitlrp_replacement LIST[] = {VITLRP_REPLACE_BLACK, VITLRP_REPLACE_NOISE,
                                                   VITLRP_REPLACE_ROAD, VITLRP_REPLACE_DONOR};
    enum { COUNT = sizeof LIST / sizeof LIST[0], STEPS = 9 };
    struct bench bench;
    float input[INPUT];
    struct test_random random = {5};
    struct eval_protocol protocol = {.steps = STEPS, .regions = 1};
    struct eval_curves *alone[2][COUNT];
    struct vitlrp_error err = {0};
    (void) unused;
    test_fill(&random, input, INPUT, 2.0);
    for (size_t i = 0; i <= COUNT; i++) {
        uint32_t bit = i < COUNT ? VITLRP_REPLACEMENT_BIT(LIST[i]) : protocol.replacements;
        protocol.replacements |= bit;
        bench_open(&bench, STEPS, VITLRP_REPLACE_ZERO, 2, 3);
        curve_evaluator_close(bench.evaluator);
        struct curve_options options = {
            .model = bench.model,
            .batch = bench.batch,
            .input_height = SIDE,
            .input_width = SIDE,
            .preprocess = &PREPROCESS,
            .protocol = {.steps = STEPS, .replacements = bit, .regions = 1},
            .method_count = 2};
        assert_int_equal(curve_evaluator_open(&options, &bench.evaluator, &err), VITLRP_OK);
        random = (struct test_random){6};
        test_fill(&random, bench.patches[0], PATCHES, 1.0);
        for (size_t m = 0; m < 2; m++) {
            struct eval_curves *curves;
            assert_int_equal(eval_curves_open(&options.protocol, &curves, &err), VITLRP_OK);
            bench.results[m].curves = curves;
            bench.patches[1][m] = 1.0F; /* the others are tied */
        }
        evaluate(&bench, input, 4, 2);
        for (size_t m = 0; m < 2 && i < COUNT; m++) {
            alone[m][i] = bench.results[m].curves;
        }
        for (size_t k = 0; i == COUNT && k < (size_t) 2 * COUNT; k++) {
            const struct eval_curves *one = alone[k % 2][k / 2];
            assert_memory_equal(bench.results[k % 2].curves[k / 2].of[0], one->of[0],
                                (size_t) EVAL_CURVES * (STEPS + 1) * sizeof(float));
            mem_free(alone[k % 2][k / 2]);
        }
        for (size_t m = 0; m < 2 && i == COUNT; m++) {
            mem_free(bench.results[m].curves);
        }
        bench_close(&bench);
    }
}

int main(void) {
    struct test_random random = {11};
    test_fill(&random, DONOR, INPUT, 2.0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_curves),
        cmocka_unit_test(test_twin_for_every_replacement),
        cmocka_unit_test(test_twin_for_steps),
        cmocka_unit_test(test_twin_for_regions),
        cmocka_unit_test(test_regions_are_refused),
        cmocka_unit_test(test_b37_constant_map),
        cmocka_unit_test(test_b37_ties_of_others),
        cmocka_unit_test(test_points_are_shared),
        cmocka_unit_test(test_end_points),
        cmocka_unit_test(test_each_of_several_as_if_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
