/* errno reaches the caller through every function of the public headers that opens a file. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sha256.h"
#include "support/scratch.h"
#include "support/small_model.h"
#include "vitlrp_eval.h"

#include "support/unit.h"

struct opener {
    const char *name;
    enum vitlrp_status (*open)(const struct vitlrp_model *model, const char *path,
                               struct vitlrp_error *error);
};

static enum vitlrp_status open_image(const struct vitlrp_model *model, const char *path,
                                     struct vitlrp_error *error) {
    struct vitlrp_image *image = NULL;
    (void) model;
    return vitlrp_image_open(path, NULL, &image, error);
}

static enum vitlrp_status open_model(const struct vitlrp_model *model, const char *path,
                                     struct vitlrp_error *error) {
    struct vitlrp_model *opened = NULL;
    (void) model;
    return vitlrp_model_open(path, NULL, &opened, error);
}

static enum vitlrp_status open_labels(const struct vitlrp_model *model, const char *path,
                                      struct vitlrp_error *error) {
    struct vitlrp_model *opened = NULL;
    struct vitlrp_model_options options;
    (void) model;
    vitlrp_model_options_init(&options);
    options.labels_path = path;
    return vitlrp_model_open_builtin(&options, &opened, error);
}

static enum vitlrp_status open_dataset(const struct vitlrp_model *model, const char *path,
                                       struct vitlrp_error *error) {
    struct vitlrp_dataset *dataset = NULL;
    struct vitlrp_dataset_options options;
    vitlrp_dataset_options_init(&options);
    options.path = path;
    return vitlrp_dataset_open(model, &options, &dataset, error);
}

static enum vitlrp_status open_truth(const struct vitlrp_model *model, const char *path,
                                     struct vitlrp_error *error) {
    struct vitlrp_dataset *dataset = NULL;
    struct vitlrp_dataset_options options;
    vitlrp_dataset_options_init(&options);
    options.path = PROJECT_DATA;
    options.truth = path;
    return vitlrp_dataset_open(model, &options, &dataset, error);
}

static enum vitlrp_status run_evaluation(const struct vitlrp_model *model, const char *path,
                                         struct vitlrp_error *error) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_eval_options options;
    vitlrp_eval_options_init(&options);
    options.dataset = path;
    return vitlrp_evaluate(model, &options, &evaluation, error);
}

static enum vitlrp_status open_boxes(const struct vitlrp_model *model, const char *path,
                                     struct vitlrp_error *error) {
    struct vitlrp_evaluation *evaluation = NULL;
    struct vitlrp_eval_options options;
    vitlrp_eval_options_init(&options);
    options.dataset = PROJECT_DATA;
    options.boxes = path;
    return vitlrp_evaluate(model, &options, &evaluation, error);
}

static const struct opener OPENERS[] = {
    {"image", open_image},     {"model", open_model}, {"labels", open_labels},
    {"dataset", open_dataset}, {"truth", open_truth}, {"evaluation", run_evaluation},
    {"boxes", open_boxes},
};

static void assert_errno(const char *path, int wanted) {
    struct vitlrp_model *model = NULL;
    assert_int_equal(vitlrp_model_open_builtin(NULL, &model, NULL), VITLRP_OK);
    for (size_t i = 0; i < sizeof OPENERS / sizeof OPENERS[0]; i++) {
        struct vitlrp_error error = {0};
        enum vitlrp_status status = OPENERS[i].open(model, path, &error);
        if (status != VITLRP_IO || error.status != VITLRP_IO || error.system_errno != wanted) {
            fail_msg("%s: status %d, errno %d instead of %d: %s", OPENERS[i].name, (int) status,
                     error.system_errno, wanted, error.message);
        }
        assert_int_equal(OPENERS[i].open(model, path, NULL), VITLRP_IO);
    }
    vitlrp_model_close(model);
}

static void test_absent(void **unused) {
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_path(&scratch, "absent", path, sizeof path);
    assert_errno(path, ENOENT);
    scratch_close(&scratch);
}

/* A name below a file, which root is refused too. */
static void test_below_a_file(void **unused) {
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_text(&scratch, "file", "text");
    scratch_path(&scratch, "file/absent", path, sizeof path);
    assert_errno(path, ENOTDIR);
    scratch_close(&scratch);
}

static void test_without_permission(void **unused) {
    struct scratch scratch = scratch_open();
    char path[128];
    (void) unused;
    scratch_text(&scratch, "secret", "text");
    scratch_path(&scratch, "secret", path, sizeof path);
    assert_int_equal(chmod(path, 0), 0);
    if (access(path, R_OK) != 0) { /* root may read it */
        assert_errno(path, EACCES);
    }
    scratch_close(&scratch);
}

static void test_folder_instead_of_an_image(void **unused) {
    struct vitlrp_error error;
    (void) unused;
    assert_int_equal(open_image(NULL, PROJECT_DATA, &error), VITLRP_IO);
    assert_int_equal(error.system_errno, EISDIR);
}

/* f02b: the file's name is gone when its digest is asked for; the bytes are not. */
static void test_digest(void **unused) {
    struct scratch scratch = scratch_open();
    struct vitlrp_model *model = NULL;
    struct vitlrp_error error;
    struct bytes bytes;
    char path[128];
    char digest[SHA256_TEXT];
    char expected[SHA256_TEXT];
    (void) unused;
    assert_int_equal(file_read(SMALL_MODEL, (size_t) 1 << 30, &bytes, NULL), VITLRP_OK);
    scratch_write(&scratch, "model.safetensors", bytes.data, bytes.size);
    assert_int_equal(sha256_bytes(bytes.data, bytes.size, expected, NULL), VITLRP_OK);
    bytes_free(&bytes);
    scratch_path(&scratch, "model.safetensors", path, sizeof path);
    assert_int_equal(vitlrp_model_open(path, NULL, &model, NULL), VITLRP_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(vitlrp_model_sha256(model, digest, &error), VITLRP_OK);
    assert_string_equal(digest, expected);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

static void test_forwarding(void **unused) {
    struct vitlrp_error first;
    struct vitlrp_error second = {0};
    (void) unused;
    assert_int_equal(fail_errno(&first, ENFILE, "cannot open"), VITLRP_IO);
    assert_int_equal(error_prefix(&first, VITLRP_IO, "name"), VITLRP_IO);
    assert_int_equal(error_forward(&second, &first), VITLRP_IO);
    assert_int_equal(second.system_errno, ENFILE);
    assert_string_equal(second.message, first.message);
    assert_int_equal(error_forward(NULL, &first), VITLRP_IO);
}

/* Whatever the system wanted the memory for: nobody's file is to blame. */
static void test_f13_shortage_that_the_system_tells(void **unused) {
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(fail_errno(&err, ENOMEM, "cannot read this folder"), VITLRP_NOMEM);
    assert_int_equal(err.status, VITLRP_NOMEM);
    assert_int_equal(err.system_errno, ENOMEM);
    assert_true(error_is_systemic(VITLRP_NOMEM, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_below_a_file),
        cmocka_unit_test(test_without_permission),
        cmocka_unit_test(test_folder_instead_of_an_image),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_f13_shortage_that_the_system_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
