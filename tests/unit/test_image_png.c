/* decode_png: every kind of PNG, built chunk by chunk, with the exact pixels that it must give; and
 * damaged ones. */
#include <png.h>
#include <string.h>
#include <zlib.h>

#include "support/pictures.h"
#include "support/unit.h"

#define CAPACITY 4096

struct file {
    uint8_t bytes[CAPACITY];
    size_t size;
};

static void put(struct file *file, const void *bytes, size_t size) {
    assert_true(size <= CAPACITY - file->size);
    if (size > 0) {
        memcpy(file->bytes + file->size, bytes, size);
    }
    file->size += size;
}

static void put32(struct file *file, uint32_t value) {
    uint8_t bytes[4] = {(uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8),
                        (uint8_t) value};
    put(file, bytes, 4);
}

static void put_chunk(struct file *file, const char *name, const void *data, size_t size) {
    put32(file, (uint32_t) size);
    size_t start = file->size;
    put(file, name, 4);
    put(file, data, size);
    put32(file, (uint32_t) crc32(0, file->bytes + start, (uInt) (file->size - start)));
}

struct header {
    uint32_t width, height;
    uint8_t depth, kind, interlaced;
};

static void put_header(struct file *file, const struct header *header) {
    put(file, "\x89PNG\r\n\x1a\n", 8);
    struct file data = {.size = 0};
    put32(&data, header->width);
    put32(&data, header->height);
    uint8_t rest[5] = {header->depth, header->kind, 0, 0, header->interlaced};
    put(&data, rest, 5);
    put_chunk(file, "IHDR", data.bytes, data.size);
}

/* `rows` with the filter byte before each of them. */
static void put_rows(struct file *file, const void *rows, size_t size) {
    uint8_t packed[CAPACITY];
    uLongf length = sizeof packed;
    assert_int_equal(compress(packed, &length, rows, size), Z_OK);
    put_chunk(file, "IDAT", packed, length);
}

static void put_end(struct file *file) {
    put_chunk(file, "IEND", NULL, 0);
}

static struct file file_of(const struct header *header, const void *rows, size_t size) {
    struct file file = {.size = 0};
    put_header(&file, header);
    put_rows(&file, rows, size);
    put_end(&file);
    return file;
}

static void assert_pixels(const struct file *file, const uint8_t *rgb, int32_t width,
                          int32_t height) {
    struct decoded decoded;
    struct vitlrp_error err = {0};
    assert_int_equal(picture_decode(file->bytes, file->size, &decoded, &err), VITLRP_OK);
    assert_string_equal(decoded.format, "png");
    assert_int_equal(decoded.orientation, 1);
    assert_int_equal(decoded.image.width, width);
    assert_int_equal(decoded.image.height, height);
    assert_memory_equal(decoded.image.rgb, rgb, (size_t) width * (size_t) height * 3);
    image_free(&decoded.image);
}

