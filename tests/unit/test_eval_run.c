/* Evaluations over images: what is recorded, what fails, and that threads change no bit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/eval_run.h"
#include "eval/eval_run_private.h"
#include "eval/load_input.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "eval/summary.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "support/photo_set.h"

#include "support/unit.h"

static struct evaluation run(const struct eval_run_options *options, const struct eval_item *items,
                             size_t count) {
    struct evaluation out;
    struct vitlrp_error err = {0};
    if (eval_run(options, items, count, &out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return out;
}

static struct summary summary_of(const struct evaluation *evaluation, const char *reference) {
    struct summary summary;
    struct vitlrp_error err = {0};
    if (summary_make(evaluation, reference, 1, &summary, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return summary;
}

/* ---- One image, step by step ---- */

/* Values of a forward pass that backward passes share are kept where several rules read them. */
static void test_totals_are_kept_for_several_rules(void **unused) {
    static const struct {
        const char *const methods[4];
        bool keeps;
    } CASES[] = {{{"attnlrp", NULL}, false},
                 {{"attnlrp", "rollout", "attnlrp-masked", NULL}, false},
                 {{"attnlrp", "rollout", "cp-lrp", NULL}, true}};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 0);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct eval_run_options options = photo_set_options(&set, CASES[i].methods);
        struct run run = {.options = &options};
        struct vit_attributor_options found;
        assert_int_equal(eval_worker_attributor(&run, &found, NULL), VITLRP_OK);
        assert_int_equal(found.keep_totals, CASES[i].keeps);
        mem_free((void *) found.methods);
    }
    photo_set_close(&set);
}

static void test_an_image_is_what_its_parts_give(void **unused) {
    const char *const methods[] = {"rollout", "attnlrp", NULL};
    struct photo_set set;
    float input[PARITY_INPUT];
    float logits[PARITY_CLASSES];
    float patches[PARITY_PATCHES];
    struct loaded_input loaded = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 1);
    struct eval_run_options options = photo_set_options(&set, methods);
    struct evaluation found = run(&options, set.items, 1);
    struct input_source source = {.preprocess = &set.preprocess, .limits = image_limits_default()};
    input_source_size(&source, set.model);
    assert_int_equal(load_input(&source, set.paths[0], input, &loaded, &err), VITLRP_OK);
    struct vit_attributor *attributor = attributor_for(set.model, vit_method_find("attnlrp"), 1);
    assert_int_equal(vit_attributor_forward(attributor, input, logits, &err), VITLRP_OK);
    const struct eval_image *image = &found.images[0];
    assert_string_equal(image->id, "photo_00.ppm");
    assert_int_equal(image->status, VITLRP_OK);
    assert_string_equal(image->sha256, loaded.sha256);
    assert_int_equal(image->output, image->predicted);
    assert_true(image->logit == logits[image->output]);
    for (size_t i = 0; i < PARITY_CLASSES; i++) {
        assert_true(logits[i] <= image->logit);
    }
    attribute_class(attributor, "attnlrp", input, image->output, NULL, patches, NULL);
    const struct eval_method_result *result = &image->methods[1];
    assert_memory_equal(result->patches, patches, sizeof patches);
    assert_true(fabsf(result->curves->of[EVAL_CURVE_MORF_LOGIT][0] - image->logit) < 1e-4F);
    assert_true(fabsf(result->curves->of[EVAL_CURVE_LERF_PROB][0] - image->probability) < 1e-5F);
    assert_true(result->pointing == 0.0 || result->pointing == 1.0);
    assert_true(result->mass >= 0.0 && result->mass <= 1.0);
    assert_true(result->rank >= 0.0 && result->rank <= 1.0);
    assert_true(eval_metric_value(&found, image, 1, eval_measure_first(EVAL_DELTA_LOGIT)) ==
                protocol_area(result->curves->of[EVAL_CURVE_LERF_LOGIT], 8) -
                    protocol_area(result->curves->of[EVAL_CURVE_MORF_LOGIT], 8));
    assert_true(eval_metric_value(&found, image, 1, eval_measure_first(EVAL_INSERTION)) ==
                protocol_area(result->curves->of[EVAL_CURVE_LERF_PROB], 8));
    assert_int_equal(found.grid_height, 4);
    assert_int_equal(found.manifest_count, 1);
    assert_string_equal(found.methods[1], "attnlrp");
    vit_attributor_close(attributor);
    evaluation_free(&found);
    photo_set_close(&set);
}

