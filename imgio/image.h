/* A picture in memory, 8-bit RGB, and the limits that every decoder keeps. */
#ifndef IMGIO_IMAGE_H
#define IMGIO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct image {
    uint8_t *rgb; /* [height, width, 3], packed, owned: image_free */
    int32_t width, height;
};

/* What a decoder may spend on one picture, so that a small hostile file cannot ask for a large
 * machine. All positive. */
struct image_limits {
    int32_t max_side;   /* pixels */
    int64_t max_pixels; /* width * height */
    size_t max_memory;  /* bytes of a codec's own buffers, beside the picture */
};

/* 16384 pixels a side, 100 million in all, 1 GiB. */
struct image_limits image_limits_default(void);

/* FORMAT for a picture without pixels, LIMIT for one beyond the limits; to be asked before anything
 * is allocated for it. */
enum status image_check_size(const struct image_limits *limits, uint64_t width, uint64_t height,
                             struct error *err);

/* A black picture; both sides must be positive. *out is owned by the caller: image_free. NOMEM if
 * memory is short or the size does not fit. */
enum status image_alloc(int32_t width, int32_t height, struct image *out, struct error *err);

/* Releases the pixels and clears the record; a zeroed record is fine. */
void image_free(struct image *image);

#endif
