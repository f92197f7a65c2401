/* The search for gammas: what it tries, what it keeps, and what it says of the gain. */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/text.h"
#include "eval/eval_timing.h"
#include "eval/summary.h"
#include "eval/tune.h"
#include "support/attribution.h"
#include "support/photo_set.h"

#include "support/unit.h"

enum { CALIBRATION = 10, HELD_OUT = 6 };

struct log_of_trials {
    size_t count;
    double last;
};

static void count_trial(void *user, const struct tune_trial *trial) {
    struct log_of_trials *log = user;
    log->count++;
    log->last = trial->delta[0].mean;
}

static struct tune_options options_for(const struct eval_run_options *evaluate, const char *method,
                                       struct log_of_trials *log) {
    struct tune_options options = {.evaluate = evaluate,
                                   .method = vit_method_find(method),
                                   .preset = defaults_of(method),
                                   .tried = count_trial,
                                   .user = log};
    return options;
}

static bool same_rules(const struct vitlrp_rules *a, const struct vitlrp_rules *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

/* Delta of these rules on the items, evaluated alone. */
static double delta_alone(const struct eval_run_options *evaluate, const struct vitlrp_rules *rules,
                          const struct eval_item *items, size_t count) {
    struct eval_run_options options = *evaluate;
    struct eval_run_method method = {.name = "attnlrp", .method = vit_method_find("attnlrp")};
    struct evaluation evaluation;
    struct summary summary;
    struct vitlrp_error err = {0};
    method.options = defaults_of("attnlrp");
    method.options.rules = *rules;
    options.methods = &method;
    options.method_count = 1;
    assert_int_equal(eval_run(&options, items, count, &evaluation, &err), VITLRP_OK);
    assert_int_equal(summary_make(&evaluation, NULL, 1, &summary, &err), VITLRP_OK);
    double mean = summary.methods[0].metrics[EVAL_DELTA_LOGIT].mean;
    summary_free(&summary);
    evaluation_free(&evaluation);
    return mean;
}

static void check_trials(const struct tune_result *result, const struct eval_run_options *evaluate,
                         const struct eval_item *items) {
    for (size_t i = 0; i < result->trial_count; i++) {
        const struct tune_trial *trial = &result->trials[i];
        assert_true(trial->delta[0].mean <= result->trials[result->best_trial].delta[0].mean);
        assert_int_equal(trial->delta[0].n, CALIBRATION);
        assert_true(trial->rules.gamma[VITLRP_ROLE_FC1] == trial->rules.gamma[VITLRP_ROLE_FC2]);
        for (size_t k = 0; k < i; k++) {
            assert_false(same_rules(&trial->rules, &result->trials[k].rules));
        }
    }
    /* Candidates that were evaluated side by side have what they have alone. */
    for (size_t i = 0; i < result->trial_count; i += 7) {
        const struct tune_trial *trial = &result->trials[i];
        double alone = delta_alone(evaluate, &trial->rules, items, CALIBRATION);
        assert_true(fabs(alone - trial->delta[0].mean) < 1e-4);
    }
}

/* Of each image its id, a NUL, the hash of its file and a newline. */
static void check_hash(const char *found, const struct eval_item *items, size_t count) {
    struct text all = {.limit = 1 << 20};
    char hash[SHA256_TEXT];
    for (size_t i = 0; i < count; i++) {
        struct source file;
        assert_int_equal(source_open(items[i].path, &file, NULL), VITLRP_OK);
        assert_int_equal(sha256_source(&file, hash, NULL), VITLRP_OK);
        source_close(&file);
        text_append(&all, items[i].id, strlen(items[i].id) + 1);
        text_printf(&all, "%s\n", hash);
    }
    assert_int_equal(sha256_bytes(all.data, all.length, hash, NULL), VITLRP_OK);
    assert_string_equal(found, hash);
    text_free(&all);
}

static void test_search(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct tune_result found;
    struct log_of_trials log = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, CALIBRATION + HELD_OUT);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct tune_options options = options_for(&evaluate, "attnlrp", &log);
    const struct eval_item *held_out = set.items + CALIBRATION;
    evaluate.threads = 2;
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, CALIBRATION},
                              &(struct tune_images){held_out, HELD_OUT}, &found, &err),
                     VITLRP_OK);
    assert_int_equal(found.trials[0].stage, TUNE_PRESET);
    assert_true(same_rules(&found.trials[0].rules, &options.preset.rules));
    assert_true(same_rules(&found.best, &found.trials[found.best_trial].rules));
    /* The first coordinate tries the whole grid but for the preset's own 0.25. */
    for (size_t i = 1; i <= 9; i++) {
        assert_int_equal(found.trials[i].stage, TUNE_COARSE);
        assert_int_equal(found.trials[i].kind, TUNE_CONV);
    }
    assert_true(isinf(found.trials[9].rules.gamma[VITLRP_ROLE_CONV]));
    assert_int_equal(found.trials[10].kind, TUNE_MLP);
    assert_int_equal(found.trials[found.trial_count - 1].stage, TUNE_FINE);
    assert_int_equal(log.count, found.trial_count);
    assert_true(found.trials[found.best_trial].delta[0].mean > found.trials[0].delta[0].mean);
    check_trials(&found, &evaluate, set.items);
    check_hash(found.calibration_sha256, set.items, CALIBRATION);
    check_hash(found.held_out_sha256, held_out, HELD_OUT);
    assert_int_equal(found.held_gain[0].n, HELD_OUT);
    assert_true(fabs(found.held_gain[0].mean -
                     (found.held_best[0].mean - found.held_preset[0].mean)) < 1e-9);
    assert_true(fabs(found.held_best[0].mean -
                     delta_alone(&evaluate, &found.best, held_out, HELD_OUT)) < 1e-4);
    tune_result_free(&found);
    photo_set_close(&set);
}

