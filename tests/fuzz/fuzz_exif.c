/* EXIF blocks, XMP, the contents of a JPEG's segment, and the turns they ask for. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "imgio/exif.h"

#define SIDE_LIMIT 40

/* What turns a picture back. */
static int32_t inverse_of(int32_t orientation) {
    return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
}

static void check_turns(int32_t width, int32_t height, int32_t orientation) {
    struct image image;
    struct vitlrp_error err;
    uint8_t stored[SIDE_LIMIT * SIDE_LIMIT * 3];
    size_t size = (size_t) width * (size_t) height * 3;
    fuzz_check(image_alloc(width, height, &image, &err) == VITLRP_OK, "no memory");
    for (size_t i = 0; i < size; i++) {
        image.rgb[i] = (uint8_t) (i * 7 + i / 256);
    }
    memcpy(stored, image.rgb, size);
    bool turned = image_orient(&image, orientation, &err) == VITLRP_OK &&
                  image_orient(&image, inverse_of(orientation), &err) == VITLRP_OK;
    fuzz_check(turned && image.width == width && image.height == height, "not turned back");
    fuzz_check(memcmp(stored, image.rgb, size) == 0, "turned back to another picture");
    image_free(&image);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    int32_t width = 1 + fuzz_byte(&input) % SIDE_LIMIT;
    int32_t height = 1 + fuzz_byte(&input) % SIDE_LIMIT;
    int32_t found[] = {exif_orientation(input.data, input.size),
                       xmp_orientation(input.data, input.size)};
    fuzz_check(exif_prefix(input.data, input.size) <= input.size &&
                   xmp_prefix(input.data, input.size) <= input.size,
               "a prefix beyond the segment");
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        fuzz_check(found[i] >= 0 && found[i] <= 8, "an unknown orientation");
        if (found[i] > 1) {
            check_turns(width, height, found[i]);
        }
    }
}
