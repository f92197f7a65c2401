/* WebP files: decoded, and turned as they say. */
#include "fuzz/fuzz.h"

/* libwebp counts memory of its own: lossless pictures are there twice, as 32 bits a pixel. */
const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct image image;
    /* less than 12 bytes do not tell that it is a WebP */
    if (size >= 12 && fuzz_decoded(decode_webp, data, size, &image)) {
        image_free(&image);
    }
}
