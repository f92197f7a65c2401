/* The public functions of evaluations: arguments, cancelling, reading back, tuning. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "support/kept_record.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "vitlrp_eval.h"
#include "vitlrp_words.h"

#include "support/unit.h"

static struct vitlrp_model *open_model(void) {
    struct vitlrp_model *model = NULL;
    assert_int_equal(vitlrp_model_open(SMALL_MODEL, NULL, &model, NULL), VITLRP_OK);
    return model;
}

/* A folder with the six photographs of the project. */
static struct scratch photographs(void) {
    static const char *const NAMES[] = {"goldfish.jpg", "koala.jpg",      "panda.jpg",
                                        "moose.jpg",    "volleyball.jpg", "dam.jpg"};
    struct scratch scratch = scratch_open();
    for (size_t i = 0; i < 6; i++) {
        struct bytes bytes;
        struct vitlrp_error err = {0};
        char path[512];
        snprintf(path, sizeof path, "%s/%s", PROJECT_DATA, NAMES[i]);
        assert_int_equal(file_read(path, 1 << 24, &bytes, &err), VITLRP_OK);
        scratch_write(&scratch, NAMES[i], bytes.data, bytes.size);
        bytes_free(&bytes);
    }
    return scratch;
}

static const char *const METHODS[] = {"attnlrp", "random"};

static struct vitlrp_eval_options small_options(const struct scratch *scratch) {
    struct vitlrp_eval_options options;
    vitlrp_eval_options_init(&options);
    options.dataset = scratch->path;
    options.methods = METHODS;
    options.method_count = 2;
    options.steps = 3;
    options.threads = 2;
    return options;
}

static void test_evaluate(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation *read = NULL;
    struct vitlrp_evaluation_info info;
    struct vitlrp_statistic delta;
    struct vitlrp_error error;
    char *json = NULL;
    char *again = NULL;
    size_t size = 0;
    size_t again_size = 0;
    (void) unused;
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, &error), VITLRP_OK);
    vitlrp_model_close(model); /* the evaluation does not need it */
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    assert_int_equal(info.images, 6);
    assert_int_equal(info.failed, 0);
    assert_int_equal(info.methods, 2);
    assert_null(info.first_error);
    assert_null(info.first_failed);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "attnlrp", "delta_logit", &delta, &error),
                     VITLRP_OK);
    assert_true(delta.n == 6 && delta.lo <= delta.mean && delta.mean <= delta.hi);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "attnlrp", "mass", &delta, &error),
                     VITLRP_OK);
    assert_true(delta.n == 0 && isnan(delta.mean));
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "chefer", "mass", &delta, &error),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "attnlrp", "masses", &delta, &error),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_evaluation_json(evaluation, &json, &size, &error), VITLRP_OK);
    record_keep(json, size);
    assert_int_equal(vitlrp_evaluation_read(json, size, &read, &error), VITLRP_OK);
    assert_int_equal(vitlrp_evaluation_json(read, &again, &again_size, &error), VITLRP_OK);
    assert_int_equal(size, again_size);
    assert_string_equal(json, again);
    assert_int_equal(vitlrp_evaluation_html(NULL, &again, &again_size, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_evaluation_read(json, size / 2, &evaluation, &error), VITLRP_FORMAT);
    vitlrp_free(json);
    vitlrp_free(again);
    vitlrp_evaluation_close(evaluation);
    vitlrp_evaluation_close(read);
    vitlrp_evaluation_close(NULL);
    scratch_close(&scratch);
}

