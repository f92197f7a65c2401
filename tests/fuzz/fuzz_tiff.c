/* TIFF files, in builds that read them: decoded, and turned as they say. */
#include "fuzz/fuzz.h"
#include "imgio/decode.h"
#include "imgio/exif.h"

const struct bounds FUZZ_BOUNDS = {.bytes = (size_t) 128 << 20}; /* libtiff's own, by its limit */

void fuzz_one(const uint8_t *data, size_t size) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decode_input input = {.data = data, .size = size, .limits = &limits};
    struct decoded decoded = {.orientation = 1};
    struct vitlrp_error err;
    enum vitlrp_status status = decode_tiff(&input, &decoded, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(decoded.image.rgb == NULL, "a picture after a failure");
        return;
    }
    fuzz_touch_image(&decoded.image);
    if (image_orient(&decoded.image, decoded.orientation, &err) == VITLRP_OK) {
        fuzz_touch_image(&decoded.image);
    }
    image_free(&decoded.image);
}
