/* Indexes of hidden units that a program makes: the folder has the state of the same values added
 * to an index, its readers take it for a run's, and there is a whole one or none. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/unit_index.h"
#include "base/unit_index_run.h"
#include "support/scratch.h"
#include "vitlrp_concepts.h"
#include "vitlrp_eval.h"
#include "vitlrp_units.h"

#include "support/unit.h"

#define LATENT TEST_DATA "/golden/latent/latent-vit"

enum { BLOCKS = 3, HEADS = 4, OUTPUTS = 12, KEEP = 3, IMAGES = 5, UNITS = BLOCKS * HEADS };

static const char DIGITS[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void check(enum vitlrp_status status, const struct vitlrp_error *err) {
    if (status != VITLRP_OK) {
        fail_msg("%s", err->message);
    }
}

/* ---- What an index is made of ---- */

struct bench {
    struct scratch scratch;
    struct vitlrp_model *model;
    struct vitlrp_dataset *dataset;
    struct vitlrp_session *session;
    struct vitlrp_method_options method;
    struct vitlrp_concepts_options options;
};

static struct vitlrp_dataset *open_dataset(const struct vitlrp_model *model, int32_t shards) {
    struct vitlrp_dataset_options options;
    struct vitlrp_dataset *dataset = NULL;
    struct vitlrp_error err = {0};
    vitlrp_dataset_options_init(&options);
    options.path = LATENT "/images";
    options.limit = IMAGES;
    options.shards = shards;
    check(vitlrp_dataset_open(model, &options, &dataset, &err), &err);
    return dataset;
}

static void bench_open(struct bench *bench) {
    struct vitlrp_session_options session;
    struct vitlrp_error err = {0};
    *bench = (struct bench){.scratch = scratch_open()};
    check(vitlrp_model_open(LATENT, NULL, &bench->model, &err), &err);
    bench->dataset = open_dataset(bench->model, 1);
    vitlrp_session_options_init(&session);
    session.threads = 1;
    check(vitlrp_session_open(bench->model, &session, &bench->session, &err), &err);
    check(vitlrp_method_options_init(&bench->method, "attnlrp", &err), &err);
    vitlrp_concepts_options_init(&bench->options);
    bench->options.site = VITLRP_SITE_HEAD;
    bench->options.keep = KEEP;
    bench->options.dataset = bench->dataset;
    bench->options.session = bench->session;
    bench->options.method = &bench->method;
}

static void bench_close(struct bench *bench) {
    vitlrp_session_close(bench->session);
    vitlrp_dataset_close(bench->dataset);
    vitlrp_model_close(bench->model);
    scratch_close(&bench->scratch);
}

static struct vitlrp_concepts_builder *begun(const struct bench *bench) {
    struct vitlrp_concepts_builder *builder = NULL;
    struct vitlrp_error err = {0};
    check(vitlrp_concepts_make(bench->model, &bench->options, &builder, &err), &err);
    return builder;
}

/* The values of one image, as a pass leaves them. */
struct values {
    float relevance[UNITS], relevance_max[UNITS], activation_max[UNITS];
    int32_t relevance_token[UNITS], activation_token[UNITS];
    float activation_mean[UNITS * 2], column_mean[UNITS * OUTPUTS * 2];
    struct vitlrp_block_flow flow[BLOCKS];
    struct vitlrp_unit_values units;
    struct vitlrp_concepts_image image;
};

/* Of image i the unit u has more relevance the larger (i + u) mod 5 is; its largest token less. */
static void values_fill(struct values *values, size_t place) {
    *values = (struct values){.flow[1].attention_branch = 1.5};
    for (size_t unit = 0; unit < UNITS; unit++) {
        values->relevance[unit] = (float) ((place + unit) % IMAGES) - 1.0F;
        values->relevance_max[unit] = (float) ((2 * place + unit) % IMAGES);
        values->activation_max[unit] = (float) place + 0.5F;
        values->relevance_token[unit] = (int32_t) place + 1;
        values->activation_token[unit] = (int32_t) place + 2;
        values->activation_mean[2 * unit] = values->activation_mean[2 * unit + 1] = 0.25F;
    }
    for (size_t i = 0; i < UNITS * OUTPUTS * 2; i++) {
        values->column_mean[i] = (float) (i + place);
    }
    values->units = (struct vitlrp_unit_values){.site = VITLRP_SITE_HEAD,
                                                .relevance = values->relevance,
                                                .relevance_max = values->relevance_max,
                                                .relevance_token = values->relevance_token,
                                                .activation_max = values->activation_max,
                                                .activation_token = values->activation_token,
                                                .activation_mean = values->activation_mean,
                                                .column_mean = values->column_mean};
    values->image = (struct vitlrp_concepts_image){.place = place,
                                                   .sha256 = DIGITS,
                                                   .target = 2,
                                                   .predicted = 1,
                                                   .probability = 0.25,
                                                   .predicted_probability = 0.5,
                                                   .logit = 3.5F,
                                                   .units = &values->units,
                                                   .flow = values->flow};
}