/* Names, reference and paired differences: what a table is made of. */
static void test_names_and_pairs(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation_info info;
    struct vitlrp_statistic pair;
    struct vitlrp_statistic mine;
    struct vitlrp_statistic other;
    (void) unused;
    scratch_text(&scratch, "broken.jpg", "no picture");
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, NULL), VITLRP_OK);
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    const char *failed = info.first_failed;
    const char *reason = info.first_error;
    assert_string_equal(vitlrp_evaluation_method(evaluation, 0), "attnlrp");
    assert_string_equal(vitlrp_evaluation_method(evaluation, 1), "random");
    assert_null(vitlrp_evaluation_method(evaluation, 2));
    assert_null(info.reference);
    assert_int_equal(
        vitlrp_evaluation_metric(evaluation, "attnlrp", "paired_delta_prob", &pair, NULL),
        VITLRP_OK);
    assert_int_equal(pair.n, 0);
    assert_int_equal(vitlrp_evaluation_compare(evaluation, "random", NULL), VITLRP_OK);
    vitlrp_evaluation_describe(evaluation, &info);
    assert_string_equal(info.reference, "random");
    /* What was described before is still there. */
    assert_string_equal(failed, "broken.jpg");
    assert_true(info.first_failed == failed && info.first_error == reason);
    assert_int_equal(
        vitlrp_evaluation_metric(evaluation, "random", "paired_delta_logit", &pair, NULL),
        VITLRP_OK);
    assert_int_equal(pair.n, 0);
    assert_int_equal(
        vitlrp_evaluation_metric(evaluation, "attnlrp", "paired_delta_logit", &pair, NULL),
        VITLRP_OK);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "attnlrp", "delta_logit", &mine, NULL),
                     VITLRP_OK);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "random", "delta_logit", &other, NULL),
                     VITLRP_OK);
    assert_int_equal(pair.n, 6);
    assert_true(fabs(pair.mean - (mine.mean - other.mean)) < 1e-12);
    assert_int_equal(vitlrp_evaluation_metric(evaluation, "attnlrp", "paired_mass", &pair, NULL),
                     VITLRP_USAGE);
    assert_int_equal(
        vitlrp_evaluation_metric(evaluation, "rise", "paired_delta_logit", &pair, NULL),
        VITLRP_USAGE);
    vitlrp_evaluation_close(evaluation);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

static struct vitlrp_metric_query ask(const struct vitlrp_evaluation *evaluation,
                                      const char *method, const char *metric, int32_t replacement,
                                      enum vitlrp_status wanted) {
    struct vitlrp_metric_query query;
    vitlrp_metric_query_init(&query);
    assert_int_equal(query.replacement, -1);
    query.method = method;
    query.metric = metric;
    query.replacement = replacement;
    assert_int_equal(vitlrp_evaluation_query(evaluation, &query, NULL), wanted);
    return query;
}

/* Under each replacement what a run that has it alone gives. */
static void test_metrics_of_replacements(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *both = NULL;
    struct vitlrp_evaluation *black = NULL;
    struct vitlrp_statistic alone;
    (void) unused;
    options.reference = "random";
    options.replacements =
        VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_ZERO) | VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLACK);
    assert_int_equal(vitlrp_evaluate(model, &options, &both, NULL), VITLRP_OK);
    options.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLACK);
    assert_int_equal(vitlrp_evaluate(model, &options, &black, NULL), VITLRP_OK);
    static const char *const METRICS[] = {"delta_logit", "lerf_prob", "paired_delta_prob",
                                          "sufficiency"};
    for (size_t i = 0; i < sizeof METRICS / sizeof METRICS[0]; i++) {
        assert_int_equal(vitlrp_evaluation_metric(black, "attnlrp", METRICS[i], &alone, NULL),
                         VITLRP_OK);
        struct vitlrp_metric_query found =
            ask(both, "attnlrp", METRICS[i], VITLRP_REPLACE_BLACK, VITLRP_OK);
        assert_memory_equal(&found.statistic, &alone, sizeof alone);
        assert_int_equal(found.audit.n, 0);
        struct vitlrp_metric_query first = ask(both, "attnlrp", METRICS[i], -1, VITLRP_OK);
        assert_true(first.statistic.mean != alone.mean);
        assert_int_equal(first.rank + ask(both, "random", METRICS[i], -1, VITLRP_OK).rank, 3);
    }
    ask(both, "attnlrp", "delta_logit", VITLRP_REPLACE_BLUR, VITLRP_USAGE);
    ask(both, "attnlrp", "delta_logit", -2, VITLRP_USAGE);
    ask(both, "attnlrp", "delta_logit", 1000, VITLRP_USAGE);
    ask(both, "chefer", "delta_logit", -1, VITLRP_USAGE);
    ask(both, NULL, "delta_logit", -1, VITLRP_USAGE);
    ask(both, "attnlrp", NULL, -1, VITLRP_USAGE);
    assert_int_equal(ask(both, NULL, "shapley_error", -1, VITLRP_OK).statistic.n, 0);
    vitlrp_evaluation_close(black);
    vitlrp_evaluation_close(both);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* So many images, and no more. */
