/* EXIF orientation: the reader on hand-made blocks, good and bad, and the eight ways of turning. */
#include <string.h>

#include "imgio/exif.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define BLOCK_BYTES 38

struct block {
    uint8_t bytes[BLOCK_BYTES];
    int big_endian;
};

static void put16(struct block *block, size_t at, uint32_t value) {
    block->bytes[at + (block->big_endian ? 0 : 1)] = (uint8_t) (value >> 8);
    block->bytes[at + (block->big_endian ? 1 : 0)] = (uint8_t) value;
}

static void put32(struct block *block, size_t at, uint32_t value) {
    put16(block, at + (block->big_endian ? 0 : 2), value >> 16);
    put16(block, at + (block->big_endian ? 2 : 0), value & 0xffff);
}

/* A directory of two entries at byte 8: the image width, and the orientation as a SHORT. */
static struct block block_of(int big_endian, uint32_t orientation) {
    struct block block = {.big_endian = big_endian};
    memcpy(block.bytes, big_endian ? "MM" : "II", 2);
    put16(&block, 2, 42);
    put32(&block, 4, 8);
    put16(&block, 8, 2);
    put16(&block, 10, 0x0100);
    put16(&block, 12, 4);
    put32(&block, 14, 1);
    put32(&block, 18, 640);
    put16(&block, 22, 0x0112);
    put16(&block, 24, 3);
    put32(&block, 26, 1);
    put16(&block, 30, orientation);
    return block;
}

static void test_both_endians(void **state) {
    (void) state;
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        for (uint32_t value = 0; value < 12; value++) {
            struct block block = block_of(big_endian, value);
            int32_t expected = value >= 1 && value <= 8 ? (int32_t) value : 0;
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), expected);
            put16(&block, 24, 4);
            put32(&block, 30, value);
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), expected);
            put16(&block, 24, 2);
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), 0);
        }
    }
}

static void test_app1(void **state) {
    (void) state;
    struct block block = block_of(1, 6);
    uint8_t segment[6 + BLOCK_BYTES] = "Exif\0";
    memcpy(segment + 6, block.bytes, BLOCK_BYTES);
    assert_int_equal(exif_orientation_app1(segment, sizeof segment), 6);
    segment[0] = 'e';
    assert_int_equal(exif_orientation_app1(segment, sizeof segment), 0);
    assert_int_equal(exif_orientation_app1(segment, 3), 0);
}

/* Cut anywhere, in a block of exactly the cut's size so that a sanitizer sees a read beyond it. */
static void test_cut(void **state) {
    (void) state;
    struct block block = block_of(0, 8);
    for (size_t size = 0; size <= BLOCK_BYTES; size++) {
        uint8_t *exact = test_malloc(size + 1);
        memcpy(exact + 1, block.bytes, size);
        int32_t expected = size >= 34 ? 8 : 0;
        assert_int_equal(exif_orientation(exact + 1, size), expected);
        test_free(exact);
    }
}

static void test_bad_offsets(void **state) {
    (void) state;
    static const uint32_t offsets[] = {0, 4, 37, 38, 39, 0x7fffffff, 0xfffffff0, 0xffffffff};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        for (int big_endian = 0; big_endian < 2; big_endian++) {
            struct block block = block_of(big_endian, 6);
            put32(&block, 4, offsets[i]);
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), 0);
        }
    }
    struct block many = block_of(1, 6);
    put16(&many, 8, 0xffff);
    put16(&many, 22, 0x0111);
    assert_int_equal(exif_orientation(many.bytes, BLOCK_BYTES), 0);
    struct block version = block_of(1, 6);
    put16(&version, 2, 43);
    assert_int_equal(exif_orientation(version.bytes, BLOCK_BYTES), 0);
}

static void test_noise(void **state) {
    (void) state;
    struct test_random random = {.state = 5};
    for (int round = 0; round < 20000; round++) {
        struct block block = block_of(round & 1, 1 + (uint32_t) test_below(&random, 8));
        for (size_t k = 0; k < 4; k++) {
            block.bytes[2 + test_below(&random, BLOCK_BYTES - 2)] =
                (uint8_t) test_below(&random, 256);
        }
        int32_t found = exif_orientation(block.bytes, BLOCK_BYTES);
        assert_in_range(found, 0, 8);
    }
}

/* The EXIF standard (tag 0x0112) says which sides of the scene the stored row 0 and column 0 are:
 * where pixel (x, y) of the upright picture of w x h is stored. */
static void stored_at(int32_t orientation, int32_t x, int32_t y, int32_t w, int32_t h, int32_t *row,
                      int32_t *column) {
    int32_t right = w - 1 - x;
    int32_t bottom = h - 1 - y;
    const int32_t places[9][2] = {{0, 0}, {y, x},     {y, right},      {bottom, right}, {bottom, x},
                                  {x, y}, {right, y}, {right, bottom}, {x, bottom}};
    *row = places[orientation][0];
    *column = places[orientation][1];
}

static void assert_upright(const struct image *upright, const struct image *stored,
                           int32_t orientation) {
    for (int32_t y = 0; y < upright->height; y++) {
        for (int32_t x = 0; x < upright->width; x++) {
            int32_t row = 0;
            int32_t column = 0;
            stored_at(orientation, x, y, upright->width, upright->height, &row, &column);
            assert_memory_equal(upright->rgb + (y * upright->width + x) * 3,
                                stored->rgb + (row * stored->width + column) * 3, 3);
        }
    }
}

static void test_turns(void **state) {
    (void) state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 70}, {70, 1}, {3, 2}, {32, 33}, {70, 45}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int32_t orientation = 1; orientation <= 8; orientation++) {
            struct image stored = picture_make(sizes[i][0], sizes[i][1]);
            struct image image = picture_make(sizes[i][0], sizes[i][1]);
            assert_int_equal(image_orient(&image, orientation, NULL), VITLRP_OK);
            assert_int_equal(image.width, sizes[i][orientation >= 5]);
            assert_int_equal(image.height, sizes[i][orientation < 5]);
            assert_upright(&image, &stored, orientation);
            image_free(&image);
            image_free(&stored);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_endians), cmocka_unit_test(test_app1),
        cmocka_unit_test(test_cut),          cmocka_unit_test(test_bad_offsets),
        cmocka_unit_test(test_noise),        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