/* ---- Threads ---- */

static void assert_same_bits(const struct evaluation *a, const struct evaluation *b) {
    size_t points = (size_t) a->protocol.steps + 1;
    assert_int_equal(a->image_count, b->image_count);
    for (size_t i = 0; i < a->image_count; i++) {
        const struct eval_image *left = &a->images[i];
        const struct eval_image *right = &b->images[i];
        assert_string_equal(left->id, right->id);
        assert_int_equal(left->index, right->index);
        assert_int_equal(left->status, right->status);
        assert_true(left->logit == right->logit && left->output == right->output);
        for (size_t m = 0; left->methods != NULL && m < a->method_count; m++) {
            assert_memory_equal(left->methods[m].curves->of[EVAL_CURVE_MORF_LOGIT],
                                right->methods[m].curves->of[EVAL_CURVE_MORF_LOGIT],
                                4 * points * sizeof(float));
            assert_memory_equal(left->methods[m].patches, right->methods[m].patches,
                                PARITY_PATCHES * sizeof(float));
            assert_memory_equal(&left->methods[m].pointing, &right->methods[m].pointing,
                                3 * sizeof(double));
        }
    }
}

static void test_threads_and_shards_change_no_bit(void **unused) {
    const char *const methods[] = {"attnlrp", "smoothgrad", "rise",   "random",
                                   "rollout", "occlusion",  "legrad", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 12);
    struct eval_run_options options = photo_set_options(&set, methods);
    set.paths[5][0] = '\0'; /* one that fails */
    struct evaluation one = run(&options, set.items, set.count);
    options.threads = 4;
    struct evaluation four = run(&options, set.items, set.count);
    assert_same_bits(&one, &four);
    options.threads = 100;
    struct evaluation end = run(&options, set.items + 7, 5);
    for (size_t i = 0; i < 5; i++) {
        struct evaluation alone = one;
        struct evaluation again = end;
        alone.images += 7 + i;
        again.images += i;
        alone.image_count = again.image_count = 1;
        assert_same_bits(&alone, &again);
    }
    evaluation_free(&end);
    evaluation_free(&four);
    evaluation_free(&one);
    photo_set_close(&set);
}

/* ---- Failures ---- */

static void test_bad_images_are_recorded(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 5);
    struct eval_run_options options = photo_set_options(&set, methods);
    scratch_text(&set.scratch, set.ids[1], "no picture");
    set.items[3].path = "/nowhere/at/all.jpg";
    struct evaluation evaluation = run(&options, set.items, 5);
    assert_int_equal(evaluation.image_count, 5);
    assert_false(evaluation.cancelled);
    assert_int_equal(evaluation.images[0].status, VITLRP_OK);
    assert_null(evaluation.images[0].message);
    assert_int_equal(evaluation.images[1].status, VITLRP_FORMAT);
    assert_non_null(evaluation.images[1].message);
    assert_null(evaluation.images[1].methods);
    assert_int_equal(evaluation.images[3].status, VITLRP_IO);
    struct summary summary = summary_of(&evaluation, NULL);
    assert_int_equal(summary.methods[0].metrics[EVAL_DELTA_LOGIT].n, 3);
    summary_free(&summary);
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

/* An image that fails behind its prediction has nothing, as one that is read from a record. */
static void test_a_late_failure_leaves_nothing(void **unused) {
    const char *const methods[] = {"random", NULL};
    const char *const donors[] = {"/nowhere/a.jpg", "/nowhere/b.jpg"};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 1);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_DONOR);
    options.protocol.coalitions = 1024;
    options.donors = donors;
    options.manifest_count = 2;
    struct evaluation evaluation = run(&options, set.items, 1);
    assert_int_equal(evaluation.images[0].status, VITLRP_MISMATCH);
    assert_null(evaluation.images[0].methods);
    assert_int_equal(evaluation.images[0].output, -1);
    assert_int_equal(evaluation.images[0].predicted, -1);
    assert_true(isnan(evaluation.images[0].shapley_error));
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