static void add(struct vitlrp_concepts_builder *builder, size_t place) {
    struct values values;
    struct vitlrp_error err = {0};
    values_fill(&values, place);
    check(vitlrp_concepts_add(builder, &values.image, &err), &err);
}

static void add_failed(struct vitlrp_concepts_builder *builder, size_t place) {
    const struct vitlrp_concepts_image image = {
        .place = place, .status = VITLRP_FORMAT, .message = "no picture"};
    struct vitlrp_error err = {0};
    check(vitlrp_concepts_add(builder, &image, &err), &err);
}

static void write_it(const struct bench *bench, const struct vitlrp_concepts_builder *builder) {
    char path[256];
    struct vitlrp_error err = {0};
    scratch_path(&bench->scratch, "index", path, sizeof path);
    check(vitlrp_concepts_write(builder, path, &err), &err);
}

static struct vitlrp_concepts *opened(const struct bench *bench) {
    char path[256];
    struct vitlrp_concepts *concepts = NULL;
    struct vitlrp_error err = {0};
    scratch_path(&bench->scratch, "index", path, sizeof path);
    check(vitlrp_concepts_open(path, &concepts, &err), &err);
    return concepts;
}

static struct bytes contents(const struct bench *bench, const char *name) {
    char path[256];
    struct bytes bytes = {0};
    struct vitlrp_error err = {0};
    scratch_path(&bench->scratch, name, path, sizeof path);
    check(file_read(path, (size_t) 1 << 24, &bytes, &err), &err);
    return bytes;
}

/* ---- What it is ---- */

/* The state of an index to which the command's way adds the same values, without image 3. */
static void write_wanted(const struct bench *bench, bool of_largest) {
    const struct unit_index_shape shape = {
        BLOCKS, HEADS, OUTPUTS, KEEP, IMAGES, UNIT_INDEX_ALL_KINDS, 0};
    struct bytes record = contents(bench, "index/run.json");
    struct unit_index_run run;
    struct unit_index index;
    struct values values;
    float shares[UNITS];
    int folder = -1;
    assert_int_equal(unit_index_run_parse((char *) record.data, record.size, &run, NULL),
                     VITLRP_OK);
    assert_int_equal(unit_index_open(&shape, &index, NULL), VITLRP_OK);
    for (size_t i = 0; i < IMAGES; i++) {
        values_fill(&values, i);
        unit_index_share(of_largest ? values.relevance_max : values.relevance, BLOCKS, HEADS,
                         shares);
        const struct unit_index_image image = {.image = (uint32_t) i,
                                               .target = 2,
                                               .relevance = shares,
                                               .activation = values.activation_max,
                                               .relevance_token = values.relevance_token,
                                               .activation_token = values.activation_token,
                                               .means = values.activation_mean,
                                               .parts = values.column_mean};
        assert_int_equal(i == 3 ? VITLRP_OK : unit_index_add(&index, &image, NULL), VITLRP_OK);
    }
    assert_int_equal(folder_open(bench->scratch.path, &folder, NULL), VITLRP_OK);
    assert_int_equal(unit_index_write(&index, run.identity, folder, "wanted.bin", NULL), VITLRP_OK);
    close(folder);
    unit_index_close(&index);
    unit_index_run_close(&run);
    bytes_free(&record);
}

static void check_state(const char *statistic) {
    struct bench bench;
    bench_open(&bench);
    bench.options.statistic = statistic;
    struct vitlrp_concepts_builder *builder = begun(&bench);
    const size_t order[] = {4, 0, 2, 1};
    add_failed(builder, 3);
    for (size_t i = 0; i < 4; i++) {
        add(builder, order[i]);
    }
    write_it(&bench, builder);
    vitlrp_concepts_builder_close(builder);
    write_wanted(&bench, strcmp(statistic, "max") == 0);
    struct bytes found = contents(&bench, "index/state.bin");
    struct bytes wanted = contents(&bench, "wanted.bin");
    assert_int_equal(found.size, wanted.size);
    assert_memory_equal(found.data, wanted.data, wanted.size);
    bytes_free(&found);
    bytes_free(&wanted);
    bench_close(&bench);
}

static void test_the_state_is_that_of_the_values(void **state) {
    (void) state;
    check_state("sum");
    check_state("max");
}

