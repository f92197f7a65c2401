/* A model's identity is that of the bytes that it was made of (rows f01, f02b): whatever happens to
 * its files, the hash of other bytes is never given out. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "support/scratch.h"
#include "vit/program/text_tower.h"
#include "vitlrp_words.h"

#include "support/unit.h"

#define PARITY TEST_DATA "/golden/parity/"
#define CONFIG                                                                                     \
    "{\"num_attention_heads\": 4, \"image_size\": 32, \"hidden_act\": \"%s\", \"layer_norm_eps\":" \
    " 1e-12}"
#define FILE_LIMIT ((size_t) 1 << 24)

struct fixture {
    struct scratch scratch;
    struct bytes weights;
    char path[128];
    char sha256[SHA256_TEXT]; /* of the weights as they were written */
};

/* A file system tells two times apart when its clock has ticked between them. */
static void wait_for_tick(void) {
    const struct timespec tick = {.tv_nsec = 30000000};
    nanosleep(&tick, NULL);
}

static void write_config(const struct fixture *fixture, const char *activation) {
    char text[200];
    snprintf(text, sizeof text, CONFIG, activation);
    scratch_text(&fixture->scratch, "config.json", text);
}

static struct fixture fixture_open(void) {
    struct fixture fixture = {.scratch = scratch_open()};
    assert_int_equal(
        file_read(PARITY "huggingface/model.safetensors", FILE_LIMIT, &fixture.weights, NULL),
        VITLRP_OK);
    scratch_write(&fixture.scratch, "model.safetensors", fixture.weights.data,
                  fixture.weights.size);
    scratch_path(&fixture.scratch, "model.safetensors", fixture.path, sizeof fixture.path);
    write_config(&fixture, "gelu");
    assert_int_equal(sha256_bytes(fixture.weights.data, fixture.weights.size, fixture.sha256, NULL),
                     VITLRP_OK);
    wait_for_tick();
    return fixture;
}

static void fixture_close(struct fixture *fixture) {
    bytes_free(&fixture->weights);
    scratch_close(&fixture->scratch);
}

static struct vitlrp_model *open_model(const struct fixture *fixture) {
    struct vitlrp_model *model = NULL;
    assert_int_equal(vitlrp_model_open(fixture->path, NULL, &model, NULL), VITLRP_OK);
    return model;
}

/* Another last byte, in the same file. */
static void rewrite_in_place(const struct fixture *fixture) {
    const unsigned char byte =
        (unsigned char) (fixture->weights.data[fixture->weights.size - 1] ^ 1U);
    int descriptor = open(fixture->path, O_WRONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, &byte, 1, (off_t) fixture->weights.size - 1), 1);
    assert_int_equal(close(descriptor), 0);
}

static void test_f02b_another_file_of_that_name(void **unused) {
    struct fixture fixture = fixture_open();
    struct vitlrp_model *model = open_model(&fixture);
    char digest[SHA256_TEXT];
    (void) unused;
    fixture.weights.data[fixture.weights.size - 1] ^= 1;
    assert_int_equal(unlink(fixture.path), 0);
    scratch_write(&fixture.scratch, "model.safetensors", fixture.weights.data,
                  fixture.weights.size);
    assert_int_equal(vitlrp_model_sha256(model, digest, NULL), VITLRP_OK);
    assert_string_equal(digest, fixture.sha256);
    vitlrp_model_close(model);
    fixture_close(&fixture);
}

static void test_f02b_rewritten_before_the_hash(void **unused) {
    struct fixture fixture = fixture_open();
    struct vitlrp_model *model = open_model(&fixture);
    struct vitlrp_error error;
    char digest[SHA256_TEXT] = "unchanged";
    (void) unused;
    rewrite_in_place(&fixture);
    assert_int_equal(vitlrp_model_sha256(model, digest, &error), VITLRP_IO);
    assert_non_null(strstr(error.message, "changed while it was read"));
    assert_string_equal(digest, "unchanged");
    vitlrp_model_close(model);
    fixture_close(&fixture);
}

/* Taken once, it stays. */
static void test_f02b_rewritten_after_the_hash(void **unused) {
    struct fixture fixture = fixture_open();
    struct vitlrp_model *model = open_model(&fixture);
    char digest[SHA256_TEXT];
    (void) unused;
    assert_int_equal(vitlrp_model_sha256(model, digest, NULL), VITLRP_OK);
    rewrite_in_place(&fixture);
    assert_int_equal(vitlrp_model_sha256(model, digest, NULL), VITLRP_OK);
    assert_string_equal(digest, fixture.sha256);
    vitlrp_model_close(model);
    fixture_close(&fixture);
}

