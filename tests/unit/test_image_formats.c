/* decode_image: telling formats apart by content, and the small formats BMP and PNM, good and bad.
 */
#include <string.h>

#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define LITERAL(text) (text), sizeof(text) - 1

static void assert_decodes(const void *data, size_t size, const char *format, const void *rgb,
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

static void test_unknown_content(void **state) {
    (void) state;
    picture_assert_refused("", 0, VITLRP_FORMAT, "empty");
    picture_assert_refused(LITERAL("x"), VITLRP_FORMAT, "begins with \"x\"");
    picture_assert_refused(
        LITERAL("A note, named photo.png\n"), VITLRP_FORMAT,
        "not a JPEG, PNG, BMP or PNM image (it begins with \"A note, named ph\")");
    picture_assert_refused(LITERAL("\0\0\0\0\x1b[2J"), VITLRP_FORMAT, "\"....\\x1B[2J\"");
    picture_assert_refused(LITERAL("<!DOCTYPE html><html>"), VITLRP_FORMAT, "HTML page");
    picture_assert_refused(LITERAL("version https://git-lfs.github.com/spec/v1\n"), VITLRP_FORMAT,
                           "Git LFS pointer");
    picture_assert_refused(LITERAL("\x89PNG\n\x1a\n\0\0\0\rIHDR"), VITLRP_FORMAT, "text-mode");
    picture_assert_refused(LITERAL("BM is also how this text begins"), VITLRP_FORMAT,
                           "begins with");
    picture_assert_refused(LITERAL("P5x"), VITLRP_FORMAT, "begins with");
    picture_assert_refused(LITERAL("\xff\xd8"), VITLRP_FORMAT, "begins with");
}

static void test_formats_not_read(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } files[] = {
        {LITERAL("GIF89a\1\0\1\0"), "GIF"},
        {LITERAL("RIFF\x24\0\0\0WEBPVP8 "), "WebP"},
        {LITERAL("\0\0\0\x20"
                 "ftypavif"),
         "AVIF"},
        {LITERAL("\0\0\0\x18"
                 "ftypheic"),
         "HEIF"},
        {LITERAL("II*\0\10\0\0\0"), "TIFF"},
        {LITERAL("MM\0*\0\0\0\10"), "TIFF"},
        {LITERAL("\xff\x0a\0\0"), "JPEG XL"},
        {LITERAL("\0\0\0\x0cJXL \r\n\x87\n"), "JPEG XL"},
        {LITERAL("\0\0\0\x0cjP  \r\n\x87\n"), "JPEG 2000"},
        {LITERAL("8BPS\0\1"), "Photoshop"},
        {LITERAL("%PDF-1.7"), "PDF"},
        {LITERAL("P7\nWIDTH 1\n"), "PAM"},
        {LITERAL("PF\n1 1\n-1.0\n"), "PFM"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        picture_assert_refused(files[i].bytes, files[i].size, VITLRP_UNSUPPORTED, files[i].name);
    }
}

static void test_pnm(void **state) {
    (void) state;
    assert_decodes(LITERAL("P5 2 1 255\n\7\x80"), "pnm", "\7\7\7\x80\x80\x80", 2, 1);
    assert_decodes(LITERAL("P6\n# comment\n1 2\r\n255 \1\2\3\4\5\6"), "pnm", "\1\2\3\4\5\6", 1, 2);
    assert_decodes(LITERAL("P5 3 1 100\n\0\x32\x64"), "pnm", "\0\0\0\x80\x80\x80\xff\xff\xff", 3,
                   1);
    assert_decodes(LITERAL("P5 2 1 100\n\x64\xff"), "pnm", "\xff\xff\xff\xff\xff\xff", 2, 1);
    assert_decodes(LITERAL("P5 2 1 65535\n\x01\x01\xff\xff"), "pnm", "\1\1\1\xff\xff\xff", 2, 1);
    assert_decodes(LITERAL("P4 9 2\n\x80\x80\x01\x00"), "pnm",
                   "\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                   "\xff\xff\xff\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                   "\xff\xff\xff\xff\xff\xff\0\0\0\xff\xff\xff",
                   9, 2);
    assert_decodes(LITERAL("P1 3 1 01#c\n0"), "pnm", "\xff\xff\xff\0\0\0\xff\xff\xff", 3, 1);
    assert_decodes(LITERAL("P2 2 1 3 # x\n0 3"), "pnm", "\0\0\0\xff\xff\xff", 2, 1);
    assert_decodes(LITERAL("P3 1 1 255 9 8 7 and more"), "pnm", "\11\10\7", 1, 1);
}

static void test_bad_pnm(void **state) {
    (void) state;
    picture_assert_refused(LITERAL("P5 2 2 255\n\1\2\3"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 2 1 256\n\1\2\3"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P4 9 1\n\1"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P6 9"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 2 1 255"), VITLRP_FORMAT, "no space");
    picture_assert_refused(LITERAL("P5 2 1 0\n\1\2"), VITLRP_FORMAT, "largest value 0");
    picture_assert_refused(LITERAL("P5 2 1 65536\n\1\2\3\4"), VITLRP_FORMAT, "largest value");
    picture_assert_refused(LITERAL("P5 0 1 255\n"), VITLRP_FORMAT, "0 x 1");
    picture_assert_refused(LITERAL("P5 -2 1 255\n\1\2"), VITLRP_FORMAT, "no number at byte 3");
    picture_assert_refused(LITERAL("P2 2 1 3 0 4"), VITLRP_FORMAT, "the value 4");
    picture_assert_refused(LITERAL("P2 2 1 3 0 x"), VITLRP_FORMAT, "no number");
    picture_assert_refused(LITERAL("P1 2 1 02"), VITLRP_FORMAT, "the value 2");
    picture_assert_refused(LITERAL("P3 1 1 255 1 2"), VITLRP_FORMAT, "truncated PNM");
    picture_assert_refused(LITERAL("P5 20000 1 255\n"), VITLRP_LIMIT, "20000 x 1");
    picture_assert_refused(LITERAL("P5 99999999999999999999 1 255\n"), VITLRP_LIMIT, "digits");
    picture_assert_refused(LITERAL("P2 16000 6000 255\n1 2 3"), VITLRP_FORMAT, "truncated PNM");
}

#define BMP_CAPACITY 2048

struct bmp {
    uint8_t bytes[BMP_CAPACITY];
    size_t size;
};

static void put(struct bmp *bmp, size_t at, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        bmp->bytes[at + i] = (uint8_t) (value >> 8 * i);
    }
}

