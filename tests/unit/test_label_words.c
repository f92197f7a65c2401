/* Class names that lie beside the weights, and what a word means that is a name and a number. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/handles.h"
#include "api/label_index.h"
#include "base/file.h"
#include "vitlrp.h"

#include "support/load_checks.h"
#include "support/pth_writer.h"
#include "support/unit.h"

#define PARITY TEST_DATA "/golden/parity/"

static char folder[] = "/tmp/vitlrp-test-XXXXXX";
static char warned[400]; /* the warnings about names */

static const char *path_in(const char *name, char path[256]) {
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const void *data, size_t size) {
    char path[256];
    assert_int_equal(file_write_atomic(path_in(name, path), data, size, NULL), VITLRP_OK);
}

static void keep_warning(void *user, int level, const char *message) {
    (void) user;
    if (level == 1) {
        snprintf(warned, sizeof warned, "%s", message);
    }
}

static struct vitlrp_model *open_with(const char *config, const char *labels) {
    char path[256];
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    struct vitlrp_error error;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    options.log.write = keep_warning;
    warned[0] = '\0';
    put_file("config.json", config, strlen(config));
    if (labels != NULL) {
        put_file("labels.txt", labels, strlen(labels));
        options.labels_path = path_in("labels.txt", path);
    }
    if (vitlrp_model_open(folder, &options, &model, &error) != VITLRP_OK) {
        fail_msg("%s: %s", config, error.message);
    }
    if (labels != NULL) {
        unlink(path);
    }
    return model;
}

static void expect_class(const struct vitlrp_model *model, int32_t output, const char *wnid,
                         const char *label) {
    struct vitlrp_class found = {0};
    assert_int_equal(vitlrp_model_class(model, output, &found, NULL), VITLRP_OK);
    assert_string_equal(found.wnid, wnid);
    assert_string_equal(found.label, label);
}

static void expect_found(const struct vitlrp_model *model, const char *word, int32_t output) {
    struct vitlrp_class found = {.output = -1};
    struct label_index *index = NULL;
    enum vitlrp_status status = vitlrp_model_find_class(model, word, &found, NULL);
    assert_int_equal(status == VITLRP_OK ? found.output : -1, output);
    assert_int_equal(label_index_open(model->labels, &index, NULL), VITLRP_OK);
    assert_int_equal(label_index_find(index, word), output);
    label_index_close(index);
}

#define ANIMALS "[\"ant\",\"bee\",\"cat\",\"dog\",\"eel\",\"fox\",\"gnu\",\"hen\",\"ibis\",\"jay\"]"

/* timm's forms: beside pretrained_cfg, inside it, by number, and the older name (trial t06). */
static void test_timm_names(void **unused) {
    static const char *const configs[] = {
        "{\"pretrained_cfg\":{},\"label_names\":" ANIMALS "}",
        "{\"pretrained_cfg\":{\"label_names\":" ANIMALS "}}",
        "{\"architecture\":\"vit_x\",\"labels\":" ANIMALS "}",
        "{\"pretrained_cfg\":{},\"label_names\":{\"6\":\"gnu\",\"4\":\"eel\",\"0\":\"ant\"}}",
    };
    (void) unused;
    for (size_t i = 0; i < sizeof configs / sizeof configs[0]; i++) {
        struct vitlrp_model *model = open_with(configs[i], NULL);
        expect_class(model, 0, "", "ant");
        expect_class(model, 4, "", "eel");
        expect_class(model, 6, "", "gnu");
        expect_found(model, "eel", 4);
        vitlrp_model_close(model);
    }
}

/* A WordNet id is no name for people: timm's description, ImageNet's list, or itself. */
static void test_wordnet_names(void **unused) {
    static const char config[] =
        "{\"pretrained_cfg\":{},\"label_names\":[\"n01440764\",\"n01443537\",\"n99999999\",\"a\","
        "\"b\",\"c\",\"d\",\"e\",\"f\",\"g\"],\"label_descriptions\":{\"n01443537\":\"a fish of "
        "gold\"}}";
    (void) unused;
    struct vitlrp_model *model = open_with(config, NULL);
    expect_class(model, 0, "n01440764", "tench");
    expect_class(model, 1, "n01443537", "a fish of gold");
    expect_class(model, 2, "n99999999", "n99999999");
    expect_found(model, "n01443537", 1);
    expect_found(model, "n99999999", 2);
    vitlrp_model_close(model);
}

/* A model of 1,000 classes, "tench, Tinca tinca", "name 1" and so on to a last one. Alone in the
 * folder meanwhile. */
