/* decode_jpeg: colour spaces against plain arithmetic, and the files that it must refuse: cut,
 * damaged, of kinds that are not read, or made to eat time and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "base/file.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "vitlrp.h"

#include "support/unit.h"

#define SIDE 24

struct jpeg {
    unsigned char *data; /* libjpeg's: free() */
    unsigned long size;
};

struct recipe {
    int components;
    J_COLOR_SPACE from, stored;
    int progressive;
    const jpeg_scan_info *scans;
    int scan_count;
    const uint8_t *app1;
    unsigned app1_size;
};

/* Encodes `pixels`, SIDE x SIDE of recipe->components samples, at full quality and resolution. */
static struct jpeg encode(const struct recipe *recipe, const uint8_t *pixels) {
    struct jpeg jpeg = {0};
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &jpeg.data, &jpeg.size);
    codec.image_width = SIDE;
    codec.image_height = SIDE;
    codec.input_components = recipe->components;
    codec.in_color_space = recipe->from;
    jpeg_set_defaults(&codec);
    jpeg_set_colorspace(&codec, recipe->stored);
    jpeg_set_quality(&codec, 100, TRUE);
    codec.comp_info[0].h_samp_factor = 1;
    codec.comp_info[0].v_samp_factor = 1;
    if (recipe->progressive) {
        jpeg_simple_progression(&codec);
    }
    if (recipe->scans != NULL) {
        codec.scan_info = recipe->scans;
        codec.num_scans = recipe->scan_count;
    }
    jpeg_start_compress(&codec, TRUE);
    if (recipe->app1 != NULL) {
        jpeg_write_marker(&codec, JPEG_APP0 + 1, recipe->app1, recipe->app1_size);
    }
    while (codec.next_scanline < SIDE) {
        JSAMPROW row = (JSAMPROW) (uintptr_t) (pixels + codec.next_scanline * SIDE *
                                                            (size_t) recipe->components);
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    return jpeg;
}

static void fill(uint8_t *pixels, int components, const uint8_t *colour) {
    for (size_t i = 0; i < (size_t) SIDE * SIDE * (size_t) components; i++) {
        pixels[i] = colour[i % (size_t) components];
    }
}

/* A picture of one colour, encoded and decoded; every pixel must be rgb within `tolerance`. */
static void assert_colour(const struct recipe *recipe, const uint8_t *colour, const int *rgb,
                          int tolerance) {
    uint8_t pixels[SIDE * SIDE * 4];
    fill(pixels, recipe->components, colour);
    struct jpeg jpeg = encode(recipe, pixels);
    struct decoded decoded;
    assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
    assert_string_equal(decoded.format, "jpeg");
    assert_int_equal(decoded.image.width, SIDE);
    assert_int_equal(decoded.image.height, SIDE);
    for (size_t i = 0; i < (size_t) SIDE * SIDE * 3; i++) {
        int difference = decoded.image.rgb[i] - rgb[i % 3];
        assert_true(abs(difference) <= tolerance);
    }
    image_free(&decoded.image);
    free(jpeg.data);
}

static void test_grey_and_rgb(void **state) {
    (void) state;
    struct recipe grey = {.components = 1, .from = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE};
    assert_colour(&grey, (const uint8_t[]){77}, (const int[]){77, 77, 77}, 0);
    struct recipe rgb = {.components = 3, .from = JCS_RGB, .stored = JCS_RGB};
    assert_colour(&rgb, (const uint8_t[]){10, 200, 90}, (const int[]){10, 200, 90}, 0);
    struct recipe ycc = {.components = 3, .from = JCS_RGB, .stored = JCS_YCbCr};
    assert_colour(&ycc, (const uint8_t[]){10, 200, 90}, (const int[]){10, 200, 90}, 2);
}

/* What is stored is light (255 minus ink), as Adobe's programs write it: a colour is then the
 * product of its own light and that of black. */
static void test_cmyk(void **state) {
    (void) state;
    static const uint8_t colours[][4] = {{200, 100, 50, 220},
                                         {255, 255, 255, 255},
                                         {255, 255, 255, 0},
                                         {0, 0, 0, 255},
                                         {1, 128, 254, 127}};
    for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
        int rgb[3];
        for (size_t c = 0; c < 3; c++) {
            rgb[c] = (colours[i][c] * colours[i][3] + 127) / 255;
        }
        struct recipe cmyk = {.components = 4, .from = JCS_CMYK, .stored = JCS_CMYK};
        assert_colour(&cmyk, colours[i], rgb, 1);
        struct recipe ycck = {.components = 4, .from = JCS_CMYK, .stored = JCS_YCCK};
        assert_colour(&ycck, colours[i], rgb, 3);
    }
}

static struct bytes sample(const char *path) {
    struct bytes bytes;
    assert_int_equal(file_read(path, (size_t) 1 << 24, &bytes, NULL), VITLRP_OK);
    return bytes;
}