static void test_grey_depths(void **state) {
    (void) state;
    static const struct {
        uint8_t depth;
        uint8_t row[8];
        size_t size;
        uint8_t grey[3];
    } kinds[] = {
        {1, {0, 0xa0}, 2, {255, 0, 255}},
        {2, {0, 0x1b}, 2, {0, 85, 170}},
        {4, {0, 0x0f, 0x70}, 3, {0, 255, 119}},
        {8, {0, 1, 128, 254}, 4, {1, 128, 254}},
        {16, {0, 0x12, 0xff, 0x80, 0x00, 0xff, 0xff}, 7, {0x13, 0x80, 0xff}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct header header = {3, 1, kinds[i].depth, PNG_COLOR_TYPE_GRAY, 0};
        struct file file = file_of(&header, kinds[i].row, kinds[i].size);
        uint8_t rgb[9];
        for (size_t k = 0; k < 9; k++) {
            rgb[k] = kinds[i].grey[k / 3];
        }
        assert_pixels(&file, rgb, 3, 1);
    }
}

static void test_colour_and_alpha(void **state) {
    (void) state;
    struct header rgb8 = {2, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = file_of(&rgb8, "\0\1\2\3\4\5\6", 7);
    assert_pixels(&file, (const uint8_t *) "\1\2\3\4\5\6", 2, 1);
    struct header rgb16 = {1, 1, 16, PNG_COLOR_TYPE_RGB, 0};
    file = file_of(&rgb16, "\0\1\xff\2\xff\3\xff", 7);
    assert_pixels(&file, (const uint8_t *) "\1\2\3", 1, 1);
    struct header rgba = {2, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, 0};
    file = file_of(&rgba, "\0\1\2\3\0\4\5\6\x7f", 9);
    assert_pixels(&file, (const uint8_t *) "\1\2\3\4\5\6", 2, 1);
    struct header grey_alpha = {2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0};
    file = file_of(&grey_alpha, "\0\11\0\x20\xff", 5);
    assert_pixels(&file, (const uint8_t *) "\11\11\11\x20\x20\x20", 2, 1);
    struct header grey_alpha16 = {1, 1, 16, PNG_COLOR_TYPE_GRAY_ALPHA, 0};
    file = file_of(&grey_alpha16, "\0\11\xff\0\0", 5);
    assert_pixels(&file, (const uint8_t *) "\11\11\11", 1, 1);
}

/* A transparent colour is a colour like the others, as for Pillow's convert("RGB"). */
static void test_transparency_is_dropped(void **state) {
    (void) state;
    struct header grey = {2, 1, 8, PNG_COLOR_TYPE_GRAY, 0};
    struct file file = {.size = 0};
    put_header(&file, &grey);
    put_chunk(&file, "tRNS", "\0\7", 2);
    put_rows(&file, "\0\7\x80", 3);
    put_end(&file);
    assert_pixels(&file, (const uint8_t *) "\7\7\7\x80\x80\x80", 2, 1);
}

static struct file palette_file(uint8_t depth, const void *rows, size_t size) {
    struct header header = {3, 1, depth, PNG_COLOR_TYPE_PALETTE, 0};
    struct file file = {.size = 0};
    put_header(&file, &header);
    put_chunk(&file, "PLTE", "\1\2\3\4\5\6\7\10\11", depth == 1 ? 6 : 9);
    put_chunk(&file, "tRNS", "\0\x80", 2);
    put_rows(&file, rows, size);
    put_end(&file);
    return file;
}

static void test_palette(void **state) {
    (void) state;
    struct file file = palette_file(1, "\0\x40", 2);
    assert_pixels(&file, (const uint8_t *) "\1\2\3\4\5\6\1\2\3", 3, 1);
    file = palette_file(2, "\0\x24", 2);
    assert_pixels(&file, (const uint8_t *) "\1\2\3\7\10\11\4\5\6", 3, 1);
    file = palette_file(4, "\0\x20\x10", 3);
    assert_pixels(&file, (const uint8_t *) "\7\10\11\1\2\3\4\5\6", 3, 1);
    file = palette_file(8, "\0\2\1\0", 4);
    assert_pixels(&file, (const uint8_t *) "\7\10\11\4\5\6\1\2\3", 3, 1);
    file = palette_file(2, "\0\x30", 2);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "palette index");
    file = palette_file(8, "\0\0\3\0", 4);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "palette index");
}

/* Written by libpng, whose writer needs a place to write to and its own way of failing. */
static void on_write(png_structp codec, png_bytep bytes, size_t size) {
    put(png_get_io_ptr(codec), bytes, size);
}

static void on_flush(png_structp codec) {
    (void) codec;
}