static void test_a_reader_takes_it_for_a_run(void **state) {
    (void) state;
    struct bench bench;
    struct vitlrp_concepts_info info;
    struct vitlrp_error err = {0};
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 0, 0};
    struct vitlrp_concept_reference found[KEEP];
    size_t count = 0;
    bench_open(&bench);
    struct vitlrp_concepts_builder *builder = begun(&bench);
    for (size_t i = IMAGES; i-- > 0;) {
        add(builder, i);
    }
    write_it(&bench, builder);
    vitlrp_concepts_builder_close(builder);
    struct vitlrp_concepts *concepts = opened(&bench);
    vitlrp_concepts_info_init(&info);
    vitlrp_concepts_describe(concepts, &info);
    assert_int_equal(info.images, IMAGES);
    assert_string_equal(info.statistic, "sum");
    assert_string_equal(info.dataset, LATENT "/images");
    check(vitlrp_concepts_check_model(concepts, bench.model, &err), &err);
    check(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, &err),
        &err);
    assert_int_equal(count, KEEP);
    assert_int_equal(found[0].image, 4);
    assert_int_equal(found[0].token, 5);
    assert_string_equal(found[0].sha256, DIGITS);
    assert_int_equal(access(found[0].path, R_OK), 0);
    vitlrp_concepts_close(concepts);
    bench_close(&bench);
}

static void test_lines_are_those_of_the_images(void **state) {
    (void) state;
    struct bench bench;
    bench_open(&bench);
    struct vitlrp_concepts_builder *builder = begun(&bench);
    add_failed(builder, 0);
    for (size_t i = 1; i < IMAGES; i++) {
        add(builder, i);
    }
    write_it(&bench, builder);
    vitlrp_concepts_builder_close(builder);
    struct bytes lines = contents(&bench, "index/results.jsonl");
    char *text = malloc(lines.size + 1);
    assert_non_null(text);
    memcpy(text, lines.data, lines.size);
    text[lines.size] = '\0';
    char *second = strchr(text, '\n') + 1;
    assert_non_null(strstr(text, "\"index\":0,"));
    const char *failure = strstr(text, "\"status\":\"format\"");
    const char *message = strstr(text, "\"message\":\"no picture\"}\n");
    assert_true(failure != NULL && failure < second);
    assert_true(message != NULL && message < second);
    assert_non_null(strstr(second, "\"index\":1,"));
    assert_non_null(strstr(second, "\"predicted\":1,"));
    assert_non_null(strstr(second, "\"predicted_probability\":0.5,"));
    assert_non_null(
        strstr(second, "\"probability\":0.25,\"logit\":3.5,\"branches\":[0.0,1.5,0.0]}"));
    free(text);
    bytes_free(&lines);
    bench_close(&bench);
}

/* ---- What is refused ---- */

static void refused_options(const struct bench *bench, const char *reason) {
    struct vitlrp_concepts_builder *builder = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_concepts_make(bench->model, &bench->options, &builder, &err),
                     VITLRP_USAGE);
    if (strstr(err.message, reason) == NULL) {
        fail_msg("%s", err.message);
    }
    assert_null(builder);
}

static void test_options_are_checked(void **state) {
    (void) state;
    struct bench bench;
    bench_open(&bench);
    const struct vitlrp_concepts_options options = bench.options;
    bench.options.keep = 1001;
    refused_options(&bench, "keep must be from 1 to 1000");
    bench.options = options;
    bench.options.statistic = "mean";
    refused_options(&bench, "statistic must be \"sum\" or \"max\", not \"mean\"");
    bench.options = options;
    bench.options.site = (enum vitlrp_site) 3;
    refused_options(&bench, "there is no site 3");
    bench.options = options;
    bench.options.dataset = NULL;
    refused_options(&bench, "NULL");
    bench.options = options;
    bench.method.method = "raw-attention";
    refused_options(&bench, "raw-attention shows no hidden units");
    bench.method.method = "attnlrp";
    vitlrp_dataset_close(bench.dataset);
    bench.dataset = open_dataset(bench.model, 2);
    bench.options.dataset = bench.dataset;
    refused_options(&bench, "not of a shard");
    bench_close(&bench);
}

static void refused_image(struct vitlrp_concepts_builder *builder, const struct values *values,
                          enum vitlrp_status wanted, const char *reason) {
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_concepts_add(builder, &values->image, &err), wanted);
    if (strstr(err.message, reason) == NULL) {
        fail_msg("%s", err.message);
    }
}

