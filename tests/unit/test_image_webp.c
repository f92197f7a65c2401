/* decode_webp: pictures whose pixels are those of Pillow 13 (tests/golden/pictures/README.md),
 * files that are cut or changed at every byte, and the limits. */
#include <string.h>

#include "support/pictures.h"
#include "support/unit.h"

static const struct golden_picture pictures[] = {
    {"lossy.webp", 33, 21, 1, "9702e78601c2f0564ec848f516c4e4574cad44a67eb3ce8265e7a04c2c95814f",
     false},
    {"lossless-alpha.webp", 17, 9, 1,
     "c4537baea20e7403bb1c0b34974e21046a74061fe19a0638a89793f1b8ef7a02", false},
    {"lossy-alpha.webp", 17, 9, 1,
     "92da546476bf59bc35e8172c8d57bce6a6b1c97503e8f92d7a1aed9d52258a20", false},
    {"exif.webp", 12, 7, 6, "69334543b3297b7593bad2a296b8726a2734d296604e55fe7ef0a8d5d5042328",
     false},
    {"xmp.webp", 12, 7, 8, "69334543b3297b7593bad2a296b8726a2734d296604e55fe7ef0a8d5d5042328",
     false},
    {"animated.webp", 20, 12, 1, "409c468634ba4d960347b19097bceca5e1b13e4a1959fb9642cfd78657c39024",
     true},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

static void test_k06_pixels_are_those_of_pillow(void **state) {
    (void) state;
    golden_pictures_assert("webp", pictures, PICTURES);
}

/* A cut file is refused wherever it is cut, in a block of its own size. */
static void test_cut_files(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = golden_picture_read(pictures[i].name);
        for (size_t size = 12; size < bytes.size; size++) {
            uint8_t *exact = test_malloc(size);
            memcpy(exact, bytes.data, size);
            picture_assert_refused(exact, size, VITLRP_FORMAT, "truncated WebP");
            test_free(exact);
        }
        bytes_free(&bytes);
    }
}

static void test_changed_files(void **state) {
    (void) state;
    golden_pictures_damage(pictures, PICTURES, 400);
}

/* What a chunk says of itself. */
static void test_bad_containers(void **state) {
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        const char *message;
    } changes[] = {
        {"lossy.webp", 17, 1, "a chunk is cut short"},
        {"animated.webp", 24, 1, "frame"},       /* a canvas that is narrower than the frame */
        {"animated.webp", 44 + 8, 90, "beyond"}, /* its place */
        {"animated.webp", 44 + 8 + 6, 8, "another size"},
    };
    (void) state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bytes bytes = golden_picture_read(changes[i].name);
        bytes.data[changes[i].at] = changes[i].value;
        picture_assert_refused(bytes.data, bytes.size, VITLRP_FORMAT, changes[i].message);
        bytes_free(&bytes);
    }
}

static void test_limits(void **state) {
    struct bytes bytes = golden_picture_read("lossy.webp");
    struct vitlrp_image_limits limits = image_limits_default();
    struct decoded decoded = {0};
    struct vitlrp_error err;
    (void) state;
    limits.max_side = 32;
    assert_int_equal(decode_image(bytes.data, bytes.size, &limits, &decoded, &err), VITLRP_LIMIT);
    assert_null(decoded.image.rgb);
    limits.max_side = 33;
    assert_int_equal(decode_image(bytes.data, bytes.size, &limits, &decoded, &err), VITLRP_OK);
    image_free(&decoded.image);
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k06_pixels_are_those_of_pillow),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_changed_files),
        cmocka_unit_test(test_bad_containers),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
