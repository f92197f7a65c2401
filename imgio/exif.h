/* The orientation that a camera wrote beside the pixels. Of EXIF nothing else is read: no sub-IFD,
 * no maker notes, no thumbnail, and no offset is followed twice. */
#ifndef IMGIO_EXIF_H
#define IMGIO_EXIF_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/image.h"

/* The orientation (1..8) in the TIFF structure of an EXIF block, as a PNG's eXIf chunk holds it; 0
 * if there is none, or it is damaged, or its value is not one of the eight. */
int32_t exif_orientation(const uint8_t *tiff, size_t size);

/* As exif_orientation for the contents of a JPEG's APP1 segment, which begin with "Exif"; 0 for an
 * APP1 of another kind. */
int32_t exif_orientation_app1(const uint8_t *segment, size_t size);

/* Turns and mirrors the picture as orientation (1..8) demands, so that it stands upright; NOMEM
 * leaves it as it was. */
enum vitlrp_status image_orient(struct image *image, int32_t orientation, struct vitlrp_error *err);

#endif
