/* vitlrp_model_*: what a model says of itself, its classes and what names them, its preprocessing,
 * its hash, and arguments without sense. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/load_checks.h"
#include "vitlrp.h"

#include "support/unit.h"

#define BUILT_IN PROJECT_DATA "/vit-tiny-patch4-64.safetensors"
#define PARITY TEST_DATA "/golden/parity/"

static struct vitlrp_model *open_model(const char *path, int32_t heads, const char *labels) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = heads;
    options.labels_path = labels;
    if (vitlrp_model_open(path, &options, &model, &error) != VITLRP_OK) {
        fail_msg("%s", error.message);
    }
    return model;
}

/* The small ViT as torchvision would save it, with so many classes. */
static struct vitlrp_model *random_model(int32_t classes) {
    struct vitlrp_architecture shape;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    vitlrp_architecture_init(&shape);
    shape.image_size = 8;
    shape.patch_size = 4;
    shape.dim = 8;
    shape.depth = 2;
    shape.heads = 2;
    shape.mlp_dim = 16;
    shape.classes = classes;
    if (vitlrp_model_random(&shape, &model, &error) != VITLRP_OK) {
        fail_msg("%s", error.message);
    }
    return model;
}

static void test_describe(void **unused) {
    (void) unused;
    struct vitlrp_model_info info;
    struct vitlrp_model *model = open_model(BUILT_IN, 0, NULL);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    assert_string_equal(info.name, BUILT_IN);
    assert_string_equal(info.layout, "timm");
    assert_string_equal(info.container, "safetensors");
    assert_string_equal(info.stored_as, "F16");
    assert_string_equal(info.activation, "gelu");
    assert_int_equal(info.image_height, 64);
    assert_int_equal(info.patch_width, 4);
    assert_int_equal(info.tokens, 257);
    assert_int_equal(info.heads, 3);
    assert_int_equal(info.classes, 200);
    assert_int_equal(info.parameters, 5436296);
    assert_true(info.weight_bytes >= 4 * 5436296);
    assert_true(info.layer_norm_eps == 1e-6F);
    vitlrp_model_close(model);
    vitlrp_model_close(NULL);
}