static void test_labels_as_targets(void **unused) {
    const char *const methods[] = {"attnlrp", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 4);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.target = VITLRP_EVAL_LABEL;
    set.items[2].label = -1;
    struct evaluation evaluation = run(&options, set.items, 4);
    for (size_t i = 0; i < 4; i++) {
        if (i == 2) {
            assert_int_equal(evaluation.images[i].status, VITLRP_MISMATCH);
            assert_non_null(strstr(evaluation.images[i].message, "label"));
        } else {
            assert_int_equal(evaluation.images[i].output, set.items[i].label);
        }
    }
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

static void test_inputs_of_other_sizes_are_refused(void **unused) {
    const char *const methods[] = {"attnlrp", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 1);
    struct eval_run_options options = photo_set_options(&set, methods);
    set.preprocess.crop_width = set.preprocess.crop_height = 0;
    struct evaluation evaluation = run(&options, set.items, 1);
    assert_int_equal(evaluation.images[0].status, VITLRP_MISMATCH);
    assert_non_null(strstr(evaluation.images[0].message, "35 x 32"));
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

static void test_what_would_befall_every_image_ends_the_run(void **unused) {
    const char *const methods[] = {"rollout", NULL};
    struct photo_set set;
    struct evaluation evaluation = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 3);
    struct eval_run_options options = photo_set_options(&set, methods);
    set.methods[0].options.discard_ratio = 2.0;
    assert_int_equal(eval_run(&options, set.items, 3, &evaluation, &err), VITLRP_USAGE);
    assert_null(evaluation.images);
    options.method_count = 0;
    assert_int_equal(eval_run(&options, set.items, 3, &evaluation, &err), VITLRP_USAGE);
    options = photo_set_options(&set, methods);
    options.protocol.steps = 0;
    assert_int_equal(eval_run(&options, set.items, 3, &evaluation, &err), VITLRP_USAGE);
    photo_set_close(&set);
}

/* ---- The observer ---- */

struct watch {
    size_t calls, done, failed, stop_at, asked;
};

static void watch_progress(void *user, size_t done, size_t total, size_t failed) {
    struct watch *watch = user;
    watch->calls++;
    assert_int_equal(done, watch->calls);
    assert_int_equal(total, 10);
    watch->done = done;
    watch->failed = failed;
}

static int32_t watch_cancelled(void *user) {
    const struct watch *watch = user;
    return watch->done >= watch->stop_at ? 1 : 0;
}

static void test_progress_and_cancelling(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct watch watch = {.stop_at = 1000};
    (void) unused;
    photo_set_open(&set, 10);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.observer = (struct vitlrp_eval_observer){watch_progress, watch_cancelled, &watch};
    options.threads = 3;
    set.items[4].path = "/nowhere/at/all.jpg";
    struct evaluation evaluation = run(&options, set.items, 10);
    assert_int_equal(watch.calls, 10);
    assert_int_equal(watch.failed, 1);
    evaluation_free(&evaluation);
    watch = (struct watch){.stop_at = 4};
    options.threads = 1;
    evaluation = run(&options, set.items, 10);
    assert_true(evaluation.cancelled);
    assert_int_equal(evaluation.image_count, 4);
    assert_int_equal(evaluation.manifest_count, 10);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(evaluation.images[i].index, i);
    }
    evaluation_free(&evaluation);
    watch = (struct watch){.stop_at = 0};
    evaluation = run(&options, set.items, 10);
    assert_true(evaluation.cancelled);
    assert_int_equal(evaluation.image_count, 0);
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

static int32_t watch_asked(void *user) {
    struct watch *watch = user;
    return ++watch->asked >= watch->stop_at;
}

/* Every pass begins with a question: the first image ends at its forward pass, at its attribution,
 * and at its curves; then nobody is asked again. */
static void test_cancelled_within_an_image(void **unused) {
    const struct {
        const char *const methods[2];
        size_t question;
    } cases[] = {{{"rise", NULL}, 2}, {{"rise", NULL}, 3}, {{"random", NULL}, 3}};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 10);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct watch watch = {.stop_at = cases[i].question};
        struct eval_run_options options = photo_set_options(&set, cases[i].methods);
        options.observer = (struct vitlrp_eval_observer){watch_progress, watch_asked, &watch};
        struct evaluation evaluation = run(&options, set.items, 10);
        assert_true(evaluation.cancelled);
        assert_int_equal(evaluation.image_count, 0);
        assert_int_equal(watch.calls, 0);
        assert_int_equal(watch.asked, cases[i].question);
        evaluation_free(&evaluation);
    }
    photo_set_close(&set);
}