static void count_image(void *user, size_t done, size_t total, size_t failed) {
    int *left = user;
    (void) done;
    (void) total;
    (void) failed;
    (*left)--;
}

static int32_t cancel_after(void *user) {
    const int *left = user;
    return *left <= 0;
}

static void test_cancel(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation_info info;
    int left = 2;
    (void) unused;
    options.threads = 1;
    options.observer = (struct vitlrp_eval_observer){count_image, cancel_after, &left};
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, NULL), VITLRP_OK);
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    assert_int_equal(info.images, 2);
    assert_int_equal(info.manifest, 6);
    assert_int_equal(info.cancelled, 1);
    vitlrp_evaluation_close(evaluation);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

struct told {
    int warnings;
};

static void note_warning(void *user, int level, const char *message) {
    struct told *told = user;
    if (level == 1) {
        assert_non_null(strstr(message, "bf16: "));
        assert_non_null(strstr(message, "fp32 is used"));
        told->warnings++;
    }
}

static void assert_usage(const struct vitlrp_model *model,
                         const struct vitlrp_eval_options *options, const char *part) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_error error = {0};
    assert_int_equal(vitlrp_evaluate(model, options, &evaluation, &error), VITLRP_USAGE);
    assert_null(evaluation);
    if (strstr(error.message, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, error.message);
    }
}

/* Every setting is where the library says, and in the evaluation under its name. */
static void test_settings(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_eval_setting setting;
    int64_t value = -1;
    size_t count = 0;
    (void) unused;
    options.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN);
    options.seed = INT64_MAX;
    options.limit = 1;
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, NULL), VITLRP_OK);
    vitlrp_eval_setting_init(&setting);
    while (vitlrp_eval_setting_at(count, &setting, NULL) == VITLRP_OK) {
        int64_t given = 0;
        assert_int_equal(vitlrp_evaluation_setting(evaluation, setting.name, &value, NULL),
                         VITLRP_OK);
        memcpy(&given, (const char *) &options + setting.offset, setting.size);
        assert_int_equal(value, given);
        assert_true(value >= setting.low && value <= setting.high);
        assert_true(setting.enumeration == NULL || setting.is_set != 0 ||
                    vitlrp_word(setting.enumeration, (int32_t) value) != NULL);
        count++;
    }
    assert_true(count >= 5);
    assert_int_equal(vitlrp_evaluation_setting(evaluation, "replace", &value, NULL), VITLRP_OK);
    assert_int_equal(value, VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN));
    assert_int_equal(vitlrp_evaluation_setting(evaluation, "limit", &value, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_eval_setting_at(0, NULL, NULL), VITLRP_USAGE);
    vitlrp_evaluation_close(evaluation);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* What a run in fewer bits tells: where the machine has none, that it was float32. */
static void test_precision(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_evaluation_info info;
    struct vitlrp_audit audit;
    struct told told = {0};
    (void) unused;
    options.log = (struct vitlrp_log){.write = note_warning, .user = &told};
    options.precision = VITLRP_PRECISION_BF16;
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, NULL), VITLRP_OK);
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(evaluation, &info);
    bool in_use = info.precision == VITLRP_PRECISION_BF16;
    assert_int_equal(told.warnings, in_use ? 0 : 1);
    assert_int_equal(info.audited, in_use ? 1 : 0);
    assert_int_equal(vitlrp_evaluation_audit(evaluation, "attnlrp", "delta_logit", &audit, NULL),
                     VITLRP_OK);
    assert_int_equal(audit.n, info.audited);
    if (in_use) {
        assert_true(audit.max_abs > 0.0 && audit.max_abs == audit.mean_abs);
        assert_true(fabs(audit.mean) == audit.mean_abs && audit.per_half_width < 0.5);
    }
    assert_int_equal(vitlrp_evaluation_audit(evaluation, "rise", "delta_logit", &audit, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_evaluation_audit(evaluation, "random", "mass", &audit, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_evaluation_audit(evaluation, "random", "lerf_prob", NULL, NULL),
                     VITLRP_USAGE);
    vitlrp_evaluation_close(evaluation);
    options.backend = "openblas"; /* has no fewer bits */
    told.warnings = 0;
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, NULL), VITLRP_OK);
    vitlrp_evaluation_describe(evaluation, &info);
    assert_int_equal(info.precision, VITLRP_PRECISION_FP32);
    assert_int_equal(info.audited, 0);
    assert_int_equal(told.warnings, 1);
    assert_int_equal(vitlrp_evaluation_audit(evaluation, "attnlrp", "delta_logit", &audit, NULL),
                     VITLRP_OK);
    assert_true(audit.n == 0 && isnan(audit.mean));
    vitlrp_evaluation_close(evaluation);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* The last warning, in 200 bytes. */