static void test_interlaced(void **state) {
    (void) state;
    struct image image = picture_make(19, 13);
    struct file file = {.size = 0};
    png_bytep rows[13];
    for (size_t y = 0; y < 13; y++) {
        rows[y] = image.rgb + y * 19 * 3;
    }
    png_structp codec = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(codec);
    png_set_write_fn(codec, &file, on_write, on_flush);
    png_set_IHDR(codec, info, 19, 13, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7,
                 PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(codec, info);
    png_write_image(codec, rows);
    png_write_end(codec, info);
    png_destroy_write_struct(&codec, &info);
    assert_int_equal(file.bytes[28], PNG_INTERLACE_ADAM7);
    assert_pixels(&file, image.rgb, 19, 13);
    for (size_t cut = 0; cut < file.size; cut++) {
        picture_assert_refused(file.bytes, cut, VITLRP_FORMAT, "");
    }
    image_free(&image);
}

static void test_sizes_beyond_limits(void **state) {
    (void) state;
    static const uint32_t sizes[][2] = {
        {1000000, 1000000},       {262145, 1},    {1, 262145}, {16384, 16384},
        {0x7fffffff, 0x7fffffff}, {0xffffffff, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct header header = {sizes[i][0], sizes[i][1], 8, PNG_COLOR_TYPE_RGB, 0};
        struct file file = file_of(&header, "\0", 1);
        picture_assert_refused(file.bytes, file.size, VITLRP_LIMIT, "the limit is");
    }
    struct header empty = {0, 5, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = file_of(&empty, "\0", 1);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "0 x 5");
}

static void test_too_few_rows(void **state) {
    (void) state;
    struct header header = {16384, 6000, 8, PNG_COLOR_TYPE_GRAY, 0};
    struct file file = file_of(&header, "\0\1\2", 3);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "bad PNG");
}

static void test_checksums(void **state) {
    (void) state;
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = {.size = 0};
    put_header(&file, &header);
    put_chunk(&file, "gAMA", "\0\0\xb1\x8f", 4);
    size_t ancillary_end = file.size;
    put_rows(&file, "\0\1\2\3", 4);
    size_t data_end = file.size;
    put_end(&file);
    file.bytes[ancillary_end - 1] ^= 1;
    assert_pixels(&file, (const uint8_t *) "\1\2\3", 1, 1);
    file.bytes[data_end - 1] ^= 1;
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "bad PNG");
    file.bytes[data_end - 1] ^= 1;
    file.bytes[30] ^= 1;
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "bad PNG");
}

static void test_bad_structure(void **state) {
    (void) state;
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = file_of(&header, "\0\1\2\3", 4);
    picture_assert_refused(file.bytes, file.size - 12, VITLRP_FORMAT, "truncated PNG");
    memcpy(file.bytes + 12, "JHDR", 4);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "header");
    struct header odd = {1, 1, 3, PNG_COLOR_TYPE_RGB, 0};
    file = file_of(&odd, "\0\1\2\3", 4);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "bad PNG");
    struct header no_palette = {1, 1, 8, PNG_COLOR_TYPE_PALETTE, 0};
    file = file_of(&no_palette, "\0\0", 2);
    picture_assert_refused(file.bytes, file.size, VITLRP_FORMAT, "bad PNG");
}

/* Text and profiles are not even inflated, so a bomb in them is no bomb. */
static void test_skipped_chunks(void **state) {
    (void) state;
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = {.size = 0};
    put_header(&file, &header);
    put_chunk(&file, "iCCP", "name\0\0not deflated", 18);
    put_chunk(&file, "zTXt", "key\0\0not deflated", 17);
    put_chunk(&file, "iTXt", "key", 3);
    put_rows(&file, "\0\1\2\3", 4);
    put_end(&file);
    assert_pixels(&file, (const uint8_t *) "\1\2\3", 1, 1);
}

static void test_exif(void **state) {
    (void) state;
    static const uint8_t exif[] = "MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0";
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    for (int after = 0; after < 2; after++) {
        struct file file = {.size = 0};
        put_header(&file, &header);
        if (!after) {
            put_chunk(&file, "eXIf", exif, 26);
        }
        put_rows(&file, "\0\1\2\3", 4);
        if (after) {
            put_chunk(&file, "eXIf", exif, 26);
        }
        put_end(&file);
        struct decoded decoded;
        assert_int_equal(picture_decode(file.bytes, file.size, &decoded, NULL), VITLRP_OK);
        assert_int_equal(decoded.orientation, 6);
        image_free(&decoded.image);
    }
}

static void assert_orientation(const struct file *file, int32_t expected) {
    struct decoded decoded;
    assert_int_equal(picture_decode(file->bytes, file->size, &decoded, NULL), VITLRP_OK);
    assert_int_equal(decoded.orientation, expected);
    image_free(&decoded.image);
}

