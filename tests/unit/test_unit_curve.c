/* Curves over hidden units: against float64 programs that set the units of each point to 0, or to
 * their means (golden/latent, "curves" of expected.json). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "base/json.h"
#include "base/mem.h"
#include "eval/point_set.h"
#include "eval/protocol.h"
#include "eval/statistics.h"
#include "eval/unit_curve.h"
#include "support/golden.h"
#include "support/latent.h"

#include "support/unit.h"

enum { METHODS = 2, MEANS = 2, MOST_UNITS = 600 };

static const char *const FOLDERS[] = {"latent-vit", "latent-registers"};

/* A set of curves: two methods on one image. */
struct range {
    const char *site_name; /* in the keys of "curves" */
    enum vitlrp_site site;
    size_t first_block, blocks;
    bool from_means;
};

static const struct range RANGES[] = {{"fc1_all", VITLRP_SITE_FC1, 0, 3, false},
                                      {"fc1_block1", VITLRP_SITE_FC1, 1, 1, false},
                                      {"head_all", VITLRP_SITE_HEAD, 0, 3, false},
                                      {"fc1_all_mean", VITLRP_SITE_FC1, 0, 3, true}};

struct bench {
    struct latent latent;
    struct vitlrp_model *model; /* latent's */
    struct vit_batch *batch;
    struct unit_evaluator *evaluator;
    const struct range *range;
    size_t image, width, units;
    int32_t predicted;
    float *input;
    float *scores[METHODS]; /* [bench->latent.depth, width] */
    float *means;
    bool curves_alone;
    const uint32_t *singles;
    size_t single_count;
};

static float *read_scores(const struct bench *bench, const char *method) {
    char file[128];
    bool is_head = bench->range->site == VITLRP_SITE_HEAD;
    snprintf(file, sizeof file, "%zu_%s_%s_relevance%s", bench->image, method,
             is_head ? "head" : "fc1", bench->range->from_means ? "_from_mean" : "");
    return latent_read(&bench->latent, file, 2, bench->latent.depth * bench->width);
}

static void open_evaluator(struct bench *bench, size_t capacity) {
    struct vitlrp_error err = {0};
    const struct vit_batch_options batch = {
        .threads = 1, .capacity = capacity, .backend = "auto", .units = true};
    assert_int_equal(vit_batch_open(bench->model->vit, &batch, &bench->batch, &err), VITLRP_OK);
    const struct unit_curve_options options = {.model = bench->model->vit,
                                               .batch = bench->batch,
                                               .site = bench->range->site,
                                               .blocks = bench->latent.depth,
                                               .means = bench->means,
                                               .block_means = bench->width * MEANS,
                                               .method_count = METHODS,
                                               .single_count = MOST_UNITS};
    assert_int_equal(unit_evaluator_open(&options, &bench->evaluator, &err), VITLRP_OK);
}

static void bench_open(struct bench *bench, const char *folder, const struct range *range,
                       size_t image) {
    *bench = (struct bench){.range = range, .image = image};
    latent_open(&bench->latent, folder, false);
    bench->model = bench->latent.model;
    bench->width = (size_t) vitlrp_model_site_width(bench->model, range->site);
    bench->units = range->blocks * bench->width;
    bench->input = latent_input(&bench->latent, bench->model, (int) image);
    bench->predicted = (int32_t) json_integer_value(
        json_array_get(json_object_get(bench->latent.expected, "predicted"), image));
    bench->scores[0] = read_scores(bench, "attnlrp");
    bench->scores[1] = read_scores(bench, "gradient");
    if (range->from_means) {
        bench->means =
            latent_read(&bench->latent, "fc1_means", 3, bench->latent.depth * bench->width * MEANS);
    }
    open_evaluator(bench, 3);
}

static void bench_close(struct bench *bench) {
    unit_evaluator_close(bench->evaluator);
    vit_batch_close(bench->batch);
    vitlrp_free(bench->input);
    latent_close(&bench->latent);
    mem_free(bench->scores[0]);
    mem_free(bench->scores[1]);
    mem_free(bench->means);
}

static enum vitlrp_status evaluate(const struct bench *bench, struct unit_curves *curves,
                                   struct vitlrp_error *err) {
    size_t skipped = bench->range->first_block * bench->width;
    const float *scores[METHODS] = {bench->scores[0] + skipped, bench->scores[1] + skipped};
    const struct unit_curve_request request = {
        .input = bench->input,
        .question = {.output = bench->predicted, .expected = bench->predicted},
        .first_block = bench->range->first_block,
        .blocks = bench->range->blocks,
        .scores = scores,
        .method_count = METHODS,
        .curves_alone = bench->curves_alone,
        .singles = bench->singles,
        .single_count = bench->single_count};
    return unit_curve_evaluate(bench->evaluator, &request, curves, err);
}

