/* Photographs and preprocessing for vitlrp.h: imgio's functions behind checked arguments. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/image_private.h"
#include "base/file.h"
#include "base/mem.h"
#include "imgio/decode.h"
#include "imgio/exif.h"
#include "imgio/preprocess.h"

void vitlrp_image_limits_init(struct vitlrp_image_limits *limits) {
    if (limits == NULL) {
        return;
    }
    struct image_limits from = image_limits_default();
    *limits = (struct vitlrp_image_limits){.max_file_bytes = from.max_file,
                                           .max_side = from.max_side,
                                           .max_pixels = from.max_pixels,
                                           .max_codec_bytes = from.max_memory,
                                           .max_jpeg_scans = from.max_scans,
                                           .max_jpeg_warnings = from.max_warnings};
}

enum vitlrp_status image_read_limits(const struct vitlrp_image_limits *from,
                                     struct image_limits *out, struct vitlrp_error *err) {
    *out = (struct image_limits){.max_file = from->max_file_bytes,
                                 .max_side = from->max_side,
                                 .max_pixels = from->max_pixels,
                                 .max_memory = from->max_codec_bytes,
                                 .max_scans = from->max_jpeg_scans,
                                 .max_warnings = from->max_jpeg_warnings};
    return image_limits_check(out, err);
}

void vitlrp_image_options_init(struct vitlrp_image_options *options) {
    if (options == NULL) {
        return;
    }
    *options = (struct vitlrp_image_options){.struct_size = sizeof *options};
    vitlrp_image_limits_init(&options->limits);
}

/* The options in imgio's terms. */
struct reading {
    bool ignore_exif;
    struct image_limits limits;
};

/* NULL: the defaults. */
static enum vitlrp_status read_options(const struct vitlrp_image_options *options,
                                       struct reading *out, struct vitlrp_error *err) {
    *out = (struct reading){.limits = image_limits_default()};
    if (options == NULL) {
        return VITLRP_OK;
    }
    if (options->struct_size != sizeof *options) {
        return fail(err, VITLRP_USAGE,
                    "image options that vitlrp_image_options_init did not initialise");
    }
    out->ignore_exif = options->ignore_exif != 0;
    return image_read_limits(&options->limits, &out->limits, err);
}

static enum vitlrp_status new_image(struct vitlrp_image **out, struct vitlrp_error *err) {
    struct vitlrp_image *image = mem_calloc(1, sizeof *image);
    if (image == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for an image");
    }
    *out = image;
    return VITLRP_OK;
}

static enum vitlrp_status decode_upright(const void *data, size_t size,
                                         const struct reading *reading, struct vitlrp_image *image,
                                         struct vitlrp_error *err) {
    struct decoded decoded;
    TRY(decode_image(data, size, &reading->limits, &decoded, err));
    image->pixels = decoded.image;
    image->orientation = decoded.orientation;
    image->format = decoded.format;
    if (reading->ignore_exif) {
        return VITLRP_OK;
    }
    return image_orient(&image->pixels, decoded.orientation, err);
}

