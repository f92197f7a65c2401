/* Every limit of images and models by way of the public header: a file that is one over the limit
 * is LIMIT and told so, the same file is read when the limit is raised to it. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "support/load_checks.h"
#include "vitlrp.h"

#include "support/unit.h"

struct made {
    struct bytes safetensors, pth, npz;
};

static struct made make_models(void) {
    struct made made;
    struct pth_list list;
    struct pth_options sound = {0};
    struct vit_config config = small_config();
    pth_timm(&list, &config);
    safetensors_make(&list, "F16", NULL, &made.safetensors);
    pth_make(&list, &sound, &made.pth);
    npz_make(&list, true, &made.npz);
    return made;
}

static enum vitlrp_status open_model(const struct bytes *file,
                                     const struct vitlrp_model_options *options,
                                     struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    enum vitlrp_status status =
        vitlrp_model_open_memory(file->data, file->size, "made", options, &model, error);
    vitlrp_model_close(model);
    return status;
}

/* The smallest value that a limit allows: all below are refused with the word. */
static size_t smallest(const struct bytes *file, size_t member, const char *word) {
    struct vitlrp_model_options options;
    struct vitlrp_error error;
    size_t low = 0;
    size_t high = (size_t) 1 << 24;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    char *place = (char *) &options.limits + member;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        memcpy(place, &middle, sizeof middle);
        enum vitlrp_status status = open_model(file, &options, &error);
        if (status == VITLRP_OK) {
            high = middle;
            continue;
        }
        low = middle;
        assert_int_equal(status, VITLRP_LIMIT);
        if (strstr(error.message, word) == NULL) {
            fail_msg("%zu: %s", middle, error.message);
        }
    }
    return high;
}

static void test_limits_of_models(void **unused) {
    struct made made = make_models();
    struct bytes *all[] = {&made.safetensors, &made.pth, &made.npz};
    (void) unused;
    const size_t tensors = offsetof(struct vitlrp_model_limits, max_tensors);
    const size_t table = offsetof(struct vitlrp_model_limits, max_table_bytes);
    size_t count = smallest(&made.safetensors, tensors, "tensors");
    for (int i = 1; i < 3; i++) {
        assert_int_equal(smallest(all[i], tensors, "tensors"), count);
    }
    uint64_t header = 0;
    memcpy(&header, made.safetensors.data, sizeof header);
    assert_int_equal(smallest(&made.safetensors, table, "safetensors header"), header);
    assert_in_range(smallest(&made.npz, table, "more than the limit"), count * 46, made.npz.size);
    assert_in_range(smallest(&made.pth, table, "bytes are more"), count * 46, made.pth.size);
    const size_t entries = offsetof(struct vitlrp_model_limits, max_zip_entries);
    assert_int_equal(smallest(&made.npz, entries, "zip entries"), count);
    assert_in_range(smallest(&made.pth, entries, "zip entries"), count + 1, count + 4);
    const size_t opcodes = offsetof(struct vitlrp_model_limits, max_pickle_opcodes);
    assert_in_range(smallest(&made.pth, opcodes, "its pickle"), 10 * count, 10000);
    for (int i = 0; i < 3; i++) {
        bytes_free(all[i]);
    }
}

static void test_limits_must_be_positive(void **unused) {
    struct made made = make_models();
    (void) unused;
    for (size_t at = 0; at < offsetof(struct vitlrp_model_limits, reserved);
         at += sizeof(uint64_t)) {
        struct vitlrp_model_options options;
        struct vitlrp_error error;
        vitlrp_model_options_init(&options);
        memset((char *) &options.limits + at, 0, sizeof(uint64_t));
        assert_int_equal(open_model(&made.safetensors, &options, &error), VITLRP_USAGE);
    }
    bytes_free(&made.safetensors);
    bytes_free(&made.pth);
    bytes_free(&made.npz);
}

static enum vitlrp_status open_photograph(const struct vitlrp_image_options *options,
                                          struct vitlrp_error *error) {
    struct vitlrp_image *image = NULL;
    enum vitlrp_status status =
        vitlrp_image_open(PROJECT_DATA "/koala.jpg", options, &image, error);
    vitlrp_image_close(image);
    return status;
}

static void test_limits_of_images(void **unused) {
    struct vitlrp_image_options options;
    struct vitlrp_error error;
    (void) unused;
    vitlrp_image_options_init(&options);
    options.limits.max_codec_bytes = SIZE_MAX; /* more than libjpeg's own number can hold */
    assert_int_equal(open_photograph(&options, &error), VITLRP_OK);
    options.limits.max_jpeg_scans = 0;
    assert_int_equal(open_photograph(&options, &error), VITLRP_USAGE);
    vitlrp_image_options_init(&options);
    options.limits.max_jpeg_warnings = -1;
    assert_int_equal(open_photograph(&options, &error), VITLRP_USAGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_of_models),
        cmocka_unit_test(test_limits_must_be_positive),
        cmocka_unit_test(test_limits_of_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
