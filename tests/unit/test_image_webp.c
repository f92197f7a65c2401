/* decode_webp: pictures whose pixels are those of Pillow 13 (tests/golden/pictures/README.md),
 * files that are cut or changed at every byte, and the limits. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define FOLDER TEST_DATA "/golden/pictures/"
#define CAPACITY 1024

static const struct picture {
    const char *name;
    int32_t width, height, orientation;
    const char *sha256; /* of Pillow's pixels, not turned */
} pictures[] = {
    {"lossy.webp", 33, 21, 1, "9702e78601c2f0564ec848f516c4e4574cad44a67eb3ce8265e7a04c2c95814f"},
    {"lossless-alpha.webp", 17, 9, 1,
     "c4537baea20e7403bb1c0b34974e21046a74061fe19a0638a89793f1b8ef7a02"},
    {"lossy-alpha.webp", 17, 9, 1,
     "92da546476bf59bc35e8172c8d57bce6a6b1c97503e8f92d7a1aed9d52258a20"},
    {"exif.webp", 12, 7, 6, "69334543b3297b7593bad2a296b8726a2734d296604e55fe7ef0a8d5d5042328"},
    {"xmp.webp", 12, 7, 8, "69334543b3297b7593bad2a296b8726a2734d296604e55fe7ef0a8d5d5042328"},
    {"animated.webp", 20, 12, 1,
     "409c468634ba4d960347b19097bceca5e1b13e4a1959fb9642cfd78657c39024"},
};
#define PICTURES (sizeof pictures / sizeof *pictures)

static struct bytes read_picture(const char *name) {
    char path[512];
    struct bytes bytes;
    snprintf(path, sizeof path, "%s%s", FOLDER, name);
    assert_int_equal(file_read(path, CAPACITY, &bytes, NULL), VITLRP_OK);
    return bytes;
}

static void test_k06_pixels_are_those_of_pillow(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        const struct picture *picture = &pictures[i];
        struct bytes bytes = read_picture(picture->name);
        struct decoded decoded;
        struct vitlrp_error err = {0};
        if (picture_decode(bytes.data, bytes.size, &decoded, &err) != VITLRP_OK) {
            fail_msg("%s: %s", picture->name, err.message);
        }
        assert_string_equal(decoded.format, "webp");
        assert_int_equal(decoded.image.width, picture->width);
        assert_int_equal(decoded.image.height, picture->height);
        assert_int_equal(decoded.orientation, picture->orientation);
        bool is_animated = strcmp(picture->name, "animated.webp") == 0;
        assert_true((decoded.warning != NULL) == is_animated);
        picture_assert_sha256(&decoded.image, picture->sha256);
        image_free(&decoded.image);
        bytes_free(&bytes);
    }
}

/* A cut file is refused wherever it is cut, in a block of its own size. */
static void test_cut_files(void **state) {
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = read_picture(pictures[i].name);
        for (size_t size = 12; size < bytes.size; size++) {
            uint8_t *exact = test_malloc(size);
            memcpy(exact, bytes.data, size);
            picture_assert_refused(exact, size, VITLRP_FORMAT, "truncated WebP");
            test_free(exact);
        }
        bytes_free(&bytes);
    }
}

/* Changed bytes: decoded or refused, never worse. */
static void test_changed_files(void **state) {
    struct test_random random = {.state = 5};
    (void) state;
    for (size_t i = 0; i < PICTURES; i++) {
        struct bytes bytes = read_picture(pictures[i].name);
        uint8_t *changed = test_malloc(bytes.size);
        for (int round = 0; round < 400; round++) {
            memcpy(changed, bytes.data, bytes.size);
            for (size_t k = test_below(&random, 4) + 1; k > 0; k--) {
                changed[8 + test_below(&random, bytes.size - 8)] =
                    (uint8_t) test_below(&random, 256);
            }
            struct decoded decoded = {0};
            (void) picture_decode(changed, bytes.size, &decoded, NULL);
            image_free(&decoded.image);
        }
        test_free(changed);
        bytes_free(&bytes);
    }
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
        struct bytes bytes = read_picture(changes[i].name);
        bytes.data[changes[i].at] = changes[i].value;
        picture_assert_refused(bytes.data, bytes.size, VITLRP_FORMAT, changes[i].message);
        bytes_free(&bytes);
    }
}

static void test_limits(void **state) {
    struct bytes bytes = read_picture("lossy.webp");
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