static void expect_class(const struct vitlrp_model *model, const char *text, int32_t index,
                         const char *label) {
    struct vitlrp_class found;
    struct vitlrp_error error;
    if (vitlrp_model_find_class(model, text, &found, &error) != VITLRP_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(found.index, index);
    assert_string_equal(found.label, label);
    struct vitlrp_class same;
    assert_int_equal(vitlrp_model_class(model, found.output, &same, &error), VITLRP_OK);
    assert_int_equal(same.index, index);
    assert_ptr_equal(same.label, found.label);
}

static void expect_no_class(const struct vitlrp_model *model, const char *text, const char *word) {
    struct vitlrp_class found = {.output = -7};
    struct vitlrp_error error;
    enum vitlrp_status status = vitlrp_model_find_class(model, text, &found, &error);
    if (status != VITLRP_USAGE || strstr(error.message, word) == NULL) {
        fail_msg("'%s': status %d, %s", text, status, error.message);
    }
    assert_int_equal(found.output, -7);
}

static void test_classes_of_part_of_imagenet(void **unused) {
    (void) unused;
    struct vitlrp_model *model = open_model(BUILT_IN, 0, NULL);
    struct vitlrp_class found;
    struct vitlrp_error error;
    expect_class(model, "281", 281, "tabby");
    expect_class(model, "n02123045", 281, "tabby");
    expect_class(model, "tabby", 281, "tabby");
    expect_class(model, "TABBY", 281, "tabby");
    expect_class(model, "goldfish", 1, "goldfish");
    expect_class(model, "988", 988, "acorn");
    assert_int_equal(vitlrp_model_find_class(model, "1", &found, &error), VITLRP_OK);
    assert_int_equal(found.output, 0);
    assert_string_equal(found.wnid, "n01443537");
    expect_no_class(model, "282", "class 282 'tiger cat' (n02123159) is not among the 200");
    assert_int_equal(vitlrp_model_find_class(model, "282", &found, &error), VITLRP_USAGE);
    assert_int_equal(error.topic, VITLRP_TOPIC_CLASSES);
    expect_no_class(model, "n02123159", "class 282");
    expect_no_class(model, "Tiger Cat", "class 282");
    expect_no_class(model, "1000", "200 classes with indices from 1 to 988");
    expect_no_class(model, "-1", "class -1 is out of range");
    expect_no_class(model, "99999999999999999999", "out of range");
    expect_no_class(model, "n00000000", "no class has the WordNet id n00000000");
    expect_no_class(model, "", "empty");
    expect_no_class(model, "goldf", "did you mean 1 'goldfish'?");
    expect_no_class(model, "xyzzy\x1B", "'xyzzy\\x1B'");
    assert_int_equal(vitlrp_model_class(model, 200, &found, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_class(model, -1, &found, &error), VITLRP_USAGE);
    vitlrp_model_close(model);
}

static void test_classes_of_imagenet(void **unused) {
    (void) unused;
    struct vitlrp_model *model = random_model(1000);
    expect_class(model, "0", 0, "tench");
    expect_class(model, "999", 999, "toilet tissue");
    expect_class(model, "crane", 517, "crane");
    expect_class(model, "Crane Bird", 134, "crane bird");
    expect_class(model, "n02012849", 134, "crane bird");
    expect_no_class(model, "1000", "class 1000 is out of range: this model has classes 0 to 999");
    expect_no_class(model, "great", "did you mean one of");
    expect_no_class(model, "shark", "'tiger shark'");
    vitlrp_model_close(model);
}

static void test_classes_without_names(void **unused) {
    (void) unused;
    struct vitlrp_model *model = random_model(7);
    expect_class(model, "6", 6, "");
    expect_no_class(model, "7", "classes 0 to 6");
    expect_no_class(model, "tabby", "no class is called 'tabby'");
    vitlrp_model_close(model);
}

static void test_huggingface_names(void **unused) {
    (void) unused;
    struct vitlrp_model *model = open_model(PARITY "huggingface", 0, NULL);
    expect_class(model, "class 7", 7, "class 7");
    expect_no_class(model, "class", "did you mean one of 0 'class 0', 1 'class 1'");
    vitlrp_model_close(model);
}

/* ---- Label files */

static char labels_path[] = "/tmp/vitlrp-test-XXXXXX";

static void put_labels(const char *text) {
    struct vitlrp_error err = {0};
    if (file_write_atomic(labels_path, text, strlen(text), &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

static const char TEN[] =
    "zero\none, uno\ntwo\nthree\nfour\nfive\nsix\nseven\none more, uno\nnine\n";

static void test_label_files(void **unused) {
    (void) unused;
    put_labels(TEN);
    struct vitlrp_model *model = open_model(PARITY "timm.safetensors", 4, labels_path);
    expect_class(model, "ONE", 1, "one, uno");
    expect_class(model, "one, uno", 1, "one, uno");
    expect_class(model, "nine", 9, "nine");
    expect_no_class(model, "uno", "'uno' names 2 classes, 1 'one, uno', 8 'one more, uno'");
    expect_no_class(model, "on", "did you mean one of");
    expect_no_class(model, "mor", "did you mean 8 'one more, uno'?");
    vitlrp_model_close(model);
    put_labels("\xEF\xBB\xBFindex\twnid\tname\r\n9\tn00000009\tnine\r\n0\tn00000000\tzero\r\n"
               "1\t\tone\r\n2\t\ttwo\r\n3\t\tthree\r\n4\t\tfour\r\n5\t\tfive\r\n6\t\tsix\r\n"
               "7\t\tseven\r\n8\t\ta\xFF\x1B\r\n\r\n");
    model = open_model(PARITY "timm.safetensors", 4, labels_path);
    expect_class(model, "n00000009", 9, "nine");
    expect_class(model, "zero", 0, "zero");
    expect_class(model, "8", 8, "a\\xFF\\x1B");
    vitlrp_model_close(model);
    /* The list of all classes serves a model of some. */
    model = open_model(BUILT_IN, 0, PROJECT_DATA "/imagenet_classes.tsv");
    expect_class(model, "281", 281, "tabby");
    expect_class(model, "n02123045", 281, "tabby");
    vitlrp_model_close(model);
}

static void expect_bad_labels(const char *text, enum vitlrp_status wanted, const char *word) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    options.labels_path = labels_path;
    put_labels(text);
    enum vitlrp_status status =
        vitlrp_model_open(PARITY "timm.safetensors", &options, &model, &error);
    if (status != wanted || strstr(error.message, word) == NULL) {
        fail_msg("status %d, %s", status, error.message);
    }
    assert_non_null(strstr(error.message, labels_path));
    assert_null(model);
}

static void test_bad_label_files(void **unused) {
    static char line[2048];
    (void) unused;
    memset(line, 'x', sizeof line - 1);
    expect_bad_labels("", VITLRP_FORMAT, "no classes");
    expect_bad_labels("\r\n\n", VITLRP_FORMAT, "no classes");
    expect_bad_labels("a\nb\n", VITLRP_MISMATCH, "lists 2 classes, the model has 10");
    expect_bad_labels("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", VITLRP_MISMATCH, "lists 11 classes");
    expect_bad_labels("0\tn\ta\n0\tn\tb\n", VITLRP_FORMAT, "class 0 twice");
    expect_bad_labels("0\tn\ta\nx\tn\tb\n", VITLRP_FORMAT, "line 2 does not begin");
    expect_bad_labels("0\tn\ta\n-1\tn\tb\n", VITLRP_FORMAT, "line 2 does not begin");
    expect_bad_labels("0\tn\ta\n1\tn\n", VITLRP_FORMAT, "line 2 is not");
    expect_bad_labels("0\tn\ta\tmore\n", VITLRP_FORMAT, "line 1 is not");
    expect_bad_labels(line, VITLRP_LIMIT, "line 1 is longer");
    expect_bad_labels("0\t\ta\n1\t\tb\n2\t\tc\n3\t\td\n4\t\te\n5\t\tf\n6\t\tg\n7\t\th\n8\t\ti\n"
                      "10\t\tj\n",
                      VITLRP_MISMATCH, "has no class 9");
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.labels_path = TEST_DATA "/no.such.labels";
    assert_int_equal(vitlrp_model_open(BUILT_IN, &options, &model, &error), VITLRP_IO);
    assert_true(error.system_errno != 0);
}

/* ---- Metadata of our own files */

static struct vitlrp_model *open_made(const char *metadata, struct bytes *bytes,
                                      enum vitlrp_status wanted, const char *word) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error = {0};
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", metadata, bytes);
    enum vitlrp_status status =
        vitlrp_model_open_memory(bytes->data, bytes->size, "made", &options, &model, &error);
    if (status != wanted || strstr(error.message, word) == NULL) {
        fail_msg("%s: status %d, %s", metadata, status, error.message);
    }
    return model;
}

static void test_class_index(void **unused) {
    static const struct {
        const char *metadata, *word;
    } refused[] = {
        {"{\"class_index\":[1,2]}", "2 entries for 3 classes"},
        {"{\"class_index\":7}", "0 entries"},
        {"{\"class_index\":[1,2,-3]}", "list of indices"},
        {"{\"class_index\":[1,2,\"3\"]}", "list of indices"},
        {"{\"class_index\":[1,2,4294967296]}", "list of indices"},
        {"{\"class_index\":[5,2,5]}", "5 twice"},
    };
    (void) unused;
    struct bytes bytes;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        open_made(refused[i].metadata, &bytes, VITLRP_MISMATCH, refused[i].word);
        bytes_free(&bytes);
    }
    struct vitlrp_model *model = open_made("{\"class_index\":[281,5000,3]}", &bytes, VITLRP_OK, "");
    struct vitlrp_class found;
    struct vitlrp_error error;
    expect_class(model, "281", 281, "tabby");
    expect_class(model, "5000", 5000, "");
    assert_int_equal(vitlrp_model_find_class(model, "3", &found, &error), VITLRP_OK);
    assert_int_equal(found.output, 2);
    expect_no_class(model, "6000", "indices from 3 to 5000");
    vitlrp_model_close(model);
    bytes_free(&bytes);
}

static void test_bad_preprocess(void **unused) {
    static const struct {
        const char *metadata;
        enum vitlrp_status status;
        const char *word;
    } refused[] = {
        {"{\"preprocess\":{\"resize\":\"short\"}}", VITLRP_MISMATCH, "resize"},
        {"{\"preprocess\":{\"resize\":\"short:0\"}}", VITLRP_MISMATCH, "resize"},
        {"{\"preprocess\":{\"resize\":\"long:64\"}}", VITLRP_MISMATCH, "resize"},
        {"{\"preprocess\":{\"interpolation\":\"nearest\"}}", VITLRP_UNSUPPORTED, "nearest"},
        {"{\"preprocess\":{\"crop\":0}}", VITLRP_MISMATCH, "crop"},
        {"{\"preprocess\":{\"mean\":[1,2]}}", VITLRP_MISMATCH, "mean"},
        {"{\"preprocess\":{\"mean\":[1,2,\"x\"]}}", VITLRP_MISMATCH, "mean"},
        {"{\"preprocess\":{\"std\":[1,0,1]}}", VITLRP_MISMATCH, "std"},
    };
    (void) unused;
    struct bytes bytes;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        open_made(refused[i].metadata, &bytes, refused[i].status, refused[i].word);
        bytes_free(&bytes);
    }
}

static void expect_preprocess(struct vitlrp_model *model, enum vitlrp_resize resize,
                              int32_t resize_to, enum vitlrp_interpolation interpolation,
                              int32_t crop, double mean, double std) {
    struct vitlrp_preprocess found;
    vitlrp_model_preprocess(model, &found);
    assert_int_equal(found.resize, resize);
    assert_int_equal(found.resize_to, resize_to);
    assert_int_equal(found.interpolation, interpolation);
    assert_int_equal(found.crop_height, crop);
    assert_int_equal(found.crop_width, crop);
    assert_true(fabs((double) found.mean[0] - mean) < 1e-6);
    assert_true(fabs((double) found.std[0] - std) < 1e-6);
    vitlrp_model_close(model);
}

static void test_preprocess(void **unused) {
    (void) unused;
    struct bytes bytes;
    expect_preprocess(open_model(BUILT_IN, 0, NULL), VITLRP_RESIZE_SHORT, 64, VITLRP_BICUBIC, 64,
                      0.485, 0.229);
    expect_preprocess(open_model(PARITY "huggingface", 0, NULL), VITLRP_RESIZE_SQUASH, 32,
                      VITLRP_BILINEAR, 0, 0.5, 0.5);
    expect_preprocess(open_model(PARITY "timm.safetensors", 4, NULL), VITLRP_RESIZE_SHORT, 35,
                      VITLRP_BICUBIC, 32, 0.5, 0.5);
    expect_preprocess(open_model(PARITY "jax.npz", 0, NULL), VITLRP_RESIZE_SHORT, 35,
                      VITLRP_BICUBIC, 32, 0.5, 0.5);
    expect_preprocess(open_model(PARITY "torchvision.pth", 4, NULL), VITLRP_RESIZE_SHORT, 37,
                      VITLRP_BILINEAR, 32, 0.485, 0.229);
    expect_preprocess(open_made("{\"preprocess\":{\"resize\":\"squash:9\",\"crop\":[8,8],"
                                "\"interpolation\":\"bilinear\",\"mean\":[0.1,0,0],"
                                "\"std\":[2,1,1]}}",
                                &bytes, VITLRP_OK, ""),
                      VITLRP_RESIZE_SQUASH, 9, VITLRP_BILINEAR, 8, 0.1, 2);
    bytes_free(&bytes);
    expect_preprocess(open_made("{\"preprocess\":{\"resize\":\"none\"}}", &bytes, VITLRP_OK, ""),
                      VITLRP_RESIZE_NONE, 8, VITLRP_BICUBIC, 0, 0.5, 0.5);
    bytes_free(&bytes);
}

static void test_preprocess_of_full_size(void **unused) {
    (void) unused;
    struct vitlrp_architecture shape;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    vitlrp_architecture_init(&shape);
    shape.dim = 8;
    shape.depth = shape.heads = 1;
    shape.mlp_dim = 8;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_OK);
    expect_preprocess(model, VITLRP_RESIZE_SHORT, 256, VITLRP_BILINEAR, 224, 0.485, 0.229);
}

