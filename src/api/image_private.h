/* The inside of struct vitlrp_image, for the files that implement vitlrp.h. */
#ifndef API_IMAGE_PRIVATE_H
#define API_IMAGE_PRIVATE_H

#include <stdint.h>

#include "imgio/image.h"

struct vitlrp_image {
    struct image pixels; /* upright */
    int32_t orientation; /* EXIF, as found; 1 if none */
    const char *format;  /* a string constant: "jpeg", "png", "bmp", "pnm", "input" */
};

#endif
