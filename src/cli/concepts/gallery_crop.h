/* What a unit reads of an image, as a small picture: where the conditional map of the unit is. */
#ifndef CLI_GALLERY_CROP_H
#define CLI_GALLERY_CROP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gallery_view {
    const uint8_t *rgb; /* [height, width, 3]: the model's input as a picture */
    int32_t height, width;
    int32_t patch; /* pixels */
};

/* A part of it. */
struct gallery_square {
    int32_t top, left, height, width;
};

/* Where the map is: its positive part, blurred by half a patch (a Gaussian), lies above a fifth of
 * its largest value. map [height, width] becomes that blurred part, divided by the largest value.
 * *square is the square around what lies above, with a patch of margin, within the picture; all of
 * it where nothing of the map is positive. NOMEM. */
enum vitlrp_status gallery_crop_find(const struct gallery_view *view, float *map,
                                     struct gallery_square *square, struct vitlrp_error *err);

/* The picture of a map (which is blurred in place) as a JPEG: the square, at a quarter of its
 * brightness where the map is not. *data is owned: vitlrp_free. */
enum vitlrp_status gallery_crop(const struct gallery_view *view, float *map, unsigned char **data,
                                size_t *size, struct vitlrp_error *err);

#endif
