/* Preprocessing from what lies beside the weights. Refuses steps that would have to be left out. */
#include "api/model_preprocess.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"

#define MAX_SIDE 65536

static const float IMAGENET_MEAN[3] = {0.485F, 0.456F, 0.406F};
static const float IMAGENET_STD[3] = {0.229F, 0.224F, 0.225F};

static void set_normalisation(struct vitlrp_preprocess *out, const float mean[3],
                              const float std[3]) {
    memcpy(out->mean, mean, sizeof out->mean);
    memcpy(out->std, std, sizeof out->std);
}

/* The usual preprocessing of each framework for the trained size. */
static struct vitlrp_preprocess usual(const struct vit_model *model) {
    static const float HALVES[3] = {0.5F, 0.5F, 0.5F};
    int32_t height = model->config.image_height;
    int32_t width = model->config.image_width;
    int32_t larger = height > width ? height : width;
    struct vitlrp_preprocess usual = {
        .resize = VITLRP_RESIZE_SHORT, .crop_height = height, .crop_width = width};
    if (strcmp(model->layout, "huggingface") == 0) {
        /* ViTImageProcessor's defaults. */
        usual.resize = VITLRP_RESIZE_SQUASH;
        usual.resize_to = larger;
        usual.crop_height = usual.crop_width = 0;
        set_normalisation(&usual, HALVES, HALVES);
    } else if (strcmp(model->layout, "timm") == 0 || strcmp(model->layout, "jax") == 0) {
        /* timm's evaluation of the AugReg models, with which it reports the JAX ones too: crop_pct
         * 0.9, bicubic. Its DeiT models differ in mean and std; their config.json says so. */
        usual.interpolation = VITLRP_BICUBIC;
        usual.resize_to = (int32_t) floor(larger / 0.9);
        set_normalisation(&usual, HALVES, HALVES);
    } else {
        /* torchvision's, whose 256 for an input of 224 is kept in proportion. */
        usual.interpolation = VITLRP_BILINEAR;
        usual.resize_to = (int32_t) (((int64_t) 256 * larger + 112) / 224);
        set_normalisation(&usual, IMAGENET_MEAN, IMAGENET_STD);
    }
    return usual;
}