static const json_t *wanted_of(const struct bench *bench, size_t method) {
    char key[128];
    snprintf(key, sizeof key, "%zu_%s_%s", bench->image, bench->range->site_name,
             method == 0 ? "attnlrp" : "input-x-gradient");
    const json_t *curves = json_object_get(bench->latent.expected, "curves");
    const json_t *wanted = json_object_get(curves, key);
    if (wanted == NULL) {
        fail_msg("no curve %s", key);
    }
    return wanted;
}

static double number_at(const json_t *array, size_t index) {
    return json_number_value(json_array_get(array, index));
}

/* The scores are float64 there: where two are one in float32, either may come first. */
static void check_order(const struct bench *bench, const json_t *wanted, size_t method) {
    struct ranked_patch order[MOST_UNITS];
    const float *scores = bench->scores[method] + bench->range->first_block * bench->width;
    const json_t *units = json_object_get(wanted, "order");
    assert_int_equal(json_array_size(units), bench->units);
    protocol_rank(scores, bench->units, order);
    for (size_t i = 0; i < bench->units; i++) {
        size_t unit = (size_t) json_integer_value(json_array_get(units, i));
        assert_true(order[i].patch == unit || scores[order[i].patch] == scores[unit]);
    }
}

static void check_curve(const float *curve, size_t units, const json_t *wanted, const char *what) {
    char area[32];
    const json_t *points = json_object_get(wanted, what);
    assert_int_equal(json_array_size(points), UNIT_POINTS);
    for (size_t k = 0; k < UNIT_POINTS; k++) {
        double difference = (double) curve[k] - number_at(points, k);
        if (!(fabs(difference) < 1e-4)) {
            fail_msg("%s: point %zu is off by %g", what, k, difference);
        }
    }
    snprintf(area, sizeof area, "auc_%s", what);
    double wanted_area = json_number_value(json_object_get(wanted, area));
    assert_true(fabs(unit_order_area(curve, units) - wanted_area) < 1e-4);
}

static void check_method(const struct bench *bench, const struct unit_curves *curves,
                         size_t method) {
    const json_t *wanted = wanted_of(bench, method);
    const json_t *counts = json_object_get(wanted, "counts");
    const json_t *morf = json_object_get(wanted, "morf");
    const json_t *lerf = json_object_get(wanted, "lerf");
    for (size_t k = 0; k < UNIT_POINTS; k++) {
        assert_int_equal(unit_order_count(k, bench->units),
                         json_integer_value(json_array_get(counts, k)));
    }
    check_order(bench, wanted, method);
    check_curve(curves->of[EVAL_CURVE_MORF_LOGIT], bench->units, morf, "logit");
    check_curve(curves->of[EVAL_CURVE_MORF_PROB], bench->units, morf, "probability");
    check_curve(curves->of[EVAL_CURVE_LERF_LOGIT], bench->units, lerf, "logit");
    check_curve(curves->of[EVAL_CURVE_LERF_PROB], bench->units, lerf, "probability");
    double delta = unit_order_area(curves->of[EVAL_CURVE_LERF_LOGIT], bench->units) -
                   unit_order_area(curves->of[EVAL_CURVE_MORF_LOGIT], bench->units);
    assert_true(fabs(delta - json_number_value(json_object_get(wanted, "delta_logit"))) < 1e-4);
    assert_true(curves->of[EVAL_CURVE_MORF_TOP1][0] == 1.0F);
}

static void test_curves_of_the_fixtures(void **unused) {
    static const size_t IMAGES[] = {0, 5};
    struct unit_curves curves[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    for (size_t i = 0; i < 4 * sizeof RANGES / sizeof RANGES[0]; i++) {
        bench_open(&bench, FOLDERS[i % 2], &RANGES[i / 4], IMAGES[i / 2 % 2]);
        assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
        check_method(&bench, &curves[0], 0);
        check_method(&bench, &curves[1], 1);
        bench_close(&bench);
    }
}

/* The ends of all curves are two points, and equal sets are one: twice the same scores cost as much
 * as once, and so do MoRF of a score and LeRF of its opposite. */
static void test_equal_sets_are_computed_once(void **unused) {
    struct unit_curves curves[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0], 0);
    bench.curves_alone = true;
    memcpy(bench.scores[1], bench.scores[0], bench.units * sizeof *bench.scores[0]);
    assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
    assert_int_equal(vit_batch_inputs(bench.batch), 2 * (UNIT_POINTS - 2) + 2);
    assert_memory_equal(curves[0].of, curves[1].of, sizeof curves[0].of);
    for (size_t i = 0; i < bench.units; i++) {
        bench.scores[1][i] = -bench.scores[0][i];
    }
    assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
    assert_int_equal(vit_batch_inputs(bench.batch), 2 * (2 * (UNIT_POINTS - 2) + 2));
    assert_memory_equal(curves[0].of[EVAL_CURVE_MORF_LOGIT], curves[1].of[EVAL_CURVE_LERF_LOGIT],
                        sizeof curves[0].of[0]);
    bench_close(&bench);
}

