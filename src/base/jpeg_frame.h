/* The frame header of a JPEG, found without decoding anything: what kind it is, and its size. */
#ifndef BASE_JPEG_FRAME_H
#define BASE_JPEG_FRAME_H

#include <stdint.h>

#include "base/file.h"
#include "base/status.h"

struct jpeg_frame {
    uint8_t marker; /* 0xc0 to 0xcf; 0 where none stands before the pixels */
    uint8_t bits;   /* of a sample */
    int32_t width, height;
};

/* Of a file that begins as a JPEG does. Fails only where it cannot be read. */
enum vitlrp_status jpeg_frame_find(const struct source *source, struct jpeg_frame *out,
                                   struct vitlrp_error *err);

#endif
