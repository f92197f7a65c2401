/* Evaluations over hidden units, through the public header: curves and Delta of each image against
 * float64 programs (golden/latent, "curves" of expected.json), and their way through records. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/handles.h"
#include "base/file.h"
#include "base/mem.h"
#include "eval/audit.h"
#include "eval/metric.h"
#include "eval/unit_curve.h"
#include "support/latent.h"
#include "support/scratch.h"
#include "vit/methods/method.h"
#include "vitlrp_eval.h"

#include "support/unit.h"

enum { IMAGES = 2, METHODS = 4, POINTS = 15 };

static const char *const FOLDERS[] = {"latent-vit", "latent-registers"};
static const int SHOWN[IMAGES] = {0, 5};
static const char *const NAMES[METHODS] = {"attnlrp", "input-x-gradient", "activation", "random"};

static const struct range {
    const char *name; /* in the keys of "curves" */
    enum vitlrp_eval_units units;
    int32_t first_block, block_count;
} RANGES[] = {{"fc1_all", VITLRP_UNITS_FC1, 0, 0},
              {"fc1_block1", VITLRP_UNITS_FC1, 1, 1},
              {"head_all", VITLRP_UNITS_HEAD, 0, 0}};

/* A folder with the two images that have curves. */
static struct scratch pictures(const char *folder) {
    struct scratch scratch = scratch_open();
    for (size_t i = 0; i < IMAGES; i++) {
        struct bytes bytes;
        struct vitlrp_error err = {0};
        char path[512];
        char name[16];
        snprintf(name, sizeof name, "%02d.png", SHOWN[i]);
        snprintf(path, sizeof path, TEST_DATA "/golden/latent/%s/images/%s", folder, name);
        assert_int_equal(file_read(path, 1 << 20, &bytes, &err), VITLRP_OK);
        scratch_write(&scratch, name, bytes.data, bytes.size);
        bytes_free(&bytes);
    }
    return scratch;
}

struct bench {
    struct latent latent;
    struct scratch scratch;
    struct vitlrp_eval_options options;
    struct vitlrp_evaluation *evaluation;
};

static void bench_open(struct bench *bench, const char *folder, const struct range *range) {
    latent_open(&bench->latent, folder, false);
    bench->scratch = pictures(folder);
    bench->evaluation = NULL;
    vitlrp_eval_options_init(&bench->options);
    bench->options.dataset = bench->scratch.path;
    bench->options.methods = NAMES;
    bench->options.method_count = METHODS;
    bench->options.threads = 2;
    bench->options.units = range->units;
    bench->options.first_block = range->first_block;
    bench->options.block_count = range->block_count;
}

static void bench_close(struct bench *bench) {
    vitlrp_evaluation_close(bench->evaluation);
    scratch_close(&bench->scratch);
    latent_close(&bench->latent);
}

static struct vitlrp_evaluation *evaluate(const struct bench *bench) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_error err = {0};
    if (vitlrp_evaluate(bench->latent.model, &bench->options, &evaluation, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return evaluation;
}

static const json_t *wanted_of(const struct bench *bench, const struct range *range, size_t image,
                               size_t method) {
    char key[128];
    snprintf(key, sizeof key, "%d_%s_%s", SHOWN[image], range->name, NAMES[method]);
    const json_t *wanted = json_object_get(json_object_get(bench->latent.expected, "curves"), key);
    assert_non_null(wanted);
    return wanted;
}

static void check_curve(const float *curve, const json_t *wanted) {
    const json_t *points = json_object_get(wanted, "logit");
    for (size_t k = 0; k < POINTS; k++) {
        double difference = (double) curve[k] - json_number_value(json_array_get(points, k));
        assert_true(fabs(difference) < 1e-4);
    }
}

static void check_method(const struct bench *bench, const struct range *range, size_t image,
                         size_t method) {
    const struct evaluation *evaluation = &bench->evaluation->record.evaluation;
    const struct eval_image *found = &evaluation->images[image];
    const struct eval_curves *curves = &found->methods[method].curves[0];
    const json_t *wanted = wanted_of(bench, range, image, method);
    const json_t *morf = json_object_get(wanted, "morf");
    const struct {
        enum eval_metric metric;
        double wanted;
    } metrics[] = {
        {EVAL_DELTA_LOGIT, json_number_value(json_object_get(wanted, "delta_logit"))},
        {EVAL_DELTA_PROB, json_number_value(json_object_get(wanted, "delta_probability"))},
        {EVAL_MORF_LOGIT, json_number_value(json_object_get(morf, "auc_logit"))},
        {EVAL_AOPC_LOGIT, json_number_value(json_array_get(json_object_get(morf, "logit"), 0)) -
                              json_number_value(json_object_get(morf, "auc_logit"))}};
    check_curve(curves->of[EVAL_CURVE_MORF_LOGIT], morf);
    check_curve(curves->of[EVAL_CURVE_LERF_LOGIT], json_object_get(wanted, "lerf"));
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        double value =
            eval_metric_value(evaluation, found, method, eval_measure_first(metrics[i].metric));
        assert_true(fabs(value - metrics[i].wanted) < 1e-4);
    }
}