static void test_no_images(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 0);
    struct eval_run_options options = photo_set_options(&set, methods);
    struct evaluation evaluation = run(&options, NULL, 0);
    assert_int_equal(evaluation.image_count, 0);
    struct summary summary = summary_of(&evaluation, NULL);
    assert_int_equal(summary.methods[0].metrics[EVAL_DELTA_LOGIT].n, 0);
    summary_free(&summary);
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

/* What a run says of the time that an image takes. */
static void keep_message(void *user, int level, const char *message) {
    (void) level;
    snprintf(user, sizeof(char[256]), "%s", message);
}

static double told_seconds(struct eval_run_options *options, uint32_t replacements) {
    char message[256] = "";
    options->log = (struct vitlrp_log){.write = keep_message, .user = message};
    options->protocol.replacements = replacements;
    struct evaluation evaluation = run(options, NULL, 0);
    evaluation_free(&evaluation);
    const char *words = strstr(message, " operations: ");
    assert_non_null(words);
    return strtod(words + strlen(" operations: "), NULL);
}

/* Curves under two replacements take twice the time of those under one. */
static void test_told_time(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    const uint32_t zero = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO);
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 0);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.steps = 100000;
    double one = told_seconds(&options, zero);
    double two = told_seconds(&options, zero | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR));
    assert_true(one >= 4.0);
    assert_true(fabs(two / one - 2.0) < 0.3);
    photo_set_close(&set);
}

/* ---- Controls ---- */

static void test_random_scores_have_no_delta(void **unused) {
    const char *const methods[] = {"random", "attnlrp", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, PHOTO_SET_MOST);
    struct eval_run_options options = photo_set_options(&set, methods);
    struct evaluation evaluation = run(&options, set.items, set.count);
    /* Not one random map for all. */
    assert_true(memcmp(evaluation.images[0].methods[0].patches,
                       evaluation.images[1].methods[0].patches,
                       PARITY_PATCHES * sizeof(float)) != 0);
    struct summary summary = summary_of(&evaluation, "random");
    const struct vitlrp_statistic *random = &summary.methods[0].metrics[EVAL_DELTA_LOGIT];
    const struct vitlrp_statistic *attnlrp = &summary.methods[1].metrics[EVAL_DELTA_LOGIT];
    const struct vitlrp_statistic *paired = &summary.methods[1].paired[SUMMARY_PAIR_LOGIT];
    assert_int_equal(random->n, PHOTO_SET_MOST);
    assert_true(random->lo < 0.0 && random->hi > 0.0);
    assert_true(attnlrp->lo > 0.0);
    assert_true(paired->lo > 0.0);
    assert_true(fabs(paired->mean - (attnlrp->mean - random->mean)) < 1e-9);
    summary_free(&summary);
    evaluation_free(&evaluation);
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals_are_kept_for_several_rules),
        cmocka_unit_test(test_an_image_is_what_its_parts_give),
        cmocka_unit_test(test_threads_and_shards_change_no_bit),
        cmocka_unit_test(test_bad_images_are_recorded),
        cmocka_unit_test(test_a_late_failure_leaves_nothing),
        cmocka_unit_test(test_labels_as_targets),
        cmocka_unit_test(test_inputs_of_other_sizes_are_refused),
        cmocka_unit_test(test_what_would_befall_every_image_ends_the_run),
        cmocka_unit_test(test_progress_and_cancelling),
        cmocka_unit_test(test_cancelled_within_an_image),
        cmocka_unit_test(test_no_images),
        cmocka_unit_test(test_told_time),
        cmocka_unit_test(test_random_scores_have_no_delta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
