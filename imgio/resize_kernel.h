/* One axis of a resize: which samples make an output, and the passes that apply it. What resize.c
 * and stream_resize.c stand on; their results are equal bit for bit, since sums of whole numbers do
 * not depend on their order. */
#ifndef IMGIO_RESIZE_KERNEL_H
#define IMGIO_RESIZE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"
#include "imgio/image.h"

#define KERNEL_STRIP_ROWS ((size_t) 16) /* of a picture, that kernel_columns works on at a time */

/* Taps in fixed point: output i is made of `count` samples from first[i], the unneeded ones with
 * weight 0. */
struct kernel {
    int32_t outputs, count;
    int32_t *first;  /* [outputs], owned */
    int32_t *weight; /* [outputs, count], owned */
};

/* The kernel of a part of the outputs of a line of `in` samples. *kernel is owned: kernel_free. */
enum vitlrp_status kernel_make(int32_t in, const struct resample_part *part,
                               enum resample_filter filter, struct kernel *kernel,
                               struct vitlrp_error *err);

/* A zeroed one is fine. */
void kernel_free(struct kernel *kernel);

/* The kernel of the line read backwards, its outputs in that order too. */
void kernel_mirror(struct kernel *kernel, int32_t in);

/* Bytes of scratch that kernel_columns needs for each column of its input. */
#define KERNEL_SCRATCH (3 * KERNEL_STRIP_ROWS)

/* The wanted columns of the rows from `begin` on that `out` has room for. scratch [in->width,
 * KERNEL_SCRATCH]. */
void kernel_columns(const struct kernel *kernel, const struct image *in, int32_t begin,
                    uint8_t *scratch, struct image *out);

/* The wanted rows. Row 0 of `in` is row `begin` of the picture that the kernel was made for. */
void kernel_rows(const struct kernel *kernel, const struct image *in, int32_t begin,
                 struct image *out);

/* Rows of sums, for who gets the rows of a picture one after the other: begun, rows added times
 * their weights, and rounded to bytes. */
void kernel_sums_begin(int32_t *sums, size_t length);
void kernel_sums_add(int32_t *sums, int32_t weight, const uint8_t *row, size_t length);
void kernel_sums_end(const int32_t *sums, uint8_t *row, size_t length);

#endif