static void test_curves_of_the_fixtures(void **unused) {
    struct bench bench;
    (void) unused;
    for (size_t i = 0; i < 2 * sizeof RANGES / sizeof RANGES[0]; i++) {
        const struct range *range = &RANGES[i / 2];
        bench_open(&bench, FOLDERS[i % 2], range);
        bench.evaluation = evaluate(&bench);
        const struct evaluation *evaluation = &bench.evaluation->record.evaluation;
        const json_t *wanted = wanted_of(&bench, range, 0, 0);
        assert_int_equal(evaluation->image_count, IMAGES);
        assert_int_equal(evaluation->unit_count,
                         json_integer_value(json_object_get(wanted, "units")));
        for (size_t m = 0; m < 2; m++) {
            check_method(&bench, range, 0, m);
            check_method(&bench, range, 1, m);
        }
        bench_close(&bench);
    }
}

/* The curve that a ranking by the fixture's activations has. */
static void rank_by_activation(const struct bench *bench, size_t units, struct unit_curves *out) {
    const struct vit_model *model = bench->latent.model->vit;
    const struct vit_batch_options options = {.threads = 1, .backend = "auto", .units = true};
    struct vitlrp_error err = {0};
    struct vit_batch *batch = NULL;
    struct unit_evaluator *evaluator = NULL;
    float *scores = latent_read(&bench->latent, "0_fc1_activation", 2, units);
    float *input = latent_input(&bench->latent, bench->latent.model, 0);
    int32_t output = bench->evaluation->record.evaluation.images[0].output;
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    const struct unit_curve_options curves = {.model = model,
                                              .batch = batch,
                                              .site = VITLRP_SITE_FC1,
                                              .blocks = bench->latent.depth,
                                              .method_count = 1};
    assert_int_equal(unit_evaluator_open(&curves, &evaluator, &err), VITLRP_OK);
    const float *const of[] = {scores};
    const struct unit_curve_request request = {.input = input,
                                               .question = {output, output, false, 0},
                                               .blocks = bench->latent.depth,
                                               .scores = of,
                                               .method_count = 1};
    assert_int_equal(unit_curve_evaluate(evaluator, &request, out, &err), VITLRP_OK);
    unit_evaluator_close(evaluator);
    vit_batch_close(batch);
    vitlrp_free(input);
    mem_free(scores);
}

/* activation ranks by the fixtures' activations; the ends of its curves are those of all methods,
 * and what it has no map for is not there. */
static void test_activation_and_random(void **unused) {
    struct bench bench;
    struct unit_curves wanted;
    (void) unused;
    bench_open(&bench, FOLDERS[1], &RANGES[0]);
    bench.evaluation = evaluate(&bench);
    rank_by_activation(&bench, (size_t) bench.evaluation->record.evaluation.unit_count, &wanted);
    const struct eval_method_result *methods =
        bench.evaluation->record.evaluation.images[0].methods;
    for (size_t m = 0; m < METHODS; m++) {
        const float *first = methods[0].curves[0].of[EVAL_CURVE_MORF_LOGIT];
        const float *curve = methods[m].curves[0].of[EVAL_CURVE_MORF_LOGIT];
        assert_true(methods[m].valid);
        assert_true(curve[0] == first[0] && curve[POINTS - 1] == first[POINTS - 1]);
        assert_true(m == 0 || memcmp(curve, first, POINTS * sizeof *curve) != 0);
        for (size_t k = 0; m == 2 && k < POINTS; k++) {
            double difference = (double) curve[k] - (double) wanted.of[EVAL_CURVE_MORF_LOGIT][k];
            assert_true(fabs(difference) < 1e-4);
        }
        assert_true((methods[m].patches == NULL) == (m == 2));
        assert_true((isnan(methods[m].sparseness) != 0) == (m == 2));
    }
    bench_close(&bench);
}

