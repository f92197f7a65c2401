/* Curves in fewer bits: which images are audited, how far the curves are from float32, and that
 * threads, shards and other methods change nothing. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/audit.h"
#include "eval/eval_run.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "support/photo_set.h"
#include "support/sample_record.h"
#include "vit/math/gemm.h"

#include "support/unit.h"

/* ---- The choice ---- */

static void test_one_of_every_stretch(void **unused) {
    (void) unused;
    for (size_t count = 1; count < 500; count++) {
        size_t wanted = (count + AUDIT_EVERY - 1) / AUDIT_EVERY;
        for (uint64_t seed = 0; seed < 3; seed++) {
            size_t chosen = 0;
            for (size_t i = 0; i < count; i++) {
                if (audit_chooses(i, count, seed)) {
                    assert_true(i >= chosen * count / wanted);
                    assert_true(i < (chosen + 1) * count / wanted);
                    chosen++;
                }
            }
            assert_int_equal(chosen, wanted);
        }
    }
    assert_false(audit_chooses(0, 0, 0));
    assert_false(audit_chooses(20, 20, 0));
}

/* Every place of a stretch is chosen about as often as any other, so that no shard gets more. */
static void test_places_vary(void **unused) {
    const size_t count = (size_t) 20 * 20000;
    size_t by_shard[AUDIT_EVERY] = {0};
    size_t moved = 0;
    (void) unused;
    for (size_t i = 0; i < count; i++) {
        by_shard[i % AUDIT_EVERY] += audit_chooses(i, count, 5) ? 1 : 0;
        moved += audit_chooses(i, count, 5) != audit_chooses(i, count, 6) ? 1 : 0;
    }
    for (size_t i = 0; i < AUDIT_EVERY; i++) {
        assert_in_range(by_shard[i], 1000 - 160, 1000 + 160); /* five standard deviations */
    }
    assert_in_range(moved, 36000, 40000);
}

/* ---- The numbers ---- */

/* Of the first method. */
static struct vitlrp_audit audit_of(const struct evaluation *evaluation, enum eval_metric metric,
                                    const struct vitlrp_statistic *interval) {
    struct vitlrp_audit audit = {0};
    for (size_t i = 0; i < evaluation->image_count; i++) {
        audit_add(&audit, audit_difference(evaluation, &evaluation->images[i], 0,
                                           eval_measure_first(metric)));
    }
    audit_end(&audit, interval);
    return audit;
}

static void test_differences(void **unused) {
    static const double DIFFERENCES[] = {0.5, -0.25, -0.5};
    struct sample_shape shape = {.images = 60,
                                 .methods = 2,
                                 .steps = 3,
                                 .grid = 2,
                                 .shards = 1,
                                 .precision = VITLRP_PRECISION_BF16};
    const struct vitlrp_statistic interval = {.mean = 3.0, .lo = 2.75, .hi = 3.25, .n = 58};
    size_t met = 0;
    (void) unused;
    struct record record = sample_record(&shape);
    struct evaluation *evaluation = &record.evaluation;
    for (size_t i = 0; i < evaluation->image_count; i++) {
        struct eval_image *image = &evaluation->images[i];
        assert_true(
            isnan(audit_difference(evaluation, image, 0, eval_measure_first(EVAL_DELTA_LOGIT))) ==
            (!audit_covers(evaluation, i) || image->methods == NULL));
        if (audit_covers(evaluation, i)) {
            double *areas = image->methods[0].curves->fp32_areas;
            double delta =
                eval_metric_value(evaluation, image, 0, eval_measure_first(EVAL_DELTA_LOGIT));
            areas[EVAL_CURVE_MORF_LOGIT] = 1.0;
            areas[EVAL_CURVE_LERF_LOGIT] = 1.0 + delta - DIFFERENCES[met++];
        }
    }
    assert_int_equal(met, 3);
    struct vitlrp_audit audit = audit_of(evaluation, EVAL_DELTA_LOGIT, &interval);
    assert_int_equal(audit.n, 3);
    assert_true(fabs(audit.mean + 0.25 / 3.0) < 1e-12);
    assert_true(fabs(audit.mean_abs - 1.25 / 3.0) < 1e-12);
    assert_true(fabs(audit.max_abs - 0.5) < 1e-12);
    assert_true(fabs(audit.per_half_width - 1.0 / 3.0) < 1e-12);
    audit = audit_of(evaluation, EVAL_POINTING, &interval);
    assert_true(audit.n == 0 && isnan(audit.mean) && isnan(audit.max_abs));
    evaluation->protocol.precision = VITLRP_PRECISION_FP32;
    audit = audit_of(evaluation, EVAL_DELTA_LOGIT, &interval);
    assert_true(audit.n == 0 && isnan(audit.per_half_width));
    record_free(&record);
}

