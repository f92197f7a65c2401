/* Photographs and preprocessing for vitlrp.h: imgio's functions behind checked arguments. */
#include <string.h>

#include "api/api.h"
#include "api/growable.h"
#include "api/handles.h"
#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "imgio/encode.h"
#include "imgio/resize.h"

void vitlrp_image_limits_init(struct vitlrp_image_limits *limits) {
    if (limits != NULL) {
        *limits = image_limits_default();
    }
}

static enum vitlrp_status read_options(const struct vitlrp_image_options *options,
                                       struct vitlrp_image_options *out, struct vitlrp_error *err) {
    TRY(image_options_read(options, out, err));
    if (out->max_side < 0) {
        return fail(err, VITLRP_USAGE, "a picture cannot have a side of %d pixels", out->max_side);
    }
    TRY(reserved_check(&out->reserved, sizeof out->reserved, "options of images", err));
    return image_limits_check(&out->limits, err);
}

/* An image around a photograph, which it takes over, failing or not. */
static enum vitlrp_status image_from_photograph(struct photograph *photograph,
                                                struct vitlrp_image **out,
                                                struct vitlrp_error *err) {
    struct vitlrp_image *image = mem_calloc(1, sizeof *image);
    if (image == NULL) {
        image_free(&photograph->pixels);
        return fail(err, VITLRP_NOMEM, "out of memory for an image");
    }
    image->photograph = *photograph;
    *out = image;
    return VITLRP_OK;
}

static enum vitlrp_status open_source(const struct source *file,
                                      const struct vitlrp_image_options *options,
                                      struct vitlrp_image **out, struct vitlrp_error *err) {
    struct photograph photograph;
    TRY(photograph_decode_file(file, &options->limits, options->ignore_exif != 0, &photograph,
                               err));
    return image_from_photograph(&photograph, out, err);
}

enum vitlrp_status vitlrp_image_open_memory(const void *data, size_t size,
                                            const struct vitlrp_image_options *options,
                                            struct vitlrp_image **image,
                                            struct vitlrp_error *error) {
    struct vitlrp_image_options known;
    API_NEEDS((data != NULL || size == 0) && image != NULL, error);
    TRY(read_options(options, &known, error));
    const struct source memory = source_over(data, size);
    return open_source(&memory, &known, image, error);
}

enum vitlrp_status vitlrp_image_open(const char *path, const struct vitlrp_image_options *options,
                                     struct vitlrp_image **image, struct vitlrp_error *error) {
    struct vitlrp_image_options known;
    struct source file;
    API_NEEDS(path != NULL && image != NULL, error);
    TRY(read_options(options, &known, error));
    TRY(source_open(path, &file, error));
    enum vitlrp_status status = open_source(&file, &known, image, error);
    source_close(&file);
    return error_prefix(error, status, path);
}

void vitlrp_image_close(struct vitlrp_image *image) {
    if (image != NULL) {
        image_free(&image->photograph.pixels);
        mem_free(image);
    }
}

void vitlrp_image_describe(const struct vitlrp_image *image, struct vitlrp_image_info *info) {
    if (image == NULL || info == NULL) {
        return;
    }
    const struct photograph *photograph = &image->photograph;
    *info = (struct vitlrp_image_info){.width = photograph->pixels.width,
                                       .height = photograph->pixels.height,
                                       .orientation = photograph->orientation,
                                       .format = photograph->format,
                                       .rgb = photograph->pixels.rgb,
                                       .warning = photograph->warning,
                                       .full_width = photograph->width,
                                       .full_height = photograph->height};
}

/* A black picture of that size within the default limits. */
static enum vitlrp_status photograph_blank(int32_t height, int32_t width, const char *format,
                                           struct photograph *out, struct vitlrp_error *err) {
    struct vitlrp_image_limits limits = image_limits_default();
    *out =
        (struct photograph){.width = width, .height = height, .orientation = 1, .format = format};
    TRY(image_check_size(&limits, (uint64_t) width, (uint64_t) height, err));
    return image_alloc(width, height, &out->pixels, err);
}

enum vitlrp_status vitlrp_image_from_rgb(const uint8_t *rgb, int32_t height, int32_t width,
                                         struct vitlrp_image **image, struct vitlrp_error *error) {
    struct photograph photograph;
    API_NEEDS(rgb != NULL && image != NULL, error);
    if (height < 1 || width < 1) {
        return fail(error, VITLRP_USAGE, "a photograph cannot have %d x %d pixels", width, height);
    }
    TRY(photograph_blank(height, width, "rgb", &photograph, error));
    memcpy(photograph.pixels.rgb, rgb, (size_t) height * (size_t) width * 3);
    return image_from_photograph(&photograph, image, error);
}