static void test_hash(void **unused) {
    (void) unused;
    char from_file[65];
    char from_memory[65];
    struct bytes bytes;
    struct vitlrp_error error;
    struct vitlrp_error err = {0};
    struct vitlrp_model *model = open_model(BUILT_IN, 0, NULL);
    assert_int_equal(vitlrp_model_sha256(model, from_file, &error), VITLRP_OK);
    assert_int_equal(strlen(from_file), 64);
    vitlrp_model_close(model);
    assert_int_equal(file_read(BUILT_IN, (size_t) 1 << 24, &bytes, &err), VITLRP_OK);
    assert_int_equal(
        vitlrp_model_open_memory(bytes.data, bytes.size, "memory", NULL, &model, &error),
        VITLRP_OK);
    assert_int_equal(vitlrp_model_sha256(model, from_memory, &error), VITLRP_OK);
    assert_string_equal(from_file, from_memory);
    vitlrp_model_close(model);
    bytes_free(&bytes);
    model = random_model(3);
    assert_int_equal(vitlrp_model_sha256(model, from_memory, &error), VITLRP_UNSUPPORTED);
    vitlrp_model_close(model);
}

/* The same seed gives the same weights, another one others; both are what a network can work with.
 */
static void test_random_weights(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct vit_model *first = NULL;
    struct vit_model *second = NULL;
    struct vit_model *other = NULL;
    struct vitlrp_error err = {0};
    config.dim = 64;
    assert_int_equal(vit_model_random(&config, 5, &first, &err), VITLRP_OK);
    assert_int_equal(vit_model_random(&config, 5, &second, &err), VITLRP_OK);
    assert_int_equal(vit_model_random(&config, 6, &other, &err), VITLRP_OK);
    assert_true(weights_difference(first, second) == 0.0);
    assert_true(weights_difference(first, other) > 0.01);
    double sum = 0;
    double squares = 0;
    size_t count = (size_t) 3 * 64 * 64;
    for (size_t i = 0; i < count; i++) {
        double weight = (double) first->weights.blocks[0].qkv_weight[i];
        sum += weight;
        squares += weight * weight;
    }
    assert_true(fabs(sum / (double) count) < 0.01);
    assert_true(fabs(squares / (double) count * 64 - 1) < 0.05);
    assert_true(fabs((double) first->weights.blocks[1].norm1_weight[7] - 1) < 0.1);
    vit_model_free(first);
    vit_model_free(second);
    vit_model_free(other);
}

