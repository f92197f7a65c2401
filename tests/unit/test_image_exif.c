/* Orientation: the readers of EXIF and XMP on hand-made blocks, good and bad, against what Pillow
 * 13 makes of the same bytes; and the eight ways of turning. */
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

/* A value that is none of the eight is an orientation too: the picture stays, and XMP is not asked.
 */
static void test_both_endians(void **state) {
    (void) state;
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        for (uint32_t value = 0; value < 12; value++) {
            struct block block = block_of(big_endian, value);
            int32_t expected = value >= 1 && value <= 8 ? (int32_t) value : 1;
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), expected);
            put16(&block, 24, 4);
            put32(&block, 30, value);
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), expected);
            put16(&block, 24, 2);
            assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), 1);
        }
    }
}

/* The prefix of a JPEG's segment, once more before the block. */
static void test_i03_block_with_a_prefix(void **state) {
    (void) state;
    struct block block = block_of(1, 6);
    uint8_t prefixed[12 + BLOCK_BYTES] = "Exif\0\0Exif\0";
    memcpy(prefixed + 12, block.bytes, BLOCK_BYTES);
    assert_int_equal(exif_orientation(prefixed + 6, sizeof prefixed - 6), 6);
    assert_int_equal(exif_orientation(prefixed, sizeof prefixed), 1);
    assert_int_equal(exif_orientation(prefixed + 6, 6), 0);
    assert_int_equal(exif_orientation(prefixed + 6, 6 + 33), 0);
    assert_int_equal(exif_orientation(prefixed + 6, 6 + 34), 6);
}

static void test_i04_prefix_of_a_segment(void **state) {
    (void) state;
    assert_int_equal(exif_prefix((const uint8_t *) "Exif\0\0MM", 8), 6);
    assert_int_equal(exif_prefix((const uint8_t *) "Exif\0\0", 6), 6);
    assert_int_equal(exif_prefix((const uint8_t *) "Exif\0\xffMM", 8), 0);
    assert_int_equal(exif_prefix((const uint8_t *) "exif\0\0MM", 8), 0);
    assert_int_equal(exif_prefix((const uint8_t *) "Exif\0", 5), 0);
    static const uint8_t xmp[] = "http://ns.adobe.com/xap/1.0/\0<x>";
    assert_int_equal(xmp_prefix(xmp, sizeof xmp - 1), 29);
    assert_int_equal(xmp_prefix(xmp, 29), 29);
    assert_int_equal(xmp_prefix(xmp, 28), 0);
    assert_int_equal(exif_prefix(xmp, sizeof xmp - 1), 0);
}

/* What lies at 26 in an entry of a type: the count and the value, or where the value is. */
static void set_value(struct block *block, uint32_t type, uint32_t count, uint32_t value) {
    put16(block, 24, type);
    put32(block, 26, count);
    put32(block, 30, value);
}

static void test_i04_types(void **state) {
    (void) state;
    static const struct {
        uint32_t type, count, value;
        int32_t expected;
    } kinds[] = {
        {3, 1, 6 << 16, 6},     {3, 2, 6 << 16 | 3, 6}, {4, 1, 6, 6},
        {9, 1, 6, 6},           {13, 1, 6, 6},          {8, 1, 6 << 16, 6},
        {6, 1, 6u << 24, 6},    {1, 1, 6u << 24, 1},    {2, 1, 6u << 24, 1},
        {7, 1, 6u << 24, 1},    {11, 1, 0x40c00000, 6}, {11, 1, 0x40c00001, 1},
        {9, 1, 0xfffffffa, 1},  {4, 1, 0x10006, 1},     {3, 0, 6 << 16, 0},
        {14, 1, 6, 0},          {0, 1, 6, 0},           {99, 1, 6, 0},
        {5, 1, 26, 1},          {12, 1, 1000, 0},       {3, 3, 0xffffffff, 0},
        {3, 0xffffffff, 26, 0}, {12, 2, 8, 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct block block = block_of(1, 6);
        set_value(&block, kinds[i].type, kinds[i].count, kinds[i].value);
        assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), kinds[i].expected);
    }
}

/* Values of eight bytes, which lie elsewhere: a directory of the orientation alone at 16, its value
 * behind it. */
static void test_i04_types_of_eight_bytes(void **state) {
    (void) state;
    static const struct {
        uint32_t type, first, second;
        int32_t expected;
    } kinds[] = {
        {5, 12, 2, 6},          {5, 13, 2, 1}, {5, 6, 0, 1},  {10, 0xfffffffa, 0xffffffff, 6},
        {10, 0xfffffffa, 1, 1}, {16, 0, 6, 6}, {16, 1, 6, 1}, {12, 0x40180000, 0, 6},
        {12, 0x7ff80000, 0, 1}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct block block = block_of(1, 6);
        set_value(&block, kinds[i].type, 1, 0);
        memmove(block.bytes + 18, block.bytes + 22, 12);
        put32(&block, 4, 16);
        put16(&block, 16, 1);
        put32(&block, 26, 30);
        put32(&block, 30, kinds[i].first);
        put32(&block, 34, kinds[i].second);
        assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), kinds[i].expected);
    }
}

