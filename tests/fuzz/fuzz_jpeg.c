/* JPEG files: decoded, turned, and written again. */
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "imgio/decode.h"
#include "imgio/encode.h"
#include "imgio/exif.h"

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decode_input input = {.data = data, .size = size, .limits = &limits};
    struct decoded decoded = {.orientation = 1};
    struct vitlrp_error err;
    struct bytes again;
    enum vitlrp_status status = decode_jpeg(&input, &decoded, &err);
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
    if (decoded.image.width * decoded.image.height < 4096 &&
        encode_jpeg(&decoded.image, NULL, &again, &err) == VITLRP_OK) {
        fuzz_touch(again.data, again.size);
        bytes_free(&again);
    }
    image_free(&decoded.image);
}