static enum vitlrp_status open_memory(const void *data, size_t size, const struct reading *reading,
                                      struct vitlrp_image **out, struct vitlrp_error *err) {
    if (size > reading->limits.max_file) {
        return fail(err, VITLRP_LIMIT, "an image file of %zu bytes; the limit is %zu", size,
                    reading->limits.max_file);
    }
    struct vitlrp_image *image = NULL;
    TRY(new_image(&image, err));
    enum vitlrp_status status = decode_upright(data, size, reading, image, err);
    if (status != VITLRP_OK) {
        vitlrp_image_close(image);
        return status;
    }
    *out = image;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_image_open_memory(const void *data, size_t size,
                                            const struct vitlrp_image_options *options,
                                            struct vitlrp_image **image,
                                            struct vitlrp_error *error) {
    API_NEEDS((data != NULL || size == 0) && image != NULL, error);
    struct reading reading;
    enum vitlrp_status status = read_options(options, &reading, error);
    if (status == VITLRP_OK) {
        status = open_memory(data, size, &reading, image, error);
    }
    return status;
}

static enum vitlrp_status open_path(const char *path, const struct reading *reading,
                                    struct vitlrp_image **out, struct vitlrp_error *err) {
    struct bytes bytes;
    TRY(file_read(path, reading->limits.max_file, &bytes, err));
    enum vitlrp_status status = open_memory(bytes.data, bytes.size, reading, out, err);
    bytes_free(&bytes);
    return error_prefix(err, status, path);
}

enum vitlrp_status vitlrp_image_open(const char *path, const struct vitlrp_image_options *options,
                                     struct vitlrp_image **image, struct vitlrp_error *error) {
    API_NEEDS(path != NULL && image != NULL, error);
    struct reading reading;
    enum vitlrp_status status = read_options(options, &reading, error);
    if (status == VITLRP_OK) {
        status = open_path(path, &reading, image, error);
    }
    return status;
}

void vitlrp_image_close(struct vitlrp_image *image) {
    if (image != NULL) {
        image_free(&image->pixels);
        mem_free(image);
    }
}

void vitlrp_image_describe(const struct vitlrp_image *image, struct vitlrp_image_info *info) {
    if (image == NULL || info == NULL) {
        return;
    }
    *info = (struct vitlrp_image_info){.width = image->pixels.width,
                                       .height = image->pixels.height,
                                       .orientation = image->orientation,
                                       .format = image->format,
                                       .rgb = image->pixels.rgb};
}

enum vitlrp_status image_read_preprocess(const struct vitlrp_preprocess *from,
                                         struct preprocess *out, struct vitlrp_error *err) {
    if ((int) from->resize < VITLRP_RESIZE_SHORT || (int) from->resize > VITLRP_RESIZE_NONE ||
        (from->interpolation != VITLRP_BILINEAR && from->interpolation != VITLRP_BICUBIC)) {
        return fail(err, VITLRP_USAGE, "preprocessing of an unknown resize or interpolation");
    }
    if (from->resize != VITLRP_RESIZE_NONE && from->resize_to < 1) {
        return fail(err, VITLRP_USAGE, "resizing to %d pixels", from->resize_to);
    }
    if (from->crop_height < 0 || from->crop_width < 0) {
        return fail(err, VITLRP_USAGE, "a crop of %d x %d pixels", from->crop_width,
                    from->crop_height);
    }
    *out = (struct preprocess){
        .resize = from->resize == VITLRP_RESIZE_SHORT    ? VITLRP_RESIZE_SHORT
                  : from->resize == VITLRP_RESIZE_SQUASH ? VITLRP_RESIZE_SQUASH
                                                         : VITLRP_RESIZE_NONE,
        .resize_to = from->resize_to,
        .filter = from->interpolation == VITLRP_BICUBIC ? RESAMPLE_BICUBIC : RESAMPLE_BILINEAR,
        .crop_height = from->crop_height,
        .crop_width = from->crop_width};
    for (int c = 0; c < 3; c++) {
        if (!isfinite(from->mean[c]) || !isfinite(from->std[c]) || !(from->std[c] > 0.0f)) {
            return fail(err, VITLRP_USAGE,
                        "a mean must be finite and a standard deviation positive");
        }
        out->mean[c] = from->mean[c];
        out->std[c] = from->std[c];
    }
    return VITLRP_OK;
}

/* A black image of that size within the default limits. *out is owned: vitlrp_image_close. */
static enum vitlrp_status blank_image(int32_t height, int32_t width, const char *format,
                                      struct vitlrp_image **out, struct vitlrp_error *err) {
    struct image_limits limits = image_limits_default();
    struct vitlrp_image *image = NULL;
    TRY(image_check_size(&limits, (uint64_t) width, (uint64_t) height, err));
    TRY(new_image(&image, err));
    image->orientation = 1;
    image->format = format;
    enum vitlrp_status status = image_alloc(width, height, &image->pixels, err);
    if (status != VITLRP_OK) {
        vitlrp_image_close(image);
        return status;
    }
    *out = image;
    return VITLRP_OK;
}

static enum vitlrp_status from_rgb(const uint8_t *rgb, int32_t height, int32_t width,
                                   struct vitlrp_image **out, struct vitlrp_error *err) {
    if (height < 1 || width < 1) {
        return fail(err, VITLRP_USAGE, "a photograph of %d x %d pixels", width, height);
    }
    TRY(blank_image(height, width, "rgb", out, err));
    memcpy((*out)->pixels.rgb, rgb, (size_t) height * (size_t) width * 3);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_image_from_rgb(const uint8_t *rgb, int32_t height, int32_t width,
                                         struct vitlrp_image **image, struct vitlrp_error *error) {
    API_NEEDS(rgb != NULL && image != NULL, error);
    return from_rgb(rgb, height, width, image, error);
}

static enum vitlrp_status from_input(const float *input, int32_t height, int32_t width,
                                     const struct vitlrp_preprocess *preprocess,
                                     struct vitlrp_image **out, struct vitlrp_error *err) {
    struct preprocess chosen;
    struct vitlrp_image *image = NULL;
    if (height < 1 || width < 1) {
        return fail(err, VITLRP_USAGE, "a model input of %d x %d pixels", width, height);
    }
    TRY(image_read_preprocess(preprocess, &chosen, err));
    TRY(blank_image(height, width, "input", &image, err));
    enum vitlrp_status status = preprocess_denormalise(&chosen, input, &image->pixels, err);
    if (status != VITLRP_OK) {
        vitlrp_image_close(image);
        return status;
    }
    *out = image;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_image_from_input(const float *input, int32_t height, int32_t width,
                                           const struct vitlrp_preprocess *preprocess,
                                           struct vitlrp_image **image,
                                           struct vitlrp_error *error) {
    API_NEEDS(input != NULL && preprocess != NULL && image != NULL, error);
    return from_input(input, height, width, preprocess, image, error);
}

static enum vitlrp_status make_plan(const struct vitlrp_preprocess *preprocess, int32_t width,
                                    int32_t height, struct preprocess *chosen,
                                    struct preprocess_plan *plan, struct vitlrp_error *err) {
    if (width < 1 || height < 1) {
        return fail(err, VITLRP_USAGE, "a photograph of %d x %d pixels", width, height);
    }
    TRY(image_read_preprocess(preprocess, chosen, err));
    return preprocess_plan_make(chosen, width, height, plan, err);
}

enum vitlrp_status vitlrp_preprocess_plan(const struct vitlrp_preprocess *preprocess,
                                          int32_t image_width, int32_t image_height,
                                          struct vitlrp_geometry *geometry,
                                          struct vitlrp_error *error) {
    API_NEEDS(preprocess != NULL && geometry != NULL, error);
    struct preprocess chosen;
    struct preprocess_plan plan;
    enum vitlrp_status status =
        make_plan(preprocess, image_width, image_height, &chosen, &plan, error);
    if (status == VITLRP_OK) {
        *geometry = (struct vitlrp_geometry){.image_width = image_width,
                                             .image_height = image_height,
                                             .input_width = plan.resize.window_width,
                                             .input_height = plan.resize.window_height,
                                             .left = plan.left,
                                             .top = plan.top,
                                             .width = plan.width,
                                             .height = plan.height};
    }
    return status;
}

static enum vitlrp_status apply(const struct vitlrp_preprocess *preprocess,
                                const struct image *photograph, float *input,
                                struct vitlrp_error *err) {
    struct preprocess chosen;
    struct preprocess_plan plan;
    struct image pixels;
    TRY(make_plan(preprocess, photograph->width, photograph->height, &chosen, &plan, err));
    TRY(preprocess_pixels(&plan, photograph, &pixels, err));
    preprocess_normalise(&chosen, &pixels, input);
    image_free(&pixels);
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_preprocess_apply(const struct vitlrp_preprocess *preprocess,
                                           const struct vitlrp_image *image, float *input,
                                           struct vitlrp_error *error) {
    API_NEEDS(preprocess != NULL && image != NULL && input != NULL, error);
    return apply(preprocess, &image->pixels, input, error);
}