static void test_arguments(void **unused) {
    (void) unused;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error = {0};
    struct vitlrp_model_options options = {0};
    struct vitlrp_architecture shape = {0};
    assert_int_equal(vitlrp_model_open(BUILT_IN, &options, &model, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_open(NULL, NULL, &model, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_open(BUILT_IN, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_open_memory(NULL, 1, "x", NULL, &model, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_USAGE);
    vitlrp_model_options_init(&options);
    options.heads = -1;
    assert_int_equal(vitlrp_model_open(BUILT_IN, &options, &model, &error), VITLRP_USAGE);
    vitlrp_architecture_init(&shape);
    shape.patch_size = 0;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_USAGE);
    shape.patch_size = 15;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_MISMATCH);
    shape.patch_size = 16;
    shape.heads = 7;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_MISMATCH);
    shape.heads = 12;
    shape.depth = -1;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_USAGE);
    shape.depth = 1000;
    assert_int_equal(vitlrp_model_random(&shape, &model, &error), VITLRP_LIMIT);
    assert_null(model);
}

/* The one inside the library is the file in data/, and takes the same options. */
static void test_builtin(void **unused) {
    (void) unused;
    struct vitlrp_error error;
    struct vitlrp_model_info info;
    struct vitlrp_model_options options;
    struct vitlrp_model *inside = NULL;
    struct vitlrp_model *file = open_model(BUILT_IN, 0, NULL);
    char inside_digest[65];
    char file_digest[65];
    assert_int_equal(vitlrp_model_open_builtin(NULL, &inside, &error), VITLRP_OK);
    assert_int_equal(vitlrp_model_sha256(inside, inside_digest, &error), VITLRP_OK);
    assert_int_equal(vitlrp_model_sha256(file, file_digest, &error), VITLRP_OK);
    assert_string_equal(inside_digest, file_digest);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(inside, &info);
    assert_string_equal(info.name, "built-in vit-tiny-patch4-64");
    vitlrp_model_close(inside);
    vitlrp_model_close(file);
    inside = NULL;
    vitlrp_model_options_init(&options);
    options.labels_path = PARITY "nowhere.txt";
    assert_int_equal(vitlrp_model_open_builtin(&options, &inside, &error), VITLRP_IO);
    assert_int_equal(vitlrp_model_open_builtin(NULL, NULL, &error), VITLRP_USAGE);
    assert_null(inside);
}

