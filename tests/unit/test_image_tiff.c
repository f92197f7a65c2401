/* decode_tiff, where it is built: pictures whose pixels are those of Pillow 13
 * (tests/golden/pictures/README.md), and files that are cut or changed at any byte. */
#include "support/pictures.h"
#include "support/unit.h"

static const struct golden_picture pictures[] = {
    {"rgb-lzw.tif", 19, 11, 8, "5b3579d300cc880ee6133001f11485a6a9cfe9968ef1a6c85f412d7ee80efc7d",
     false},
    {"grey-packbits.tif", 19, 11, 1,
     "9a6af806fd91630f4ba9e5cc6d6c3d5bdefc52e5eeebd08f4d8af7845d0bbb48", false},
    {"palette-deflate.tif", 19, 11, 1,
     "b340c518e992b8c8088fa664ec7efaac5c96dc2180366c73fad150db9ed32f72", false},
    {"rgba.tif", 19, 11, 1, "5b3579d300cc880ee6133001f11485a6a9cfe9968ef1a6c85f412d7ee80efc7d",
     false},
    {"ycbcr-jpeg.tif", 19, 11, 1,
     "5abe1bd6c73f8f056b792cdec36cb2f98321733a476ffc589e5d2daefe25c7de", false},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

#ifdef VITLRP_TIFF
static void test_k06_pixels_are_those_of_pillow(void **state) {
    (void) state;
    golden_pictures_assert("tiff", pictures, PICTURES);
}

static void test_damaged_files(void **state) {
    (void) state;
    golden_pictures_damage(pictures, PICTURES, 300);
}
#else
static void test_k06_tiff_is_refused_with_a_command(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = golden_picture_read(pictures[i].name);
        picture_assert_refused(bytes.data, bytes.size, VITLRP_UNSUPPORTED,
                               "TIFF files are not read; convert it to PNG or JPEG, for example");
        bytes_free(&bytes);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef VITLRP_TIFF
        cmocka_unit_test(test_k06_pixels_are_those_of_pillow),
        cmocka_unit_test(test_damaged_files),
#else
        cmocka_unit_test(test_k06_tiff_is_refused_with_a_command),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
