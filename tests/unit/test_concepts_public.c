/* Indexes of hidden units through the public interface: folders as `vitlrp concepts` leaves them
 * are read as they are, of the model that they are of, and what no run has written is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folder.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/unit_index.h"
#include "base/unit_index_run.h"
#include "support/scratch.h"
#include "vitlrp_concepts.h"
#include "vitlrp_units.h"

#include "support/unit.h"

#define LATENT TEST_DATA "/golden/latent/"

enum { BLOCKS = 3, HEADS = 4, OUTPUTS = 12, KEEP = 3, IMAGES = 5, UNITS = BLOCKS * HEADS };

static const char DIGITS[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void check(enum vitlrp_status status, const struct vitlrp_error *err) {
    if (status != VITLRP_OK) {
        fail_msg("%s", err->message);
    }
}

static struct vitlrp_model *open_model(const char *name, enum vitlrp_activation activation) {
    struct vitlrp_model_options options;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error err = {0};
    char path[512];
    snprintf(path, sizeof path, LATENT "%s", name);
    vitlrp_model_options_init(&options);
    options.activation = activation;
    check(vitlrp_model_open(path, &options, &model, &err), &err);
    return model;
}

/* ---- A folder ---- */

struct folder {
    struct scratch scratch;
    struct vitlrp_model *model;
    json_t *record;
    int32_t shard, shards;
    const char *site;
    bool without_line; /* of image 2 */
    size_t done;
};

static struct folder folder_begin(void) {
    struct folder folder = {.scratch = scratch_open(),
                            .model = open_model("latent-vit", VITLRP_ACTIVATION_STATED),
                            .shards = 1,
                            .site = "head",
                            .done = IMAGES};
    return folder;
}

static void folder_end(struct folder *folder) {
    json_decref(folder->record);
    vitlrp_model_close(folder->model);
    scratch_close(&folder->scratch);
}

static void write_record(struct folder *folder) {
    char digest[65];
    char *configuration = NULL;
    size_t size = 0;
    json_t *parsed = NULL;
    struct vitlrp_error err = {0};
    struct text text = {.limit = (size_t) 1 << 20};
    check(vitlrp_model_sha256(folder->model, digest, &err), &err);
    check(vitlrp_model_configuration(folder->model, &configuration, &size, &err), &err);
    check(json_parse_object(configuration, size, &parsed, &err), &err);
    json_t *record = json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:s, s:{s:i, s:i}, s:{s:s, s:{s:s, s:s, s:i}}, s:s}", "format",
        "vitlrp concepts 1", "version", "0.2.0", "model", "a model", "weights_sha256", digest,
        "configuration", parsed, "dataset", folder->scratch.path, "shard", "index", folder->shard,
        "count", folder->shards, "settings", "method", "attnlrp", "units", "site", folder->site,
        "statistic", "sum", "keep", KEEP, "settings_sha256", DIGITS);
    json_append(&text, record, 2);
    scratch_text(&folder->scratch, "index/run.json", text.data);
    json_decref(folder->record);
    folder->record = record;
    text_free(&text);
    vitlrp_free(configuration);
}

/* Of image i a unit's score is ((i + unit) mod 5) / 10, so that each prefers another image. */
static float score_of(size_t image, size_t unit) {
    return (float) ((image + unit) % IMAGES) / 10.0F;
}

static void add_image(struct unit_index *index, size_t image) {
    float relevance[UNITS];
    float activation[UNITS];
    int32_t tokens[UNITS];
    float means[UNITS * 2];
    float parts[UNITS * OUTPUTS * 2];
    for (size_t unit = 0; unit < UNITS; unit++) {
        relevance[unit] = score_of(image, unit);
        activation[unit] = (float) image; /* ties by none: the last images */
        tokens[unit] = (int32_t) (image + 1);
        means[2 * unit] = means[2 * unit + 1] = 1.0F;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        parts[i] = (float) (i % 64 + image) / 8.0F;
    }
    const struct unit_index_image values = {.image = (uint32_t) image,
                                            .target = (uint32_t) (100 + image),
                                            .relevance = relevance,
                                            .activation = activation,
                                            .relevance_token = tokens,
                                            .activation_token = tokens,
                                            .means = means,
                                            .parts = parts};
    assert_int_equal(unit_index_add(index, &values, NULL), VITLRP_OK);
}

