/* PNG files: decoded, and written again, which must give the same pixels. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "imgio/decode.h"
#include "imgio/encode.h"

static void check_round_trip(const struct image *image) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct bytes file;
    struct decoded again = {.orientation = 1};
    struct vitlrp_error err;
    if (encode_png(image, "a comment", &file, &err) != VITLRP_OK) {
        fuzz_check(err.status == VITLRP_NOMEM, err.message);
        return;
    }
    struct decode_input input = {.data = file.data, .size = file.size, .limits = &limits};
    enum vitlrp_status status = decode_png(&input, &again, &err);
    fuzz_check(status == VITLRP_OK, "a PNG of ours that is not read");
    bool same = again.image.width == image->width && again.image.height == image->height;
    size_t size = (size_t) image->width * (size_t) image->height * 3;
    fuzz_check(same && memcmp(again.image.rgb, image->rgb, size) == 0, "other pixels than written");
    image_free(&again.image);
    bytes_free(&file);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decode_input input = {.data = data, .size = size, .limits = &limits};
    struct decoded decoded = {.orientation = 1};
    struct vitlrp_error err;
    enum vitlrp_status status = decode_png(&input, &decoded, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(decoded.image.rgb == NULL, "a picture after a failure");
        return;
    }
    fuzz_touch_image(&decoded.image);
    fuzz_check(decoded.orientation >= 1 && decoded.orientation <= 8,
               "an orientation without sense");
    if ((int64_t) decoded.image.width * decoded.image.height < 16384) {
        check_round_trip(&decoded.image);
    }
    image_free(&decoded.image);
}
