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
    struct decode_input input = {.source = source_over(file.data, file.size), .limits = &limits};
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
    struct image image;
    if (!fuzz_decoded(decode_png, data, size, &image)) {
        return;
    }
    if ((int64_t) image.width * image.height < 16384) {
        check_round_trip(&image);
    }
    image_free(&image);
}
