/* WebP files: decoded, and turned as they say. */
#include "fuzz/fuzz.h"
#include "imgio/decode.h"
#include "imgio/exif.h"

/* libwebp counts memory of its own: lossless pictures are there twice, as 32 bits a pixel. */
const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decode_input input = {.data = data, .size = size, .limits = &limits};
    struct decoded decoded = {.orientation = 1};
    struct vitlrp_error err;
    enum vitlrp_status status = VITLRP_FORMAT;
    if (size < 12) {
        return; /* less than tells that it is a WebP */
    }
    status = decode_webp(&input, &decoded, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(decoded.image.rgb == NULL, "a picture after a failure");
        return;
    }
    fuzz_touch_image(&decoded.image);
    fuzz_check(decoded.orientation >= 1 && decoded.orientation <= 8,
               "an orientation without sense");
    if (image_orient(&decoded.image, decoded.orientation, &err) == VITLRP_OK) {
        fuzz_touch_image(&decoded.image);
    }
    image_free(&decoded.image);
}