enum vitlrp_status vitlrp_image_from_input(const float *input, int32_t height, int32_t width,
                                           const struct vitlrp_preprocess *preprocess,
                                           struct vitlrp_image **image,
                                           struct vitlrp_error *error) {
    struct photograph photograph;
    API_NEEDS(input != NULL && preprocess != NULL && image != NULL, error);
    if (height < 1 || width < 1) {
        return fail(error, VITLRP_USAGE, "a model input cannot have %d x %d pixels", width, height);
    }
    TRY(preprocess_check(preprocess, error));
    TRY(photograph_blank(height, width, "input", &photograph, error));
    enum vitlrp_status status =
        preprocess_denormalise(preprocess, input, &photograph.pixels, error);
    if (status != VITLRP_OK) {
        image_free(&photograph.pixels);
        return status;
    }
    return image_from_photograph(&photograph, image, error);
}

/* At least 1 pixel. */
enum vitlrp_status vitlrp_image_shrink(const struct vitlrp_image *image, int32_t max_side,
                                       struct vitlrp_image **small, struct vitlrp_error *error) {
    API_NEEDS(image != NULL && small != NULL, error);
    const struct photograph *whole = &image->photograph;
    if (max_side < 1) {
        return fail(error, VITLRP_USAGE, "a picture cannot have %d pixels a side", max_side);
    }
    struct photograph copy = *whole;
    TRY(image_shrink(&whole->pixels, max_side, RESAMPLE_BICUBIC, &copy.pixels, error));
    copy.width = copy.pixels.width;
    copy.height = copy.pixels.height;
    return image_from_photograph(&copy, small, error);
}

static enum vitlrp_status make_plan(const struct vitlrp_preprocess *preprocess, int32_t width,
                                    int32_t height, struct preprocess_plan *plan,
                                    struct vitlrp_error *err) {
    if (width < 1 || height < 1) {
        return fail(err, VITLRP_USAGE, "a photograph cannot have %d x %d pixels", width, height);
    }
    TRY(preprocess_check(preprocess, err));
    return preprocess_plan_make(preprocess, width, height, plan, err);
}

enum vitlrp_status vitlrp_preprocess_plan(const struct vitlrp_preprocess *preprocess,
                                          int32_t image_width, int32_t image_height,
                                          struct vitlrp_geometry *geometry,
                                          struct vitlrp_error *error) {
    struct preprocess_plan plan;
    API_NEEDS(preprocess != NULL && geometry != NULL, error);
    TRY(make_plan(preprocess, image_width, image_height, &plan, error));
    *geometry = plan.geometry;
    return VITLRP_OK;
}

/* Room for a model input of that size; NULL without memory. */
static float *new_input(const struct vitlrp_preprocess *preprocess, int32_t height, int32_t width) {
    size_t count = 0;
    return checked_mul(&count, (size_t) height, (size_t) width) &&
                   checked_mul(&count, count, preprocess_channels(preprocess))
               ? mem_calloc(count, sizeof(float))
               : NULL;
}

/* Everything of a photograph that was loaded, which it takes over, failing or not. */
static enum vitlrp_status take_loaded(const struct vitlrp_preprocess *preprocess,
                                      struct photograph_loaded *loaded,
                                      struct vitlrp_prepared *prepared, struct vitlrp_error *err) {
    struct vitlrp_image *image = NULL;
    float *input = new_input(preprocess, loaded->seen.height, loaded->seen.width);
    if (input != NULL) {
        preprocess_normalise(preprocess, &loaded->seen, input);
    }
    image_free(&loaded->seen);
    enum vitlrp_status status = image_from_photograph(&loaded->photograph, &image, err);
    if (status == VITLRP_OK && input == NULL) {
        vitlrp_image_close(image);
        status = fail(err, VITLRP_NOMEM, "out of memory for a model input");
    }
    if (status != VITLRP_OK) {
        mem_free(input);
        return status;
    }
    *prepared = (struct vitlrp_prepared){image, input, loaded->plan.geometry, loaded->prepare_ms};
    return VITLRP_OK;
}

static enum vitlrp_status open_prepared(const struct source *file, struct sha256 *hash,
                                        const struct vitlrp_image_options *options,
                                        const struct vitlrp_preprocess *preprocess,
                                        struct vitlrp_prepared *prepared,
                                        struct vitlrp_error *err) {
    struct photograph_loaded loaded;
    const struct photograph_wishes wishes = {.limits = &options->limits,
                                             .preprocess = preprocess,
                                             .whole_pixels = PHOTOGRAPH_WHOLE_PIXELS,
                                             .ignore_exif = options->ignore_exif != 0,
                                             .draws = true,
                                             .max_side = options->max_side};
    TRY(photograph_load_file(file, hash, &wishes, &loaded, err));
    return take_loaded(preprocess, &loaded, prepared, err);
}

