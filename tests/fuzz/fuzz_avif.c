/* AVIF files, in builds that read them: decoded, and turned as they say. */
#include "fuzz/fuzz.h"

const struct bounds FUZZ_BOUNDS = {.bytes = (size_t) 64 << 20}; /* the codec's own, by its limit */

void fuzz_one(const uint8_t *data, size_t size) {
    struct image image;
    if (fuzz_decoded(decode_avif, data, size, &image)) {
        image_free(&image);
    }
}