/* Alone it has a pass of its own, beside others it reads theirs, whose forward pass is the same. */
static void test_activation_alone(void **unused) {
    static const char *const ALONE[] = {"activation"};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[1], &RANGES[2]);
    bench.evaluation = evaluate(&bench);
    bench.options.methods = ALONE;
    bench.options.method_count = 1;
    struct vitlrp_evaluation *alone = evaluate(&bench);
    for (size_t i = 0; i < IMAGES; i++) {
        const struct eval_image *beside = &bench.evaluation->record.evaluation.images[i];
        const struct eval_image *found = &alone->record.evaluation.images[i];
        double wanted = beside->methods[2].curves[0].units_to_lose;
        assert_true(found->methods[0].valid && found->methods[0].patches == NULL);
        assert_true(found->methods[0].curves[0].units_to_lose == wanted);
        for (size_t k = 0; k < POINTS; k++) {
            float a = found->methods[0].curves[0].of[EVAL_CURVE_MORF_LOGIT][k];
            float b = beside->methods[2].curves[0].of[EVAL_CURVE_MORF_LOGIT][k];
            assert_true(fabs((double) a - (double) b) < 1e-4);
        }
    }
    vitlrp_evaluation_close(alone);
    bench_close(&bench);
}

static char *json_of(const struct vitlrp_evaluation *evaluation, size_t *size) {
    char *data = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_evaluation_json(evaluation, &data, size, &err), VITLRP_OK);
    return data;
}

/* A record that is read, and shards that are merged, have the bytes of the whole run. */
static void test_records_and_shards(void **unused) {
    struct bench bench;
    struct vitlrp_evaluation *parts[2];
    struct vitlrp_evaluation *merged = NULL;
    struct vitlrp_evaluation *read = NULL;
    struct vitlrp_error err = {0};
    size_t sizes[3];
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[1]);
    bench.evaluation = evaluate(&bench);
    bench.options.shards = 2;
    for (int32_t i = 0; i < 2; i++) {
        bench.options.shard = i;
        parts[i] = evaluate(&bench);
    }
    const struct vitlrp_evaluation *const both[] = {parts[0], parts[1]};
    assert_int_equal(vitlrp_evaluation_merge(both, 2, &merged, &err), VITLRP_OK);
    char *whole = json_of(bench.evaluation, &sizes[0]);
    char *joined = json_of(merged, &sizes[1]);
    assert_int_equal(vitlrp_evaluation_read(whole, sizes[0], &read, &err), VITLRP_OK);
    char *again = json_of(read, &sizes[2]);
    assert_true(sizes[0] == sizes[1] && memcmp(whole, joined, sizes[0]) == 0);
    assert_true(sizes[0] == sizes[2] && memcmp(whole, again, sizes[0]) == 0);
    assert_non_null(strstr(whole, "\"unit\": \"fc1\""));
    assert_non_null(strstr(whole, "\"first_block\": 1, \"block_count\": 1, "));
    vitlrp_free(whole);
    vitlrp_free(joined);
    vitlrp_free(again);
    vitlrp_evaluation_close(parts[0]);
    vitlrp_evaluation_close(parts[1]);
    vitlrp_evaluation_close(merged);
    vitlrp_evaluation_close(read);
    bench_close(&bench);
}

/* ---- Each block by itself ---- */

