/* Sums of fixed-point products, rounded to 8 bits, as Pillow does it. The loops run over blocks of
 * a constant length, which compilers turn into vector code. */
#include "imgio/resize_kernel.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"

#define FRACTION_BITS 22
#define STRIP_ROWS KERNEL_STRIP_ROWS
#define STRIP_BYTES (3 * STRIP_ROWS) /* one column of a strip: a whole number of vectors */
#define BLOCK ((size_t) 64)          /* samples of a row that the second pass sums at a time */

/* For static functions: clang gives clones a name that other files do not find. The sums are 32-bit
 * products, which plain x86-64 has no vector instruction for. Not under
 * ThreadSanitizer, which the choice between them, made while the program is loaded, comes too early
 * for. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__SANITIZE_THREAD__)
#define VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTOR_CLONES
#endif

void kernel_free(struct kernel *kernel) {
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

enum vitlrp_status kernel_make(int32_t in, const struct resample_part *part,
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
 * rows that are missing at the end of a picture are not read. Four bytes are one copy and three are
 * two: the fourth is the next pixel's, which overwrites it, but in the last column. */
static void strip_fill(uint8_t *strip, const uint8_t *rgb, size_t width, size_t rows) {
    for (size_t x = 0; x + 1 < width; x++) {
        for (size_t y = 0; y < rows; y++) {
            memcpy(strip + x * STRIP_BYTES + y * 3, rgb + (y * width + x) * 3, 4);
        }
    }
    for (size_t y = 0; y < rows; y++) {
        memcpy(strip + (width - 1) * STRIP_BYTES + y * 3, rgb + (y * width + width - 1) * 3, 3);
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

void kernel_columns(const struct kernel *kernel, const struct image *in, int32_t begin,
                    uint8_t *strip, struct image *out) {
    size_t width = (size_t) in->width;
    size_t height = (size_t) out->height;
    for (size_t y = 0; y < height; y += STRIP_ROWS) {
        size_t rows = height - y < STRIP_ROWS ? height - y : STRIP_ROWS;
        strip_fill(strip, in->rgb + ((size_t) begin + y) * width * 3, width, rows);
        strip_resize(kernel, strip, out->rgb + y * (size_t) out->width * 3, rows);
    }
}

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

void kernel_rows(const struct kernel *kernel, const struct image *in, int32_t begin,
                 struct image *out) {
    resize_rows(kernel, in, begin, out);
}

void kernel_mirror(struct kernel *kernel, int32_t in) {
    int32_t count = kernel->count;
    for (int32_t i = 0; i < kernel->outputs; i++) {
        int32_t *weight = kernel->weight + (size_t) i * (size_t) count;
        for (int32_t k = 0; k < count / 2; k++) {
            int32_t kept = weight[k];
            weight[k] = weight[count - 1 - k];
            weight[count - 1 - k] = kept;
        }
        kernel->first[i] = in - count - kernel->first[i];
    }
    for (int32_t i = 0; i < kernel->outputs / 2; i++) {
        int32_t other = kernel->outputs - 1 - i;
        int32_t first = kernel->first[i];
        kernel->first[i] = kernel->first[other];
        kernel->first[other] = first;
        for (size_t k = 0; k < (size_t) count; k++) {
            int32_t *one = &kernel->weight[(size_t) i * (size_t) count + k];
            int32_t *two = &kernel->weight[(size_t) other * (size_t) count + k];
            int32_t kept = *one;
            *one = *two;
            *two = kept;
        }
    }
}

void kernel_sums_begin(int32_t *sums, size_t length) {
    for (size_t i = 0; i < length; i++) {
        sums[i] = 1 << (FRACTION_BITS - 1);
    }
}

VECTOR_CLONES
static void add_row(int32_t *sums, int32_t weight, const uint8_t *row, size_t length) {
    for (size_t i = 0; i < length; i++) {
        sums[i] += weight * row[i];
    }
}

void kernel_sums_add(int32_t *sums, int32_t weight, const uint8_t *row, size_t length) {
    add_row(sums, weight, row, length);
}

void kernel_sums_end(const int32_t *sums, uint8_t *row, size_t length) {
    for (size_t i = 0; i < length; i++) {
        int32_t value = sums[i] >> FRACTION_BITS;
        row[i] = (uint8_t) (value < 0 ? 0 : value > 255 ? 255 : value);
    }
}
