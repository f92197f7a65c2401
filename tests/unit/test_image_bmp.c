/* decode_bmp: headers of every size, palettes, bit fields, and the files that it must refuse.
 * Pixels are those of Pillow 13. */
#include <stdio.h>
#include <string.h>

#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

#define CAPACITY 8192

struct bmp {
    uint8_t bytes[CAPACITY];
    size_t size;
    uint32_t header;
};

static void put(struct bmp *bmp, size_t at, uint32_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        bmp->bytes[at + i] = (uint8_t) (value >> 8 * i);
    }
}

/* A BMP of that header without what follows it: no palette, no pixels, no number of colours. */
static struct bmp bmp_begin(uint32_t header, int32_t width, int32_t height, uint32_t depth) {
    struct bmp bmp = {.size = 14 + header, .header = header};
    memcpy(bmp.bytes, "BM", 2);
    put(&bmp, 14, header, 4);
    if (header == 12) {
        put(&bmp, 18, (uint32_t) width, 2);
        put(&bmp, 20, (uint32_t) height, 2);
        put(&bmp, 22, 1, 2);
        put(&bmp, 24, depth, 2);
    } else {
        put(&bmp, 18, (uint32_t) width, 4);
        put(&bmp, 22, (uint32_t) height, 4);
        put(&bmp, 26, 1, 2);
        put(&bmp, 28, depth, 2);
    }
    return bmp;
}

static void bmp_append(struct bmp *bmp, const void *data, size_t size) {
    assert_true(size <= CAPACITY - bmp->size);
    memcpy(bmp->bytes + bmp->size, data, size);
    bmp->size += size;
}

/* Colour i is blue i, green 2i, red 3i. */
static void bmp_append_palette(struct bmp *bmp, uint32_t colours) {
    for (uint32_t i = 0; i < colours; i++) {
        const uint8_t entry[4] = {(uint8_t) i, (uint8_t) (2 * i), (uint8_t) (3 * i), 0};
        bmp_append(bmp, entry, bmp->header == 12 ? 3 : 4);
    }
}

/* The pixels end the file. */
static void bmp_append_pixels(struct bmp *bmp, const void *rows, size_t size) {
    put(bmp, 10, (uint32_t) bmp->size, 4);
    bmp_append(bmp, rows, size);
    put(bmp, 2, (uint32_t) bmp->size, 4);
}

static struct bmp bmp_of(int32_t width, int32_t height, uint32_t depth, uint32_t colours,
                         const void *rows, size_t size) {
    struct bmp bmp = bmp_begin(40, width, height, depth);
    bmp_append_palette(&bmp, colours);
    bmp_append_pixels(&bmp, rows, size);
    return bmp;
}

static void assert_pixels(const struct bmp *bmp, const void *rgb, int32_t width, int32_t height) {
    picture_assert_decodes(bmp->bytes, bmp->size, "bmp", rgb, width, height);
}

static void assert_refused(const struct bmp *bmp, enum vitlrp_status status, const char *part) {
    picture_assert_refused(bmp->bytes, bmp->size, status, part);
}

static void test_bmp_depths(void **state) {
    (void) state;
    struct bmp bmp = bmp_of(1, 2, 24, 0, "\3\2\1\0\6\5\4\0", 8);
    assert_pixels(&bmp, "\4\5\6\1\2\3", 1, 2);
    bmp.size--;
    assert_pixels(&bmp, "\4\5\6\1\2\3", 1, 2);
    bmp = bmp_of(1, -2, 24, 0, "\3\2\1\0\6\5\4\0", 8);
    assert_pixels(&bmp, "\1\2\3\4\5\6", 1, 2);
    bmp = bmp_of(2, 1, 32, 0, "\3\2\1\xff\6\5\4\x20", 8);
    assert_pixels(&bmp, "\1\2\3\4\5\6", 2, 1);
    bmp = bmp_of(2, 1, 8, 5, "\4\1\0\0", 4);
    assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
    bmp = bmp_of(3, 1, 4, 5, "\x41\x20\0\0", 4);
    assert_pixels(&bmp, "\14\10\4\3\2\1\6\4\2", 3, 1);
    bmp = bmp_of(2, 1, 1, 2, "\x40\0\0\0", 4);
    assert_pixels(&bmp, "\0\0\0\3\2\1", 2, 1);
    bmp = bmp_of(2, 1, 16, 0, "\x1f\x7c\xe0\x03", 4);
    assert_pixels(&bmp, "\xff\0\xff\0\xff\0", 2, 1);
}