static void test_cut_baseline(void **state) {
    (void) state;
    struct bytes file = sample(PROJECT_DATA "/goldfish.jpg");
    for (size_t size = 3; size < file.size; size += 211) {
        picture_assert_refused(file.data, size, VITLRP_FORMAT, "truncated JPEG");
    }
    for (size_t missing = 1; missing <= 32; missing++) {
        picture_assert_refused(file.data, file.size - missing, VITLRP_FORMAT, "truncated JPEG");
    }
    bytes_free(&file);
}

/* Every row is there, but not the end: in a comment behind the rows. */
static void test_cut_behind_rows(void **state) {
    (void) state;
    struct bytes file = sample(PROJECT_DATA "/goldfish.jpg");
    size_t rows = file.size - 2;
    uint8_t *longer = test_malloc(rows + 8);
    memcpy(longer, file.data, rows);
    memcpy(longer + rows, "\xff\xfe\0\4xx\xff\xd9", 8);
    struct decoded decoded;
    assert_int_equal(picture_decode(longer, rows + 8, &decoded, NULL), VITLRP_OK);
    image_free(&decoded.image);
    for (size_t size = rows; size < rows + 8; size++) {
        picture_assert_refused(longer, size, VITLRP_FORMAT, "truncated JPEG");
    }
    test_free(longer);
    bytes_free(&file);
}

static void test_cut_progressive(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {
        .components = 3, .from = JCS_RGB, .stored = JCS_YCbCr, .progressive = 1};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    struct decoded decoded;
    assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
    image_free(&decoded.image);
    for (size_t size = 3; size < jpeg.size; size++) {
        picture_assert_refused(jpeg.data, size, VITLRP_FORMAT, "truncated JPEG");
    }
    image_free(&image);
    free(jpeg.data);
}

static size_t find_marker(const uint8_t *data, size_t size, uint8_t marker) {
    for (size_t i = 0; i + 1 < size; i++) {
        if (data[i] == 0xff && data[i + 1] == marker) {
            return i;
        }
    }
    fail_msg("no marker %02x", marker);
    return 0;
}

/* An end marker in the middle of the coded data, and codes that no table has; these near the end,
 * where the library still looks for them. */
static void test_damaged_data(void **state) {
    (void) state;
    struct bytes file = sample(PROJECT_DATA "/goldfish.jpg");
    memcpy(file.data + file.size / 2, "\xff\xd9", 2);
    picture_assert_refused(file.data, file.size, VITLRP_FORMAT, "bad JPEG");
    bytes_free(&file);
    file = sample(PROJECT_DATA "/goldfish.jpg");
    for (size_t i = file.size - 1000; i < file.size - 900; i += 2) {
        memcpy(file.data + i, "\xff", 2);
    }
    picture_assert_refused(file.data, file.size, VITLRP_FORMAT, "bad JPEG");
    bytes_free(&file);
}

/* Bytes behind the end are no harm, nor are a few between two segments. */
static void test_extra_bytes(void **state) {
    (void) state;
    struct bytes file = sample(PROJECT_DATA "/goldfish.jpg");
    uint8_t *longer = test_calloc(file.size + 100, 1);
    size_t end = file.size - 2;
    memcpy(longer, file.data, end);
    memcpy(longer + end + 3, file.data + end, 2);
    struct decoded decoded;
    assert_int_equal(picture_decode(longer, file.size + 100, &decoded, NULL), VITLRP_OK);
    picture_assert_sha256(&decoded.image,
                          "25cbd44a3a4a060d37febb7b0b4a0a6f598bb3b210ae7244ed66b07ced69b181");
    image_free(&decoded.image);
    test_free(longer);
    bytes_free(&file);
}

static void test_random_damage(void **state) {
    (void) state;
    struct test_random random = {.state = 3};
    struct bytes file = sample(PROJECT_DATA "/goldfish.jpg");
    uint8_t *damaged = test_malloc(file.size);
    for (int round = 0; round < 300; round++) {
        memcpy(damaged, file.data, file.size);
        size_t range = round % 2 == 0 ? 700 : file.size - 2;
        for (int k = 0; k < 1 + round % 5; k++) {
            damaged[2 + test_below(&random, range)] = (uint8_t) test_below(&random, 256);
        }
        struct decoded decoded = {0};
        (void) picture_decode(damaged, file.size, &decoded, NULL);
        image_free(&decoded.image);
    }
    test_free(damaged);
    bytes_free(&file);
}