/* A BMP with a header of 40 bytes, `colours` palette entries (blue i, green 2i, red 3i) and the
 * given pixel data. */
static struct bmp bmp_of(int32_t width, int32_t height, uint32_t depth, uint32_t colours,
                         const void *rows, size_t size) {
    struct bmp bmp = {.size = 54 + 4 * colours + size};
    memcpy(bmp.bytes, "BM", 2);
    put(&bmp, 2, (uint32_t) bmp.size, 4);
    put(&bmp, 10, 54 + 4 * colours, 4);
    put(&bmp, 14, 40, 4);
    put(&bmp, 18, (uint32_t) width, 4);
    put(&bmp, 22, (uint32_t) height, 4);
    put(&bmp, 26, 1, 2);
    put(&bmp, 28, depth, 2);
    for (uint32_t i = 0; i < colours; i++) {
        put(&bmp, 54 + 4 * i, i | 2 * i << 8 | 3 * i << 16, 4);
    }
    memcpy(bmp.bytes + bmp.size - size, rows, size);
    return bmp;
}

static void test_bmp(void **state) {
    (void) state;
    struct bmp bmp = bmp_of(1, 2, 24, 0, "\3\2\1\0\6\5\4\0", 8);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\4\5\6\1\2\3", 1, 2);
    assert_decodes(bmp.bytes, bmp.size - 1, "bmp", "\4\5\6\1\2\3", 1, 2);
    bmp = bmp_of(1, -2, 24, 0, "\3\2\1\0\6\5\4\0", 8);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\1\2\3\4\5\6", 1, 2);
    bmp = bmp_of(2, 1, 32, 0, "\3\2\1\xff\6\5\4\x20", 8);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\1\2\3\4\5\6", 2, 1);
    bmp = bmp_of(2, 1, 8, 5, "\4\1\0\0", 4);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\14\10\4\3\2\1", 2, 1);
    bmp = bmp_of(3, 1, 4, 5, "\x41\x20\0\0", 4);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\14\10\4\3\2\1\6\4\2", 3, 1);
    bmp = bmp_of(2, 1, 1, 2, "\x40\0\0\0", 4);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\0\0\0\3\2\1", 2, 1);
    bmp = bmp_of(2, 1, 16, 0, "\x1f\x7c\xe0\x03", 4);
    assert_decodes(bmp.bytes, bmp.size, "bmp", "\xff\0\xff\0\xff\0", 2, 1);
}