static void write_state(const struct folder *folder) {
    const struct unit_index_shape shape = {
        BLOCKS, HEADS, OUTPUTS, KEEP, IMAGES, UNIT_INDEX_ALL_KINDS, 0};
    char identity[SHA256_TEXT];
    char path[256];
    struct unit_index index;
    int at = -1;
    assert_int_equal(unit_index_open(&shape, &index, NULL), VITLRP_OK);
    for (size_t i = (size_t) folder->shard; i < folder->done; i += (size_t) folder->shards) {
        add_image(&index, i);
    }
    assert_int_equal(unit_index_run_identity(folder->record, identity, NULL), VITLRP_OK);
    scratch_path(&folder->scratch, "index", path, sizeof path);
    assert_int_equal(folder_open(path, &at, NULL), VITLRP_OK);
    assert_int_equal(unit_index_write(&index, identity, at, "state.bin", NULL), VITLRP_OK);
    close(at);
    unit_index_close(&index);
}

/* The name of image 1 is not UTF-8. */
static void write_results(const struct folder *folder) {
    struct text text = {.limit = (size_t) 1 << 16};
    for (size_t i = (size_t) folder->shard; i < folder->done; i += (size_t) folder->shards) {
        if (i == 2 && folder->without_line) {
            continue;
        }
        text_printf(&text,
                    "{\"format\":\"vitlrp concepts image 1\",\"index\":%zu,\"id\":\"%s%zu.png\","
                    "\"status\":\"ok\",\"sha256\":\"%s\",%s\"name\":\"class %zu\"}\n",
                    i, i == 1 ? "\\\\xFF" : "a/", i, DIGITS, i == 1 ? "\"escaped\":true," : "", i);
    }
    scratch_text(&folder->scratch, "index/results.jsonl", text.data == NULL ? "" : text.data);
    text_free(&text);
}

static void write_all(struct folder *folder) {
    write_record(folder);
    write_state(folder);
    write_results(folder);
}

static enum vitlrp_status open_it(const struct folder *folder, struct vitlrp_concepts **out,
                                  struct vitlrp_error *err) {
    char path[256];
    scratch_path(&folder->scratch, "index", path, sizeof path);
    return vitlrp_concepts_open(path, out, err);
}

static struct vitlrp_concepts *opened(const struct folder *folder) {
    struct vitlrp_concepts *concepts = NULL;
    struct vitlrp_error err = {0};
    check(open_it(folder, &concepts, &err), &err);
    return concepts;
}

static void refused(const struct folder *folder, enum vitlrp_status wanted, const char *reason) {
    struct vitlrp_concepts *concepts = NULL;
    struct vitlrp_error err = {0};
    enum vitlrp_status status = open_it(folder, &concepts, &err);
    if (status != wanted || strstr(err.message, reason) == NULL) {
        fail_msg("%d %s", (int) status, err.message);
    }
    assert_null(concepts);
}

/* ---- Tests ---- */

static void test_describes_itself(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_concepts_info info;
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    vitlrp_concepts_info_init(&info);
    vitlrp_concepts_describe(concepts, &info);
    assert_int_equal(info.site, VITLRP_SITE_HEAD);
    assert_int_equal(info.blocks, BLOCKS);
    assert_int_equal(info.width, HEADS);
    assert_int_equal(info.parts, OUTPUTS);
    assert_int_equal(info.keep, KEEP);
    assert_int_equal(info.images, IMAGES);
    assert_int_equal(info.total, IMAGES);
    assert_string_equal(info.dataset, folder.scratch.path);
    assert_string_equal(info.method, "attnlrp");
    assert_string_equal(info.statistic, "sum");
    assert_int_equal(strlen(info.weights_sha256), 64);
    vitlrp_concepts_close(concepts);
    vitlrp_concepts_close(NULL);
    folder_end(&folder);
}