static void keep_warning(void *user, int level, const char *message) {
    if (level == 1) {
        snprintf(user, 200, "%s", message);
    }
}

static char *json_of(const struct vitlrp_model *model, const struct vitlrp_eval_options *options) {
    struct vitlrp_evaluation *evaluation = NULL;
    char *json = NULL;
    size_t size = 0;
    assert_int_equal(vitlrp_evaluate(model, options, &evaluation, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_evaluation_json(evaluation, &json, &size, NULL), VITLRP_OK);
    record_keep(json, size);
    vitlrp_evaluation_close(evaluation);
    return json;
}

/* Memory for one thread of four gives the bytes of four; for less than one, LIMIT. */
static void test_memory(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_error error;
    char told[200] = "";
    (void) unused;
    options.threads = 4;
    char *wanted = json_of(model, &options);
    options.max_bytes = (size_t) 150 << 20;
    options.log = (struct vitlrp_log){keep_warning, told};
    char *found = json_of(model, &options);
    assert_string_equal(found, wanted);
    assert_non_null(strstr(told, "1 thread instead of 4"));
    options.max_bytes = (size_t) 1 << 40;
    told[0] = '\0';
    vitlrp_free(found);
    found = json_of(model, &options);
    assert_string_equal(told, "");
    options.max_bytes = (size_t) 72 << 20;
    assert_int_equal(vitlrp_evaluate(model, &options, &evaluation, &error), VITLRP_LIMIT);
    assert_non_null(strstr(error.message, "each thread needs"));
    vitlrp_free(found);
    vitlrp_free(wanted);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* A record names the backend that was used, and what was behind it. */
static void test_arithmetic(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    char library[256];
    char wanted[400];
    (void) unused;
    options.limit = 1;
    options.backend = "auto";
    char *json = json_of(model, &options);
    assert_non_null(strstr(json, "\"arithmetic\":{\"backend\":\""));
    assert_null(strstr(json, "\"auto\""));
    vitlrp_free(json);
    options.backend = vitlrp_backend_name(0);
    json = json_of(model, &options);
    vitlrp_backend_describe(options.backend, library, sizeof library);
    assert_non_null(strstr(library, "(kernels for ")); /* their rounding differs */
    snprintf(wanted, sizeof wanted, "\"arithmetic\":{\"backend\":\"%s\",\"library\":\"%s\"",
             options.backend, library);
    assert_non_null(strstr(json, wanted));
    vitlrp_free(json);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* The bytes that a thread needs, of the message of a limit that no thread keeps. */
static size_t told_bytes(enum vitlrp_status status, const struct vitlrp_error *error) {
    size_t bytes = 0;
    assert_int_equal(status, VITLRP_LIMIT);
    assert_int_equal(sscanf(error->message, "each thread needs %zu bytes", &bytes), 1);
    return bytes;
}

/* Tuning is held to the memory of the candidates that it runs together, not of one method. */
static void test_memory_of_tuning(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_tune_options tune;
    struct vitlrp_tune_result result;
    struct vitlrp_error error;
    (void) unused;
    options.method_count = 1;
    options.max_bytes = 1;
    vitlrp_tune_options_init(&tune);
    vitlrp_tune_result_init(&result);
    tune.evaluation = &options;
    size_t of_one = told_bytes(vitlrp_evaluate(model, &options, &evaluation, &error), &error);
    size_t of_all = told_bytes(vitlrp_tune(model, &tune, &result, &error), &error);
    assert_true(of_all > of_one);
    options.max_bytes = of_one;
    assert_int_equal(vitlrp_tune(model, &tune, &result, &error), VITLRP_LIMIT);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

static void test_usage(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_rule_changes rules;
    (void) unused;
    options.struct_size = offsetof(struct vitlrp_eval_options, inputs);
    assert_usage(model, &options, "not initialised");
    options = small_options(&scratch);
    options.dataset = NULL;
    assert_usage(model, &options, "dataset");
    options = small_options(&scratch);
    options.steps = 0;
    assert_usage(model, &options, "steps");
    options = small_options(&scratch);
    options.precision = (enum vitlrp_precision) 4;
    assert_usage(model, &options, "no precision 4");
    options = small_options(&scratch);
    options.seed = UINT64_MAX;
    assert_usage(model, &options, "seed");
    options = small_options(&scratch);
    options.replacements = UINT32_C(1) << 20;
    assert_usage(model, &options, "");
    options = small_options(&scratch);
    options.shard = 1;
    assert_usage(model, &options, "shard 1 of 1");
    options = small_options(&scratch);
    options.reference = "rollout";
    assert_usage(model, &options, "reference");
    options = small_options(&scratch);
    vitlrp_rule_changes_init(&rules);
    rules.gamma[VITLRP_ROLE_CONV] = -1.0F;
    options.rules = &rules;
    assert_usage(model, &options, "gamma");
    options = small_options(&scratch);
    options.threads = -1;
    assert_usage(model, &options, "threads");
    assert_usage(NULL, &options, "NULL");
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* Curves follow the logit of a class, and say what the model has instead. */
static void test_outputs_that_are_no_classes(void **unused) {
    static const float FEATURE[24] = {1, 2, 3};
    struct scratch scratch = photographs();
    struct vitlrp_model *model = NULL;
    struct vitlrp_model *like = NULL;
    struct vitlrp_eval_options options = small_options(&scratch);
    (void) unused;
    assert_int_equal(
        vitlrp_model_open(TEST_DATA "/golden/zoo/timm-dino-headless/model", NULL, &model, NULL),
        VITLRP_OK);
    assert_usage(model, &options, "the model's output is a feature: give it a head");
    assert_int_equal(vitlrp_model_like(model, FEATURE, 1, &like, NULL), VITLRP_OK);
    assert_usage(like, &options, "the model's output is a likeness: give it a head");
    vitlrp_model_close(like);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* The curve of a difference is the difference of the curves in one order of the patches. */
static void test_curves_of_a_difference(void **unused) {
    enum { STEPS = 6, OUTPUTS = 3 };
    static float input[3 * 64 * 64];
    static float patches[16 * 16];
    static float curves[OUTPUTS][2][STEPS + 1];
    struct vitlrp_model *model = open_model();
    struct vitlrp_curves measured[OUTPUTS];
    (void) unused;
    for (size_t i = 0; i < sizeof input / sizeof *input; i++) {
        input[i] = sinf((float) i * 0.01F);
    }
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        patches[i] = (float) (i * 37 % 256);
    }
    for (int i = 0; i < OUTPUTS; i++) { /* of 3, of 5, of 3 less 5 */
        vitlrp_curves_init(&measured[i]);
        assert_int_equal(measured[i].has_versus, 0);
        measured[i].output = i == 1 ? 5 : 3;
        measured[i].has_versus = i == 2;
        measured[i].versus = 5;
        measured[i].steps = STEPS;
        measured[i].morf_logit = curves[i][0];
        measured[i].lerf_logit = curves[i][1];
        assert_int_equal(vitlrp_curves_measure(model, input, patches, &measured[i], NULL),
                         VITLRP_OK);
    }
    for (int k = 0; k <= STEPS; k++) {
        for (int curve = 0; curve < 2; curve++) {
            assert_true(curves[2][curve][k] == curves[0][curve][k] - curves[1][curve][k]);
        }
    }
    assert_true(
        fabs(measured[2].delta_logit - (measured[0].delta_logit - measured[1].delta_logit)) < 1e-5);
    assert_true(fabs(measured[2].delta_prob - (measured[0].delta_prob - measured[1].delta_prob)) <
                1e-6);
    for (int32_t versus = -1; versus <= 200; versus += versus < 0 ? 4 : 197) { /* -1, 3, 200 */
        measured[2].versus = versus;
        assert_int_equal(vitlrp_curves_measure(model, input, patches, &measured[2], NULL),
                         VITLRP_USAGE);
    }
    vitlrp_model_close(model);
}

/* The order of the logits, and what the caption makes of the first class. */
static void test_likely_classes(void **unused) {
    static float logits[200];
    struct vitlrp_model *model = open_model();
    struct vitlrp_likely top[200];
    struct vitlrp_caption caption;
    char text[VITLRP_CAPTION_SIZE];
    (void) unused;
    logits[7] = logits[9] = 2.0F;
    logits[11] = 3.0F;
    assert_int_equal(vitlrp_model_top(model, logits, 4, top, NULL), VITLRP_OK);
    const int32_t wanted[] = {11, 7, 9, 0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(top[i].found.output, wanted[i]);
        assert_true(top[i].logit == (double) logits[wanted[i]]);
    }
    double sum = exp(3.0) + 2.0 * exp(2.0) + 197.0;
    assert_true(fabs(top[0].probability - exp(3.0) / sum) < 1e-9);
    assert_int_equal(vitlrp_model_top(model, logits, 200, top, NULL), VITLRP_OK);
    assert_int_equal(top[199].found.output, 199);
    assert_int_equal(vitlrp_model_top(model, logits, 0, top, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_top(model, logits, 201, top, NULL), VITLRP_USAGE);
    vitlrp_caption_init(&caption);
    caption.target = (struct vitlrp_likely){.found = {.index = 1,
                                                      .label = "gold\x1b"
                                                               "fish"},
                                            .logit = 8.5,
                                            .probability = 0.914};
    caption.model = "a/b/model.safetensors";
    caption.method = "attnlrp";
    assert_int_equal(vitlrp_caption_compose(&caption, text, sizeof text, NULL), VITLRP_OK);
    assert_string_equal(text, "gold\\x1Bfish (1)  91.4 %\nattnlrp, b/model.safetensors");
    caption.versus = (struct vitlrp_likely){
        .found = {.index = 5, .label = ""}, .logit = -2.25, .probability = (double) NAN};
    caption.has_versus = caption.has_sums = 1;
    caption.sum = 3.0;
    caption.explained = 10.75;
    assert_int_equal(vitlrp_caption_compose(&caption, text, sizeof text, NULL), VITLRP_OK);
    assert_string_equal(text, "gold\\x1Bfish (1)  91.4 %  versus class 5  -2.25\n"
                              "attnlrp, b/model.safetensors\n"
                              "the map holds 3 of the difference 10.75");
    assert_int_equal(vitlrp_caption_compose(&caption, text, 5, NULL), VITLRP_OK);
    assert_string_equal(text, "gold");
    assert_int_equal(vitlrp_caption_compose(&caption, text, 0, NULL), VITLRP_USAGE);
    caption.model = NULL;
    assert_int_equal(vitlrp_caption_compose(&caption, text, sizeof text, NULL), VITLRP_USAGE);
    vitlrp_model_close(model);
}

/* Gammas change the methods that have them, and attnlrp-eps not. */
static void test_rules(void **unused) {
    static const char *const FAMILY[] = {"attnlrp", "attnlrp-eps", "random"};
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options options = small_options(&scratch);
    struct vitlrp_rule_changes rules;
    struct vitlrp_evaluation *runs[2] = {NULL, NULL};
    struct vitlrp_statistic deltas[2];
    (void) unused;
    options.methods = FAMILY;
    options.method_count = 3;
    vitlrp_rule_changes_init(&rules);
    rules.gamma[VITLRP_ROLE_CONV] = INFINITY;
    rules.gamma[VITLRP_ROLE_FC1] = 10.0F;
    for (int i = 0; i < 2; i++) {
        options.rules = i == 0 ? NULL : &rules;
        assert_int_equal(vitlrp_evaluate(model, &options, &runs[i], NULL), VITLRP_OK);
    }
    for (int m = 0; m < 3; m++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(
                vitlrp_evaluation_metric(runs[i], FAMILY[m], "morf_logit", &deltas[i], NULL),
                VITLRP_OK);
        }
        assert_int_equal(deltas[0].mean == deltas[1].mean, m > 0);
    }
    vitlrp_evaluation_close(runs[0]);
    vitlrp_evaluation_close(runs[1]);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

static void count_trial(void *user, const struct vitlrp_tune_trial *trial) {
    size_t *count = user;
    assert_true(trial->delta.n == 3);
    assert_int_equal(strcmp(trial->stage, "preset") == 0, *count == 0);
    (*count)++;
}

static void test_tune(void **unused) {
    struct scratch scratch = photographs();
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_options evaluation = small_options(&scratch);
    struct vitlrp_tune_options options;
    struct vitlrp_tune_result result;
    struct vitlrp_error error;
    size_t trials = 0;
    (void) unused;
    evaluation.methods = NULL;
    evaluation.steps = 1;
    vitlrp_tune_options_init(&options);
    vitlrp_tune_result_init(&result);
    options.evaluation = &evaluation;
    options.tried = count_trial;
    options.user = &trials;
    assert_int_equal(vitlrp_tune(model, &options, &result, &error), VITLRP_OK);
    assert_string_equal(result.method, "attnlrp");
    assert_int_equal(result.trials, trials);
    assert_int_equal(result.calibration_images, 3);
    assert_int_equal(result.held_out_images, 3);
    assert_true(result.calibration_tuned.mean >= result.calibration_preset.mean);
    assert_true(fabs(result.gain.mean - (result.tuned.mean - result.preset.mean)) < 1e-6);
    int left = 1;
    evaluation.observer = (struct vitlrp_eval_observer){count_image, cancel_after, &left};
    options.tried = NULL;
    assert_int_equal(vitlrp_tune(model, &options, &result, &error), VITLRP_CANCELLED);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

static void test_cost(void **unused) {
    struct vitlrp_model *model = open_model();
    struct vitlrp_eval_cost cost;
    (void) unused;
    vitlrp_eval_cost_init(&cost);
    cost.images = 2;
    cost.methods = 2;
    cost.steps = 4;
    assert_int_equal(vitlrp_eval_measure(model, &cost, NULL), VITLRP_OK);
    assert_true(cost.points >= 2 * 2 * 3 && cost.evaluator_seconds > 0 && cost.plain_seconds > 0);
    assert_true(cost.single_points >= 2 && cost.single_seconds > 0);
    assert_true(cost.images == 2 && cost.threads >= 1 && strcmp(cost.backend, "auto") != 0);
    cost.images = 0;
    assert_int_equal(vitlrp_eval_measure(model, &cost, NULL), VITLRP_OK);
    assert_int_equal(cost.images, cost.threads);
    cost.steps = 0;
    assert_int_equal(vitlrp_eval_measure(model, &cost, NULL), VITLRP_USAGE);
    vitlrp_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_names_and_pairs),
        cmocka_unit_test(test_metrics_of_replacements),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_curves_of_a_difference),
        cmocka_unit_test(test_likely_classes),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_of_tuning),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_outputs_that_are_no_classes),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_tune),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_precision),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