/* Of a difference of two outputs, both fall. */
static void test_versus(void **unused) {
    struct unit_curves plain[METHODS];
    struct unit_curves other[METHODS];
    struct unit_curves versus[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[2], 0);
    const float *const scores[METHODS] = {bench.scores[0], bench.scores[1]};
    struct unit_curve_request request = {.input = bench.input,
                                         .question = {.output = 2, .expected = 2},
                                         .blocks = bench.latent.depth,
                                         .scores = scores,
                                         .method_count = METHODS};
    assert_int_equal(unit_curve_evaluate(bench.evaluator, &request, plain, &err), VITLRP_OK);
    request.question.output = 4;
    assert_int_equal(unit_curve_evaluate(bench.evaluator, &request, other, &err), VITLRP_OK);
    request.question = (struct point_question){2, 2, true, 4};
    assert_int_equal(unit_curve_evaluate(bench.evaluator, &request, versus, &err), VITLRP_OK);
    for (size_t k = 0; k < UNIT_POINTS; k++) {
        assert_true(versus[0].of[EVAL_CURVE_MORF_LOGIT][k] ==
                    plain[0].of[EVAL_CURVE_MORF_LOGIT][k] - other[0].of[EVAL_CURVE_MORF_LOGIT][k]);
    }
    bench_close(&bench);
}

/* What the logit is without some units, by a pass of its own. */
static struct point point_without(const struct bench *bench, const uint32_t *off, size_t count) {
    uint8_t masks[MOST_UNITS] = {0};
    float *logits = mem_calloc((size_t) bench->model->vit->config.classes, sizeof *logits);
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < count; i++) {
        masks[off[i]] = 1;
    }
    const struct vit_unit_versions versions = {.site = bench->range->site,
                                               .first_block = bench->range->first_block,
                                               .blocks = bench->range->blocks,
                                               .masks = masks,
                                               .means = bench->means,
                                               .count = 1};
    assert_int_equal(vit_batch_forward_units(bench->batch, bench->input, &versions, logits, &err),
                     VITLRP_OK);
    const struct point_question question = {bench->predicted, bench->predicted, false, 0};
    struct point point = point_read(bench->model->vit, logits, &question);
    mem_free(logits);
    return point;
}

/* As many as were counted lose the class, and those that were counted before do not. */
static void check_units_to_lose(const struct bench *bench, double found, size_t method) {
    struct ranked_patch order[MOST_UNITS];
    uint32_t off[MOST_UNITS];
    size_t counts[UNIT_POINTS + 8];
    size_t known = 0;
    protocol_rank(bench->scores[method] + bench->range->first_block * bench->width, bench->units,
                  order);
    for (size_t i = 0; i < bench->units; i++) {
        off[i] = order[i].patch;
    }
    for (; unit_order_early(known, bench->units) > 0; known++) {
        counts[known] = unit_order_early(known, bench->units);
    }
    for (size_t k = 1; k < UNIT_POINTS; k++) {
        counts[known++] = unit_order_count(k, bench->units);
    }
    size_t i = 0;
    while (i < known && point_without(bench, off, counts[i]).is_first) {
        i++;
    }
    assert_true(found == (double) (i < known ? counts[i] : bench->units));
}