/* Of two orientations the first that has a value counts; a value that is not there ends the
 * directory, one beyond the size of the block counts for nothing. */
static void test_i04_entries_before(void **state) {
    (void) state;
    static const struct {
        uint32_t tag, type, count, value;
        int32_t expected;
    } entries[] = {{0x0112, 3, 1, 3 << 16, 3}, {0x0112, 3, 0, 3 << 16, 6},    {0x0112, 14, 1, 3, 6},
                   {0x010f, 2, 10, 8, 6},      {0x010f, 2, 10, 30, 0},        {0x010f, 2, 38, 0, 6},
                   {0x010f, 2, 39, 0, 6},      {0x010f, 2, 0xffffffff, 99, 6}};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct block block = block_of(1, 6);
        put16(&block, 10, entries[i].tag);
        put16(&block, 12, entries[i].type);
        put32(&block, 14, entries[i].count);
        put32(&block, 18, entries[i].value);
        assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), entries[i].expected);
    }
}

/* A tag that has a value is passed over when it comes again, wherever that would lie. */
static void test_i04_tag_again(void **state) {
    (void) state;
    static const struct {
        uint32_t first_count;
        int32_t expected;
    } kinds[] = {{1, 6}, {0, 0}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint8_t bytes[50] = {0};
        struct block block = block_of(1, 6);
        memcpy(bytes, block.bytes, 34);
        memmove(bytes + 34, bytes + 22, 12);
        memcpy(bytes + 22, "\1\0\0\5\0\0\0\1\0\0\0\77", 12);
        bytes[9] = 3;
        bytes[17] = (uint8_t) kinds[i].first_count;
        assert_int_equal(exif_orientation(bytes, sizeof bytes), kinds[i].expected);
    }
}

static void test_i04_headers(void **state) {
    (void) state;
    static const struct {
        char bytes[5];
        int32_t expected;
    } headers[] = {{"MM\0*", 6}, {"MM*\0", 6}, {"MM\0+", 6}, {"MM+\0", 1},
                   {"MMMM", 1},  {"MM\0,", 1}, {"mm\0*", 1}, {"II*\0", 0}};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct block block = block_of(1, 6);
        memcpy(block.bytes, headers[i].bytes, 4);
        assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), headers[i].expected);
    }
    struct block block = block_of(0, 6);
    memcpy(block.bytes, "II\0*", 4);
    assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), 6);
    memcpy(block.bytes, "II+\0", 4);
    assert_int_equal(exif_orientation(block.bytes, BLOCK_BYTES), 1);
}

static void test_i05_xmp_block(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int32_t expected;
    } texts[] = {
        {"", 0},
        {"t", 0},
        {"<rdf:Description tiff:Orientation=\"6\"/>", 6},
        {"<tiff:Orientation>8</tiff:Orientation>", 8},
        {"tiff:Orientation>3", 3},
        {"tiff:Orientation=\"3", 3},
        {"tiff:Orientation", 0},
        {"tiff:Orientation=\"", 0},
        {"tiff:Orientation>", 0},
        {"tiff:Orientation='6'", 0},
        {"tiff:Orientation=\"x\" tiff:Orientation=\"5\" tiff:Orientation=\"7\"", 5},
        {"ttiff:Orientation=\"0\"", 1},
        {"tiff:Orientation=\"9\"", 1},
        {"exif:Orientation=\"6\"", 0},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t size = strlen(texts[i].text);
        uint8_t *exact = test_malloc(size + 1);
        memcpy(exact + 1, texts[i].text, size);
        assert_int_equal(xmp_orientation(exact + 1, size), texts[i].expected);
        test_free(exact);
    }
}

/* Cut anywhere, in a block of exactly the cut's size so that a sanitizer sees a read beyond it. */
static void test_cut(void **state) {
    (void) state;
    struct block block = block_of(0, 8);
    for (size_t size = 0; size <= BLOCK_BYTES; size++) {
        uint8_t *exact = test_malloc(size + 1);
        memcpy(exact + 1, block.bytes, size);
        int32_t expected = size >= 34 ? 8 : size >= 8 || size == 0 ? 0 : 1;
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
        cmocka_unit_test(test_both_endians),
        cmocka_unit_test(test_i03_block_with_a_prefix),
        cmocka_unit_test(test_i04_prefix_of_a_segment),
        cmocka_unit_test(test_i04_types),
        cmocka_unit_test(test_i04_types_of_eight_bytes),
        cmocka_unit_test(test_i04_entries_before),
        cmocka_unit_test(test_i04_headers),
        cmocka_unit_test(test_i04_tag_again),
        cmocka_unit_test(test_i05_xmp_block),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_bad_offsets),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