/* Then the image may still be added, as one that failed. */
static void test_images_are_checked(void **state) {
    (void) state;
    struct bench bench;
    struct values values;
    bench_open(&bench);
    struct vitlrp_concepts_builder *builder = begun(&bench);
    add(builder, 1);
    values_fill(&values, 1);
    refused_image(builder, &values, VITLRP_USAGE, "image 1 is in the index already");
    values_fill(&values, IMAGES);
    refused_image(builder, &values, VITLRP_USAGE, "there is no image 5: the dataset has 5 images");
    values_fill(&values, 0);
    values.image.sha256 = "1";
    refused_image(builder, &values, VITLRP_USAGE, "sha256");
    values_fill(&values, 0);
    values.image.predicted = 1000000;
    refused_image(builder, &values, VITLRP_USAGE, "");
    values_fill(&values, 0);
    values.units.site = VITLRP_SITE_FC1;
    refused_image(builder, &values, VITLRP_USAGE, "another site than the index's, head");
    values_fill(&values, 0);
    values.units.column_mean = NULL;
    refused_image(builder, &values, VITLRP_USAGE, "NULL");
    values_fill(&values, 0);
    values.activation_max[3] = NAN;
    refused_image(builder, &values, VITLRP_NUMERIC, "not finite");
    add_failed(builder, 0);
    vitlrp_concepts_builder_close(builder);
    bench_close(&bench);
}

/* Entries of the scratch folder. */
static size_t entries(const struct bench *bench) {
    DIR *folder = opendir(bench->scratch.path);
    size_t count = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 2;
}

static void refused_folder(const struct bench *bench, const struct vitlrp_concepts_builder *builder,
                           const char *name, enum vitlrp_status wanted, const char *reason) {
    char path[256];
    struct vitlrp_error err = {0};
    size_t before = entries(bench);
    scratch_path(&bench->scratch, name, path, sizeof path);
    assert_int_equal(vitlrp_concepts_write(builder, path, &err), wanted);
    if (strstr(err.message, reason) == NULL) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(entries(bench), before);
}

static void test_there_is_a_whole_folder_or_none(void **state) {
    (void) state;
    struct bench bench;
    char path[256];
    bench_open(&bench);
    struct vitlrp_concepts_builder *builder = begun(&bench);
    for (size_t i = 1; i < IMAGES; i++) {
        add(builder, i);
    }
    refused_folder(&bench, builder, "index", VITLRP_USAGE, "1 of the 5 images are not in");
    add(builder, 0);
    scratch_text(&bench.scratch, "taken/file", "mine");
    refused_folder(&bench, builder, "taken", VITLRP_USAGE, "is there already");
    refused_folder(&bench, builder, "taken/file", VITLRP_USAGE, "is there already");
    refused_folder(&bench, builder, "none/index", VITLRP_IO, "none/index: cannot make the folder");
    scratch_path(&bench.scratch, "empty/", path, sizeof path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(vitlrp_concepts_write(builder, path, NULL), VITLRP_OK);
    write_it(&bench, builder); /* a second folder of the same */
    assert_int_equal(entries(&bench), 3);
    vitlrp_concepts_builder_close(builder);
    bench_close(&bench);
}

/* The sums of a class are those that were added; where no file has them, nothing is told. */
static void test_class_sums(void **state) {
    (void) state;
    struct bench bench;
    int64_t sums[UNITS] = {0};
    size_t images = 99;
    struct vitlrp_error err = {0};
    bench_open(&bench);
    bench.options.class_sums = 1;
    struct vitlrp_concepts_builder *builder = begun(&bench);
    for (size_t i = 0; i < IMAGES; i++) {
        add(builder, i);
    }
    write_it(&bench, builder);
    vitlrp_concepts_builder_close(builder);
    struct vitlrp_concepts *concepts = opened(&bench);
    check(vitlrp_concepts_class_sums(concepts, 2, sums, &images, &err), &err);
    assert_int_equal(images, IMAGES);
    assert_int_not_equal(sums[0], 0);
    vitlrp_concepts_close(concepts);

    scratch_text(&bench.scratch, "index/head.classes.npy", "damaged");
    concepts = opened(&bench);
    images = 99;
    assert_int_equal(vitlrp_concepts_class_sums(concepts, 2, sums, &images, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "no file has the sums of class 2"));
    assert_int_equal(images, 99);
    vitlrp_concepts_close(concepts);
    bench_close(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_state_is_that_of_the_values),
        cmocka_unit_test(test_a_reader_takes_it_for_a_run),
        cmocka_unit_test(test_lines_are_those_of_the_images),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_images_are_checked),
        cmocka_unit_test(test_there_is_a_whole_folder_or_none),
        cmocka_unit_test(test_class_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