static void test_kinds_not_read(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {.components = 3, .from = JCS_RGB, .stored = JCS_YCbCr};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    uint8_t *frame = jpeg.data + find_marker(jpeg.data, jpeg.size, 0xc0);
    frame[1] = 0xc3;
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, "SOF type 0xc3");
    frame[1] = 0xc1;
    frame[4] = 12;
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, "precision 12");
    frame[4] = 8;
    memset(frame + 5, 0, 2);
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, "not supported");
    free(jpeg.data);
    struct recipe two = {.components = 2, .from = JCS_UNKNOWN, .stored = JCS_UNKNOWN};
    jpeg = encode(&two, image.rgb);
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, "2 components");
    free(jpeg.data);
    image_free(&image);
}

static void test_sizes_beyond_limits(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {.components = 3, .from = JCS_RGB, .stored = JCS_YCbCr};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    uint8_t *frame = jpeg.data + find_marker(jpeg.data, jpeg.size, 0xc0);
    static const uint8_t sizes[][4] = {
        {0xff, 0xdc, 0xff, 0xdc}, {0xff, 0xff, 0, 1}, {0, 1, 0x40, 1}, {0x40, 0, 0x40, 0}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memcpy(frame + 5, sizes[i], 4);
        picture_assert_refused(jpeg.data, jpeg.size, VITLRP_LIMIT, "");
    }
    free(jpeg.data);
    image_free(&image);
}

static void test_memory_limit(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {
        .components = 3, .from = JCS_RGB, .stored = JCS_YCbCr, .progressive = 1};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    uint8_t *frame = jpeg.data + find_marker(jpeg.data, jpeg.size, 0xc2);
    memcpy(frame + 5, "\x20\0\x20", 4);
    struct vitlrp_image_limits limits = image_limits_default();
    limits.max_codec_bytes = (size_t) 64 << 20;
    struct decoded decoded;
    struct vitlrp_error err;
    assert_int_equal(decode_image(jpeg.data, jpeg.size, &limits, &decoded, &err), VITLRP_LIMIT);
    assert_non_null(strstr(err.message, "64 MiB"));
    struct vitlrp_image_options options;
    struct vitlrp_image *public_image = NULL;
    struct vitlrp_error error;
    vitlrp_image_options_init(&options);
    options.limits.max_codec_bytes = (size_t) 63 << 20;
    assert_int_equal(
        vitlrp_image_open_memory(jpeg.data, jpeg.size, &options, &public_image, &error),
        VITLRP_LIMIT);
    assert_non_null(strstr(error.message, "63 MiB"));
    free(jpeg.data);
    image_free(&image);
}

/* Each coefficient in a scan of its own and each bit of it in another: legal, and of no use but to
 * take time. */
static void test_scan_bomb(void **state) {
    (void) state;
    jpeg_scan_info scans[127];
    memset(scans, 0, sizeof scans);
    for (int i = 0; i < 127; i++) {
        scans[i].comps_in_scan = 1;
        scans[i].Ss = scans[i].Se = (i + 62) % 63 + 1;
        scans[i].Al = i <= 63;
        scans[i].Ah = i > 63;
    }
    scans[0].Ss = scans[0].Se = scans[0].Al = 0;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {.components = 1,
                            .from = JCS_GRAYSCALE,
                            .stored = JCS_GRAYSCALE,
                            .scans = scans,
                            .scan_count = 127};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_LIMIT, "100 scans");
    struct decoded decoded;
    struct vitlrp_image_limits limits = image_limits_default();
    limits.max_jpeg_scans = 127;
    assert_int_equal(decode_image(jpeg.data, jpeg.size, &limits, &decoded, NULL), VITLRP_OK);
    image_free(&decoded.image);
    free(jpeg.data);
    recipe.scan_count = 64;
    jpeg = encode(&recipe, image.rgb);
    assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
    image_free(&decoded.image);
    free(jpeg.data);
    image_free(&image);
}

static void test_exif(void **state) {
    (void) state;
    static const char *const blocks[] = {
        "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0",
        "Exif\0\0II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0",
    };
    struct image image = picture_make(SIDE, SIDE);
    for (size_t i = 0; i < 2; i++) {
        struct recipe recipe = {.components = 3,
                                .from = JCS_RGB,
                                .stored = JCS_YCbCr,
                                .app1 = (const uint8_t *) blocks[i],
                                .app1_size = 32};
        struct jpeg jpeg = encode(&recipe, image.rgb);
        struct decoded decoded;
        assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
        assert_int_equal(decoded.orientation, 6);
        image_free(&decoded.image);
        free(jpeg.data);
    }
    image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grey_and_rgb),
        cmocka_unit_test(test_cmyk),
        cmocka_unit_test(test_cut_baseline),
        cmocka_unit_test(test_cut_behind_rows),
        cmocka_unit_test(test_cut_progressive),
        cmocka_unit_test(test_damaged_data),
        cmocka_unit_test(test_extra_bytes),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_kinds_not_read),
        cmocka_unit_test(test_sizes_beyond_limits),
        cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_scan_bomb),
        cmocka_unit_test(test_exif),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
