/* Two passes (resize_kernel.h), rounding to 8 bits after each, as Pillow does it. */
#include "imgio/resize.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "imgio/resize_kernel.h"

static void copy_columns(const struct image *in, int32_t left, int32_t begin, struct image *out) {
    size_t length = (size_t) out->width * 3;
    for (size_t y = 0; y < (size_t) out->height; y++) {
        size_t at = ((size_t) begin + y) * (size_t) in->width + (size_t) left;
        memcpy(out->rgb + y * length, in->rgb + at * 3, length);
    }
}

/* The first pass: the wanted columns of `rows` rows from `begin` on. */
static enum vitlrp_status pass_columns(const struct image *image, const struct resize *resize,
                                       int32_t begin, int32_t rows, struct image *out,
                                       struct vitlrp_error *err) {
    struct kernel kernel = {0};
    uint8_t *strip = NULL;
    struct image made = {0};
    enum vitlrp_status status;
    TRY_GOTO(status, image_alloc(resize->window_width, rows, &made, err), end);
    if (resize->width == image->width) {
        copy_columns(image, resize->left, begin, &made);
    } else {
        struct resample_part part = {resize->width, resize->left, resize->window_width};
        TRY_GOTO(status, kernel_make(image->width, &part, resize->filter, &kernel, err), end);
        strip = mem_calloc((size_t) image->width, KERNEL_SCRATCH);
        if (strip == NULL) {
            status = fail(err, VITLRP_NOMEM, "out of memory for resizing a picture");
            goto end;
        }
        kernel_columns(&kernel, image, begin, strip, &made);
    }
    *out = made;
    made = (struct image){0};
end:
    image_free(&made);
    kernel_free(&kernel);
    mem_free(strip);
    return status;
}

/* Both passes, columns first, over no more rows than the second pass needs. */
static enum vitlrp_status columns_then_rows(const struct image *image, const struct resize *resize,
                                            struct image *out, struct vitlrp_error *err) {
    struct kernel kernel = {0};
    struct image half = {0};
    enum vitlrp_status status;
    struct resample_part part = {resize->height, resize->top, resize->window_height};
    TRY_GOTO(status, kernel_make(image->height, &part, resize->filter, &kernel, err), end);
    int32_t begin = kernel.first[0];
    int32_t rows = kernel.first[kernel.outputs - 1] + kernel.count - begin;
    TRY_GOTO(status, pass_columns(image, resize, begin, rows, &half, err), end);
    TRY_GOTO(status, image_alloc(resize->window_width, resize->window_height, out, err), end);
    kernel_rows(&kernel, &half, begin, out);
end:
    image_free(&half);
    kernel_free(&kernel);
    return status;
}

/* Both passes, rows first. */
static enum vitlrp_status rows_then_columns(const struct image *image, const struct resize *resize,
                                            struct image *out, struct vitlrp_error *err) {
    struct kernel kernel = {0};
    struct image half = {0};
    enum vitlrp_status status;
    struct resample_part part = {resize->height, resize->top, resize->window_height};
    TRY_GOTO(status, kernel_make(image->height, &part, resize->filter, &kernel, err), end);
    TRY_GOTO(status, image_alloc(image->width, resize->window_height, &half, err), end);
    kernel_rows(&kernel, image, 0, &half);
    status = pass_columns(&half, resize, 0, resize->window_height, out, err);
end:
    image_free(&half);
    kernel_free(&kernel);
    return status;
}

/* Pillow 13's choice of what is less work. */
bool resize_begins_with_rows(const struct resize *resize, int32_t width, int32_t height) {
    int64_t lost_rows = (int64_t) height - resize->height;
    int64_t lost_columns = (int64_t) width - resize->width;
    return lost_rows > 0 && lost_rows > 2 * lost_columns;
}

enum vitlrp_status image_resize(const struct image *image, const struct resize *resize,
                                struct image *out, struct vitlrp_error *err) {
    assert(resize->left >= 0 && resize->window_width > 0 &&
           resize->left <= resize->width - resize->window_width);
    assert(resize->top >= 0 && resize->window_height > 0 &&
           resize->top <= resize->height - resize->window_height);
    if (resize->height == image->height) {
        return pass_columns(image, resize, resize->top, resize->window_height, out, err);
    }
    return resize_begins_with_rows(resize, image->width, image->height)
               ? rows_then_columns(image, resize, out, err)
               : columns_then_rows(image, resize, out, err);
}

enum vitlrp_status image_scale(const struct image *image, int32_t width, int32_t height,
                               enum resample_filter filter, struct image *out,
                               struct vitlrp_error *err) {
    const struct resize whole = {.width = width,
                                 .height = height,
                                 .window_width = width,
                                 .window_height = height,
                                 .filter = filter};
    return image_resize(image, &whole, out, err);
}

enum vitlrp_status image_shrink(const struct image *image, int32_t side,
                                enum resample_filter filter, struct image *out,
                                struct vitlrp_error *err) {
    double longer = fmax(image->width, image->height);
    double factor = fmin(1.0, side / longer);
    int32_t width = (int32_t) fmax(1.0, round(image->width * factor));
    int32_t height = (int32_t) fmax(1.0, round(image->height * factor));
    return image_scale(image, width, height, filter, out, err);
}