/* An eXIf chunk that begins as a JPEG's segment does; of several chunks the last that is whole. */
static void test_i03_exif_with_a_prefix(void **state) {
    (void) state;
    static const uint8_t exif[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0";
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = {.size = 0};
    put_header(&file, &header);
    put_chunk(&file, "eXIf", exif, 32);
    struct file turned = file;
    put_rows(&turned, "\0\1\2\3", 4);
    put_end(&turned);
    assert_orientation(&turned, 6);
    uint8_t other[32];
    memcpy(other, exif, 32);
    other[25] = 3;
    struct file twice = file;
    put_rows(&twice, "\0\1\2\3", 4);
    put_chunk(&twice, "eXIf", other + 6, 26);
    put_end(&twice);
    assert_orientation(&twice, 3);
    twice.bytes[twice.size - 13] ^= 1; /* of the checksum before IEND */
    assert_orientation(&twice, 6);
    struct file empty = {.size = 0};
    put_header(&empty, &header);
    put_chunk(&empty, "eXIf", NULL, 0);
    put_rows(&empty, "\0\1\2\3", 4);
    put_end(&empty);
    assert_orientation(&empty, 1);
}

/* A pixel with the chunks that `name` and the text say, the texts packed where it is asked for. */
static void assert_text_orientation(const char *name, const char *keyword, const char *text,
                                    size_t size, int32_t expected) {
    struct header header = {1, 1, 8, PNG_COLOR_TYPE_RGB, 0};
    struct file file = {.size = 0};
    uint8_t chunk[512];
    size_t used = strlen(keyword) + 1;
    memcpy(chunk, keyword, used);
    bool is_packed = strcmp(name, "tEXt") != 0;
    if (strcmp(name, "iTXt") == 0) {
        memcpy(chunk + used, "\1\0en\0key\0", 9);
        used += 9;
    } else if (is_packed) {
        chunk[used++] = 0;
    }
    uLongf room = sizeof chunk - used;
    if (is_packed) {
        assert_int_equal(compress(chunk + used, &room, (const Bytef *) text, size), Z_OK);
    } else {
        memcpy(chunk + used, text, size);
        room = size;
    }
    put_header(&file, &header);
    put_rows(&file, "\0\1\2\3", 4);
    put_chunk(&file, name, chunk, used + room);
    put_end(&file);
    assert_orientation(&file, expected);
}

#define TEXT(text) (text), sizeof(text) - 1
#define PROFILE                                                                                    \
    "\nexif\n      32\n457869660000"                                                               \
    "4d4d002a000000080001\n0112000300000001000600000000 0000\n"

/* Cameras and programs of before 2017 wrote EXIF as hexadecimal text. */
static void test_k03_raw_profile_and_xmp(void **state) {
    static const char *const NAMES[] = {"tEXt", "zTXt", "iTXt"};
    (void) state;
    for (size_t i = 0; i < 3; i++) {
        assert_text_orientation(NAMES[i], "Raw profile type exif", TEXT(PROFILE), 6);
        assert_text_orientation(NAMES[i], "Raw profile type exif", TEXT("\n\n\n4d4x"), 1);
        assert_text_orientation(NAMES[i], "Raw profile type exif", TEXT("4d4d"), 1);
        assert_text_orientation(NAMES[i], "Raw profile type iptc", TEXT(PROFILE), 1);
    }
    assert_text_orientation("iTXt", "XML:com.adobe.xmp", TEXT("<x tiff:Orientation=\"8\"/>"), 8);
    assert_text_orientation("iTXt", "XML:com.adobe.xmp", TEXT("<x/>"), 1);
}

/* Any one byte of a small file changed: decoded or refused, never worse. */
static void test_changed_bytes(void **state) {
    (void) state;
    struct file good = palette_file(2, "\0\x24", 2);
    for (size_t at = 8; at < good.size; at++) {
        for (int bit = 0; bit < 8; bit++) {
            struct file file = good;
            file.bytes[at] ^= (uint8_t) (1 << bit);
            picture_assert_sound(file.bytes, file.size);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grey_depths),
        cmocka_unit_test(test_colour_and_alpha),
        cmocka_unit_test(test_transparency_is_dropped),
        cmocka_unit_test(test_palette),
        cmocka_unit_test(test_interlaced),
        cmocka_unit_test(test_sizes_beyond_limits),
        cmocka_unit_test(test_too_few_rows),
        cmocka_unit_test(test_checksums),
        cmocka_unit_test(test_bad_structure),
        cmocka_unit_test(test_skipped_chunks),
        cmocka_unit_test(test_exif),
        cmocka_unit_test(test_i03_exif_with_a_prefix),
        cmocka_unit_test(test_k03_raw_profile_and_xmp),
        cmocka_unit_test(test_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
