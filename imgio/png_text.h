/* The orientation of a PNG: in its eXIf chunk, else in a text that holds a raw EXIF profile, else
 * in XMP, as Pillow 13 finds it. libpng reads none of these here: texts may be packed and large. */
#ifndef IMGIO_PNG_TEXT_H
#define IMGIO_PNG_TEXT_H

#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

/* The four bytes of a length, side or checksum. */
static inline uint32_t png_number(const uint8_t *at) {
    return (uint32_t) at[0] << 24 | (uint32_t) at[1] << 16 | (uint32_t) at[2] << 8 | at[3];
}

/* 1 to 8 of a file that begins as a PNG does; 1 where nothing says so. Of several chunks of a kind
 * the last one with a right checksum counts. NOMEM, or IO where the file cannot be read. */
enum vitlrp_status png_orientation(const struct source *source, int32_t *out,
                                   struct vitlrp_error *err);

#endif
