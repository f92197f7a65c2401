/* The inside of struct vitlrp_image, for the files that implement vitlrp.h. */
#ifndef API_IMAGE_PRIVATE_H
#define API_IMAGE_PRIVATE_H

#include <stdint.h>

#include "base/status.h"
#include "imgio/image.h"
#include "imgio/preprocess.h"
#include "vitlrp.h"

struct vitlrp_image {
    struct image pixels; /* upright */
    int32_t orientation; /* EXIF, as found; 1 if none */
    const char *format;  /* a string constant: "jpeg", "png", "bmp", "pnm", "rgb", "input" */
};

/* The public limits in imgio's terms. USAGE if one is not positive. */
enum vitlrp_status image_read_limits(const struct vitlrp_image_limits *from,
                                     struct image_limits *out, struct vitlrp_error *err);

/* The public preprocessing in imgio's terms. USAGE for values without sense. */
enum vitlrp_status image_read_preprocess(const struct vitlrp_preprocess *from,
                                         struct preprocess *out, struct vitlrp_error *err);

#endif