static struct vitlrp_model *open_thousand(const char *last) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes parity, own;
    struct text names = {.limit = 100000};
    char path[256];
    config.classes = 1000;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &own);
    assert_int_equal(file_read(path_in("model.safetensors", path), (size_t) 1 << 24, &parity, NULL),
                     VITLRP_OK);
    put_file("model.safetensors", own.data, own.size);
    text_append_string(&names, "{\"pretrained_cfg\":{},\"label_names\":[\"tench, Tinca tinca\"");
    for (int i = 1; i < 999; i++) {
        text_printf(&names, ",\"name %d\"", i);
    }
    text_printf(&names, ",\"%s\"]}", last);
    struct vitlrp_model *model = open_with(names.data, NULL);
    put_file("model.safetensors", parity.data, parity.size);
    bytes_free(&parity);
    bytes_free(&own);
    text_free(&names);
    return model;
}

/* Words alone name ImageNet's classes if they do so at both ends of its list. */
static void test_imagenet_by_its_ends(void **unused) {
    (void) unused;
    for (int known = 0; known < 2; known++) {
        struct vitlrp_model *model = open_thousand(known ? "toilet tissue" : "a class of ours");
        expect_class(model, 0, known ? "n01440764" : "", "tench, Tinca tinca");
        expect_class(model, 999, known ? "n15075141" : "",
                     known ? "toilet tissue" : "a class of ours");
        vitlrp_model_close(model);
    }
}

static void test_lists_of_other_lengths(void **unused) {
    (void) unused;
    struct vitlrp_model *model =
        open_with("{\"pretrained_cfg\":{},\"label_names\":[\"ant\",\"bee\"]}", NULL);
    expect_class(model, 0, "", "");
    assert_non_null(strstr(warned, "has 2 names, the model has 10 classes"));
    vitlrp_model_close(model);
}

/* id2label in any order, with placeholders where there is no name. */
static void test_id2label(void **unused) {
    (void) unused;
    struct vitlrp_model *model =
        open_with("{\"pretrained_cfg\":{},\"id2label\":{\"10\":\"x\",\"6\":\"gnu\",\"0\":"
                  "\"LABEL_0\",\"3\":\"dog\"},\"label_names\":" ANIMALS "}",
                  NULL);
    expect_class(model, 0, "", "");
    expect_class(model, 3, "", "dog");
    expect_class(model, 6, "", "gnu");
    vitlrp_model_close(model);
}

/* Classes called "1" to "10" (trial t07): a folder or a word "1" is the first of them. */
static void test_names_before_numbers(void **unused) {
    static const char numbers[] = "{\"pretrained_cfg\":{},\"label_names\":[\"1\",\"2\",\"3\",\"4\","
                                  "\"5\",\"6\",\"7\",\"8\",\"9\",\"10\"]}";
    (void) unused;
    struct vitlrp_model *model = open_with(numbers, NULL);
    assert_non_null(strstr(warned, "class 0 is called \"1\""));
    expect_found(model, "1", 0);
    expect_found(model, "7", 6);
    expect_found(model, "0", 0); /* no name: still the index */
    expect_found(model, "10", 9);
    expect_found(model, "11", -1);
    vitlrp_model_close(model);
    model = open_with("{}", "3\n3\n0\n0 or 1, 1\n\nx\ny\nz\nv\nw\n");
    expect_found(model, "3", 3); /* two are called so: no name decides */
    expect_found(model, "0", 2);
    expect_found(model, "1", 3); /* a part of a name is a name */
    vitlrp_model_close(model);
    model = open_with("{}", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    assert_string_equal(warned, "");
    expect_found(model, "4", 4);
    vitlrp_model_close(model);
}

static int make_folder(void **state) {
    struct bytes bytes;
    (void) state;
    if (mkdtemp(folder) == NULL ||
        file_read(PARITY "timm.safetensors", (size_t) 1 << 24, &bytes, NULL) != VITLRP_OK) {
        return -1;
    }
    put_file("model.safetensors", bytes.data, bytes.size);
    bytes_free(&bytes);
    return 0;
}

static int drop_folder(void **state) {
    char path[256];
    (void) state;
    unlink(path_in("model.safetensors", path));
    unlink(path_in("config.json", path));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timm_names),
        cmocka_unit_test(test_wordnet_names),
        cmocka_unit_test(test_imagenet_by_its_ends),
        cmocka_unit_test(test_lists_of_other_lengths),
        cmocka_unit_test(test_id2label),
        cmocka_unit_test(test_names_before_numbers),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
