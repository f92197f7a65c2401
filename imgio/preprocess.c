#include "imgio/preprocess.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/words.h"

#define MAX_INPUT_PIXELS 100000000
#define MAX_SIDE INT32_MAX

/* torchvision's int(size * long / short). */
static int64_t proportional(int32_t size, int32_t side, int32_t short_side) {
    return (int64_t) size * side / short_side;
}

/* Where a crop begins, with `spare` pixels left over, or lacking if negative. torchvision lays a
 * picture that is too small down by what is missing, halved and rounded down; where it is large
 * enough, it takes Python's round(spare / 2): halves go to the even neighbour. */
static int32_t centre_offset(int32_t spare, enum vitlrp_crop_offset offset) {
    if (spare < 0) {
        return offset == VITLRP_CROP_FLOOR ? (spare - 1) / 2 : spare / 2;
    }
    int32_t half = spare / 2;
    return offset == VITLRP_CROP_EVEN && spare % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

static enum vitlrp_status check_resize(const struct vitlrp_preprocess *preprocess,
                                       struct vitlrp_error *err) {
    if (preprocess->resize == VITLRP_RESIZE_UNKNOWN) {
        enum vitlrp_status status =
            fail(err, VITLRP_UNSUPPORTED,
                 "how the model's pictures are resized is not known: its files ask for something "
                 "that is not supported; say how to resize them");
        return error_topic(err, status, VITLRP_TOPIC_RESIZE);
    }
    if (word_of(WORDS_RESIZE, preprocess->resize) == NULL ||
        word_of(WORDS_INTERPOLATION, preprocess->interpolation) == NULL ||
        word_of(WORDS_CROP_OFFSET, preprocess->crop_offset) == NULL) {
        return fail(err, VITLRP_USAGE,
                    "the preprocessing has an unknown resize, interpolation or crop_offset");
    }
    if (preprocess->resize != VITLRP_RESIZE_NONE && preprocess->resize_to < 1) {
        return fail(err, VITLRP_USAGE, "a picture cannot be resized to %d pixels",
                    preprocess->resize_to);
    }
    if (preprocess->resize_width < 0) {
        return fail(err, VITLRP_USAGE, "a picture cannot be resized to a width of %d pixels",
                    preprocess->resize_width);
    }
    return VITLRP_OK;
}

enum vitlrp_status preprocess_check(const struct vitlrp_preprocess *preprocess,
                                    struct vitlrp_error *err) {
    TRY(check_resize(preprocess, err));
    if (preprocess->crop_height < 0 || preprocess->crop_width < 0) {
        return fail(err, VITLRP_USAGE, "a crop cannot have %d x %d pixels", preprocess->crop_width,
                    preprocess->crop_height);
    }
    if (preprocess->unread_height < 0 || preprocess->unread_width < 0 ||
        preprocess->unread_height > MAX_INPUT_PIXELS ||
        preprocess->unread_width > MAX_INPUT_PIXELS) {
        return fail(err, VITLRP_USAGE, "%d x %d pixels beside a crop cannot be unread",
                    preprocess->unread_width, preprocess->unread_height);
    }
    for (int c = 0; c < 3; c++) {
        if (!isfinite(preprocess->mean[c]) || !isfinite(preprocess->std[c]) ||
            !(preprocess->std[c] > 0.0f)) {
            return fail(err, VITLRP_USAGE,
                        "a mean must be finite, and a standard deviation must be positive");
        }
    }
    if (preprocess->channels != 0 && preprocess->channels != 1) {
        return fail(err, VITLRP_USAGE, "a model input has 1 channel, or red, green and blue (0)");
    }
    return VITLRP_OK;
}

/* timm's ResizeKeepRatio: the smaller ratio of the two, and Python's round. */
static void cover(int32_t height, int32_t width, int32_t image_height, int32_t image_width,
                  int64_t resized[2]) {
    double ratio = fmin((double) image_height / height, (double) image_width / width);
    resized[0] = llrint(fmin(image_height / ratio, 1e15));
    resized[1] = llrint(fmin(image_width / ratio, 1e15));
}

static enum resample_filter filter_of(enum vitlrp_interpolation interpolation) {
    static const enum resample_filter FILTERS[] = {[VITLRP_BILINEAR] = RESAMPLE_BILINEAR,
                                                   [VITLRP_BICUBIC] = RESAMPLE_BICUBIC,
                                                   [VITLRP_LANCZOS] = RESAMPLE_LANCZOS,
                                                   [VITLRP_BOX] = RESAMPLE_BOX,
                                                   [VITLRP_HAMMING] = RESAMPLE_HAMMING};
    return FILTERS[interpolation];
}

static enum vitlrp_status plan_resize(const struct vitlrp_preprocess *preprocess,
                                      struct preprocess_plan *plan, struct vitlrp_error *err) {
    int32_t image_width = plan->geometry.image_width;
    int32_t image_height = plan->geometry.image_height;
    int32_t target_width =
        preprocess->resize_width > 0 ? preprocess->resize_width : preprocess->resize_to;
    int64_t width = image_width;
    int64_t height = image_height;
    if (preprocess->resize == VITLRP_RESIZE_SQUASH) {
        height = preprocess->resize_to;
        width = target_width;
    } else if (preprocess->resize == VITLRP_RESIZE_COVER) {
        int64_t resized[2];
        cover(preprocess->resize_to, target_width, image_height, image_width, resized);
        height = resized[0];
        width = resized[1];
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
    plan->resize.filter = filter_of(preprocess->interpolation);
    return VITLRP_OK;
}

static enum vitlrp_status plan_crop(const struct vitlrp_preprocess *preprocess,
                                    struct resize *resize, struct vitlrp_error *err) {
    resize->window_width = preprocess->crop_width > 0 ? preprocess->crop_width : resize->width;
    resize->window_height = preprocess->crop_height > 0 ? preprocess->crop_height : resize->height;
    if (resize->window_width > MAX_INPUT_PIXELS / resize->window_height) {
        return fail(err, VITLRP_LIMIT, "the model input has %d x %d pixels; the limit is %d in all",
                    resize->window_width, resize->window_height, MAX_INPUT_PIXELS);
    }
    enum vitlrp_crop_offset offset = preprocess->crop_offset;
    int32_t centred_width = resize->window_width + preprocess->unread_width;
    int32_t centred_height = resize->window_height + preprocess->unread_height;
    resize->left = centre_offset(resize->width - centred_width, offset);
    resize->top = centre_offset(resize->height - centred_height, offset);
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

/* Of a line, the part of a window that is in the picture. */
static void clip_window(int32_t size, int32_t *begin, int32_t *length) {
    int32_t end = *begin + *length < size ? *begin + *length : size;
    *begin = *begin > 0 ? *begin : 0;
    *length = end - *begin;
}

static bool is_padded(const struct resize *resize) {
    return resize->window_width > resize->width || resize->window_height > resize->height;
}

struct resize preprocess_inner(const struct preprocess_plan *plan) {
    struct resize inner = plan->resize;
    if (is_padded(&inner)) {
        clip_window(inner.width, &inner.left, &inner.window_width);
        clip_window(inner.height, &inner.top, &inner.window_height);
    }
    return inner;
}

enum vitlrp_status preprocess_surround(const struct preprocess_plan *plan, struct image *part,
                                       struct image *out, struct vitlrp_error *err) {
    const struct resize *resize = &plan->resize;
    struct resize inner = preprocess_inner(plan);
    struct image whole = {0};
    if (!is_padded(resize)) {
        *out = *part;
        *part = (struct image){0};
        return VITLRP_OK;
    }
    enum vitlrp_status status =
        image_alloc(resize->window_width, resize->window_height, &whole, err);
    if (status == VITLRP_OK) {
        size_t left = (size_t) (inner.left - resize->left);
        size_t top = (size_t) (inner.top - resize->top);
        for (size_t y = 0; y < (size_t) part->height; y++) {
            memcpy(whole.rgb + ((top + y) * (size_t) whole.width + left) * 3,
                   part->rgb + y * (size_t) part->width * 3, (size_t) part->width * 3);
        }
        *out = whole;
    }
    image_free(part);
    return status;
}

enum vitlrp_status preprocess_pixels(const struct preprocess_plan *plan, const struct image *image,
                                     struct image *out, struct vitlrp_error *err) {
    assert(image->width == plan->geometry.image_width &&
           image->height == plan->geometry.image_height);
    struct resize inner = preprocess_inner(plan);
    struct image part;
    TRY(image_resize(image, &inner, &part, err));
    return preprocess_surround(plan, &part, out, err);
}

size_t preprocess_channels(const struct vitlrp_preprocess *preprocess) {
    return preprocess->channels == 1 ? 1 : 3;
}

/* Weights of ITU-R 601-2 in 65536ths, rounded. */
static uint8_t grey_of(const uint8_t rgb[3]) {
    return (uint8_t) ((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 0x8000u) >> 16);
}

void preprocess_grey_row(const uint8_t *rgb, size_t pixels, uint8_t *out) {
    for (size_t i = 0; i < pixels; i++) {
        memset(out + 3 * i, grey_of(rgb + 3 * i), 3);
    }
}

enum vitlrp_status preprocess_grey(const struct image *image, struct image *out,
                                   struct vitlrp_error *err) {
    struct image grey;
    TRY(image_alloc(image->width, image->height, &grey, err));
    preprocess_grey_row(image->rgb, (size_t) image->width * (size_t) image->height, grey.rgb);
    *out = grey;
    return VITLRP_OK;
}

/* The 256 results are computed once: a table is exact, and a division a value is slow. */
void preprocess_normalise(const struct vitlrp_preprocess *preprocess, const struct image *pixels,
                          float *input) {
    size_t plane = (size_t) pixels->width * (size_t) pixels->height;
    for (size_t c = 0; c < preprocess_channels(preprocess); c++) {
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
    size_t channels = preprocess_channels(preprocess);
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < plane; i++) {
            float value = input[c * plane + i];
            if (!isfinite(value)) {
                return fail(err, VITLRP_NUMERIC, "value %zu of the model input is not finite",
                            c * plane + i);
            }
            value = (value * preprocess->std[c] + preprocess->mean[c]) * 255.0f;
            value = fminf(fmaxf(value, 0.0f), 255.0f);
            memset(pixels->rgb + 3 * i + c, (int) lrintf(value), channels == 1 ? 3 : 1);
        }
    }
    return VITLRP_OK;
}
