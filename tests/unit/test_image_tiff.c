/* decode_tiff, where it is built: pictures whose pixels are those of Pillow 13
 * (tests/golden/pictures/README.md), and files that are cut or changed at any byte. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "imgio/exif.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define CAPACITY 4096

/* Upright, as Pillow has them. */
static const struct picture {
    const char *name;
    int32_t width, height;
    const char *sha256;
} pictures[] = {
    {"rgb-lzw.tif", 11, 19, "86a87adb9593f6d72a1ca93d36ebd0d9b8feca81df973bfdd9c0167797b139fb"},
    {"grey-packbits.tif", 19, 11,
     "9a6af806fd91630f4ba9e5cc6d6c3d5bdefc52e5eeebd08f4d8af7845d0bbb48"},
    {"palette-deflate.tif", 19, 11,
     "b340c518e992b8c8088fa664ec7efaac5c96dc2180366c73fad150db9ed32f72"},
    {"rgba.tif", 19, 11, "5b3579d300cc880ee6133001f11485a6a9cfe9968ef1a6c85f412d7ee80efc7d"},
    {"ycbcr-jpeg.tif", 19, 11, "5abe1bd6c73f8f056b792cdec36cb2f98321733a476ffc589e5d2daefe25c7de"},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

static struct bytes read_picture(const char *name) {
    char path[512];
    struct bytes bytes;
    snprintf(path, sizeof path, "%s/golden/pictures/%s", TEST_DATA, name);
    assert_int_equal(file_read(path, CAPACITY, &bytes, NULL), VITLRP_OK);
    return bytes;
}

#ifdef VITLRP_TIFF
static void test_k06_pixels_are_those_of_pillow(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = read_picture(pictures[i].name);
        struct decoded decoded;
        struct vitlrp_error err = {0};
        if (picture_decode(bytes.data, bytes.size, &decoded, &err) != VITLRP_OK) {
            fail_msg("%s: %s", pictures[i].name, err.message);
        }
        assert_string_equal(decoded.format, "tiff");
        assert_int_equal(image_orient(&decoded.image, decoded.orientation, NULL), VITLRP_OK);
        assert_int_equal(decoded.image.width, pictures[i].width);
        assert_int_equal(decoded.image.height, pictures[i].height);
        picture_assert_sha256(&decoded.image, pictures[i].sha256);
        image_free(&decoded.image);
        bytes_free(&bytes);
    }
}

/* Cut and changed: decoded or refused, never worse. */
static void test_damaged_files(void **state) {
    struct test_random random = {.state = 6};
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = read_picture(pictures[i].name);
        for (int round = 0; round < 300; round++) {
            size_t size = round % 2 == 0 ? bytes.size : 8 + test_below(&random, bytes.size - 8);
            uint8_t *changed = test_malloc(size);
            struct decoded decoded = {0};
            memcpy(changed, bytes.data, size);
            changed[test_below(&random, size)] = (uint8_t) test_below(&random, 256);
            (void) picture_decode(changed, size, &decoded, NULL);
            image_free(&decoded.image);
            test_free(changed);
        }
        bytes_free(&bytes);
    }
}
#else
static void test_k06_tiff_is_refused_with_a_command(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = read_picture(pictures[i].name);
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