/* Every colour of the palette in use, one pixel each, a row of padded bytes. */
static void assert_palette_in_use(uint32_t header, uint32_t depth) {
    uint32_t colours = 1u << depth;
    uint8_t row[256] = {0};
    uint8_t rgb[256 * 3];
    for (uint32_t i = 0; i < colours; i++) {
        uint32_t bit = i * depth;
        row[bit / 8] = (uint8_t) (row[bit / 8] | i << (8 - depth - bit % 8));
        rgb[3 * i] = (uint8_t) (3 * i);
        rgb[3 * i + 1] = (uint8_t) (2 * i);
        rgb[3 * i + 2] = (uint8_t) i;
    }
    struct bmp bmp = bmp_begin(header, (int32_t) colours, 1, depth);
    bmp_append_palette(&bmp, colours);
    bmp_append_pixels(&bmp, row, (colours * depth + 31) / 32 * 4);
    assert_pixels(&bmp, rgb, (int32_t) colours, 1);
}

/* The reader before took the colours of OS/2 1.x from memory that nobody had written. */
static void test_k01_palettes_of_every_header(void **state) {
    (void) state;
    static const uint32_t headers[] = {12, 40, 52, 56, 64, 108, 124};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assert_palette_in_use(headers[i], 1);
        assert_palette_in_use(headers[i], 4);
        assert_palette_in_use(headers[i], 8);
    }
}

/* A palette that is shorter than the depth allows is no fault while no pixel looks beyond it. */
static void test_k01_short_palettes(void **state) {
    (void) state;
    struct bmp bmp = bmp_begin(12, 2, 1, 8);
    bmp_append_palette(&bmp, 5);
    bmp_append_pixels(&bmp, "\4\1\0\0", 4);
    assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
    bmp.bytes[bmp.size - 4] = 5;
    assert_refused(&bmp, VITLRP_FORMAT, "index 5 in a palette of 5");
    bmp = bmp_begin(12, 2, 1, 1);
    bmp_append_pixels(&bmp, "\x40\0\0\0", 4);
    assert_refused(&bmp, VITLRP_FORMAT, "");
}

/* 16 pixels of one field of `bits` bits from bit `shift` on, against Pillow's rounding. */
static void assert_field(uint32_t depth, uint32_t bits, uint32_t shift, size_t channel,
                         struct test_random *random) {
    uint32_t largest = (1u << bits) - 1;
    uint8_t row[16 * 4];
    uint8_t rgb[16 * 3] = {0};
    struct bmp pixels = {.size = 0};
    for (size_t x = 0; x < 16; x++) {
        uint32_t value = x == 0 ? largest : x == 1 ? 0 : (uint32_t) test_below(random, largest + 1);
        uint32_t around = depth == 16 ? 0xffff : 0xffffffff;
        uint32_t pixel = value << shift | (x % 2 == 0 ? around & ~(largest << shift) : 0);
        put(&pixels, x * depth / 8, pixel, depth / 8);
        rgb[3 * x + channel] = (uint8_t) (value * 255 / largest);
    }
    memcpy(row, pixels.bytes, 2 * (size_t) depth);
    struct bmp bmp = bmp_begin(40, 16, 1, depth);
    put(&bmp, 30, 3, 4);
    put(&bmp, 54 + 4 * channel, largest << shift, 4);
    bmp.size += 12;
    bmp_append_pixels(&bmp, row, 2 * (size_t) depth);
    assert_pixels(&bmp, rgb, 16, 1);
}

static void test_i01_fields_of_1_to_16_bits(void **state) {
    (void) state;
    struct test_random random = {.state = 4};
    for (uint32_t bits = 1; bits <= 16; bits++) {
        for (uint32_t shift = 0; shift + bits <= 32; shift++) {
            if (shift + bits <= 16) {
                assert_field(16, bits, shift, shift % 3, &random);
            }
            assert_field(32, bits, shift, shift % 3, &random);
        }
    }
}

