/* Preprocessing from the files that lie beside the weights: Hugging Face's preprocessor_config.json
 * and timm's config.json. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "vitlrp.h"

#include "support/unit.h"

#define PARITY TEST_DATA "/golden/parity/"
#define HALVES "\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5]"

static char folder[] = "/tmp/vitlrp-test-XXXXXX";

static const char *path_in(const char *name, char path[256]) {
    snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *name, const void *data, size_t size) {
    char path[256];
    struct vitlrp_error err = {0};
    if (file_write_atomic(path_in(name, path), data, size, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

static void copy_weights(const char *from) {
    struct bytes bytes;
    struct vitlrp_error err = {0};
    assert_int_equal(file_read(from, (size_t) 1 << 24, &bytes, &err), VITLRP_OK);
    put_file("model.safetensors", bytes.data, bytes.size);
    bytes_free(&bytes);
}

static enum vitlrp_status open_folder(struct vitlrp_preprocess *out, struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    enum vitlrp_status status = vitlrp_model_open(folder, &options, &model, error);
    if (status == VITLRP_OK) {
        vitlrp_model_preprocess(model, out);
        vitlrp_model_close(model);
    }
    return status;
}

struct accepted {
    const char *json;
    enum vitlrp_resize resize;
    int32_t resize_to;
    enum vitlrp_interpolation interpolation;
    int32_t crop;
    double mean, std;
};

struct refused {
    const char *json;
    enum vitlrp_status status;
    const char *word;
};

static void check_accepted(const char *file, const struct accepted *wanted) {
    struct vitlrp_preprocess found;
    struct vitlrp_error error;
    put_file(file, wanted->json, strlen(wanted->json));
    if (open_folder(&found, &error) != VITLRP_OK) {
        fail_msg("%s: %s", wanted->json, error.message);
    }
    bool same = found.resize == wanted->resize && found.interpolation == wanted->interpolation &&
                found.crop_height == wanted->crop && found.crop_width == wanted->crop &&
                fabs((double) found.mean[2] - wanted->mean) < 1e-6 &&
                fabs((double) found.std[2] - wanted->std) < 1e-6 &&
                (found.resize == VITLRP_RESIZE_NONE || found.resize_to == wanted->resize_to);
    if (!same) {
        fail_msg("%s: resize %d to %d by %d, crop %d, mean %g, std %g", wanted->json, found.resize,
                 found.resize_to, found.interpolation, found.crop_height, (double) found.mean[2],
                 (double) found.std[2]);
    }
}

static void check_refused(const char *file, const struct refused *wanted) {
    struct vitlrp_preprocess found;
    struct vitlrp_error error = {0};
    put_file(file, wanted->json, strlen(wanted->json));
    enum vitlrp_status status = open_folder(&found, &error);
    if (status != wanted->status || strstr(error.message, wanted->word) == NULL ||
        strstr(error.message, file) == NULL) {
        fail_msg("%s: status %d, %s", wanted->json, status, error.message);
    }
}

static void test_huggingface(void **unused) {
    static const struct accepted accepted[] = {
        {"{}", VITLRP_RESIZE_SQUASH, 32, VITLRP_BILINEAR, 0, 0.5, 0.5},
        {"{\"size\":24}", VITLRP_RESIZE_SQUASH, 24, VITLRP_BILINEAR, 0, 0.5, 0.5},
        {"{\"size\":{\"height\":40,\"width\":40},\"resample\":3}", VITLRP_RESIZE_SQUASH, 40,
         VITLRP_BICUBIC, 0, 0.5, 0.5},
        {"{\"size\":{\"shortest_edge\":36},\"do_center_crop\":true,\"crop_size\":32}",
         VITLRP_RESIZE_SHORT, 36, VITLRP_BILINEAR, 32, 0.5, 0.5},
        {"{\"size\":36,\"do_center_crop\":true,\"crop_size\":{\"height\":32,\"width\":32}}",
         VITLRP_RESIZE_SQUASH, 36, VITLRP_BILINEAR, 32, 0.5, 0.5},
        {"{\"do_resize\":false}", VITLRP_RESIZE_NONE, 0, VITLRP_BILINEAR, 0, 0.5, 0.5},
        {"{\"do_normalize\":false,\"image_mean\":[1,1,1]}", VITLRP_RESIZE_SQUASH, 32,
         VITLRP_BILINEAR, 0, 0, 1},
        {"{\"image_mean\":[0.1,0.2,0.3],\"image_std\":[1,2,3],"
         "\"rescale_factor\":0.00392156862745098}",
         VITLRP_RESIZE_SQUASH, 32, VITLRP_BILINEAR, 0, 0.3, 3},
    };
    static const struct refused refused[] = {
        {"{\"size\":{\"height\":40,\"width\":30}}", VITLRP_UNSUPPORTED, "40x30"},
        {"{\"size\":\"big\"}", VITLRP_MISMATCH, "size"},
        {"{\"size\":{\"longest_edge\":3}}", VITLRP_MISMATCH, "size"},
        {"{\"resample\":0}", VITLRP_UNSUPPORTED, "resample 0"},
        {"{\"resample\":9}", VITLRP_MISMATCH, "resample"},
        {"{\"do_center_crop\":true}", VITLRP_MISMATCH, "crop_size"},
        {"{\"rescale_factor\":1}", VITLRP_UNSUPPORTED, "rescale_factor"},
        {"{\"do_rescale\":false}", VITLRP_UNSUPPORTED, "rescale_factor"},
        {"{\"image_std\":[1,1,0]}", VITLRP_MISMATCH, "image_std"},
        {"{\"image_mean\":0.5}", VITLRP_MISMATCH, "image_mean"},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "huggingface/model.safetensors");
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        check_accepted("preprocessor_config.json", &accepted[i]);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        check_refused("preprocessor_config.json", &refused[i]);
    }
    assert_int_equal(unlink(path_in("preprocessor_config.json", path)), 0);
}

static void test_timm(void **unused) {
    static const struct accepted accepted[] = {
        {"{\"pretrained_cfg\":{\"mean\":[0,0,0.25],\"std\":[1,1,0.75],"
         "\"interpolation\":\"bilinear\",\"crop_pct\":1.0}}",
         VITLRP_RESIZE_SHORT, 32, VITLRP_BILINEAR, 32, 0.25, 0.75},
        {"{\"pretrained_cfg\":{\"crop_pct\":0.95,\"crop_mode\":\"center\"}}", VITLRP_RESIZE_SHORT,
         33, VITLRP_BICUBIC, 32, 0.5, 0.5},
        {"{\"pretrained_cfg\":{\"crop_pct\":1,\"crop_mode\":\"squash\"," HALVES "}}",
         VITLRP_RESIZE_SQUASH, 32, VITLRP_BICUBIC, 32, 0.5, 0.5},
        /* Some other program's: passed over. */
        {"{\"mean\":[7,7,7]}", VITLRP_RESIZE_SHORT, 35, VITLRP_BICUBIC, 32, 0.5, 0.5},
        {"not even JSON", VITLRP_RESIZE_SHORT, 35, VITLRP_BICUBIC, 32, 0.5, 0.5},
    };
    static const struct refused refused[] = {
        {"{\"pretrained_cfg\":{\"crop_pct\":0}}", VITLRP_MISMATCH, "crop_pct"},
        {"{\"pretrained_cfg\":{\"crop_pct\":1.2}}", VITLRP_MISMATCH, "crop_pct"},
        {"{\"pretrained_cfg\":{\"crop_mode\":\"border\"}}", VITLRP_UNSUPPORTED, "border"},
        {"{\"pretrained_cfg\":{\"interpolation\":\"nearest\"}}", VITLRP_UNSUPPORTED, "nearest"},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "timm.safetensors");
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        check_accepted("config.json", &accepted[i]);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        check_refused("config.json", &refused[i]);
    }
    assert_int_equal(unlink(path_in("config.json", path)), 0);
}

static int make_folder(void **state) {
    (void) state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int drop_folder(void **state) {
    char path[256];
    (void) state;
    unlink(path_in("model.safetensors", path));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_huggingface),
        cmocka_unit_test(test_timm),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