static void test_references_are_those_of_the_run(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_error err = {0};
    struct vitlrp_concept_reference found[KEEP];
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 1, 2}; /* the sixth: image 3 is first */
    char path[256];
    size_t count = 0;
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    check(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, &err),
        &err);
    assert_int_equal(count, KEEP);
    for (size_t i = 0; i < KEEP; i++) {
        size_t image = 3 - i;
        assert_int_equal(found[i].image, image);
        assert_true(found[i].score == score_of(image, 6));
        assert_int_equal(found[i].token, image + 1);
        assert_int_equal(found[i].target, 100 + image);
        assert_string_equal(found[i].sha256, DIGITS);
    }
    scratch_path(&folder.scratch, "a/3.png", path, sizeof path);
    assert_string_equal(found[0].path, path);
    assert_string_equal(found[0].id, "a/3.png");
    assert_string_equal(found[0].label, "class 3");
    assert_string_equal(found[2].id, "\xff"
                                     "1.png");
    check(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_ACTIVATION, found, &count, &err),
        &err);
    assert_int_equal(found[0].image, 4);
    assert_true(found[0].score == 4.0F);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

/* Of a list of images the names are paths. */
static void test_a_list_has_paths(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_concept_reference found[KEEP];
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 0, 0};
    struct text text = {.limit = (size_t) 1 << 20};
    char path[256];
    size_t count = 0;
    write_record(&folder);
    scratch_text(&folder.scratch, "list.txt", "a/0.png\n");
    scratch_path(&folder.scratch, "list.txt", path, sizeof path);
    json_object_set_new(folder.record, "dataset", json_string(path));
    json_append(&text, folder.record, 2);
    scratch_text(&folder.scratch, "index/run.json", text.data);
    text_free(&text);
    write_state(&folder);
    write_results(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    assert_int_equal(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, NULL),
        VITLRP_OK);
    assert_string_equal(found[0].path, "a/4.png");
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

static void test_means_are_those_of_the_images(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 2, 1};
    float mean[OUTPUTS * 2];
    float means[UNITS * OUTPUTS * 2];
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    assert_int_equal(vitlrp_concepts_mean(concepts, &unit, mean, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_concepts_means(concepts, means, NULL), VITLRP_OK);
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) {
        assert_true(means[i] == (float) (i % 64 + 2) / 8.0F); /* the mean image is 2 */
    }
    assert_memory_equal(mean, means + 9 * OUTPUTS * 2, sizeof mean);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

static void refused_unit(const struct vitlrp_concepts *concepts, enum vitlrp_site site,
                         int32_t block, int32_t index) {
    const struct vitlrp_unit unit = {site, block, index};
    struct vitlrp_concept_reference found[KEEP];
    float mean[OUTPUTS * 2];
    size_t count;
    assert_int_equal(vitlrp_concepts_mean(concepts, &unit, mean, NULL), VITLRP_USAGE);
    assert_int_equal(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, NULL),
        VITLRP_USAGE);
}

static void test_other_units_are_refused(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 0, 0};
    struct vitlrp_concept_reference found[KEEP];
    size_t count;
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    refused_unit(concepts, VITLRP_SITE_FC1, 0, 0);
    refused_unit(concepts, VITLRP_SITE_HEAD, BLOCKS, 0);
    refused_unit(concepts, VITLRP_SITE_HEAD, 0, HEADS);
    refused_unit(concepts, VITLRP_SITE_HEAD, -1, 0);
    refused_unit(concepts, VITLRP_SITE_HEAD, 0, -1);
    assert_int_equal(vitlrp_concepts_references(concepts, &unit, (enum vitlrp_concept_kind) 2,
                                                found, &count, NULL),
                     VITLRP_USAGE);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

/* ---- Its model ---- */

static void refused_model(const struct vitlrp_concepts *concepts, struct vitlrp_model *model,
                          const char *reason) {
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_concepts_check_model(concepts, model, &err), VITLRP_MISMATCH);
    if (strstr(err.message, reason) == NULL) {
        fail_msg("%s", err.message);
    }
}

static struct vitlrp_model *edited(const struct vitlrp_model *model, float factor) {
    const struct vitlrp_edit edit = {.unit = {VITLRP_SITE_FC1, 0, 3}, .factor = factor};
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    check(vitlrp_model_with_edits(model, &edit, 1, &made, &err), &err);
    return made;
}