/* ---- Runs ---- */

static struct evaluation run(const struct eval_run_options *options, const struct eval_item *items,
                             size_t count) {
    struct evaluation out;
    struct vitlrp_error err = {0};
    if (eval_run(options, items, count, &out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return out;
}

static void assert_same_image(const struct evaluation *evaluation, const struct eval_image *a,
                              const struct eval_image *b) {
    size_t points = (size_t) evaluation->protocol.steps + 1;
    assert_int_equal(a->index, b->index);
    for (size_t m = 0; m < evaluation->method_count; m++) {
        assert_memory_equal(a->methods[m].curves->of[EVAL_CURVE_MORF_LOGIT],
                            b->methods[m].curves->of[EVAL_CURVE_MORF_LOGIT],
                            4 * points * sizeof(float));
        assert_memory_equal(a->methods[m].curves->fp32_areas, b->methods[m].curves->fp32_areas,
                            sizeof a->methods[m].curves->fp32_areas);
    }
}

static void test_threads_and_shards_change_no_bit(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    enum { IMAGES = 50, SHARDS = 3 };
    struct eval_item items[IMAGES];
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, IMAGES);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.precision = VITLRP_PRECISION_BF16;
    options.protocol.seed = 3;
    struct evaluation whole = run(&options, set.items, IMAGES);
    for (size_t shard = 0; shard < SHARDS; shard++) {
        size_t count = 0;
        for (size_t i = shard; i < IMAGES; i += SHARDS) {
            items[count++] = set.items[i];
        }
        options.threads = 1 + 2 * shard;
        options.manifest_count = IMAGES;
        struct evaluation part = run(&options, items, count);
        assert_int_equal(part.manifest_count, IMAGES);
        assert_int_equal(part.protocol.precision, whole.protocol.precision);
        for (size_t i = 0; i < count; i++) {
            assert_same_image(&whole, &part.images[i], &whole.images[shard + SHARDS * i]);
        }
        evaluation_free(&part);
    }
    evaluation_free(&whole);
    photo_set_close(&set);
}

/* Sums of squares. */
struct distance {
    double of_difference, of_values;
};

static void add(struct distance *distance, const float *a, const float *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        double difference = (double) a[i] - (double) b[i];
        distance->of_difference += difference * difference;
        distance->of_values += (double) a[i] * (double) a[i];
    }
}

static double relative(const struct distance *distance) {
    return sqrt(distance->of_difference / distance->of_values);
}

/* Weights and inputs of a product are rounded by up to one part in 512, a third of which is the
 * root mean square; three blocks have twelve products: half a percent, and as much again. */
#define CURVES_MAY_DIFFER 1e-2

static void check_areas(const struct eval_method_result *full,
                        const struct eval_method_result *audited, size_t steps) {
    const float *const curves[EVAL_AREAS] = {
        full->curves->of[EVAL_CURVE_MORF_LOGIT], full->curves->of[EVAL_CURVE_MORF_PROB],
        full->curves->of[EVAL_CURVE_LERF_LOGIT], full->curves->of[EVAL_CURVE_LERF_PROB]};
    for (size_t c = 0; c < EVAL_AREAS; c++) {
        assert_true(audited->curves->fp32_areas[c] == protocol_area(curves[c], steps));
    }
}

