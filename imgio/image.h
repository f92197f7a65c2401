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

/* The default limits, as an initialiser: a small hostile file cannot ask for a large machine.
 * 178,956,970 pixels are Pillow's limit, beyond phones and screenshots of whole pages; a narrow one
 * has 262,144 rows. A baseline JPEG and a plain PNG are read row by row; of what is whole in
 * memory, 100 million pixels are 300 MB as RGB. A progressive JPEG holds all coefficients in the
 * codec's memory; a JPEG of a few hundred bytes can ask for a pass over all of them per 10 bytes,
 * and real ones have about 10 passes, at most dozens. */
#define IMAGE_LIMITS_DEFAULT                                                                       \
    {                                                                                              \
        .max_file_bytes = (size_t) 256 << 20, .max_side = 262144, .max_pixels = 178956970,         \
        .max_whole_pixels = 100000000, .max_codec_bytes = (size_t) 1 << 30, .max_jpeg_scans = 100, \
        .max_jpeg_warnings = 100                                                                   \
    }

/* The numbers above. */
struct vitlrp_image_limits image_limits_default(void);

/* USAGE if a limit is not positive, or a reserved field is in use. */
enum vitlrp_status image_limits_check(const struct vitlrp_image_limits *limits,
                                      struct vitlrp_error *err);

/* FORMAT for a picture without pixels, LIMIT for one beyond the limits; to be asked before anything
 * is allocated for it. */
enum vitlrp_status image_check_size(const struct vitlrp_image_limits *limits, uint64_t width,
                                    uint64_t height, struct vitlrp_error *err);

/* As image_check_size, for a picture that is whole in memory as no other is: of any kind but
 * baseline JPEG and plain PNG. */
enum vitlrp_status image_check_whole(const struct vitlrp_image_limits *limits, uint64_t width,
                                     uint64_t height, struct vitlrp_error *err);

/* A black picture; both sides must be positive. *out is owned by the caller: image_free. NOMEM if
 * memory is short or the size does not fit. */
enum vitlrp_status image_alloc(int32_t width, int32_t height, struct image *out,
                               struct vitlrp_error *err);

/* As image_alloc, of pixels that are not set: for whoever sets all of them at once. */
enum vitlrp_status image_alloc_unset(int32_t width, int32_t height, struct image *out,
                                     struct vitlrp_error *err);

/* The brightness of a pixel (Rec. 601), 0 to 255. */
static inline int32_t image_luma(const uint8_t rgb[3]) {
    return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000;
}

/* Releases the pixels and clears the record; a zeroed record is fine. */
void image_free(struct image *image);

#endif
