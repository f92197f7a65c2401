/* decode_avif, where it is built: pictures of Pillow (tests/golden/pictures/README.md), files that
 * are cut or changed at any byte, and the limits. */
#include <stdlib.h>
#include <string.h>

#include "support/pictures.h"
#include "support/unit.h"

/* Without loss, in RGB: every decoder makes the same pixels. */
#define RGB_SHA256 "a52575c795bc825a96454f3a1a92bcf71db0c851b77272b75f9ef4a2e44b9a13"

static const struct golden_picture pictures[] = {
    {"lossless.avif", 19, 11, 1, RGB_SHA256, false},
    {"alpha.avif", 19, 11, 1, RGB_SHA256, false},
    {"turned.avif", 19, 11, 6, RGB_SHA256, false},
    {"mirrored.avif", 19, 11, 5, RGB_SHA256, false},
    {"sequence.avif", 19, 11, 1, RGB_SHA256, true},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

#ifdef VITLRP_AVIF
static void test_pixels_are_those_of_pillow(void **state) {
    (void) state;
    golden_pictures_assert("avif", pictures, PICTURES);
}

/* With loss, decoders agree on YUV; what becomes of it depends on the version of libavif. */
static void test_pixels_with_loss(void **state) {
    static const char *const NAMES[][2] = {{"lossy.avif", "lossy.avif.png"},
                                           {"ten-bits.avif", "ten-bits.avif.png"}};
    (void) state;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct bytes file = golden_picture_read(NAMES[i][0]);
        struct bytes right = golden_picture_read(NAMES[i][1]);
        struct decoded decoded;
        struct decoded expected;
        assert_int_equal(picture_decode(file.data, file.size, &decoded, NULL), VITLRP_OK);
        assert_int_equal(picture_decode(right.data, right.size, &expected, NULL), VITLRP_OK);
        assert_int_equal(decoded.image.width, expected.image.width);
        assert_int_equal(decoded.image.height, expected.image.height);
        size_t count = (size_t) decoded.image.width * (size_t) decoded.image.height * 3;
        for (size_t k = 0; k < count; k++) {
            assert_in_range(abs(decoded.image.rgb[k] - expected.image.rgb[k]), 0, 3);
        }
        image_free(&decoded.image);
        image_free(&expected.image);
        bytes_free(&file);
        bytes_free(&right);
    }
}

static void test_cut_files(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = golden_picture_read(pictures[i].name);
        for (size_t size = 32; size < bytes.size; size++) {
            struct decoded decoded = {0};
            uint8_t *exact = test_malloc(size);
            memcpy(exact, bytes.data, size);
            assert_int_equal(picture_decode(exact, size, &decoded, NULL), VITLRP_FORMAT);
            test_free(exact);
        }
        bytes_free(&bytes);
    }
}

static void test_damaged_files(void **state) {
    (void) state;
    golden_pictures_damage(pictures, PICTURES, 200);
}

static void assert_limited(const struct vitlrp_image_limits *limits, enum vitlrp_status status) {
    struct bytes bytes = golden_picture_read("lossless.avif");
    struct decoded decoded = {0};
    assert_int_equal(decode_image(bytes.data, bytes.size, limits, &decoded, NULL), status);
    image_free(&decoded.image);
    bytes_free(&bytes);
}

static void test_limits(void **state) {
    struct vitlrp_image_limits limits = image_limits_default();
    (void) state;
    limits.max_side = 18;
    assert_limited(&limits, VITLRP_LIMIT);
    limits.max_side = 19;
    assert_limited(&limits, VITLRP_OK);
    limits.max_whole_pixels = 19 * 11 - 1;
    assert_limited(&limits, VITLRP_LIMIT);
    limits.max_whole_pixels = 19 * 11;
    limits.max_codec_bytes = 19 * 11 * 8 - 1;
    assert_limited(&limits, VITLRP_LIMIT);
    limits.max_codec_bytes++;
    assert_limited(&limits, VITLRP_OK);
}
#else
static void test_avif_is_refused_with_a_command(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = golden_picture_read(pictures[i].name);
        picture_assert_refused(bytes.data, bytes.size, VITLRP_UNSUPPORTED,
                               "not read; convert it to PNG or JPEG, for example by: ");
        bytes_free(&bytes);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
#ifdef VITLRP_AVIF
        cmocka_unit_test(test_pixels_are_those_of_pillow),
        cmocka_unit_test(test_pixels_with_loss),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_limits),
#else
        cmocka_unit_test(test_avif_is_refused_with_a_command),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
