/* The orientation that a camera wrote beside the pixels, in EXIF or, where that has none, in XMP:
 * the one that Pillow 13's ImageOps.exif_transpose finds. Of EXIF nothing else is read: no sub-IFD,
 * no maker notes, no thumbnail, and no offset is followed twice. */
#ifndef IMGIO_EXIF_H
#define IMGIO_EXIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/image.h"

/* The orientation in an EXIF block, as a PNG's eXIf chunk holds it: a TIFF structure, perhaps
 * behind a JPEG's "Exif" and two zeros. 0 if it holds none. 1 if its value is not one of the eight,
 * or the block does not begin as TIFF does: the picture stays as it is, and XMP is not asked
 * either. */
int32_t exif_orientation(const uint8_t *data, size_t size);

/* The same in XMP: the first tiff:Orientation that has a digit. */
int32_t xmp_orientation(const uint8_t *data, size_t size);

/* Bytes before the EXIF or the XMP in the contents of a JPEG's APP1 segment; 0 if it holds none. */
size_t exif_prefix(const uint8_t *segment, size_t size);
size_t xmp_prefix(const uint8_t *segment, size_t size);

/* What an orientation says of the stored picture: a column of it is a row of the upright one; its
 * columns run from right to left in the upright direction; its rows run from the bottom. */
static inline bool orientation_is_turned(int32_t orientation) {
    return orientation >= 5;
}

static inline bool orientation_mirrors_columns(int32_t orientation) {
    return orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
}

static inline bool orientation_mirrors_rows(int32_t orientation) {
    return orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
}

/* Turns and mirrors the picture as orientation (1..8) demands, so that it stands upright; NOMEM
 * leaves it as it was. */
enum vitlrp_status image_orient(struct image *image, int32_t orientation, struct vitlrp_error *err);

#endif