static int make_labels(void **state) {
    (void) state;
    int descriptor = mkstemp(labels_path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int drop_labels(void **state) {
    (void) state;
    return unlink(labels_path);
}

/* What the opening of a file tells: its list of tensors, how often, and how often the file is read.
 */
struct told {
    char *list; /* owned */
    size_t lists, reads;
};

static void take_list(void *user, const char *data, size_t size) {
    struct told *told = user;
    mem_free(told->list);
    told->list = mem_calloc(size + 1, 1);
    memcpy(told->list, data, size);
    told->lists++;
}

static enum vitlrp_status count_read(void *user, const char *path, struct vitlrp_error *err) {
    struct told *told = user;
    (void) err;
    told->reads += strstr(path, ".safetensors") != NULL || strstr(path, ".pth") != NULL ? 1 : 0;
    return VITLRP_OK;
}

/* One reading gives the model and the list that vitlrp_file_tensors gives, or the list alone. */
static void test_tensors_while_opening(void **unused) {
    static const struct {
        const char *path;
        enum vitlrp_status status;
    } FILES[] = {
        {TEST_DATA "/golden/parity/timm.safetensors", VITLRP_OK},
        {TEST_DATA "/golden/parity/huggingface", VITLRP_OK},
        {TEST_DATA "/golden/trials/other-names.pth", VITLRP_UNSUPPORTED},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        struct told told = {0};
        struct vitlrp_model_options options;
        struct vitlrp_model *model = NULL;
        struct vitlrp_error err = {0};
        char *wanted = NULL;
        size_t size = 0;
        vitlrp_model_options_init(&options);
        options.heads = 4;
        assert_int_equal(vitlrp_file_tensors(FILES[i].path, &options, &wanted, &size, &err),
                         VITLRP_OK);
        options.inputs = (struct vitlrp_inputs){count_read, &told};
        options.tensors = (struct vitlrp_tensor_list){take_list, &told};
        assert_int_equal(vitlrp_model_open(FILES[i].path, &options, &model, &err), FILES[i].status);
        assert_int_equal(told.lists, 1);
        assert_int_equal(told.reads, 1);
        assert_string_equal(told.list, wanted);
        vitlrp_model_close(model);
        vitlrp_free(wanted);
        mem_free(told.list);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_classes_of_part_of_imagenet),
        cmocka_unit_test(test_classes_of_imagenet),
        cmocka_unit_test(test_classes_without_names),
        cmocka_unit_test(test_huggingface_names),
        cmocka_unit_test(test_label_files),
        cmocka_unit_test(test_bad_label_files),
        cmocka_unit_test(test_class_index),
        cmocka_unit_test(test_bad_preprocess),
        cmocka_unit_test(test_preprocess),
        cmocka_unit_test(test_preprocess_of_full_size),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_builtin),
        cmocka_unit_test(test_tensors_while_opening),
        cmocka_unit_test(test_random_weights),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, make_labels, drop_labels);
}