enum vitlrp_status vitlrp_image_open_prepared(const void *data, size_t size,
                                              const struct vitlrp_image_options *options,
                                              const struct vitlrp_preprocess *preprocess,
                                              struct vitlrp_prepared *prepared,
                                              struct vitlrp_error *error) {
    struct vitlrp_image_options known;
    API_NEEDS((data != NULL || size == 0) && preprocess != NULL && prepared != NULL, error);
    TRY(read_options(options, &known, error));
    TRY(preprocess_check(preprocess, error));
    const struct source memory = source_over(data, size);
    return open_prepared(&memory, NULL, &known, preprocess, prepared, error);
}

static void close_prepared(struct vitlrp_prepared *prepared) {
    vitlrp_image_close(prepared->image);
    mem_free(prepared->input);
}

enum vitlrp_status vitlrp_image_open_prepared_file(const char *path,
                                                   const struct vitlrp_image_options *options,
                                                   const struct vitlrp_preprocess *preprocess,
                                                   char *sha256, struct vitlrp_prepared *prepared,
                                                   struct vitlrp_error *error) {
    struct vitlrp_image_options known;
    struct vitlrp_prepared opened = {0};
    struct source file;
    API_NEEDS(path != NULL && preprocess != NULL && prepared != NULL, error);
    TRY(read_options(options, &known, error));
    TRY(preprocess_check(preprocess, error));
    TRY(source_open(path, &file, error));
    struct sha256 hash = sha256 == NULL ? (struct sha256){0} : sha256_begin();
    enum vitlrp_status status =
        open_prepared(&file, sha256 == NULL ? NULL : &hash, &known, preprocess, &opened, error);
    source_close(&file);
    if (sha256 != NULL) {
        status = sha256_finish(&hash, status, sha256, error);
    }
    if (status != VITLRP_OK) {
        close_prepared(&opened);
        return error_prefix(error, status, path);
    }
    *prepared = opened;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_preprocess_apply(const struct vitlrp_preprocess *preprocess,
                                           const struct vitlrp_image *image, float *input,
                                           struct vitlrp_error *error) {
    struct preprocess_plan plan;
    API_NEEDS(preprocess != NULL && image != NULL && input != NULL, error);
    const struct image *upright = &image->photograph.pixels;
    TRY(make_plan(preprocess, upright->width, upright->height, &plan, error));
    return photograph_input(upright, preprocess, &plan, input, error);
}

enum vitlrp_status vitlrp_image_prepare(const struct vitlrp_image *image,
                                        const struct vitlrp_preprocess *preprocess, float **input,
                                        struct vitlrp_geometry *geometry,
                                        struct vitlrp_error *error) {
    struct preprocess_plan plan;
    API_NEEDS(image != NULL && preprocess != NULL && input != NULL && geometry != NULL, error);
    const struct image *upright = &image->photograph.pixels;
    TRY(make_plan(preprocess, upright->width, upright->height, &plan, error));
    float *made = new_input(preprocess, plan.geometry.input_height, plan.geometry.input_width);
    if (made == NULL) {
        return fail(error, VITLRP_NOMEM, "out of memory for a model input");
    }
    enum vitlrp_status status = photograph_input(upright, preprocess, &plan, made, error);
    if (status != VITLRP_OK) {
        mem_free(made);
        return status;
    }
    *input = made;
    *geometry = plan.geometry;
    return VITLRP_OK;
}

enum vitlrp_status vitlrp_image_encode(const struct vitlrp_image *image,
                                       enum vitlrp_picture_format format, const char *comment,
                                       unsigned char **data, size_t *size,
                                       struct vitlrp_error *error) {
    struct bytes file = {0};
    API_NEEDS(image != NULL && data != NULL && size != NULL, error);
    if (format != VITLRP_PICTURE_PNG && format != VITLRP_PICTURE_JPEG) {
        return fail(error, VITLRP_USAGE, "picture format %d is unknown", (int) format);
    }
    TRY(format == VITLRP_PICTURE_PNG
            ? encode_png(&image->photograph.pixels, comment, &file, error)
            : encode_jpeg(&image->photograph.pixels, comment, &file, error));
    *data = file.data;
    *size = file.size;
    return VITLRP_OK;
}
