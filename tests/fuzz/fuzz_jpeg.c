/* JPEG files: decoded, turned, and written again. */
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "imgio/encode.h"

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct image image;
    struct vitlrp_error err;
    struct bytes again;
    if (!fuzz_decoded(decode_jpeg, data, size, &image)) {
        return;
    }
    if (image.width * image.height < 4096 && encode_jpeg(&image, NULL, &again, &err) == VITLRP_OK) {
        fuzz_touch(again.data, again.size);
        bytes_free(&again);
    }
    image_free(&image);
}