/* Under several replacements the smallest gain decides. */
static void test_several_replacements(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct tune_result found;
    struct log_of_trials log = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 5);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct tune_options options = options_for(&evaluate, "cp-lrp", &log);
    evaluate.protocol.steps = 3;
    evaluate.protocol.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) |
                                     VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR) |
                                     VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_DONOR);
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, 3},
                              &(struct tune_images){set.items + 3, 2}, &found, &err),
                     VITLRP_OK);
    assert_int_equal(found.best.attention, VITLRP_ATTENTION_CP);
    assert_true(found.trials[0].gain == 0.0);
    for (size_t i = 0; i < found.trial_count; i++) {
        const struct tune_trial *trial = &found.trials[i];
        double smallest = INFINITY;
        for (size_t r = 0; r < 3; r++) {
            smallest = fmin(smallest, trial->delta[r].mean - found.trials[0].delta[r].mean);
        }
        assert_true(trial->gain == smallest);
        assert_true(trial->gain <= found.trials[found.best_trial].gain);
    }
    for (size_t r = 0; r < 3; r++) {
        assert_int_equal(found.held_gain[r].n, 2);
    }
    assert_true(found.held_preset[0].mean != found.held_preset[1].mean);
    tune_result_free(&found);
    photo_set_close(&set);
}

static void test_refusals(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct tune_result found;
    struct log_of_trials log = {0};
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 2);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct tune_options options = options_for(&evaluate, "rollout", &log);
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, 1},
                              &(struct tune_images){NULL, 0}, &found, &err),
                     VITLRP_USAGE);
    options = options_for(&evaluate, "attnlrp", &log);
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, 0},
                              &(struct tune_images){NULL, 0}, &found, &err),
                     VITLRP_USAGE);
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, 1},
                              &(struct tune_images){NULL, 0}, &found, &err),
                     VITLRP_MISMATCH);
    assert_int_equal(log.count, 0); /* before the work */
    evaluate.protocol.steps = 1;
    set.items[1].path = "/nowhere/at/all.jpg";
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items, 1},
                              &(struct tune_images){set.items + 1, 1}, &found, &err),
                     VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "held-out"));
    assert_int_equal(tune_run(&options, &(struct tune_images){set.items + 1, 1},
                              &(struct tune_images){set.items, 1}, &found, &err),
                     VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "calibration"));
    photo_set_close(&set);
}

static void test_kinds(void **unused) {
    struct vitlrp_rules rules = {0};
    (void) unused;
    for (int kind = 0; kind < TUNE_KINDS; kind++) {
        tune_set(&rules, (enum tune_kind) kind, (float) (kind + 1));
    }
    assert_true(rules.gamma[VITLRP_ROLE_CONV] == 1.0F && rules.gamma[VITLRP_ROLE_FC1] == 2.0F &&
                rules.gamma[VITLRP_ROLE_FC2] == 2.0F);
    assert_true(rules.gamma[VITLRP_ROLE_QKV] == 3.0F && rules.gamma[VITLRP_ROLE_PROJ] == 3.0F &&
                rules.gamma[VITLRP_ROLE_HEAD] == 4.0F);
    assert_string_equal(tune_kind_name(TUNE_MLP), "fc1/fc2");
}

/* How many inputs each side computes; how long they take is for `bench` to say. */
static void test_bench_counts_points(void **unused) {
    struct vit_model *model = parity_model();
    struct eval_timing_result found;
    struct vitlrp_error err = {0};
    struct eval_timing_options options = {
        .model = model, .threads = 2, .backend = "auto", .images = 3, .methods = 2, .steps = 4};
    (void) unused;
    assert_int_equal(eval_timing_run(&options, &found, &err), VITLRP_OK);
    assert_in_range(found.points, 3 * (2 + 3), 3 * (2 + 2 * 2 * 3));
    assert_true(found.evaluator_seconds > 0.0 && found.plain_seconds > 0.0);
    assert_true(found.single_points >= 3 && found.single_seconds > 0.0);
    assert_true(found.images == 3 && found.threads >= 1 && found.backend != NULL);
    options.images = 0;
    assert_int_equal(eval_timing_run(&options, &found, &err), VITLRP_OK);
    assert_true(found.images == found.threads);
    options.methods = 0;
    assert_int_equal(eval_timing_run(&options, &found, &err), VITLRP_USAGE);
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_several_replacements),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bench_counts_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