/* All 32,768 colours of 5-5-5, without masks. */
static void test_i01_every_colour_of_15_bits(void **state) {
    (void) state;
    for (uint32_t first = 0; first < 32768; first += 2048) {
        struct bmp bmp = bmp_begin(40, 2048, 1, 16);
        uint8_t row[4096];
        uint8_t rgb[2048 * 3];
        for (uint32_t i = 0; i < 2048; i++) {
            uint32_t pixel = first + i;
            row[2 * i] = (uint8_t) pixel;
            row[2 * i + 1] = (uint8_t) (pixel >> 8);
            for (uint32_t c = 0; c < 3; c++) {
                rgb[3 * i + c] = (uint8_t) ((pixel >> (10 - 5 * c) & 31) * 255 / 31);
            }
        }
        bmp_append_pixels(&bmp, row, sizeof row);
        assert_pixels(&bmp, rgb, 2048, 1);
    }
}

/* 5-6-5 and 8-8-8 with masks behind a header of 40 bytes and inside the longer ones. */
static void test_i02_masks_of_every_header(void **state) {
    (void) state;
    static const uint32_t headers[] = {40, 52, 56, 108, 124};
    static const uint32_t masks[2][3] = {{0xf800, 0x07e0, 0x001f}, {0xff000000, 0xff0000, 0xff00}};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        for (uint32_t depth = 16; depth <= 32; depth += 16) {
            struct bmp bmp = bmp_begin(headers[i], 2, 1, depth);
            put(&bmp, 30, 3, 4);
            for (size_t c = 0; c < 3; c++) {
                put(&bmp, 54 + 4 * c, masks[depth / 32][c], 4);
            }
            bmp.size += headers[i] == 40 ? 12 : 0;
            bmp_append_pixels(&bmp, depth == 16 ? "\0\xf8\x20\0" : "\0\0\0\xff\x7f\0\4\0",
                              depth / 4);
            assert_pixels(&bmp, depth == 16 ? "\xff\0\0\0\4\0" : "\xff\0\0\0\4\0", 2, 1);
        }
    }
}

/* What other readers pass over: file size, planes, sizes, resolution, gaps, palettes of true colour
 * and where pixels begin that are said to begin nowhere. */
static void test_i02_fields_that_are_passed_over(void **state) {
    (void) state;
    static const struct {
        size_t at, bytes;
        uint32_t value;
    } changes[] = {{2, 4, 0},           {2, 4, 0xffffffff},  {6, 4, 0x12345678},  {26, 2, 0},
                   {26, 2, 77},         {34, 4, 0xffffffff}, {38, 4, 0xffffffff}, {42, 4, 0},
                   {50, 4, 0xffffffff}, {50, 4, 1}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bmp bmp = bmp_of(2, 1, 8, 256, "\4\1\0\0", 4);
        put(&bmp, changes[i].at, changes[i].value, changes[i].bytes);
        assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
    }
    for (uint32_t offset = 0; offset <= 54; offset += 54) {
        struct bmp bmp = bmp_of(2, 1, 8, 256, "\4\1\0\0", 4);
        put(&bmp, 10, offset, 4);
        assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
        bmp = bmp_of(2, 1, 8, 7, "\4\1\0\0", 4);
        put(&bmp, 46, 7, 4);
        put(&bmp, 10, offset, 4);
        assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
    }
    struct bmp bmp = bmp_of(2, 1, 24, 0, "\3\2\1\6\5\4\0\0", 8);
    put(&bmp, 10, 0, 4);
    assert_pixels(&bmp, "\1\2\3\4\5\6", 2, 1);
    bmp = bmp_of(2, 1, 24, 300, "\3\2\1\6\5\4\0\0", 8);
    put(&bmp, 46, 300, 4);
    assert_pixels(&bmp, "\1\2\3\4\5\6", 2, 1);
    bmp = bmp_of(2, 1, 8, 300, "\4\1\0\0", 4);
    put(&bmp, 46, 300, 4);
    assert_pixels(&bmp, "\14\10\4\3\2\1", 2, 1);
}

/* A BMP of runs, of as many colours as its depth has. */
static struct bmp bmp_of_runs(int32_t width, int32_t height, uint32_t depth, const void *runs,
                              size_t size) {
    struct bmp bmp = bmp_begin(40, width, height, depth);
    put(&bmp, 30, depth == 8 ? 1 : 2, 4);
    bmp_append_palette(&bmp, 1u << depth);
    bmp_append_pixels(&bmp, runs, size);
    return bmp;
}

