/* BMP, PNM and everything whose format decode_image must find out. A PNM that is read is written by
 * hand as a raw one, which must give the same pixels. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "imgio/decode.h"

static void check_raw_twin(const struct image *image) {
    struct vitlrp_image_limits limits = fuzz_limits();
    char header[64];
    struct decoded again;
    struct vitlrp_error err;
    size_t pixels = (size_t) image->width * (size_t) image->height * 3;
    size_t length =
        (size_t) snprintf(header, sizeof header, "P6 %d %d 255\n", image->width, image->height);
    uint8_t *file = mem_calloc(length + pixels, 1);
    fuzz_check(file != NULL, "no memory");
    memcpy(file, header, length);
    memcpy(file + length, image->rgb, pixels);
    enum vitlrp_status status = decode_image(file, length + pixels, &limits, &again, &err);
    fuzz_check(status == VITLRP_OK, "a raw PNM that is not read");
    fuzz_check(memcmp(again.image.rgb, image->rgb, pixels) == 0, "other pixels than written");
    image_free(&again.image);
    mem_free(file);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct vitlrp_image_limits limits = fuzz_limits();
    struct decoded decoded = {0};
    struct vitlrp_error err;
    enum vitlrp_status status = decode_image(data, size, &limits, &decoded, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(decoded.image.rgb == NULL, "a picture after a failure");
        return;
    }
    fuzz_touch_image(&decoded.image);
    check_raw_twin(&decoded.image);
    image_free(&decoded.image);
}
