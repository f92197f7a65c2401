/* Rows of the table of bad inputs (tests/TESTING.md) that no other test shows. Functions are named
 * after their rows. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/load_checks.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "vitlrp.h"

#include "support/unit.h"

/* A file that shrinks between its opening and its reading, and one that grows. */
static void test_i15_file_that_changes(void **unused) {
    struct scratch scratch = scratch_open();
    struct source source;
    struct vitlrp_error err;
    char path[128];
    char bytes[8];
    (void) unused;
    scratch_text(&scratch, "weights", "12345678");
    scratch_path(&scratch, "weights", path, sizeof path);
    assert_int_equal(source_open(path, &source, &err), VITLRP_OK);
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(source_read(&source, 0, bytes, 8, &err), VITLRP_OK);
    assert_int_equal(source_read(&source, 1, bytes, 8, &err), VITLRP_FORMAT);
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(source_read(&source, 0, bytes, 8, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "became shorter"));
    source_close(&source);
    scratch_close(&scratch);
}

/* A model whose file is cut after it was opened works on: nothing is mapped. */
static void test_w12_file_cut_after_loading(void **unused) {
    struct scratch scratch = scratch_open();
    struct bytes file;
    struct vitlrp_error err;
    struct vitlrp_model *model = NULL;
    struct vitlrp_session *session = NULL;
    char path[128];
    static float input[3 * 64 * 64];
    static float logits[200];
    (void) unused;
    assert_int_equal(file_read(SMALL_MODEL, (size_t) 1 << 26, &file, &err), VITLRP_OK);
    scratch_write(&scratch, "w.safetensors", file.data, file.size);
    bytes_free(&file);
    scratch_path(&scratch, "w.safetensors", path, sizeof path);
    assert_int_equal(vitlrp_model_open(path, NULL, &model, NULL), VITLRP_OK);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(vitlrp_session_open(model, NULL, &session, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(session, input, logits, NULL), VITLRP_OK);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

/* A tensor's name of a megabyte; numbers that JSON has and sizes have not. */
static void test_w2_names_and_numbers(void **unused) {
    static const char *const numbers[] = {"1e3",
                                          "-1",
                                          "9223372036854775808",
                                          "18446744073709551615",
                                          "1.5",
                                          "true",
                                          "null",
                                          "\"1\"",
                                          "[1]",
                                          "0.0",
                                          "-0.0"};
    static char header[(1 << 20) + 200];
    struct bytes bytes;
    (void) unused;
    memset(header, 'x', 1 << 20);
    memcpy(header, "{\"", 2);
    snprintf(header + (1 << 20), 200,
             "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
    safetensors_of_header(header, 4, &bytes);
    expect_refused_free(&bytes, VITLRP_FORMAT, "longer than 512");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(header, 200, "{\"a\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[0,4]}}",
                 numbers[i]);
        safetensors_of_header(header, 4, &bytes);
        expect_refused_free(&bytes, VITLRP_FORMAT, "made.file");
    }
}

/* A limit of the caller's for the file, and for what it unfolds to: the message has the number. */
static void test_w11_limit_of_weights(void **unused) {
    struct pth_list list;
    struct bytes file;
    struct vit_config config = small_config();
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    struct vitlrp_error error;
    (void) unused;
    pth_timm(&list, &config);
    npz_make(&list, true, &file);
    vitlrp_model_options_init(&options);
    options.heads = 2;
    options.limits.max_bytes = file.size - 1;
    assert_int_equal(
        vitlrp_model_open_memory(file.data, file.size, "made", &options, &model, &error),
        VITLRP_LIMIT);
    assert_non_null(strstr(error.message, "bytes are more than the limit"));
    bytes_free(&file);
    safetensors_make(&list, "F16", NULL, &file);
    options.limits.max_bytes = file.size;
    for (int i = 0; i < 2; i++, options.limits.max_bytes = UINT64_MAX) {
        enum vitlrp_status status =
            vitlrp_model_open_memory(file.data, file.size, "made", &options, &model, &error);
        assert_int_equal(status, i == 0 ? VITLRP_LIMIT : VITLRP_OK);
    }
    assert_non_null(strstr(error.message, "its weights need"));
    vitlrp_model_close(model);
    bytes_free(&file);
}

#define THREADS 8
#define ROUNDS 3

struct line {
    const struct vitlrp_model *model;
    float patches[64];
    int failed;
};

/* One session's work: the same map every time. */
static void explain(struct line *line) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_relevance relevance;
    struct vitlrp_method_options method;
    struct vitlrp_target target = {7, 1.0F};
    float logits[200];
    float *input = mem_calloc((size_t) 3 * 64 * 64, sizeof *input);
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    line->failed |=
        input == NULL || vitlrp_session_open(line->model, &options, &session, NULL) != 0;
    for (int i = 0; line->failed == 0 && i < 3 * 64 * 64; i++) {
        input[i] = (float) (i % 61) / 30.0F - 1.0F;
    }
    for (int round = 0; line->failed == 0 && round < ROUNDS; round++) {
        vitlrp_relevance_init(&relevance);
        relevance.patches = line->patches;
        line->failed |=
            vitlrp_session_forward(session, input, logits, NULL) != 0 ||
            vitlrp_method_options_init(&method, "attnlrp", NULL) != 0 ||
            vitlrp_session_attribute(session, &target, 1, &method, &relevance, NULL) != 0;
    }
    vitlrp_session_close(session);
    mem_free(input);
}

static void *run_line(void *context) {
    explain(context);
    return NULL;
}

/* Sessions on one model in threads give the bits of one alone. Run by tests/nightly under
 * ThreadSanitizer too. */
static void test_t2_sessions_in_threads(void **unused) {
    static struct line lines[THREADS];
    struct line alone = {0};
    pthread_t threads[THREADS];
    struct vitlrp_model *model = NULL;
    (void) unused;
    assert_int_equal(vitlrp_model_open(SMALL_MODEL, NULL, &model, NULL), VITLRP_OK);
    alone.model = model;
    explain(&alone);
    assert_int_equal(alone.failed, 0);
    for (size_t i = 0; i < THREADS; i++) {
        lines[i].model = model;
        assert_int_equal(pthread_create(&threads[i], NULL, run_line, &lines[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(lines[i].failed, 0);
        assert_memory_equal(lines[i].patches, alone.patches, sizeof alone.patches);
    }
    vitlrp_model_close(model);
}

/* Nothing to close is closed; what is missing is USAGE. */
static void test_t4_null_everywhere(void **unused) {
    struct vitlrp_session *session = NULL;
    struct vitlrp_image *image = NULL;
    struct vitlrp_model *model = NULL;
    struct vitlrp_geometry geometry;
    size_t bytes = 0;
    unsigned char *data = NULL;
    (void) unused;
    vitlrp_model_close(NULL);
    vitlrp_session_close(NULL);
    vitlrp_image_close(NULL);
    vitlrp_free(NULL);
    assert_int_equal(vitlrp_model_open(NULL, NULL, &model, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_open_memory(NULL, 0, "x", NULL, &model, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open(NULL, NULL, &image, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open_memory(NULL, 9, NULL, &image, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_from_rgb(NULL, 1, 1, &image, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_open(NULL, NULL, &session, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_bytes(NULL, NULL, &bytes, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_forward(NULL, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_attribute(NULL, NULL, 0, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_block_output(NULL, 0, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_gemm_rate(NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_session_profile(NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_method_describe(NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_method_options_init_sized(NULL, 0, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_sha256(NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_class(NULL, 0, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_fact(NULL, 0, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_probabilities(NULL, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_file_tensors(NULL, NULL, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_model_find_class(NULL, NULL, NULL, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_preprocess_plan(NULL, 1, 1, &geometry, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_render(NULL, NULL, NULL, &data, &bytes, NULL), VITLRP_USAGE);
    assert_null(model);
    assert_null(image);
    assert_null(session);
    assert_null(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_i15_file_that_changes),
        cmocka_unit_test(test_w12_file_cut_after_loading),
        cmocka_unit_test(test_w2_names_and_numbers),
        cmocka_unit_test(test_w11_limit_of_weights),
        cmocka_unit_test(test_t2_sessions_in_threads),
        cmocka_unit_test(test_t4_null_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