static void test_bad_bmp(void **state) {
    (void) state;
    struct bmp good = bmp_of(2, 2, 8, 5, "\4\1\0\0\1\2\0\0", 8);
    for (size_t size = 0; size < good.size - 2; size++) {
        picture_assert_refused(good.bytes, size, VITLRP_FORMAT, "");
    }
    static const struct {
        size_t at, bytes;
        uint32_t value;
        enum vitlrp_status status;
        const char *message;
    } changes[] = {
        {18, 4, 0, VITLRP_FORMAT, "0 x 2"},
        {22, 4, 0, VITLRP_FORMAT, "2 x 0"},
        {18, 4, 0xffffffff, VITLRP_LIMIT, "the limit is"},
        {22, 4, 0x80000000, VITLRP_LIMIT, "the limit is"},
        {22, 4, 16384, VITLRP_FORMAT, "truncated BMP"},
        {28, 2, 7, VITLRP_UNSUPPORTED, "7 bits"},
        {30, 4, 1, VITLRP_UNSUPPORTED, "compressed"},
        {30, 4, 4, VITLRP_UNSUPPORTED, "compressed"},
        {30, 4, 3, VITLRP_UNSUPPORTED, "not read"},
        {10, 4, 53, VITLRP_FORMAT, "inside its header"},
        {10, 4, 54, VITLRP_FORMAT, "palette of 0"},
        {10, 4, 0xffffffff, VITLRP_FORMAT, "truncated BMP"},
        {14, 4, 16, VITLRP_UNSUPPORTED, "header of 16"},
        {14, 4, 64, VITLRP_FORMAT, ""},
        {74, 1, 5, VITLRP_FORMAT, "palette index"},
        {46, 4, 4, VITLRP_FORMAT, "palette index"},
        {26, 2, 2, VITLRP_UNSUPPORTED, "not read"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bmp bmp = good;
        put(&bmp, changes[i].at, changes[i].value, changes[i].bytes);
        picture_assert_refused(bmp.bytes, bmp.size, changes[i].status, changes[i].message);
    }
}

/* Random headers over all kinds: decoded or refused, never worse. */
static void test_bmp_noise(void **state) {
    (void) state;
    struct test_random random = {.state = 8};
    static const uint32_t depths[] = {1, 4, 8, 16, 24, 32};
    uint8_t rows[512] = {0};
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof rows; i++) {
            rows[i] = (uint8_t) test_below(&random, 256);
        }
        uint32_t depth = depths[test_below(&random, 6)];
        struct bmp bmp = bmp_of((int32_t) test_below(&random, 20) + 1, 5, depth,
                                depth <= 8 ? 1u << depth : 0, rows, sizeof rows);
        put(&bmp, 10 + test_below(&random, 44), (uint32_t) test_below(&random, 256), 1);
        put(&bmp, 10 + test_below(&random, 44), (uint32_t) test_below(&random, 130), 1);
        if (round % 3 == 0) {
            put(&bmp, 30, 3, 1);
        }
        struct decoded decoded = {0};
        (void) picture_decode(bmp.bytes, bmp.size, &decoded, NULL);
        image_free(&decoded.image);
    }
}

static void test_limits_are_kept(void **state) {
    (void) state;
    struct vitlrp_image_limits limits = image_limits_default();
    limits.max_side = 10;
    limits.max_pixels = 20;
    static const struct {
        uint64_t width, height;
        enum vitlrp_status status;
    } sizes[] = {
        {10, 2, VITLRP_OK},    {2, 10, VITLRP_OK},
        {11, 1, VITLRP_LIMIT}, {1, 11, VITLRP_LIMIT},
        {7, 3, VITLRP_LIMIT},  {0, 3, VITLRP_FORMAT},
        {3, 0, VITLRP_FORMAT}, {UINT64_MAX, 2, VITLRP_LIMIT},
        {5, 4, VITLRP_OK},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(image_check_size(&limits, sizes[i].width, sizes[i].height, NULL),
                         sizes[i].status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_content),
        cmocka_unit_test(test_formats_not_read),
        cmocka_unit_test(test_pnm),
        cmocka_unit_test(test_bad_pnm),
        cmocka_unit_test(test_bmp),
        cmocka_unit_test(test_bad_bmp),
        cmocka_unit_test(test_bmp_noise),
        cmocka_unit_test(test_limits_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