static void test_curves_near_float32(void **unused) {
    /* rise and occlusion have a batch of their own, which must stay in float32 */
    const char *const methods[] = {"attnlrp", "rise", "occlusion", "random", NULL};
    enum { IMAGES = 40 };
    struct photo_set set;
    const struct gemm_backend *backend = NULL;
    struct distance logits = {0};
    struct distance probabilities = {0};
    size_t audited = 0;
    (void) unused;
    photo_set_open(&set, IMAGES);
    struct eval_run_options options = photo_set_options(&set, methods);
    struct evaluation full = run(&options, set.items, IMAGES);
    options.protocol.precision = VITLRP_PRECISION_BF16;
    struct evaluation fewer = run(&options, set.items, IMAGES);
    assert_int_equal(gemm_backend_find(options.backend, &backend, NULL), VITLRP_OK);
    assert_int_equal(fewer.protocol.precision, packs_precision(backend, VITLRP_PRECISION_BF16));
    for (size_t i = 0; i < IMAGES; i++) {
        const struct eval_image *a = &full.images[i];
        const struct eval_image *b = &fewer.images[i];
        audited += audit_covers(&fewer, i) ? 1 : 0;
        assert_true(a->logit == b->logit && a->output == b->output);
        for (size_t m = 0; m < fewer.method_count; m++) {
            const struct eval_method_result *x = &a->methods[m];
            const struct eval_method_result *y = &b->methods[m];
            assert_memory_equal(x->patches, y->patches, PARITY_PATCHES * sizeof(float));
            add(&logits, x->curves->of[EVAL_CURVE_MORF_LOGIT], y->curves->of[EVAL_CURVE_MORF_LOGIT],
                9);
            add(&logits, x->curves->of[EVAL_CURVE_LERF_LOGIT], y->curves->of[EVAL_CURVE_LERF_LOGIT],
                9);
            add(&probabilities, x->curves->of[EVAL_CURVE_MORF_PROB],
                y->curves->of[EVAL_CURVE_MORF_PROB], 9);
            add(&probabilities, x->curves->of[EVAL_CURVE_LERF_PROB],
                y->curves->of[EVAL_CURVE_LERF_PROB], 9);
            if (audit_covers(&fewer, i)) {
                check_areas(x, y, 8);
            }
        }
    }
    print_message("curves in bf16, relative L2: logits %.1e, probabilities %.1e\n",
                  relative(&logits), relative(&probabilities));
    assert_true(relative(&logits) < CURVES_MAY_DIFFER);
    assert_true(relative(&probabilities) < CURVES_MAY_DIFFER);
    if (fewer.protocol.precision == VITLRP_PRECISION_BF16) {
        assert_true(relative(&logits) > 1e-5);
        assert_int_equal(audited, IMAGES / AUDIT_EVERY);
    }
    evaluation_free(&fewer);
    evaluation_free(&full);
    photo_set_close(&set);
}

/* Mixed: maps within what the rules' documentation says, and no audits. */
static void test_mixed_is_for_attributions(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 3);
    struct eval_run_options options = photo_set_options(&set, methods);
    struct evaluation full = run(&options, set.items, 3);
    options.protocol.precision = VITLRP_PRECISION_MIXED;
    struct evaluation mixed = run(&options, set.items, 3);
    bool in_use = mixed.protocol.precision == VITLRP_PRECISION_MIXED;
    for (size_t i = 0; i < 3; i++) {
        const struct eval_method_result *x = full.images[i].methods;
        const struct eval_method_result *y = mixed.images[i].methods;
        struct distance maps = {0};
        add(&maps, x[0].patches, y[0].patches, PARITY_PATCHES);
        assert_true(in_use ? relative(&maps) > 0.0 && relative(&maps) < 1e-3
                           : maps.of_difference == 0.0);
        assert_memory_equal(x[1].curves->of[EVAL_CURVE_MORF_LOGIT],
                            y[1].curves->of[EVAL_CURVE_MORF_LOGIT], 4 * 9 * sizeof(float));
        assert_false(audit_covers(&mixed, i));
    }
    evaluation_free(&mixed);
    evaluation_free(&full);
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_every_stretch),
        cmocka_unit_test(test_places_vary),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_threads_and_shards_change_no_bit),
        cmocka_unit_test(test_curves_near_float32),
        cmocka_unit_test(test_mixed_is_for_attributions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
