#include "imgio/preprocess.h"

#include <assert.h>
#include <math.h>

#define MAX_INPUT_PIXELS 100000000
#define MAX_SIDE INT32_MAX

/* torchvision's int(size * long / short). */
static int64_t proportional(int32_t size, int32_t side, int32_t short_side) {
    return (int64_t) size * side / short_side;
}

/* Python's round(spare / 2): halves go to the even neighbour. */
static int32_t centre_offset(int32_t spare) {
    int32_t half = spare / 2;
    return spare % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

enum vitlrp_status preprocess_check(const struct vitlrp_preprocess *preprocess,
                                    struct vitlrp_error *err) {
    if ((int) preprocess->resize < VITLRP_RESIZE_SHORT ||
        (int) preprocess->resize > VITLRP_RESIZE_NONE ||
        (preprocess->interpolation != VITLRP_BILINEAR &&
         preprocess->interpolation != VITLRP_BICUBIC)) {
        return fail(err, VITLRP_USAGE, "the preprocessing has an unknown resize or interpolation");
    }
    if (preprocess->resize != VITLRP_RESIZE_NONE && preprocess->resize_to < 1) {
        return fail(err, VITLRP_USAGE, "a picture cannot be resized to %d pixels",
                    preprocess->resize_to);
    }
    if (preprocess->crop_height < 0 || preprocess->crop_width < 0) {
        return fail(err, VITLRP_USAGE, "a crop cannot have %d x %d pixels", preprocess->crop_width,
                    preprocess->crop_height);
    }
    for (int c = 0; c < 3; c++) {
        if (!isfinite(preprocess->mean[c]) || !isfinite(preprocess->std[c]) ||
            !(preprocess->std[c] > 0.0f)) {
            return fail(err, VITLRP_USAGE,
                        "a mean must be finite, and a standard deviation must be positive");
        }
    }
    return reserved_check(preprocess->reserved, sizeof preprocess->reserved,
                          "values of a preprocessing", err);
}

static enum vitlrp_status plan_resize(const struct vitlrp_preprocess *preprocess,
                                      struct preprocess_plan *plan, struct vitlrp_error *err) {
    int32_t image_width = plan->geometry.image_width;
    int32_t image_height = plan->geometry.image_height;
    int64_t width = image_width;
    int64_t height = image_height;
    if (preprocess->resize == VITLRP_RESIZE_SQUASH) {
        width = height = preprocess->resize_to;
    } else if (preprocess->resize == VITLRP_RESIZE_SHORT) {
        int32_t short_side = image_width < image_height ? image_width : image_height;
        width = proportional(preprocess->resize_to, image_width, short_side);
        height = proportional(preprocess->resize_to, image_height, short_side);
    }
    if (width > MAX_SIDE || height > MAX_SIDE) {
        return fail(err, VITLRP_LIMIT,
                    "a photograph of %d x %d pixels, its short side resized to %d, is too long",
                    image_width, image_height, preprocess->resize_to);
    }
    plan->resize.width = (int32_t) width;
    plan->resize.height = (int32_t) height;
    plan->resize.filter =
        preprocess->interpolation == VITLRP_BICUBIC ? RESAMPLE_BICUBIC : RESAMPLE_BILINEAR;
    return VITLRP_OK;
}

static enum vitlrp_status plan_crop(const struct vitlrp_preprocess *preprocess,
                                    struct resize *resize, struct vitlrp_error *err) {
    resize->window_width = preprocess->crop_width > 0 ? preprocess->crop_width : resize->width;
    resize->window_height = preprocess->crop_height > 0 ? preprocess->crop_height : resize->height;
    if (resize->window_width > resize->width || resize->window_height > resize->height) {
        return fail(err, VITLRP_MISMATCH,
                    "the crop of %d x %d pixels is larger than the %s photograph of %d x %d: "
                    "resize to more pixels or crop to fewer",
                    resize->window_width, resize->window_height,
                    preprocess->resize == VITLRP_RESIZE_NONE ? "unresized" : "resized",
                    resize->width, resize->height);
    }
    if (resize->window_width > MAX_INPUT_PIXELS / resize->window_height) {
        return fail(err, VITLRP_LIMIT, "the model input has %d x %d pixels; the limit is %d in all",
                    resize->window_width, resize->window_height, MAX_INPUT_PIXELS);
    }
    resize->left = centre_offset(resize->width - resize->window_width);
    resize->top = centre_offset(resize->height - resize->window_height);
    return VITLRP_OK;
}

enum vitlrp_status preprocess_plan_make(const struct vitlrp_preprocess *preprocess,
                                        int32_t image_width, int32_t image_height,
                                        struct preprocess_plan *plan, struct vitlrp_error *err) {
    assert(image_width > 0 && image_height > 0);
    struct preprocess_plan made = {
        .geometry = {.image_width = image_width, .image_height = image_height}};
    struct vitlrp_geometry *geometry = &made.geometry;
    TRY(plan_resize(preprocess, &made, err));
    TRY(plan_crop(preprocess, &made.resize, err));
    double scale_x = (double) image_width / made.resize.width;
    double scale_y = (double) image_height / made.resize.height;
    geometry->input_width = made.resize.window_width;
    geometry->input_height = made.resize.window_height;
    geometry->left = made.resize.left * scale_x;
    geometry->top = made.resize.top * scale_y;
    geometry->width = made.resize.window_width * scale_x;
    geometry->height = made.resize.window_height * scale_y;
    *plan = made;
    return VITLRP_OK;
}

enum vitlrp_status preprocess_pixels(const struct preprocess_plan *plan, const struct image *image,
                                     struct image *out, struct vitlrp_error *err) {
    assert(image->width == plan->geometry.image_width &&
           image->height == plan->geometry.image_height);
    return image_resize(image, &plan->resize, out, err);
}

/* The 256 results are computed once: a table is exact, and a division a value is slow. */
void preprocess_normalise(const struct vitlrp_preprocess *preprocess, const struct image *pixels,
                          float *input) {
    size_t plane = (size_t) pixels->width * (size_t) pixels->height;
    for (size_t c = 0; c < 3; c++) {
        float value[256];
        for (int i = 0; i < 256; i++) {
            value[i] = ((float) i / 255.0f - preprocess->mean[c]) / preprocess->std[c];
        }
        for (size_t i = 0; i < plane; i++) {
            input[c * plane + i] = value[pixels->rgb[3 * i + c]];
        }
    }
}

enum vitlrp_status preprocess_denormalise(const struct vitlrp_preprocess *preprocess,
                                          const float *input, struct image *pixels,
                                          struct vitlrp_error *err) {
    size_t plane = (size_t) pixels->width * (size_t) pixels->height;
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < plane; i++) {
            float value = input[c * plane + i];
            if (!isfinite(value)) {
                return fail(err, VITLRP_NUMERIC, "value %zu of the model input is not finite",
                            c * plane + i);
            }
            value = (value * preprocess->std[c] + preprocess->mean[c]) * 255.0f;
            value = fminf(fmaxf(value, 0.0f), 255.0f);
            pixels->rgb[3 * i + c] = (uint8_t) lrintf(value);
        }
    }
    return VITLRP_OK;
}