/* Repeated and plain runs, a move, ends of rows and of the picture; the pixels are Pillow's. */
static void test_k02_runs(void **state) {
    static const uint8_t rle8[] = {5, 7, 0, 0, 0, 3, 1, 2, 3, 0, 2, 9,
                                   0, 0, 0, 2, 1, 0, 3, 4, 1, 5, 0, 1};
    static const uint8_t rle4[] = {5, 0x12, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0,
                                   0, 0,    2, 2, 0, 2, 0xab, 1,    0xc0, 0, 1};
    static const uint8_t indices8[] = {0, 4, 4, 4, 5, 1, 2, 3, 9, 9, 7, 7, 7, 7, 7};
    static const uint8_t indices4[] = {0, 0, 10, 11, 12, 1, 2, 3, 4, 5, 1, 2, 1, 2, 1};
    uint8_t rgb[2][45];
    (void) state;
    for (size_t i = 0; i < 45; i++) {
        rgb[0][i] = (uint8_t) ((3 - i % 3) * indices8[i / 3]);
        rgb[1][i] = (uint8_t) ((3 - i % 3) * indices4[i / 3]);
    }
    struct bmp bmp = bmp_of_runs(5, 3, 8, rle8, sizeof rle8);
    assert_pixels(&bmp, rgb[0], 5, 3);
    bmp = bmp_of_runs(5, 3, 4, rle4, sizeof rle4);
    assert_pixels(&bmp, rgb[1], 5, 3);
    bmp.size -= 2; /* the mark of the end */
    assert_pixels(&bmp, rgb[1], 5, 3);
    for (size_t cut = 3; cut < sizeof rle4; cut++) {
        struct bmp part = bmp_of_runs(5, 3, 4, rle4, sizeof rle4 - cut);
        assert_refused(&part, VITLRP_FORMAT, "truncated BMP");
    }
    /* Rows that end early, a picture that does, and runs that are too long. */
    bmp = bmp_of_runs(2, 2, 8, "\1\1\0\0\0\1", 6);
    assert_pixels(&bmp, "\0\0\0\0\0\0\3\2\1\0\0\0", 2, 2);
    bmp = bmp_of_runs(2, 2, 8, "\xff\1\0\0\0\2\2\xff\3\1", 10);
    assert_pixels(&bmp, "\0\0\0\0\0\0\3\2\1\3\2\1", 2, 2);
    /* The upper row's first run fills up its word. */
    bmp = bmp_of_runs(3, 2, 8, "\0\4\1\2\3\4\0\0\3\5", 10);
    assert_pixels(&bmp, "\17\12\5\17\12\5\17\12\5\3\2\1\6\4\2\11\6\3", 3, 2);
}

static void test_k02_bad_runs(void **state) {
    (void) state;
    struct bmp bmp = bmp_of_runs(2, 1, 8, "\2\1\0\1", 4);
    put(&bmp, 30, 2, 4);
    assert_refused(&bmp, VITLRP_FORMAT, "of 8 bits a pixel");
    bmp = bmp_of_runs(2, -1, 8, "\2\1\0\1", 4);
    assert_refused(&bmp, VITLRP_FORMAT, "from the top");
    bmp = bmp_of_runs(2, 1, 8, "\2\5\0\1", 4);
    put(&bmp, 46, 5, 4);
    assert_refused(&bmp, VITLRP_FORMAT, "palette index 5");
    /* Other pixels and a move beyond a row, of which readers make different pictures. */
    bmp = bmp_of_runs(3, 2, 8, "\0\5\1\2\3\4\5\6\0\1", 10);
    assert_refused(&bmp, VITLRP_FORMAT, "beyond the end of its row");
    bmp = bmp_of_runs(3, 2, 8, "\2\1\0\2\3\0\0\1", 8);
    assert_refused(&bmp, VITLRP_FORMAT, "beyond the end of its row");
}

