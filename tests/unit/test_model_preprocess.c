/* Preprocessing from the files that lie beside the weights: Hugging Face's preprocessor_config.json
 * and timm's config.json. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/preprocess_read.h"
#include "base/file.h"
#include "base/little_endian.h"
#include "base/npy.h"
#include "vitlrp.h"

#include "support/unit.h"

#define PARITY TEST_DATA "/golden/parity/"
#define TRIALS TEST_DATA "/golden/preprocess/trials/"
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

static char warned[400]; /* the last warning */
static char origin[100]; /* of the preprocessing that was read last; "" for a guess */

static void keep_warning(void *user, int level, const char *message) {
    (void) user;
    if (level == 1) {
        snprintf(warned, sizeof warned, "%s", message);
    }
}

static enum vitlrp_status open_folder(struct vitlrp_preprocess *out, struct vitlrp_error *error) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    options.log.write = keep_warning;
    warned[0] = '\0';
    enum vitlrp_status status = vitlrp_model_open(folder, &options, &model, error);
    if (status == VITLRP_OK) {
        const char *stated = vitlrp_model_preprocess_origin(model);
        snprintf(origin, sizeof origin, "%s", stated == NULL ? "" : stated);
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
    double mean, std; /* of blue */
    int32_t resize_width;
    enum vitlrp_crop_offset offset;
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
                found.resize_width == wanted->resize_width && found.crop_offset == wanted->offset &&
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

/* A file that asks for what is not supported: said by name, and nothing is prepared before somebody
 * says how. */
static void check_unknown(const char *file, const char *json, const char *word) {
    struct vitlrp_preprocess found;
    struct vitlrp_geometry geometry;
    struct vitlrp_error error = {0};
    put_file(file, json, strlen(json));
    if (open_folder(&found, &error) != VITLRP_OK) {
        fail_msg("%s: %s", json, error.message);
    }
    if (found.resize != VITLRP_RESIZE_UNKNOWN || strstr(warned, word) == NULL ||
        strstr(warned, file) == NULL) {
        fail_msg("%s: resize %d, %s", json, found.resize, warned);
    }
    assert_int_equal(vitlrp_preprocess_plan(&found, 50, 40, &geometry, &error), VITLRP_UNSUPPORTED);
    found.resize = VITLRP_RESIZE_NONE;
    assert_int_equal(vitlrp_preprocess_plan(&found, 50, 40, &geometry, &error), VITLRP_OK);
}

static void check_all(const char *file, const struct accepted *accepted, size_t accepted_count,
                      const struct refused *refused, size_t refused_count) {
    for (size_t i = 0; i < accepted_count; i++) {
        check_accepted(file, &accepted[i]);
        assert_string_equal(warned, "");
        assert_string_equal(origin, file);
    }
    for (size_t i = 0; i < refused_count; i++) {
        if (refused[i].status == VITLRP_OK) {
            check_unknown(file, refused[i].json, refused[i].word);
        } else {
            check_refused(file, &refused[i]);
        }
    }
}

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void test_huggingface(void **unused) {
    static const struct accepted accepted[] = {
        {"{}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
        {"{\"size\":24}", VITLRP_RESIZE_SQUASH, 24, VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
        {"{\"size\":[40,30]}", VITLRP_RESIZE_SQUASH, 40, VITLRP_BILINEAR, 0, 0.5, 0.5, 30, 0},
        {"{\"size\":{\"height\":40,\"width\":40},\"resample\":3}", VITLRP_RESIZE_SQUASH, 40,
         VITLRP_BICUBIC, 0, 0.5, 0.5, 0, 0},
        {"{\"size\":{\"height\":40,\"width\":30},\"resample\":1}", VITLRP_RESIZE_SQUASH, 40,
         VITLRP_LANCZOS, 0, 0.5, 0.5, 30, 0},
        {"{\"size\":{\"shortest_edge\":36},\"do_center_crop\":true,\"crop_size\":32}",
         VITLRP_RESIZE_SHORT, 36, VITLRP_BILINEAR, 32, 0.5, 0.5, 0, VITLRP_CROP_FLOOR},
        {"{\"size\":36,\"do_center_crop\":true,\"crop_size\":{\"height\":32,\"width\":32}}",
         VITLRP_RESIZE_SQUASH, 36, VITLRP_BILINEAR, 32, 0.5, 0.5, 0, VITLRP_CROP_FLOOR},
        {"{\"do_resize\":false}", VITLRP_RESIZE_NONE, 0, VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
        {"{\"do_normalize\":false,\"image_mean\":[1,1,1]}", VITLRP_RESIZE_SQUASH, 224,
         VITLRP_BILINEAR, 0, 0, 1, 0, 0},
        {"{\"image_mean\":[0.1,0.2,0.3],\"image_std\":[1,2,3],\"do_center_crop\":null,"
         "\"rescale_factor\":0.00392156862745098}",
         VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR, 0, 0.3, 3, 0, 0},
        {"{\"image_mean\":0.25,\"image_std\":[0.125]}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR,
         0, 0.25, 0.125, 0, 0},
        /* v * factor - mean over std, in other words. */
        {"{\"rescale_factor\":0.00784313725490196,\"image_mean\":1,\"image_std\":1}",
         VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
        {"{\"do_rescale\":false,\"image_mean\":127.5,\"image_std\":51}", VITLRP_RESIZE_SQUASH, 224,
         VITLRP_BILINEAR, 0, 0.5, 0.2, 0, 0},
        {"{\"do_rescale\":false,\"do_normalize\":false}", VITLRP_RESIZE_SQUASH, 224,
         VITLRP_BILINEAR, 0, 0, 1.0 / 255, 0, 0},
        {"{\"do_pad\":true,\"do_convert_rgb\":true,\"size\":24}", VITLRP_RESIZE_SQUASH, 24,
         VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
    };
    static const struct refused refused[] = {
        {"{\"size\":\"big\"}", VITLRP_MISMATCH, "size"},
        {"{\"size\":{\"height\":40}}", VITLRP_MISMATCH, "size"},
        {"{\"size\":{\"longest_edge\":3}}", VITLRP_OK, "longest_edge"},
        {"{\"size\":{\"shortest_edge\":3,\"longest_edge\":9}}", VITLRP_OK, "longest_edge"},
        {"{\"resample\":0}", VITLRP_OK, "resample 0"},
        {"{\"resample\":9}", VITLRP_MISMATCH, "resample"},
        {"{\"do_pad\":true,\"pad_size\":{\"height\":40,\"width\":40}}", VITLRP_OK, "do_pad"},
        {"{\"image_processor_type\":\"Siglip2ImageProcessor\"}", VITLRP_OK, "Siglip2"},
        {"{\"do_center_crop\":true}", VITLRP_MISMATCH, "crop_size"},
        {"{\"do_center_crop\":1}", VITLRP_MISMATCH, "do_center_crop"},
        {"{\"rescale_factor\":0}", VITLRP_MISMATCH, "rescale_factor"},
        {"{\"image_std\":[1,1,0]}", VITLRP_MISMATCH, "image_std"},
        {"{\"image_mean\":[0.5,0.5]}", VITLRP_MISMATCH, "image_mean"},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "huggingface/model.safetensors");
    check_all("preprocessor_config.json", accepted, COUNT(accepted), refused, COUNT(refused));
    assert_int_equal(unlink(path_in("preprocessor_config.json", path)), 0);
}

/* What each class of transformers 5.24 has where the file says nothing, and what it takes a number
 * for. */
static void test_processors(void **unused) {
#define TYPE(name) "{\"image_processor_type\":\"" name "ImageProcessor"
#define CLIP_MEAN 0.40821073, 0.27577711
#define IMAGENET 0.406, 0.225
    static const struct accepted accepted[] = {
        {TYPE("ViT") "\"}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR, 0, 0.5, 0.5, 0, 0},
        {TYPE("ViT") "Fast\",\"size\":32}", VITLRP_RESIZE_SQUASH, 32, VITLRP_BILINEAR, 0, 0.5, 0.5,
         0, 0},
        {TYPE("DeiT") "\"}", VITLRP_RESIZE_SQUASH, 256, VITLRP_BICUBIC, 224, 0.5, 0.5, 0,
         VITLRP_CROP_FLOOR},
        {TYPE("Beit") "\"}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BICUBIC, 0, 0.5, 0.5, 0, 0},
        {TYPE("Beit") "\",\"do_center_crop\":true,\"size\":40}", VITLRP_RESIZE_SQUASH, 40,
         VITLRP_BICUBIC, 224, 0.5, 0.5, 0, VITLRP_CROP_FLOOR},
        {TYPE("CLIP") "\"}", VITLRP_RESIZE_SHORT, 224, VITLRP_BICUBIC, 224, CLIP_MEAN, 0,
         VITLRP_CROP_FLOOR},
        {TYPE("CLIP") "\",\"size\":32,\"crop_size\":32}", VITLRP_RESIZE_SHORT, 32, VITLRP_BICUBIC,
         32, CLIP_MEAN, 0, VITLRP_CROP_FLOOR},
        {"{\"feature_extractor_type\":\"CLIPFeatureExtractor\",\"size\":32,\"crop_size\":32}",
         VITLRP_RESIZE_SHORT, 32, VITLRP_BICUBIC, 32, CLIP_MEAN, 0, VITLRP_CROP_FLOOR},
        {TYPE("CLIP") "\",\"size\":32,\"default_to_square\":true,\"do_center_crop\":false}",
         VITLRP_RESIZE_SQUASH, 32, VITLRP_BICUBIC, 0, CLIP_MEAN, 0, 0},
        {TYPE("CLIP") "\",\"do_center_crop\":null,\"resample\":null}", VITLRP_RESIZE_SHORT, 224,
         VITLRP_BILINEAR, 0, CLIP_MEAN, 0, 0},
        {TYPE("Bit") "\"}", VITLRP_RESIZE_SHORT, 224, VITLRP_BICUBIC, 224, CLIP_MEAN, 0,
         VITLRP_CROP_FLOOR},
        {TYPE("Siglip") "\"}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BICUBIC, 0, 0.5, 0.5, 0, 0},
        {TYPE("Siglip") "\",\"size\":32}", VITLRP_RESIZE_SHORT, 32, VITLRP_BICUBIC, 0, 0.5, 0.5, 0,
         0},
        {TYPE("DINOv3ViT") "Fast\"}", VITLRP_RESIZE_SQUASH, 224, VITLRP_BILINEAR, 0, IMAGENET, 0,
         0},
        {TYPE("ConvNext") "\"}", VITLRP_RESIZE_SQUASH, 384, VITLRP_BICUBIC, 0, 0.5, 0.5, 0, 0},
        {TYPE("ConvNext") "\",\"size\":{\"shortest_edge\":224}}", VITLRP_RESIZE_SHORT, 256,
         VITLRP_BICUBIC, 224, 0.5, 0.5, 0, VITLRP_CROP_FLOOR},
        {TYPE("ConvNext") "\",\"size\":{\"shortest_edge\":32},\"crop_pct\":0.95}",
         VITLRP_RESIZE_SHORT, 33, VITLRP_BICUBIC, 32, 0.5, 0.5, 0, VITLRP_CROP_FLOOR},
        {TYPE("TimmWrapper") "\",\"pretrained_cfg\":{\"input_size\":[3,40,40],\"crop_pct\":1}}",
         VITLRP_RESIZE_SHORT, 40, VITLRP_BICUBIC, 40, IMAGENET, 0, 0},
    };
    static const struct refused refused[] = {
        {TYPE("ConvNext") "\",\"size\":{\"height\":32,\"width\":32}}", VITLRP_MISMATCH, "size"},
        {TYPE("MobileViT") "\"}", VITLRP_OK, "MobileViT"},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "huggingface/model.safetensors");
    check_all("preprocessor_config.json", accepted, COUNT(accepted), refused, COUNT(refused));
    assert_int_equal(unlink(path_in("preprocessor_config.json", path)), 0);
}

static void test_timm(void **unused) {
    static const struct accepted accepted[] = {
        {"{\"pretrained_cfg\":{\"mean\":[0,0,0.25],\"std\":[1,1,0.75],"
         "\"interpolation\":\"bilinear\",\"crop_pct\":1.0}}",
         VITLRP_RESIZE_SHORT, 32, VITLRP_BILINEAR, 32, 0.25, 0.75, 0, 0},
        {"{\"pretrained_cfg\":{\"crop_pct\":0.95,\"crop_mode\":\"center\"," HALVES "}}",
         VITLRP_RESIZE_SHORT, 33, VITLRP_BICUBIC, 32, 0.5, 0.5, 0, 0},
        {"{\"pretrained_cfg\":{\"crop_pct\":1,\"crop_mode\":\"squash\"," HALVES "}}",
         VITLRP_RESIZE_SQUASH, 32, VITLRP_BICUBIC, 32, 0.5, 0.5, 0, 0},
        {"{\"pretrained_cfg\":{\"input_size\":[3,48,48],\"crop_pct\":null,\"mean\":null}}",
         VITLRP_RESIZE_SHORT, 54, VITLRP_BICUBIC, 48, IMAGENET, 0, 0},
        {"{\"pretrained_cfg\":{\"interpolation\":\"lanczos\",\"crop_pct\":1.25,\"std\":[0.5]}}",
         VITLRP_RESIZE_SHORT, 25, VITLRP_LANCZOS, 32, 0.406, 0.5, 0, 0},
        /* The form before pretrained_cfg. */
        {"{\"architecture\":\"vit_x\",\"input_size\":[3,32,32],\"crop_pct\":1.0,"
         "\"interpolation\":\"bilinear\"," HALVES "}",
         VITLRP_RESIZE_SHORT, 32, VITLRP_BILINEAR, 32, 0.5, 0.5, 0, 0},
    };
    static const struct refused refused[] = {
        {"{\"pretrained_cfg\":{\"crop_pct\":0}}", VITLRP_MISMATCH, "crop_pct"},
        {"{\"pretrained_cfg\":{\"crop_pct\":\"all\"}}", VITLRP_MISMATCH, "crop_pct"},
        {"{\"pretrained_cfg\":{\"input_size\":[224,224]}}", VITLRP_MISMATCH, "input_size"},
        {"{\"pretrained_cfg\":{\"crop_mode\":\"border\"}}", VITLRP_OK, "border"},
        {"{\"pretrained_cfg\":{\"interpolation\":\"nearest\"}}", VITLRP_OK, "nearest"},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "timm.safetensors");
    check_all("config.json", accepted, COUNT(accepted), refused, COUNT(refused));
    assert_int_equal(unlink(path_in("config.json", path)), 0);
}

/* Inputs that are no squares are not for a crop from the short side. */
static void test_timm_rectangle(void **unused) {
    static const char json[] = "{\"pretrained_cfg\":{\"input_size\":[3,24,40],\"crop_pct\":0.9}}";
    struct vitlrp_preprocess found;
    struct vitlrp_error error;
    (void) unused;
    char path[256];
    copy_weights(PARITY "timm.safetensors");
    put_file("config.json", json, strlen(json));
    assert_int_equal(open_folder(&found, &error), VITLRP_OK);
    assert_int_equal(found.resize, VITLRP_RESIZE_COVER);
    assert_int_equal(found.resize_to, 26);
    assert_int_equal(found.resize_width, 44);
    assert_int_equal(found.crop_height, 24);
    assert_int_equal(found.crop_width, 40);
    assert_int_equal(unlink(path_in("config.json", path)), 0);
}

/* Old files of Hugging Face name no processor: AutoImageProcessor looks at config.json. */
static void test_automatic_processor(void **unused) {
    static const struct {
        const char *model_type;
        enum vitlrp_resize resize;
        int32_t crop;
        double mean;
    } cases[] = {
        {"vit", VITLRP_RESIZE_SQUASH, 0, 0.5},
        {"deit", VITLRP_RESIZE_SQUASH, 224, 0.5},
        {"clip", VITLRP_RESIZE_SHORT, 224, 0.40821073},
        {"dinov2", VITLRP_RESIZE_SHORT, 224, 0.40821073},
        {"dinov3_vit", VITLRP_RESIZE_SQUASH, 0, 0.406},
        {"beit", VITLRP_RESIZE_SQUASH, 0, 0.5},
        {"anything", VITLRP_RESIZE_SQUASH, 0, 0.5},
    };
    (void) unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_t *empty = json_object();
        json_t *config = json_pack("{s:s}", "model_type", cases[i].model_type);
        struct preprocess_read read = {.model = "m", .file = "f", .height = 40, .width = 40};
        assert_int_equal(preprocess_from_huggingface(empty, config, &read, NULL), VITLRP_OK);
        assert_int_equal(read.out.resize, cases[i].resize);
        assert_int_equal(read.out.crop_width, cases[i].crop);
        assert_true(fabs((double) read.out.mean[2] - cases[i].mean) < 1e-6);
        /* As a guess: for the model's own size, since nothing states another. */
        preprocess_guess_huggingface(config, &read);
        assert_int_equal(read.out.resize, cases[i].resize);
        assert_int_equal(read.out.crop_width, cases[i].crop == 0 ? 0 : 40);
        json_decref(empty);
        json_decref(config);
    }
}

static void test_open_clip(void **unused) {
    struct preprocess_read read = {.model = "m", .file = "f", .height = 40, .width = 40};
    json_t *object = json_pack("{s:i, s:s, s:s}", "size", 224, "resize_mode", "squash",
                               "interpolation", "bilinear");
    (void) unused;
    assert_int_equal(preprocess_from_open_clip(object, &read, NULL), VITLRP_OK);
    assert_int_equal(read.out.resize, VITLRP_RESIZE_SQUASH);
    assert_int_equal(read.out.resize_to, 40);
    assert_int_equal(read.out.interpolation, VITLRP_BILINEAR);
    assert_true(fabs((double) read.out.std[2] - 0.27577711) < 1e-6);
    json_object_clear(object);
    assert_int_equal(preprocess_from_open_clip(object, &read, NULL), VITLRP_OK);
    assert_int_equal(read.out.resize, VITLRP_RESIZE_SHORT);
    assert_int_equal(read.out.crop_width, 40);
    assert_int_equal(read.out.interpolation, VITLRP_BICUBIC);
    json_object_set_new(object, "resize_mode", json_string("longest"));
    assert_int_equal(preprocess_from_open_clip(object, &read, NULL), VITLRP_OK);
    assert_int_equal(read.out.resize, VITLRP_RESIZE_UNKNOWN);
    json_decref(object);
}

/* transformers 5 saves an image processor in processor_config.json, and looks there first. */
static void test_processor_file(void **unused) {
    static const char INNER[] =
        "{\"image_processor\":{\"image_processor_type\":\"CLIPImageProcessor\",\"size\":36}}";
    static const char SAME[] = "{\"size\":36,\"image_processor_type\":\"CLIPImageProcessor\"}";
    static const char NONE[] = "{\"processor_class\":\"CLIPProcessor\"}";
    static const struct {
        const char *processor, *preprocessor;
        int32_t resize_to;
        const char *origin, *warning;
    } cases[] = {
        {INNER, NULL, 36, "processor_config.json, image_processor", ""},
        {INNER, SAME, 36, "processor_config.json, image_processor", ""},
        {INNER, "{\"size\":24}", 36, "processor_config.json, image_processor", "not the same"},
        {NONE, "{\"size\":24}", 24, "preprocessor_config.json", ""},
        {"{\"image_processor\":null}", "{\"size\":24}", 24, "preprocessor_config.json", ""},
    };
    char path[256];
    (void) unused;
    copy_weights(PARITY "huggingface/model.safetensors");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct vitlrp_preprocess found;
        struct vitlrp_error error = {0};
        put_file("processor_config.json", cases[i].processor, strlen(cases[i].processor));
        unlink(path_in("preprocessor_config.json", path));
        if (cases[i].preprocessor != NULL) {
            put_file("preprocessor_config.json", cases[i].preprocessor,
                     strlen(cases[i].preprocessor));
        }
        if (open_folder(&found, &error) != VITLRP_OK) {
            fail_msg("%s: %s", cases[i].processor, error.message);
        }
        assert_int_equal(found.resize_to, cases[i].resize_to);
        assert_string_equal(origin, cases[i].origin);
        assert_true(cases[i].warning[0] == '\0' ? warned[0] == '\0'
                                                : strstr(warned, cases[i].warning) != NULL);
    }
    assert_int_equal(unlink(path_in("processor_config.json", path)), 0);
    assert_int_equal(unlink(path_in("preprocessor_config.json", path)), 0);
}

/* torchvision's files say nothing but their name. */
static void test_published(void **unused) {
    static const struct {
        const char *file;
        int32_t resize_to, crop;
        enum vitlrp_interpolation interpolation;
    } cases[] = {
        {"vit_l_16-852ce7e3.pth", 242, 224, VITLRP_BILINEAR},
        {"vit_b_16-c867db91.pth", 256, 224, VITLRP_BILINEAR},
        {"vit_b_16_swag-9ac1b537.pth", 384, 384, VITLRP_BICUBIC},
        {"vit_l_16_lc_swag-4d563306 (1).pth", 224, 224, VITLRP_BICUBIC},
        {"vit_h_14_swag-80465313.pth", 518, 518, VITLRP_BICUBIC},
        {"vit_l_16-mine.pth", 0, 0, VITLRP_BILINEAR},
    };
    (void) unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[256];
        struct bytes bytes;
        struct vitlrp_model *model = NULL;
        struct vitlrp_model_options options;
        struct vitlrp_preprocess found;
        assert_int_equal(file_read(PARITY "torchvision.pth", (size_t) 1 << 24, &bytes, NULL),
                         VITLRP_OK);
        put_file(cases[i].file, bytes.data, bytes.size);
        bytes_free(&bytes);
        vitlrp_model_options_init(&options);
        options.heads = 4;
        assert_int_equal(vitlrp_model_open(path_in(cases[i].file, path), &options, &model, NULL),
                         VITLRP_OK);
        vitlrp_model_preprocess(model, &found);
        if (cases[i].crop == 0) {
            assert_null(vitlrp_model_preprocess_origin(model));
        } else {
            assert_int_equal(found.resize_to, cases[i].resize_to);
            assert_int_equal(found.crop_height, cases[i].crop);
            assert_int_equal(found.interpolation, cases[i].interpolation);
            assert_non_null(vitlrp_model_preprocess_origin(model));
        }
        vitlrp_model_close(model);
        assert_int_equal(unlink(path), 0);
    }
}

/* ---- Whole inputs: rows t05 and t13 to t17 of the table of trials ---- */

static float *trial_input(const char *path, struct vitlrp_geometry *geometry) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    struct vitlrp_image *image = NULL;
    struct vitlrp_preprocess preprocess;
    float *input = NULL;
    vitlrp_model_options_init(&options);
    options.heads = 4;
    assert_int_equal(vitlrp_model_open(path, &options, &model, NULL), VITLRP_OK);
    vitlrp_model_preprocess(model, &preprocess);
    vitlrp_model_close(model);
    assert_int_equal(vitlrp_image_open(TRIALS "photo.png", NULL, &image, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_image_prepare(image, &preprocess, &input, geometry, NULL), VITLRP_OK);
    vitlrp_image_close(image);
    return input;
}

static void check_trial(const char *file, const char *json, const char *expected) {
    char path[256];
    struct vitlrp_geometry geometry;
    struct bytes bytes;
    struct npy_header header;
    put_file(file, json, strlen(json));
    float *input = trial_input(folder, &geometry);
    snprintf(path, sizeof path, TRIALS "%s-input.npy", expected);
    assert_int_equal(file_read(path, 1 << 20, &bytes, NULL), VITLRP_OK);
    assert_int_equal(npy_parse_header(bytes.data, bytes.size, bytes.size, &header, NULL),
                     VITLRP_OK);
    assert_int_equal(header.count,
                     3 * (size_t) geometry.input_height * (size_t) geometry.input_width);
    for (size_t i = 0; i < header.count; i++) {
        float wanted;
        little_endian_copy(&wanted, bytes.data + header.data_offset + i * sizeof wanted,
                           sizeof wanted, 1);
        assert_true(fabsf(input[i] - wanted) < 1e-6F);
    }
    vitlrp_free(input);
    bytes_free(&bytes);
    assert_int_equal(unlink(path_in(file, path)), 0);
}

static void test_t05_t16_t17_inputs(void **unused) {
    (void) unused;
    copy_weights(PARITY "timm.safetensors");
    check_trial("config.json",
                "{\"architecture\":\"vit_x\",\"crop_pct\":1.0,\"fixed_input_size\":true,"
                "\"input_size\":[3,32,32],\"interpolation\":\"bilinear\","
                "\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225]}",
                "timm-flat");
    copy_weights(PARITY "huggingface/model.safetensors");
    check_trial(
        "preprocessor_config.json",
        TYPE("Bit") "\",\"size\":{\"shortest_edge\":36},\"crop_size\":{\"height\":32,"
                    "\"width\":32},\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}",
        "hf-bit-processor");
    check_trial(
        "preprocessor_config.json",
        "{\"feature_extractor_type\":\"CLIPFeatureExtractor\",\"size\":32,\"crop_size\":32}",
        "hf-clip-processor");
}

static void test_t13_t14_t15_inputs(void **unused) {
    static const struct {
        const char *file;
        int32_t size;
        double mean, std;
    } cases[] = {{"vit_b_16_swag-9ac1b537.pth", 384, 0.0033, 0.7129},
                 {"vit_b_16_lc_swag-4e70ced5.pth", 224, 0.0025, 0.7122},
                 {"vit_l_16-852ce7e3.pth", 224, -0.0064, 0.6960}};
    (void) unused;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[256];
        struct bytes bytes;
        struct vitlrp_geometry geometry;
        double sum = 0.0;
        double squares = 0.0;
        assert_int_equal(file_read(PARITY "torchvision.pth", (size_t) 1 << 24, &bytes, NULL),
                         VITLRP_OK);
        put_file(cases[i].file, bytes.data, bytes.size);
        bytes_free(&bytes);
        float *input = trial_input(path_in(cases[i].file, path), &geometry);
        assert_int_equal(geometry.input_width, cases[i].size);
        size_t count = 3 * (size_t) cases[i].size * (size_t) cases[i].size;
        for (size_t k = 0; k < count; k++) {
            sum += (double) input[k];
            squares += (double) input[k] * (double) input[k];
        }
        double mean = sum / (double) count;
        assert_true(fabs(mean - cases[i].mean) < 1e-4);
        assert_true(fabs(sqrt(squares / (double) count - mean * mean) - cases[i].std) < 1e-4);
        vitlrp_free(input);
        assert_int_equal(unlink(path), 0);
    }
}

/* A published file under another name is told by its hash, which its name begins. */
static void test_published_hash(void **unused) {
    struct vitlrp_preprocess found = {0};
    struct vit_config config = {.dim = 1024, .depth = 24, .patch_width = 16, .classes = 1000};
    (void) unused;
    assert_true(preprocess_published_shape(&config));
    config.classes = 10;
    assert_false(preprocess_published_shape(&config));
    assert_true(preprocess_published_hash("852ce7e3aa", &found));
    assert_int_equal(found.resize_to, 242);
    assert_true(preprocess_published_hash("4f3808c9ffff", &found));
    assert_int_equal(found.crop_width, 512);
    assert_false(preprocess_published_hash("852ce7e4aa", &found));
}

/* Nothing states anything: a guess, which is known as one. */
/* An input that ends with pixels in no whole patch: the processor makes all of it, the model reads
 * the patches. An input that the model does not state is not cut. */
static void test_whole_patches(void **unused) {
    static const char WHOLE[] = TEST_DATA "/golden/architectures/hf-siglip-whole-patches/model";
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_options options;
    struct vitlrp_preprocess found;
    struct vitlrp_error error;
    (void) unused;
    vitlrp_model_options_init(&options);
    assert_int_equal(vitlrp_model_open(WHOLE, &options, &model, &error), VITLRP_OK);
    vitlrp_model_preprocess(model, &found);
    vitlrp_model_close(model);
    assert_int_equal(found.resize_to, 20);
    assert_int_equal(found.crop_height, 18);
    assert_int_equal(found.unread_height, 2);
    assert_int_equal(found.unread_width, 2);
    copy_weights(PARITY "huggingface/model.safetensors");
    put_file("preprocessor_config.json", "{\"size\":36}", strlen("{\"size\":36}"));
    assert_int_equal(open_folder(&found, &error), VITLRP_OK);
    assert_int_equal(found.unread_height, 0);
    char path[256];
    assert_int_equal(unlink(path_in("preprocessor_config.json", path)), 0);
}

static void test_guesses(void **unused) {
    static const struct accepted none[] = {
        /* Some other program's: passed over. */
        {"{\"mean\":[7,7,7]}", VITLRP_RESIZE_SHORT, 35, VITLRP_BICUBIC, 32, 0.5, 0.5, 0, 0},
        {"not even JSON", VITLRP_RESIZE_SHORT, 35, VITLRP_BICUBIC, 32, 0.5, 0.5, 0, 0},
    };
    (void) unused;
    char path[256];
    copy_weights(PARITY "timm.safetensors");
    for (size_t i = 0; i < COUNT(none); i++) {
        check_accepted("config.json", &none[i]);
        assert_string_equal(origin, "");
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
        cmocka_unit_test(test_processors),
        cmocka_unit_test(test_timm),
        cmocka_unit_test(test_timm_rectangle),
        cmocka_unit_test(test_automatic_processor),
        cmocka_unit_test(test_open_clip),
        cmocka_unit_test(test_processor_file),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_published_hash),
        cmocka_unit_test(test_t05_t16_t17_inputs),
        cmocka_unit_test(test_t13_t14_t15_inputs),
        cmocka_unit_test(test_whole_patches),
        cmocka_unit_test(test_guesses),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
