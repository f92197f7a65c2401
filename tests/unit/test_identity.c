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
#include "vitlrp.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f02b_another_file_of_that_name),
        cmocka_unit_test(test_f02b_rewritten_before_the_hash),
        cmocka_unit_test(test_f02b_rewritten_after_the_hash),
        cmocka_unit_test(test_f02b_rewritten_while_loading),
        cmocka_unit_test(test_f01_files_beside_the_weights),
        cmocka_unit_test(test_f01_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