static void test_an_index_is_of_a_model(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_error err = {0};
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    check(vitlrp_concepts_check_model(concepts, folder.model, &err), &err);
    struct vitlrp_model *model = open_model("latent-registers", VITLRP_ACTIVATION_STATED);
    refused_model(concepts, model, "of other weights: of a model (sha256 ");
    vitlrp_model_close(model);
    model = open_model("latent-vit", VITLRP_QUICK_GELU);
    refused_model(concepts, model, "its activation is \"gelu\", this one's \"quick_gelu\"");
    vitlrp_model_close(model);
    model = edited(folder.model, 0.5F);
    check(vitlrp_concepts_check_model(concepts, model, &err), &err);
    vitlrp_model_close(model);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

static void test_an_index_of_an_edited_model(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_error err = {0};
    struct vitlrp_model *base = folder.model;
    folder.model = edited(base, 0.5F);
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    check(vitlrp_concepts_check_model(concepts, folder.model, &err), &err);
    refused_model(concepts, base, "its edits is [\"0:fc1:3=0.5\"], this one's absent");
    struct vitlrp_model *other = edited(base, 2.0F);
    refused_model(concepts, other, "its edits is");
    vitlrp_model_close(other);
    vitlrp_model_close(base);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

/* ---- Runs that have not ended ---- */

static void test_a_shard_has_its_images(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    struct vitlrp_concept_reference found[KEEP];
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 0, 0};
    size_t count = 0;
    folder.shard = 1;
    folder.shards = 2;
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    assert_int_equal(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, NULL),
        VITLRP_OK);
    assert_int_equal(count, 2);
    assert_int_equal(found[0].image, 3);
    assert_string_equal(found[0].id, "a/3.png");
    assert_int_equal(found[1].image, 1);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

static void test_an_index_without_images_has_no_means(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    const struct vitlrp_unit unit = {VITLRP_SITE_HEAD, 0, 0};
    struct vitlrp_concept_reference found[KEEP];
    float mean[OUTPUTS * 2];
    size_t count = 1;
    folder.done = 0;
    write_all(&folder);
    struct vitlrp_concepts *concepts = opened(&folder);
    assert_int_equal(vitlrp_concepts_mean(concepts, &unit, mean, NULL), VITLRP_MISMATCH);
    assert_int_equal(
        vitlrp_concepts_references(concepts, &unit, VITLRP_CONCEPT_RELEVANCE, found, &count, NULL),
        VITLRP_OK);
    assert_int_equal(count, 0);
    vitlrp_concepts_close(concepts);
    folder_end(&folder);
}

static void test_what_no_run_writes_is_refused(void **state) {
    (void) state;
    struct folder folder = folder_begin();
    refused(&folder, VITLRP_IO, "index");
    write_all(&folder);
    folder.without_line = true;
    write_results(&folder);
    refused(&folder, VITLRP_MISMATCH, "has image 2, and results.jsonl has no line of it");
    folder.without_line = false;
    write_results(&folder);
    json_object_set_new(folder.record, "version", json_string("9"));
    write_state(&folder);
    refused(&folder, VITLRP_MISMATCH, "state.bin: is the state of another run");
    folder.site = "fc1"; /* whose units are no vectors */
    write_record(&folder);
    write_state(&folder);
    refused(&folder, VITLRP_MISMATCH, "state.bin: is the state of another run");
    folder.site = "fc2";
    write_record(&folder);
    refused(&folder, VITLRP_FORMAT, "run.json: \"site\" must be fc1, head or stream");
    scratch_text(&folder.scratch, "index/run.json", "{\"format\": \"vitlrp batch 3\"}");
    refused(&folder, VITLRP_FORMAT, "run.json: is not the record of an index");
    folder_end(&folder);
}

static void test_null_is_refused(void **state) {
    (void) state;
    struct vitlrp_concepts *concepts = NULL;
    assert_int_equal(vitlrp_concepts_open(NULL, &concepts, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_concepts_open("a", NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_concepts_means(NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_concepts_check_model(NULL, NULL, NULL), VITLRP_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describes_itself),
        cmocka_unit_test(test_references_are_those_of_the_run),
        cmocka_unit_test(test_a_list_has_paths),
        cmocka_unit_test(test_means_are_those_of_the_images),
        cmocka_unit_test(test_other_units_are_refused),
        cmocka_unit_test(test_an_index_is_of_a_model),
        cmocka_unit_test(test_an_index_of_an_edited_model),
        cmocka_unit_test(test_a_shard_has_its_images),
        cmocka_unit_test(test_an_index_without_images_has_no_means),
        cmocka_unit_test(test_what_no_run_writes_is_refused),
        cmocka_unit_test(test_null_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