/* A column of a run is a run over its block alone, bit for bit, whatever else was measured. */
static void check_column(const struct bench *bench, int32_t block,
                         const struct vitlrp_evaluation *alone) {
    const struct evaluation *all = &bench->evaluation->record.evaluation;
    const struct evaluation *one = &alone->record.evaluation;
    struct vitlrp_metric_query query;
    struct vitlrp_statistic wanted;
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < IMAGES; i++) {
        for (size_t m = 0; m < METHODS; m++) {
            const struct eval_curves *a = &all->images[i].methods[m].curves[1 + block];
            const struct eval_curves *b = &one->images[i].methods[m].curves[0];
            for (size_t c = 0; c < EVAL_CURVES; c++) {
                assert_memory_equal(a->of[c], b->of[c], POINTS * sizeof *a->of[c]);
            }
            assert_true(a->units_to_lose == b->units_to_lose && a->rho_single == b->rho_single &&
                        a->pearson_single == b->pearson_single);
            assert_true(fabs(a->pearson_single) <= 1.0);
        }
    }
    for (size_t m = 0; m < METHODS; m++) {
        vitlrp_metric_query_init(&query);
        query.method = NAMES[m];
        query.metric = "mean_drop_10";
        query.block = block;
        assert_int_equal(vitlrp_evaluation_query(bench->evaluation, &query, &err), VITLRP_OK);
        assert_int_equal(vitlrp_evaluation_metric(alone, NAMES[m], "mean_drop_10", &wanted, &err),
                         VITLRP_OK);
        assert_memory_equal(&query.statistic, &wanted, sizeof wanted);
    }
}

static void test_each_block(void **unused) {
    struct bench bench;
    struct vitlrp_metric_query query;
    struct vitlrp_error err = {0};
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0]);
    bench.options.single = 20;
    struct vitlrp_evaluation *without = evaluate(&bench);
    bench.options.each_block = 1;
    bench.evaluation = evaluate(&bench);
    bench.options.each_block = 0;
    bench.options.block_count = 1;
    for (int32_t block = 0; block < (int32_t) bench.latent.depth; block++) {
        bench.options.first_block = block;
        struct vitlrp_evaluation *alone = evaluate(&bench);
        check_column(&bench, block, alone);
        vitlrp_evaluation_close(alone);
    }
    vitlrp_metric_query_init(&query);
    query.method = "attnlrp";
    query.metric = "delta_logit";
    query.block = (int32_t) bench.latent.depth;
    assert_int_equal(vitlrp_evaluation_query(bench.evaluation, &query, &err), VITLRP_USAGE);
    query.block = 0;
    assert_int_equal(vitlrp_evaluation_query(without, &query, &err), VITLRP_USAGE);
    vitlrp_evaluation_close(without);
    bench_close(&bench);
}