/* A list of three finite numbers, larger than `above` if it is not negative. */
static enum vitlrp_status read_triple(const json_t *object, const char *key, bool positive,
                                      float out[3], struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (value == NULL || json_is_null(value)) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < 3; i++) {
        double number = json_number_value(json_array_get(value, i));
        if (json_array_size(value) != 3 || !json_is_number(json_array_get(value, i)) ||
            fabs(number) > 1e6 || (positive && number < 1e-6)) {
            return fail(err, VITLRP_MISMATCH, "\"%s\" must be a list of three %snumbers", key,
                        positive ? "positive " : "");
        }
        out[i] = (float) number;
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_interpolation(const char *name, enum vitlrp_interpolation *out,
                                             struct vitlrp_error *err) {
    if (name == NULL) {
        return VITLRP_OK;
    }
    if (strcmp(name, "bilinear") == 0) {
        *out = VITLRP_BILINEAR;
    } else if (strcmp(name, "bicubic") == 0) {
        *out = VITLRP_BICUBIC;
    } else {
        return fail(err, VITLRP_UNSUPPORTED,
                    "interpolation \"%.40s\" is not supported; bilinear and bicubic are", name);
    }
    return VITLRP_OK;
}

/* A size, or two as a list or under "height" and "width". False for anything else. */
static bool read_size(const json_t *value, int32_t *height, int32_t *width) {
    const json_t *first = value;
    const json_t *second = value;
    if (json_is_array(value) && json_array_size(value) == 2) {
        first = json_array_get(value, 0);
        second = json_array_get(value, 1);
    } else if (json_is_object(value)) {
        first = json_object_get(value, "height");
        second = json_object_get(value, "width");
    }
    if (!json_is_integer(first) || !json_is_integer(second) || json_integer_value(first) < 1 ||
        json_integer_value(first) > MAX_SIDE || json_integer_value(second) < 1 ||
        json_integer_value(second) > MAX_SIDE) {
        return false;
    }
    *height = (int32_t) json_integer_value(first);
    *width = (int32_t) json_integer_value(second);
    return true;
}

/* "short:256", "squash:224" or "none". */
static enum vitlrp_status read_resize(const char *text, struct vitlrp_preprocess *out,
                                      struct vitlrp_error *err) {
    int64_t size = 0;
    const char *colon = text == NULL ? NULL : strchr(text, ':');
    if (text == NULL) {
        return VITLRP_OK;
    }
    if (strcmp(text, "none") == 0) {
        out->resize = VITLRP_RESIZE_NONE;
        return VITLRP_OK;
    }
    size_t length = colon == NULL ? 0 : (size_t) (colon - text);
    bool is_short = length == 5 && memcmp(text, "short", 5) == 0;
    bool is_squash = length == 6 && memcmp(text, "squash", 6) == 0;
    if ((!is_short && !is_squash) || !parse_int64(colon + 1, 1, MAX_SIDE, &size)) {
        return fail(err, VITLRP_MISMATCH,
                    "\"resize\" must be short:SIZE, squash:SIZE or none, not \"%.40s\"", text);
    }
    out->resize = is_short ? VITLRP_RESIZE_SHORT : VITLRP_RESIZE_SQUASH;
    out->resize_to = (int32_t) size;
    return VITLRP_OK;
}

/* Our own metadata. */
static enum vitlrp_status from_metadata(const json_t *object, struct vitlrp_preprocess *out,
                                        struct vitlrp_error *err) {
    const json_t *crop = json_object_get(object, "crop");
    TRY(read_resize(json_get_string(object, "resize"), out, err));
    TRY(read_interpolation(json_get_string(object, "interpolation"), &out->interpolation, err));
    if (crop == NULL || json_is_null(crop)) {
        out->crop_height = out->crop_width = 0;
    } else if (!read_size(crop, &out->crop_height, &out->crop_width)) {
        return fail(err, VITLRP_MISMATCH, "\"crop\" must be a size, or [height, width]");
    }
    TRY(read_triple(object, "mean", false, out->mean, err));
    return read_triple(object, "std", true, out->std, err);
}

/* timm's pretrained_cfg. */
static enum vitlrp_status from_timm(const json_t *object, struct vitlrp_preprocess *out,
                                    struct vitlrp_error *err) {
    double fraction = 0.9;
    const char *mode = json_get_string(object, "crop_mode");
    int32_t larger = out->crop_height > out->crop_width ? out->crop_height : out->crop_width;
    TRY(json_get_number(object, "crop_pct", &fraction, err));
    if (!(fraction > 0.1 && fraction <= 1)) {
        return fail(err, VITLRP_MISMATCH, "\"crop_pct\" must be above 0.1 and at most 1");
    }
    if (mode != NULL && strcmp(mode, "center") != 0 && strcmp(mode, "squash") != 0) {
        return fail(err, VITLRP_UNSUPPORTED, "crop_mode \"%.40s\" is not supported", mode);
    }
    if (mode != NULL && strcmp(mode, "squash") == 0) {
        out->resize = VITLRP_RESIZE_SQUASH;
    }
    out->resize_to = (int32_t) floor(larger / fraction);
    TRY(read_interpolation(json_get_string(object, "interpolation"), &out->interpolation, err));
    TRY(read_triple(object, "mean", false, out->mean, err));
    return read_triple(object, "std", true, out->std, err);
}

/* True under the key, or nothing there and `absent`. */
static bool is_on(const json_t *object, const char *key, bool absent) {
    const json_t *value = json_object_get(object, key);
    return value == NULL || json_is_null(value) ? absent : json_is_true(value);
}

static enum vitlrp_status read_huggingface_resize(const json_t *object,
                                                  struct vitlrp_preprocess *out,
                                                  struct vitlrp_error *err) {
    int32_t height = 0;
    int32_t width = 0;
    const json_t *size = json_object_get(object, "size");
    const json_t *shortest = json_object_get(size, "shortest_edge");
    int64_t filter = 2;
    if (!is_on(object, "do_resize", true)) {
        out->resize = VITLRP_RESIZE_NONE;
        return VITLRP_OK;
    }
    if (size != NULL && !read_size(shortest != NULL ? shortest : size, &height, &width)) {
        return fail(err, VITLRP_MISMATCH,
                    "\"size\" must be a size, a shortest_edge, or a height and a width");
    }
    if (height != width) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "resizing to %dx%d, which is no square, is not "
                    "supported",
                    height, width);
    }
    if (size != NULL) {
        out->resize = shortest != NULL ? VITLRP_RESIZE_SHORT : VITLRP_RESIZE_SQUASH;
        out->resize_to = height;
    }
    TRY(json_get_int(object, "resample", 0, 5, &filter, err));
    if (filter != 2 && filter != 3) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "resample %d is not supported; 2 (bilinear) and 3 (bicubic) are", (int) filter);
    }
    out->interpolation = filter == 2 ? VITLRP_BILINEAR : VITLRP_BICUBIC;
    return VITLRP_OK;
}

/* preprocessor_config.json. */
static enum vitlrp_status from_huggingface(const json_t *object, struct vitlrp_preprocess *out,
                                           struct vitlrp_error *err) {
    static const float ZEROS[3] = {0, 0, 0};
    static const float ONES[3] = {1, 1, 1};
    double factor = 1.0 / 255;
    TRY(read_huggingface_resize(object, out, err));
    if (is_on(object, "do_center_crop", false)) {
        const json_t *crop = json_object_get(object, "crop_size");
        if (!read_size(crop, &out->crop_height, &out->crop_width)) {
            return fail(err, VITLRP_MISMATCH,
                        "\"crop_size\" must be a size, or a height and width");
        }
    }
    TRY(json_get_number(object, "rescale_factor", &factor, err));
    if (!is_on(object, "do_rescale", true) || fabs(factor * 255 - 1) > 1e-3) {
        return fail(err, VITLRP_UNSUPPORTED, "a rescale_factor other than 1/255 is not supported");
    }
    if (!is_on(object, "do_normalize", true)) {
        set_normalisation(out, ZEROS, ONES);
        return VITLRP_OK;
    }
    TRY(read_triple(object, "image_mean", false, out->mean, err));
    return read_triple(object, "image_std", true, out->std, err);
}

enum vitlrp_status model_preprocess(const struct vit_model *model, struct vitlrp_preprocess *out,
                                    struct vitlrp_error *err) {
    struct vitlrp_preprocess result = usual(model);
    const json_t *own = json_object_get(model->metadata, "preprocess");
    const json_t *timm = json_object_get(model->config_json, "pretrained_cfg");
    enum vitlrp_status status = VITLRP_OK;
    if (own != NULL) {
        status = error_prefix(err, from_metadata(own, &result, err), "\"preprocess\" metadata");
    } else if (model->preprocessor != NULL) {
        status = error_prefix(err, from_huggingface(model->preprocessor, &result, err),
                              "preprocessor_config.json");
    } else if (timm != NULL) {
        status = error_prefix(err, from_timm(timm, &result, err), "config.json");
    }
    if (status == VITLRP_OK) {
        *out = result;
    }
    return status;
}