/* Nothing beside curves changes their bits. */
static void test_units_to_lose(void **unused) {
    struct unit_curves plain[METHODS];
    struct unit_curves curves[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    for (size_t i = 0; i < 3; i++) {
        bench_open(&bench, FOLDERS[i % 2], &RANGES[i], i == 1 ? 5 : 0);
        assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
        bench.curves_alone = true;
        assert_int_equal(evaluate(&bench, plain, &err), VITLRP_OK);
        for (size_t m = 0; m < METHODS; m++) {
            check_units_to_lose(&bench, curves[m].units_to_lose, m);
            assert_true(isnan(plain[m].units_to_lose) && isnan(curves[m].rho));
            assert_memory_equal(plain[m].of, curves[m].of, sizeof plain[m].of);
        }
        bench_close(&bench);
    }
}

/* Correlations with what the logit loses without each, in double. */
static void check_singles(const struct bench *bench, const struct unit_curves *curves) {
    double drops[MOST_UNITS];
    double scores[MOST_UNITS];
    double rho = 0.0;
    float plain[2][MOST_UNITS];
    struct vitlrp_error err = {0};
    float whole = point_without(bench, NULL, 0).logit;
    for (size_t m = 0; m < METHODS; m++) {
        for (size_t i = 0; i < bench->single_count; i++) {
            uint32_t unit = bench->singles[i];
            drops[i] = (double) whole - (double) point_without(bench, &unit, 1).logit;
            scores[i] = bench->scores[m][bench->range->first_block * bench->width + unit];
            plain[0][i] = (float) drops[i];
            plain[1][i] = (float) scores[i];
        }
        double pearson = statistics_pearson(scores, drops, bench->single_count);
        assert_int_equal(statistics_spearman(plain[1], plain[0], bench->single_count, &rho, &err),
                         VITLRP_OK);
        assert_true(fabs(curves[m].pearson - pearson) < 1e-3 && fabs(pearson) <= 1.0);
        assert_true(fabs(curves[m].rho - rho) < 0.02);
    }
}

/* Of several blocks, of one, with means; the gradient is nearly right about single units. */
static void test_single_units(void **unused) {
    static const uint32_t FEW[] = {0, 3, 5, 11, 40, 77, 90, 95};
    struct unit_curves curves[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    for (size_t i = 0; i < sizeof RANGES / sizeof RANGES[0]; i++) {
        uint32_t all[MOST_UNITS];
        bench_open(&bench, FOLDERS[0], &RANGES[i], 0);
        for (uint32_t unit = 0; unit < bench.units; unit++) {
            all[unit] = unit;
        }
        bench.singles = i == 1 ? FEW : all;
        bench.single_count = i == 1 ? sizeof FEW / sizeof FEW[0] : bench.units;
        assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
        check_singles(&bench, curves);
        assert_true(curves[1].pearson > curves[0].pearson);
        bench_close(&bench);
    }
}

/* More of one block than are computed at once. */
static void test_many_single_units(void **unused) {
    enum { COUNT = 300 };
    uint32_t singles[COUNT];
    struct unit_curves curves[METHODS];
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[1], 0);
    for (size_t i = 0; i < COUNT; i++) {
        singles[i] = (uint32_t) (i * bench.width / COUNT);
    }
    bench.singles = singles;
    bench.single_count = COUNT;
    assert_int_equal(evaluate(&bench, curves, &err), VITLRP_OK);
    check_singles(&bench, curves);
    bench_close(&bench);
}

/* Points have numbers of 32 bits, and a table of four times as many places. */
static void test_points_that_cannot_be_counted(void **unused) {
    const size_t most = UINT32_MAX / 4;
    size_t bytes = 0;
    (void) unused;
    assert_true(point_set_bytes(1, most, &bytes) && bytes > most * sizeof(uint64_t));
    assert_false(point_set_bytes(1, most + 1, &bytes));
    assert_false(point_set_bytes(SIZE_MAX, most, &bytes));
}

static void test_refusals(void **unused) {
    struct unit_curves curves[METHODS];
    struct unit_evaluator *none = NULL;
    struct vitlrp_error err = {0};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[1], 0);
    struct unit_curve_options options = {.model = bench.model->vit,
                                         .batch = bench.batch,
                                         .site = VITLRP_SITE_STREAM,
                                         .blocks = 1,
                                         .method_count = 1};
    assert_int_equal(unit_evaluator_open(&options, &none, &err), VITLRP_USAGE);
    options.site = VITLRP_SITE_FC1;
    options.blocks = bench.latent.depth + 1;
    assert_int_equal(unit_evaluator_open(&options, &none, &err), VITLRP_USAGE);
    options.blocks = 1;
    options.method_count = EVAL_METHOD_LIMIT + 1;
    assert_int_equal(unit_evaluator_open(&options, &none, &err), VITLRP_LIMIT);
    static const struct range BEYOND = {"", VITLRP_SITE_FC1, 2, 2, false};
    bench.range = &BEYOND;
    assert_int_equal(evaluate(&bench, curves, &err), VITLRP_USAGE);
    bench.range = &RANGES[1];
    bench.scores[1][bench.width + 3] = NAN;
    assert_int_equal(evaluate(&bench, curves, &err), VITLRP_NUMERIC);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves_of_the_fixtures),
        cmocka_unit_test(test_equal_sets_are_computed_once),
        cmocka_unit_test(test_versus),
        cmocka_unit_test(test_units_to_lose),
        cmocka_unit_test(test_single_units),
        cmocka_unit_test(test_many_single_units),
        cmocka_unit_test(test_points_that_cannot_be_counted),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
