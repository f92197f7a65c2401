#include "support/pictures.h"

#include <stdio.h>
#include <string.h>

#include "base/sha256.h"
#include "support/golden.h"
#include "support/unit.h"

#define GOLDEN_BYTES_MAX 4096

struct image picture_make(int32_t width, int32_t height) {
    struct image image;
    assert_int_equal(image_alloc(width, height, &image, NULL), VITLRP_OK);
    uint8_t *out = image.rgb;
    for (uint64_t y = 0; y < (uint64_t) height; y++) {
        for (uint64_t x = 0; x < (uint64_t) width; x++) {
            for (uint64_t c = 0; c < 3; c++) {
                *out++ = (uint8_t) (7 * x * x + 13 * y * y + 5 * x * y + 101 * c);
            }
        }
    }
    return image;
}

void picture_assert_sha256(const struct image *image, const char *expected) {
    size_t size = (size_t) image->width * (size_t) image->height * 3;
    char digest[SHA256_TEXT];
    assert_int_equal(sha256_bytes(image->rgb, size, digest, NULL), VITLRP_OK);
    assert_string_equal(digest, expected);
}

enum vitlrp_status picture_decode(const void *data, size_t size, struct decoded *out,
                                  struct vitlrp_error *err) {
    struct vitlrp_image_limits limits = image_limits_default();
    return decode_image(data, size, &limits, out, err);
}

void picture_assert_decodes(const void *data, size_t size, const char *format, const void *rgb,
                            int32_t width, int32_t height) {
    struct decoded decoded;
    struct vitlrp_error err = {0};
    if (picture_decode(data, size, &decoded, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(decoded.format, format);
    assert_int_equal(decoded.orientation, 1);
    assert_int_equal(decoded.image.width, width);
    assert_int_equal(decoded.image.height, height);
    assert_memory_equal(decoded.image.rgb, rgb, (size_t) width * (size_t) height * 3);
    image_free(&decoded.image);
}

void picture_assert_refused(const void *data, size_t size, enum vitlrp_status status,
                            const char *part) {
    struct vitlrp_error err = {0};
    struct decoded decoded = {0};
    assert_int_equal(picture_decode(data, size, &decoded, &err), status);
    assert_int_equal(err.status, status);
    assert_null(decoded.image.rgb);
    if (strstr(err.message, part) == NULL) {
        print_error("\"%s\" does not contain \"%s\"\n", err.message, part);
        fail_msg("wrong message");
    }
}

void picture_assert_sound(const void *data, size_t size) {
    struct vitlrp_error err = {0};
    struct decoded decoded = {0};
    enum vitlrp_status status = picture_decode(data, size, &decoded, &err);
    if (status == VITLRP_OK) {
        assert_true(decoded.image.rgb != NULL && decoded.image.width > 0 &&
                    decoded.image.height > 0);
        assert_in_range(decoded.orientation, 1, 8);
    } else {
        assert_true(status == VITLRP_FORMAT || status == VITLRP_UNSUPPORTED ||
                    status == VITLRP_LIMIT);
        assert_int_equal(err.status, status);
        assert_true(err.message[0] != '\0' && strchr(err.message, '\n') == NULL);
        assert_null(decoded.image.rgb);
    }
    image_free(&decoded.image);
}

struct bytes golden_picture_read(const char *name) {
    char path[512];
    struct bytes bytes;
    snprintf(path, sizeof path, "%s/golden/pictures/%s", TEST_DATA, name);
    assert_int_equal(file_read(path, GOLDEN_BYTES_MAX, &bytes, NULL), VITLRP_OK);
    return bytes;
}

void golden_pictures_assert(const char *format, const struct golden_picture *pictures,
                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct golden_picture *picture = &pictures[i];
        struct bytes bytes = golden_picture_read(picture->name);
        struct decoded decoded;
        struct vitlrp_error err = {0};
        if (picture_decode(bytes.data, bytes.size, &decoded, &err) != VITLRP_OK) {
            fail_msg("%s: %s", picture->name, err.message);
        }
        print_message("%s\n", picture->name); /* which one a failure is of */
        assert_string_equal(decoded.format, format);
        assert_int_equal(decoded.image.width, picture->width);
        assert_int_equal(decoded.image.height, picture->height);
        assert_int_equal(decoded.orientation, picture->orientation);
        assert_int_equal(decoded.warning != NULL, picture->warns);
        picture_assert_sha256(&decoded.image, picture->sha256);
        image_free(&decoded.image);
        bytes_free(&bytes);
    }
}

void golden_pictures_damage(const struct golden_picture *pictures, size_t count, int rounds) {
    struct test_random random = {.state = 6};
    for (size_t i = 0; i < count; i++) {
        struct bytes bytes = golden_picture_read(pictures[i].name);
        for (int round = 0; round < rounds; round++) {
            size_t size = round % 2 == 0 ? bytes.size : 12 + test_below(&random, bytes.size - 12);
            uint8_t *changed = test_malloc(size);
            memcpy(changed, bytes.data, size);
            for (size_t k = test_below(&random, 4) + 1; k > 0; k--) {
                changed[test_below(&random, size)] = (uint8_t) test_below(&random, 256);
            }
            picture_assert_sound(changed, size);
            test_free(changed);
        }
        bytes_free(&bytes);
    }
}