static void test_compressions_are_named(void **state) {
    (void) state;
    static const struct {
        uint32_t header, number;
        const char *name;
    } kinds[] = {{40, 4, "JPEG"},
                 {40, 5, "PNG"},
                 {64, 3, "Huffman"},
                 {64, 4, "RLE24"},
                 {40, 11, "number 11"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct bmp bmp = bmp_begin(kinds[i].header, 2, 1, 8);
        put(&bmp, 30, kinds[i].number, 4);
        bmp_append_palette(&bmp, 256);
        bmp_append_pixels(&bmp, "\2\1\0\1", 4);
        assert_refused(&bmp, VITLRP_UNSUPPORTED, kinds[i].name);
        assert_refused(&bmp, VITLRP_UNSUPPORTED, "save it uncompressed");
    }
}

static void test_bad_fields(void **state) {
    (void) state;
    static const struct {
        uint32_t depth, masks[3];
    } kinds[] = {
        {16, {0, 0, 0}},           {16, {0x10000, 0x7e0, 0x1f}}, {16, {0xf801, 0x7e0, 0x1e}},
        {16, {0xf800, 0xf800, 1}}, {32, {0x5, 0x700, 0x70000}},  {24, {0xff000000, 0xff, 0}}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct bmp bmp = bmp_begin(40, 1, 1, kinds[i].depth);
        put(&bmp, 30, 3, 4);
        for (size_t c = 0; c < 3; c++) {
            put(&bmp, 54 + 4 * c, kinds[i].masks[c], 4);
        }
        bmp.size += 12;
        bmp_append_pixels(&bmp, "\0\0\0\0", 4);
        assert_refused(&bmp, VITLRP_FORMAT, "bit fields");
    }
    struct bmp cut = bmp_begin(40, 1, 1, 32);
    put(&cut, 30, 3, 4);
    assert_refused(&cut, VITLRP_FORMAT, "truncated BMP");
    struct bmp few = bmp_of(2, 1, 8, 5, "\4\1\0\0", 4);
    put(&few, 30, 3, 4);
    assert_refused(&few, VITLRP_UNSUPPORTED, "with bit fields");
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
        {10, 4, 53, VITLRP_FORMAT, "inside its header"},
        {10, 4, 54, VITLRP_FORMAT, "truncated BMP"},
        {10, 4, 58, VITLRP_FORMAT, "in a palette of 1"},
        {10, 4, 0xffffffff, VITLRP_FORMAT, "truncated BMP"},
        {14, 4, 16, VITLRP_UNSUPPORTED, "header of 16"},
        {14, 4, 64, VITLRP_FORMAT, ""},
        {74, 1, 5, VITLRP_FORMAT, "palette index 5"},
        {46, 4, 4, VITLRP_FORMAT, "palette index 4"},
        {46, 4, 65537, VITLRP_FORMAT, "palette of 65537"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bmp bmp = good;
        put(&bmp, changes[i].at, changes[i].value, changes[i].bytes);
        assert_refused(&bmp, changes[i].status, changes[i].message);
    }
}

/* Random headers over all kinds, each file in a block of its own size: decoded or refused, never
 * worse. */
static void test_bmp_noise(void **state) {
    (void) state;
    struct test_random random = {.state = 8};
    static const uint32_t depths[] = {1, 4, 8, 16, 24, 32};
    static const uint32_t headers[] = {12, 40, 52, 56, 64, 108, 124};
    uint8_t rows[512] = {0};
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof rows; i++) {
            rows[i] = (uint8_t) test_below(&random, 256);
        }
        uint32_t depth = depths[test_below(&random, 6)];
        struct bmp bmp = bmp_begin(headers[test_below(&random, 7)],
                                   (int32_t) test_below(&random, 20) + 1, 5, depth);
        bmp_append_palette(&bmp, depth <= 8 ? 1u << depth : 0);
        bmp_append_pixels(&bmp, rows, test_below(&random, sizeof rows));
        put(&bmp, 10 + test_below(&random, 44), (uint32_t) test_below(&random, 256), 1);
        put(&bmp, 10 + test_below(&random, 44), (uint32_t) test_below(&random, 130), 1);
        if (round % 3 == 0) {
            put(&bmp, 30, (uint32_t) test_below(&random, 4), 1);
        }
        uint8_t *exact = test_malloc(bmp.size);
        memcpy(exact, bmp.bytes, bmp.size);
        picture_assert_sound(exact, bmp.size);
        test_free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bmp_depths),
        cmocka_unit_test(test_k01_palettes_of_every_header),
        cmocka_unit_test(test_k01_short_palettes),
        cmocka_unit_test(test_i01_fields_of_1_to_16_bits),
        cmocka_unit_test(test_i01_every_colour_of_15_bits),
        cmocka_unit_test(test_i02_masks_of_every_header),
        cmocka_unit_test(test_i02_fields_that_are_passed_over),
        cmocka_unit_test(test_k02_runs),
        cmocka_unit_test(test_k02_bad_runs),
        cmocka_unit_test(test_compressions_are_named),
        cmocka_unit_test(test_bad_fields),
        cmocka_unit_test(test_bad_bmp),
        cmocka_unit_test(test_bmp_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
