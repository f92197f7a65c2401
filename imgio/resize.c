/* Two passes of fixed-point sums, rounding to 8 bits after each, as Pillow does it.
 * The loops run over blocks of a constant length, which compilers turn into vector code. */
#include "imgio/resize.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

#define FRACTION_BITS 22
#define STRIP_ROWS ((size_t) 8)      /* of the picture, that the first pass works on at a time */
#define STRIP_BYTES (3 * STRIP_ROWS) /* one column of a strip: a whole number of vectors */
#define BLOCK ((size_t) 64)          /* samples of a row that the second pass sums at a time */

/* The sums are 32-bit products, which plain x86-64 has no vector instruction for. Not under
 * ThreadSanitizer, which the choice between them, made while the program is loaded, comes too early
 * for. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

/* Taps in fixed point: output i is made of `count` samples from first[i], the unneeded ones with
 * weight 0. */
struct kernel {
    int32_t outputs, count;
    int32_t *first;  /* [outputs], owned */
    int32_t *weight; /* [outputs, count], owned */
};

static void kernel_free(struct kernel *kernel) {
    mem_free(kernel->first);
    mem_free(kernel->weight);
}

static int32_t fixed_point(double weight) {
    double scaled = weight * (1 << FRACTION_BITS);
    return (int32_t) (scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
}

/* Taps of an output near the end of the line are moved back, so that all `count` of them are in it.
 */
static void kernel_fill(struct kernel *kernel, const struct resample_taps *taps, int32_t in) {
    int32_t last = in - kernel->count;
    for (int32_t i = 0; i < kernel->outputs; i++) {
        kernel->first[i] = taps->first[i] < last ? taps->first[i] : last;
        int32_t shift = taps->first[i] - kernel->first[i];
        const double *from = taps->weight + (size_t) i * (size_t) taps->stride;
        int32_t *to = kernel->weight + (size_t) i * (size_t) kernel->count + shift;
        for (int32_t k = 0; k < taps->count[i]; k++) {
            to[k] = fixed_point(from[k]);
        }
    }
}

/* The kernel of a part of the outputs of a line of `in` samples. */
static enum vitlrp_status kernel_make(int32_t in, const struct resample_part *part,
                                      enum resample_filter filter, struct kernel *kernel,
                                      struct vitlrp_error *err) {
    struct resample_taps taps;
    int32_t count = part->count;
    TRY(resample_taps_part(in, part, filter, &taps, err));
    struct kernel made = {.outputs = count};
    for (int32_t i = 0; i < count; i++) {
        made.count = taps.count[i] > made.count ? taps.count[i] : made.count;
    }
    size_t weights = 0;
    made.first = mem_calloc((size_t) count, sizeof *made.first);
    if (checked_mul(&weights, (size_t) count, (size_t) made.count)) {
        made.weight = mem_calloc(weights, sizeof *made.weight);
    }
    enum vitlrp_status status = VITLRP_OK;
    if (made.first != NULL && made.weight != NULL) {
        kernel_fill(&made, &taps, in);
        *kernel = made;
    } else {
        kernel_free(&made);
        status = fail(err, VITLRP_NOMEM, "out of memory for resizing a picture");
    }
    resample_taps_free(&taps);
    return status;
}

/* out[i] = the sum over k of weight[k] * in[k * stride + i], as bytes, for i < length <= BLOCK. To
 * be inlined with a constant length, which makes the loops vector code. */
static inline __attribute__((always_inline)) void weighted_sum(const int32_t *weight, int32_t count,
                                                               const uint8_t *in, size_t stride,
                                                               uint8_t *out, size_t length) {
    int32_t sum[BLOCK];
    for (size_t i = 0; i < length; i++) {
        sum[i] = 1 << (FRACTION_BITS - 1);
    }
    for (int32_t k = 0; k < count; k++, in += stride) {
        for (size_t i = 0; i < length; i++) {
            sum[i] += weight[k] * in[i];
        }
    }
    for (size_t i = 0; i < length; i++) {
        int32_t value = sum[i] >> FRACTION_BITS;
        out[i] = (uint8_t) (value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* Lays `rows` rows side by side, [width, STRIP_ROWS, 3], so that one weight serves them all; the
 * rows that are missing at the end of a picture stay what they were. */
static void strip_fill(uint8_t *strip, const uint8_t *rgb, size_t width, size_t rows) {
    for (size_t x = 0; x < width; x++) {
        for (size_t y = 0; y < rows; y++) {
            memcpy(strip + x * STRIP_BYTES + y * 3, rgb + (y * width + x) * 3, 3);
        }
    }
}

VECTOR_CLONES
static void strip_resize(const struct kernel *kernel, const uint8_t *strip, uint8_t *rgb,
                         size_t rows) {
    size_t width = (size_t) kernel->outputs;
    for (size_t x = 0; x < width; x++) {
        uint8_t column[STRIP_BYTES];
        weighted_sum(kernel->weight + x * (size_t) kernel->count, kernel->count,
                     strip + (size_t) kernel->first[x] * STRIP_BYTES, STRIP_BYTES, column,
                     STRIP_BYTES);
        for (size_t y = 0; y < rows; y++) {
            memcpy(rgb + (y * width + x) * 3, column + y * 3, 3);
        }
    }
}

/* The wanted columns of the rows from `begin` on that `out` has room for. */
static void resize_columns(const struct kernel *kernel, const struct image *in, int32_t begin,
                           uint8_t *strip, struct image *out) {
    size_t width = (size_t) in->width;
    size_t height = (size_t) out->height;
    for (size_t y = 0; y < height; y += STRIP_ROWS) {
        size_t rows = height - y < STRIP_ROWS ? height - y : STRIP_ROWS;
        strip_fill(strip, in->rgb + ((size_t) begin + y) * width * 3, width, rows);
        strip_resize(kernel, strip, out->rgb + y * (size_t) out->width * 3, rows);
    }
}

static void copy_columns(const struct image *in, int32_t left, int32_t begin, struct image *out) {
    size_t length = (size_t) out->width * 3;
    for (size_t y = 0; y < (size_t) out->height; y++) {
        size_t at = ((size_t) begin + y) * (size_t) in->width + (size_t) left;
        memcpy(out->rgb + y * length, in->rgb + at * 3, length);
    }
}

/* Row 0 of `in` is row `begin` of the picture that the kernel was made for. */
VECTOR_CLONES
static void resize_rows(const struct kernel *kernel, const struct image *in, int32_t begin,
                        struct image *out) {
    size_t stride = (size_t) in->width * 3;
    for (size_t y = 0; y < (size_t) out->height; y++) {
        const int32_t *weight = kernel->weight + y * (size_t) kernel->count;
        const uint8_t *from = in->rgb + (size_t) (kernel->first[y] - begin) * stride;
        uint8_t *to = out->rgb + y * stride;
        size_t i = 0;
        for (; i + BLOCK <= stride; i += BLOCK) {
            weighted_sum(weight, kernel->count, from + i, stride, to + i, BLOCK);
        }
        weighted_sum(weight, kernel->count, from + i, stride, to + i, stride - i);
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
        strip = mem_calloc((size_t) image->width, STRIP_BYTES);
        if (strip == NULL) {
            status = fail(err, VITLRP_NOMEM, "out of memory for resizing a picture");
            goto end;
        }
        resize_columns(&kernel, image, begin, strip, &made);
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
    resize_rows(&kernel, &half, begin, out);
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
    resize_rows(&kernel, image, 0, &half);
    status = pass_columns(&half, resize, 0, resize->window_height, out, err);
end:
    image_free(&half);
    kernel_free(&kernel);
    return status;
}

/* Pillow 13's choice of what is less work. The order decides about the last bit. */
static bool rows_come_first(const struct image *image, const struct resize *resize) {
    int64_t lost_rows = (int64_t) image->height - resize->height;
    int64_t lost_columns = (int64_t) image->width - resize->width;
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
    return rows_come_first(image, resize) ? rows_then_columns(image, resize, out, err)
                                          : columns_then_rows(image, resize, out, err);
}