/* Records, shards and journals have what is in every place. */
static void test_records_of_each_block(void **unused) {
    static const char *const SAMPLED[] = {"attnlrp", "integrated-gradients", "activation"};
    struct bench bench;
    struct vitlrp_evaluation *parts[2];
    struct vitlrp_evaluation *merged = NULL;
    struct vitlrp_evaluation *read = NULL;
    struct vitlrp_error err = {0};
    char folder[128];
    char *texts[4];
    size_t sizes[4];
    (void) unused;
    struct scratch scratch = scratch_open();
    bench_open(&bench, FOLDERS[1], &RANGES[0]);
    bench.options.each_block = 1;
    bench.options.single = 20;
    bench.options.methods = SAMPLED;
    bench.options.method_count = sizeof SAMPLED / sizeof SAMPLED[0];
    bench.options.samples = 2;
    bench.evaluation = evaluate(&bench);
    scratch_path(&scratch, "journal", folder, sizeof folder);
    bench.options.journal = folder;
    vitlrp_evaluation_close(evaluate(&bench));
    struct vitlrp_evaluation *kept = evaluate(&bench);
    bench.options.journal = NULL;
    bench.options.shards = 2;
    for (int32_t i = 0; i < 2; i++) {
        bench.options.shard = i;
        parts[i] = evaluate(&bench);
    }
    const struct vitlrp_evaluation *const both[] = {parts[0], parts[1]};
    assert_int_equal(vitlrp_evaluation_merge(both, 2, &merged, &err), VITLRP_OK);
    texts[0] = json_of(bench.evaluation, &sizes[0]);
    assert_int_equal(vitlrp_evaluation_read(texts[0], sizes[0], &read, &err), VITLRP_OK);
    texts[1] = json_of(merged, &sizes[1]);
    texts[2] = json_of(read, &sizes[2]);
    texts[3] = json_of(kept, &sizes[3]);
    for (size_t i = 1; i < 4; i++) {
        assert_true(sizes[i] == sizes[0] && memcmp(texts[0], texts[i], sizes[0]) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        vitlrp_free(texts[i]);
    }
    vitlrp_evaluation_close(parts[0]);
    vitlrp_evaluation_close(parts[1]);
    vitlrp_evaluation_close(merged);
    vitlrp_evaluation_close(read);
    vitlrp_evaluation_close(kept);
    bench_close(&bench);
    scratch_close(&scratch);
}

/* What a reader is told of blocks. */
static void test_reports_of_each_block(void **unused) {
    struct bench bench;
    char *page = NULL;
    char *table = NULL;
    size_t size = 0;
    struct vitlrp_error err = {0};
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0]);
    bench.options.each_block = 1;
    bench.options.single = 20;
    bench.evaluation = evaluate(&bench);
    assert_int_equal(vitlrp_evaluation_html(bench.evaluation, &page, &size, &err), VITLRP_OK);
    assert_non_null(strstr(page, "Within each block"));
    assert_non_null(strstr(page, "<h3>Against input-x-gradient</h3>"));
    assert_non_null(strstr(page, "data-of=\"block 2\""));
    assert_non_null(strstr(page, "correlation of the scores of 20 units by chance"));
    assert_null(strstr(page, "replacements"));
    assert_null(strstr(page, "another image"));
    assert_null(strstr(page, "the first replacement"));
    assert_null(strstr(page, "of the patches"));
    assert_non_null(strstr(page, "while units are turned off"));
    assert_non_null(strstr(page, "<dt>Replaced by</dt><dd>0 in every token</dd>"));
    assert_int_equal(vitlrp_evaluation_table(bench.evaluation, &table, &size, &err), VITLRP_OK);
    assert_non_null(strstr(table, "the table above is over all blocks"));
    assert_non_null(strstr(table, "paired difference of delta logit from input-x-gradient"));
    assert_non_null(strstr(table, "units to lose the class"));
    vitlrp_free(page);
    vitlrp_free(table);
    bench_close(&bench);
}

/* ---- Conductance ---- */

static void check_conductance(const struct latent *latent, struct vit_attributor *attributor,
                              enum vitlrp_site site, int image,
                              const struct vit_method_request *of) {
    char name[64];
    size_t units = site == VITLRP_SITE_HEAD ? 4 : 192;
    size_t width = site == VITLRP_SITE_HEAD ? 48 : 192;
    size_t tokens = 17;
    struct vit_conductance path = {
        .site = site,
        .values = mem_calloc(latent->depth * tokens, width * sizeof(float)),
        .gradients = mem_calloc(latent->depth * tokens, width * sizeof(float)),
        .sums = mem_calloc(latent->depth, units * sizeof(double))};
    float *found = mem_calloc(latent->depth, units * sizeof *found);
    struct vit_method_request request = *of;
    struct vitlrp_error err = {0};
    request.conductance = &path;
    for (int again = 0; again < 2; again++) { /* sums begin anew */
        assert_int_equal(
            vit_attributor_run(attributor, vit_method_find("integrated-gradients"), &request, &err),
            VITLRP_OK);
    }
    for (size_t i = 0; i < latent->depth * units; i++) {
        found[i] = (float) path.sums[i];
    }
    snprintf(name, sizeof name, "%d_conductance_%s", image,
             site == VITLRP_SITE_HEAD ? "head" : "fc1");
    float *wanted = latent_read(latent, name, 2, latent->depth * units);
    latent_check(latent, name, found, wanted, latent->depth * units);
    mem_free(wanted);
    mem_free(found);
    mem_free(path.values);
    mem_free(path.gradients);
    mem_free(path.sums);
}

