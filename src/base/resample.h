/* Filter taps of antialiased separable resampling, shared by the image resize and the position
 * embeddings. It is the one piece of mathematics in this layer, because imgio and vit need it and
 * must not know each other. */
#ifndef BASE_RESAMPLE_H
#define BASE_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum resample_filter {
    RESAMPLE_BILINEAR,
    RESAMPLE_BICUBIC, /* a = -0.5 */
    RESAMPLE_BOX,     /* nearest neighbour, or the mean where the line shrinks */
    RESAMPLE_LANCZOS, /* of three lobes */
    RESAMPLE_HAMMING  /* a sinc within one sample, under Hamming's window */
};

/* Output i is the sum over k < count[i] of weight[i * stride + k] * input[first[i] + k]; weights of
 * an output sum to 1. */
struct resample_taps {
    int32_t outputs;
    int32_t stride; /* the largest count */
    int32_t *first;
    int32_t *count;
    double *weight;
};

/* The taps for scaling a line of `in` samples to `out` (both 1 or more): filter stretched by
 * max(in/out, 1), as Pillow's Image.resize and torch's antialiased interpolate define it. *taps is
 * owned: resample_taps_free. */
enum vitlrp_status resample_taps_make(int32_t in, int32_t out, enum resample_filter filter,
                                      struct resample_taps *taps, struct vitlrp_error *err);

/* The outputs begin <= i < begin + count of `out`. */
struct resample_part {
    int32_t out, begin, count;
};

/* The taps of only a part of the outputs of resample_taps_make, bit for bit: output begin becomes
 * output 0. */
enum vitlrp_status resample_taps_part(int32_t in, const struct resample_part *part,
                                      enum resample_filter filter, struct resample_taps *taps,
                                      struct vitlrp_error *err);

/* A window of a line: output begin + i is centred at start + (begin + i + 0.5) * step, in samples
 * from the line's beginning; step is positive. */
struct resample_window {
    double start, step;
    int32_t begin, count;
};

/* As resample_taps_make, over a window of the line. Taps beyond the ends are left out, and an
 * output wholly beyond them takes the sample at that end. */
enum vitlrp_status resample_taps_window(int32_t in, const struct resample_window *window,
                                        enum resample_filter filter, struct resample_taps *taps,
                                        struct vitlrp_error *err);

void resample_taps_free(struct resample_taps *taps);

#endif
