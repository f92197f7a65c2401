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

/* What a picture may cost, so that a small hostile file cannot ask for a large machine. */
struct image_limits {
    size_t max_file;    /* bytes of the file, which is read whole: 256 MiB */
    int32_t max_side;   /* pixels, beyond any camera: 16384 */
    int64_t max_pixels; /* width * height: 100 million, 300 MB as RGB */
    size_t max_memory;  /* bytes of a codec's own buffers, beside the picture: 1 GiB, for a
                           progressive JPEG holds all coefficients */
    int32_t max_scans;  /* of a JPEG: 100. A file of a few hundred bytes can ask for a pass over all
                           coefficients per 10 bytes; real ones have about 10, at most dozens */
    int32_t max_warnings; /* of libjpeg, harmless ones: 100 */
};

/* The numbers above. */
struct image_limits image_limits_default(void);

/* USAGE if a limit is not positive. */
enum vitlrp_status image_limits_check(const struct image_limits *limits, struct vitlrp_error *err);

/* FORMAT for a picture without pixels, LIMIT for one beyond the limits; to be asked before anything
 * is allocated for it. */
enum vitlrp_status image_check_size(const struct image_limits *limits, uint64_t width,
                                    uint64_t height, struct vitlrp_error *err);

/* A black picture; both sides must be positive. *out is owned by the caller: image_free. NOMEM if
 * memory is short or the size does not fit. */
enum vitlrp_status image_alloc(int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err);

/* Releases the pixels and clears the record; a zeroed record is fine. */
void image_free(struct image *image);

#endif