/* Against a program of its own, which goes through the model and back by hand in float64. */
static void test_conductance(void **unused) {
    const struct vit_method *const METHOD[] = {vit_method_find("integrated-gradients")};
    const struct vit_attributor_options options = {
        .threads = 1, .backend = "auto", .methods = METHOD, .method_count = 1};
    struct vitlrp_method_options settings;
    struct vit_attributor *attributor = NULL;
    struct vitlrp_error err = {0};
    struct latent latent;
    float patches[16];
    (void) unused;
    latent_open(&latent, FOLDERS[0], false);
    vit_method_defaults(METHOD[0], &settings);
    settings.samples = 8;
    assert_int_equal(vit_attributor_open(latent.model->vit, &options, &attributor, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < IMAGES; i++) {
        float *input = latent_input(&latent, latent.model, SHOWN[i]);
        const struct vitlrp_target target = {
            .output = (int32_t) json_integer_value(
                json_array_get(json_object_get(latent.expected, "predicted"), (size_t) SHOWN[i])),
            .weight = 1.0F};
        const struct vit_method_request request = {.input = input,
                                                   .targets = &target,
                                                   .target_count = 1,
                                                   .options = &settings,
                                                   .patches = patches};
        assert_int_equal(vit_attributor_forward(attributor, input, NULL, &err), VITLRP_OK);
        check_conductance(&latent, attributor, VITLRP_SITE_FC1, SHOWN[i], &request);
        check_conductance(&latent, attributor, VITLRP_SITE_HEAD, SHOWN[i], &request);
        vitlrp_free(input);
    }
    vit_attributor_close(attributor);
    latent_close(&latent);
}

/* In every place of one method on an image. */
static void check_audit(const struct evaluation *exact, const struct evaluation *rounded,
                        size_t image, size_t method) {
    struct eval_measure morf = {.metric = EVAL_MORF_LOGIT};
    for (; morf.place < eval_place_count(&rounded->protocol); morf.place++) {
        const struct eval_curves *curves =
            &rounded->images[image].methods[method].curves[morf.place];
        double area = eval_metric_value(exact, &exact->images[image], method, morf);
        assert_true(curves->fp32_areas[EVAL_CURVE_MORF_LOGIT] == area);
        assert_true(eval_metric_value(rounded, &rounded->images[image], method, morf) != area);
    }
    assert_int_equal(morf.place, 4);
}

/* Of curves in bf16, where the processor has it, an audited image has the areas of fp32 too. */
static void test_audit(void **unused) {
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0]);
    bench.options.each_block = 1;
    bench.evaluation = evaluate(&bench);
    bench.options.precision = VITLRP_PRECISION_BF16;
    struct vitlrp_evaluation *fewer = evaluate(&bench);
    const struct evaluation *exact = &bench.evaluation->record.evaluation;
    const struct evaluation *rounded = &fewer->record.evaluation;
    size_t audited = 0;
    for (size_t i = 0; i < IMAGES && rounded->protocol.precision == VITLRP_PRECISION_BF16; i++) {
        for (size_t m = 0; audit_covers(rounded, i) && m < METHODS; m++) {
            check_audit(exact, rounded, i, m);
            audited++;
        }
    }
    assert_true(audited == METHODS || rounded->protocol.precision == VITLRP_PRECISION_FP32);
    vitlrp_evaluation_close(fewer);
    bench_close(&bench);
}

/* A run that was ended goes on, of what its folder has; as a run without one. */
static void test_journal(void **unused) {
    struct bench bench;
    char folder[128];
    size_t sizes[2];
    (void) unused;
    struct scratch scratch = scratch_open();
    bench_open(&bench, FOLDERS[1], &RANGES[2]);
    bench.evaluation = evaluate(&bench);
    scratch_path(&scratch, "journal", folder, sizeof folder);
    bench.options.journal = folder;
    vitlrp_evaluation_close(evaluate(&bench));
    struct vitlrp_evaluation *again = evaluate(&bench);
    char *whole = json_of(bench.evaluation, &sizes[0]);
    char *kept = json_of(again, &sizes[1]);
    assert_true(sizes[0] == sizes[1] && memcmp(whole, kept, sizes[0]) == 0);
    vitlrp_free(whole);
    vitlrp_free(kept);
    vitlrp_evaluation_close(again);
    bench_close(&bench);
    scratch_close(&scratch);
}

