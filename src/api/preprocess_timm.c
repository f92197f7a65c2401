/* What timm's resolve_data_config and transforms_imagenet_eval make of a config.json, and what
 * open_clip's image_transform makes of a preprocess_cfg. */
#include <math.h>
#include <string.h>

#include "api/preprocess_read.h"
#include "base/json.h"

bool preprocess_timm_config(const json_t *config, const json_t **out) {
    static const char *const KEYS[] = {"input_size", "mean", "std", "interpolation", "crop_pct"};
    const json_t *nested = json_object_get(config, "pretrained_cfg");
    if (json_is_object(nested)) {
        *out = nested;
        return true;
    }
    if (json_get_string(config, "architecture") == NULL) {
        return false;
    }
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if (preprocess_stated(config, KEYS[i]) != NULL) {
            *out = config;
            return true;
        }
    }
    return false;
}

/* "input_size": [channels, height, width]. Without it the model's own size, where timm would take
 * 224. */
static enum vitlrp_status read_input_size(const json_t *object, struct preprocess_read *read,
                                          struct vitlrp_error *err) {
    const json_t *size = preprocess_stated(object, "input_size");
    read->out.crop_height = read->height;
    read->out.crop_width = read->width;
    if (size == NULL) {
        return VITLRP_OK;
    }
    if (json_array_size(size) != 3 ||
        !preprocess_side(json_array_get(size, 1), &read->out.crop_height) ||
        !preprocess_side(json_array_get(size, 2), &read->out.crop_width)) {
        return fail(err, VITLRP_MISMATCH, "\"input_size\" must be [channels, height, width]");
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_crop_part(const json_t *object, double *fraction,
                                         struct vitlrp_error *err) {
    const json_t *value = preprocess_stated(object, "crop_pct");
    *fraction = 0.875;
    if (value == NULL) {
        return VITLRP_OK;
    }
    *fraction = json_number_value(value);
    if (!json_is_number(value) || !(*fraction > 0.1 && *fraction <= 10.0)) {
        return fail(err, VITLRP_MISMATCH, "\"crop_pct\" must be above 0.1 and at most 10");
    }
    return VITLRP_OK;
}

/* To `height` x `width` before the crop, by the mode's name. */
static void plan_resize(struct preprocess_read *read, const char *mode, int32_t height,
                        int32_t width) {
    struct vitlrp_preprocess *out = &read->out;
    bool is_square = height == width;
    out->resize_to = height;
    out->resize_width = is_square ? 0 : width;
    if (mode == NULL || strcmp(mode, "center") == 0) {
        out->resize = is_square ? VITLRP_RESIZE_SHORT : VITLRP_RESIZE_COVER;
    } else if (strcmp(mode, "squash") == 0) {
        out->resize = VITLRP_RESIZE_SQUASH;
    } else {
        preprocess_unsupported(read, "crop_mode \"%.40s\"", mode);
    }
}

enum vitlrp_status preprocess_from_timm(const json_t *object, struct preprocess_read *read,
                                        struct vitlrp_error *err) {
    struct vitlrp_preprocess *out = &read->out;
    double fraction;
    TRY(read_input_size(object, read, err));
    TRY(read_crop_part(object, &fraction, err));
    out->interpolation = VITLRP_BICUBIC;
    preprocess_normalise_by(out, PREPROCESS_IMAGENET_MEAN, PREPROCESS_IMAGENET_STD);
    plan_resize(read, json_get_string(object, "crop_mode"),
                (int32_t) floor(out->crop_height / fraction),
                (int32_t) floor(out->crop_width / fraction));
    preprocess_read_interpolation(read, json_get_string(object, "interpolation"));
    TRY(preprocess_read_triple(object, "mean", false, out->mean, err));
    return preprocess_read_triple(object, "std", true, out->std, err);
}

/* open_clip takes the model's own size, whatever "size" says. */
void preprocess_default_open_clip(struct preprocess_read *read) {
    struct vitlrp_preprocess *out = &read->out;
    out->crop_height = read->height;
    out->crop_width = read->width;
    out->interpolation = VITLRP_BICUBIC;
    preprocess_normalise_by(out, PREPROCESS_CLIP_MEAN, PREPROCESS_CLIP_STD);
    plan_resize(read, NULL, read->height, read->width);
}

enum vitlrp_status preprocess_from_open_clip(const json_t *object, struct preprocess_read *read,
                                             struct vitlrp_error *err) {
    struct vitlrp_preprocess *out = &read->out;
    const char *mode = json_get_string(object, "resize_mode");
    const char *interpolation = json_get_string(object, "interpolation");
    bool is_square = read->height == read->width;
    bool is_squash = mode != NULL && strcmp(mode, "squash") == 0;
    preprocess_default_open_clip(read);
    if (is_squash) {
        plan_resize(read, "squash", read->height, read->width);
    } else if (mode != NULL && strcmp(mode, "shortest") != 0) {
        preprocess_unsupported(read, "resize_mode \"%.40s\"", mode);
    }
    if (interpolation != NULL && strcmp(interpolation, "random") != 0) {
        preprocess_read_interpolation(read, interpolation);
    }
    if (!is_squash && !is_square) {
        out->interpolation = VITLRP_BILINEAR; /* its ResizeKeepRatio is not told the other one */
    }
    TRY(preprocess_read_triple(object, "mean", false, out->mean, err));
    return preprocess_read_triple(object, "std", true, out->std, err);
}