/* The configuration is read when the table of tensors has been and the tensors have not. */
static enum vitlrp_status rewrite_before_the_tensors(void *user, const char *path,
                                                     struct vitlrp_error *error) {
    (void) error;
    if (strstr(path, "config.json") != NULL) {
        rewrite_in_place(user);
    }
    return VITLRP_OK;
}

static void test_f02b_rewritten_while_loading(void **unused) {
    struct fixture fixture = fixture_open();
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    struct vitlrp_error error;
    (void) unused;
    vitlrp_model_options_init(&options);
    options.inputs = (struct vitlrp_inputs){rewrite_before_the_tensors, &fixture};
    assert_int_equal(vitlrp_model_open(fixture.path, &options, &model, &error), VITLRP_IO);
    assert_non_null(strstr(error.message, "changed while it was read"));
    assert_null(model);
    fixture_close(&fixture);
}

/* The whole text, of which the caller frees it. */
static char *configuration_of(const char *path, const struct vitlrp_model_options *options) {
    struct vitlrp_model *model = NULL;
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(vitlrp_model_open(path, options, &model, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_model_configuration(model, &text, &size, NULL), VITLRP_OK);
    assert_int_equal(strlen(text), size);
    vitlrp_model_close(model);
    return text;
}

static void test_f01_files_beside_the_weights(void **unused) {
    struct fixture fixture = fixture_open();
    char *first = configuration_of(fixture.path, NULL);
    char *again = configuration_of(fixture.path, NULL);
    (void) unused;
    assert_string_equal(first, again);
    assert_non_null(strstr(first, "\"activation\":\"gelu\""));
    write_config(&fixture, "quick_gelu");
    char *changed = configuration_of(fixture.path, NULL);
    assert_non_null(strstr(changed, "\"activation\":\"quick_gelu\""));
    assert_true(strcmp(strstr(first, "config.json"), strstr(changed, "config.json")) != 0);
    vitlrp_free(first);
    vitlrp_free(again);
    vitlrp_free(changed);
    fixture_close(&fixture);
}

static void test_f01_options(void **unused) {
    struct fixture fixture = fixture_open();
    char labels[128];
    struct vitlrp_model_options options;
    (void) unused;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    char *two = configuration_of(PARITY "timm.safetensors", &options);
    options.heads = 4;
    char *four = configuration_of(PARITY "timm.safetensors", &options);
    assert_non_null(strstr(two, "\"heads\":2"));
    assert_non_null(strstr(four, "\"heads\":4"));
    scratch_text(&fixture.scratch, "labels.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    scratch_path(&fixture.scratch, "labels.txt", labels, sizeof labels);
    options.labels_path = labels;
    char *named = configuration_of(PARITY "timm.safetensors", &options);
    assert_null(strstr(four, "\"labels\""));
    assert_non_null(strstr(named, "\"labels\""));
    assert_true(memcmp(strstr(four, "classes_sha256"), strstr(named, "classes_sha256"), 40) != 0);
    vitlrp_free(two);
    vitlrp_free(four);
    vitlrp_free(named);
    fixture_close(&fixture);
}

/* ---- Text towers, whose table of tokens stays in its file ---- */

/* In place of the fixture's weights. */
static void take_words(struct fixture *fixture) {
    static const char *const FILES[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        struct bytes *bytes = &fixture->weights; /* those of the last of the files */
        bytes_free(bytes);
        snprintf(path, sizeof path, TEST_DATA "/golden/words/clip-gelu/huggingface/%s", FILES[i]);
        assert_int_equal(file_read(path, FILE_LIMIT, bytes, NULL), VITLRP_OK);
        scratch_write(&fixture->scratch, FILES[i], bytes->data, bytes->size);
    }
    wait_for_tick();
}

static void test_table_rewritten_after_loading(void **unused) {
    static const int32_t IDS[] = {1512, 320, 1513};
    const struct vit_ids text = {IDS, 3};
    const struct vit_load_options load = {.text = true};
    const struct vit_text_options options = {.threads = 1, .backend = "openblas"};
    struct fixture fixture = fixture_open();
    struct vit_model *model = NULL;
    struct vit_text *tower = NULL;
    struct vitlrp_error err = {0};
    float embedding[64];
    (void) unused;
    take_words(&fixture);
    assert_int_equal(vit_model_load(fixture.path, &load, &model, &err), VITLRP_OK);
    assert_non_null(model->words);
    assert_in_range(model->config.classes, 1, 64);
    assert_int_equal(vit_text_open(model, &options, &tower, &err), VITLRP_OK);
    assert_int_equal(vit_text_forward(tower, &text, 1, embedding, &err), VITLRP_OK);
    rewrite_in_place(&fixture);
    assert_int_equal(vit_text_forward(tower, &text, 1, embedding, &err), VITLRP_IO);
    assert_memory_equal(err.message, fixture.path, strlen(fixture.path));
    assert_non_null(strstr(err.message, "the table of tokens: changed while it was read"));
    vit_text_close(tower);
    vit_model_free(model);
    fixture_close(&fixture);
}

/* The vocabulary is read when the text tower is open. */
static enum vitlrp_status rewrite_at_the_vocabulary(void *user, const char *path,
                                                    struct vitlrp_error *error) {
    (void) error;
    if (strstr(path, "tokenizer.json") != NULL) {
        rewrite_in_place(user);
    }
    return VITLRP_OK;
}

/* A text with the text tower of the model, whose files are what they have become. */
static void check_texts_refused(const struct fixture *fixture, const struct vitlrp_model *model,
                                const struct vitlrp_inputs *inputs, const char *message) {
    const struct vitlrp_prompt prompt = {.text = "a bus"};
    struct vitlrp_text_options options;
    struct vitlrp_model *texts = NULL;
    struct vitlrp_error error;
    vitlrp_text_options_init(&options);
    options.tokenizer = TEST_DATA "/golden/text/small/tokenizer.json";
    options.inputs = *inputs;
    assert_int_equal(vitlrp_model_with_texts(model, &prompt, 1, &options, &texts, &error),
                     VITLRP_IO);
    assert_null(texts);
    assert_memory_equal(error.message, fixture->path, strlen(fixture->path));
    assert_non_null(strstr(error.message, message));
}

/* In the place of a file, another one, whose last byte is not the same. */
static void replace(const struct fixture *fixture, const char *name) {
    char path[128];
    struct bytes bytes = {0};
    scratch_path(&fixture->scratch, name, path, sizeof path);
    assert_int_equal(file_read(path, FILE_LIMIT, &bytes, NULL), VITLRP_OK);
    assert_int_equal(unlink(path), 0);
    bytes.data[bytes.size - 1] = bytes.data[bytes.size - 1] == '\n' ? ' ' : '\n';
    scratch_write(&fixture->scratch, name, bytes.data, bytes.size);
    bytes_free(&bytes);
}

static void test_towers_of_two_files(void **unused) {
    static const char *const NAMES[] = {"model.safetensors", "config.json"};
    (void) unused;
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture = fixture_open();
        take_words(&fixture);
        struct vitlrp_model *model = open_model(&fixture);
        replace(&fixture, NAMES[i]);
        check_texts_refused(&fixture, model, &(struct vitlrp_inputs){0},
                            "changed since the model was opened");
        vitlrp_model_close(model);
        fixture_close(&fixture);
    }
}

static void test_tower_rewritten_while_texts_are_read(void **unused) {
    struct fixture fixture = fixture_open();
    (void) unused;
    take_words(&fixture);
    struct vitlrp_model *model = open_model(&fixture);
    check_texts_refused(&fixture, model,
                        &(struct vitlrp_inputs){rewrite_at_the_vocabulary, &fixture},
                        "the table of tokens: changed while it was read");
    vitlrp_model_close(model);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f02b_another_file_of_that_name),
        cmocka_unit_test(test_f02b_rewritten_before_the_hash),
        cmocka_unit_test(test_f02b_rewritten_after_the_hash),
        cmocka_unit_test(test_f02b_rewritten_while_loading),
        cmocka_unit_test(test_f01_files_beside_the_weights),
        cmocka_unit_test(test_f01_options),
        cmocka_unit_test(test_table_rewritten_after_loading),
        cmocka_unit_test(test_towers_of_two_files),
        cmocka_unit_test(test_tower_rewritten_while_texts_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