/* What a reader is told. */
static void test_reports(void **unused) {
    struct bench bench;
    char *page = NULL;
    char *table = NULL;
    size_t size = 0;
    struct vitlrp_error err = {0};
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[2]);
    bench.evaluation = evaluate(&bench);
    assert_int_equal(vitlrp_evaluation_html(bench.evaluation, &page, &size, &err), VITLRP_OK);
    assert_non_null(strstr(page, "One attention head of 12, of blocks 0 to 2 in one"));
    assert_non_null(strstr(page, " of the heads off"));
    assert_non_null(strstr(page, "how large a hidden unit"));
    assert_null(strstr(page, "floor(k T / K"));
    assert_int_equal(vitlrp_evaluation_table(bench.evaluation, &table, &size, &err), VITLRP_OK);
    assert_non_null(strstr(table, "14 steps"));
    assert_non_null(strstr(table, ", units head"));
    vitlrp_free(page);
    vitlrp_free(table);
    bench_close(&bench);
}

static void test_defaults(void **unused) {
    struct bench bench;
    struct vitlrp_evaluation_info info;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0]);
    bench.options.methods = NULL;
    bench.options.method_count = 0;
    bench.evaluation = evaluate(&bench);
    vitlrp_evaluation_info_init(&info);
    vitlrp_evaluation_describe(bench.evaluation, &info);
    assert_int_equal(bench.evaluation->record.evaluation.method_count, 6);
    assert_string_equal(bench.evaluation->record.reference, "input-x-gradient");
    bench_close(&bench);
}

static void refuse(const struct bench *bench, const char *word) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_evaluate(bench->latent.model, &bench->options, &evaluation, &err),
                     VITLRP_USAGE);
    if (strstr(err.message, word) == NULL) {
        fail_msg("no \"%s\": %s", word, err.message);
    }
}

static void test_refusals(void **unused) {
    static const char *const CHEFER[] = {"chefer"};
    static const char *const ACTIVATION[] = {"activation"};
    struct bench bench;
    (void) unused;
    bench_open(&bench, FOLDERS[0], &RANGES[0]);
    const struct vitlrp_eval_options good = bench.options;
    bench.options.steps = 7;
    refuse(&bench, "steps");
    bench.options = good;
    bench.options.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_BLUR);
    refuse(&bench, "replace: hidden units that are off are at 0");
    bench.options = good;
    bench.options.regions = 2;
    refuse(&bench, "regions");
    bench.options = good;
    bench.options.coalitions = 1024;
    refuse(&bench, "coalitions");
    bench.options.coalitions = 0;
    bench.options.randomized = 1;
    refuse(&bench, "randomized");
    bench.options.randomized = 0;
    bench.options.sensitivity = 1;
    refuse(&bench, "sensitivity");
    bench.options = good;
    bench.options.first_block = 2;
    bench.options.block_count = 2;
    refuse(&bench, "blocks 0 to 2");
    bench.options = good;
    bench.options.methods = CHEFER;
    bench.options.method_count = 1;
    refuse(&bench, "chefer says nothing of hidden units");
    bench.options.units = VITLRP_UNITS_PATCH;
    bench.options.methods = ACTIVATION;
    refuse(&bench, "activation");
    bench.options = good;
    bench.options.units = VITLRP_UNITS_PATCH;
    bench.options.methods = CHEFER;
    bench.options.method_count = 1;
    bench.options.block_count = 1;
    refuse(&bench, "block_count");
    bench.options.block_count = 0;
    bench.options.single = 3;
    refuse(&bench, "single");
    bench.options = good;
    bench.options.replacements = VITLRP_REPLACEMENT_BIT(VITLRP_REPLACE_MEAN);
    refuse(&bench, "an index of this model");
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves_of_the_fixtures),
        cmocka_unit_test(test_activation_and_random),
        cmocka_unit_test(test_activation_alone),
        cmocka_unit_test(test_records_and_shards),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_each_block),
        cmocka_unit_test(test_records_of_each_block),
        cmocka_unit_test(test_reports_of_each_block),
        cmocka_unit_test(test_conductance),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
