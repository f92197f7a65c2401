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
        picture_assert_sound(damaged, file.size);
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
    picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, "lossless JPEG");
    frame[1] = 0xc1;
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
        {0xff, 0xdc, 0xff, 0xdc}, {0xff, 0xff, 0xff, 0xff}, {0x40, 0, 0x40, 0}};
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
    assert_int_equal(error.topic, VITLRP_TOPIC_LIMITS);
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

/* With segments of APP1 behind the start, in the order that they are given in. */
struct segment {
    const void *data;
    size_t size;
};

static struct jpeg with_segments(const struct jpeg *jpeg, const struct segment *segments,
                                 size_t count) {
    struct jpeg longer = {.size = jpeg->size};
    for (size_t i = 0; i < count; i++) {
        longer.size += 4 + segments[i].size;
    }
    longer.data = test_malloc(longer.size);
    unsigned char *end = longer.data;
    memcpy(end, jpeg->data, 2);
    end += 2;
    for (size_t i = 0; i < count; i++) {
        size_t length = segments[i].size + 2;
        const uint8_t head[4] = {0xff, 0xe1, (uint8_t) (length >> 8), (uint8_t) length};
        memcpy(end, head, 4);
        memcpy(end + 4, segments[i].data, segments[i].size);
        end += 4 + segments[i].size;
    }
    memcpy(end, jpeg->data + 2, jpeg->size - 2);
    return longer;
}

static void assert_orientation(const struct segment *segments, size_t count, int32_t expected) {
    struct recipe recipe = {.components = 3, .from = JCS_RGB, .stored = JCS_YCbCr};
    uint8_t pixels[SIDE * SIDE * 3] = {0};
    struct jpeg plain = encode(&recipe, pixels);
    struct jpeg jpeg = with_segments(&plain, segments, count);
    struct decoded decoded;
    assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
    assert_int_equal(decoded.orientation, expected);
    image_free(&decoded.image);
    test_free(jpeg.data);
    free(plain.data);
}

#define EXIF_BYTES 32
static const uint8_t exif_6[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0";
static const uint8_t exif_3_small[] = "Exif\0\0II*\0\10\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0";
static const uint8_t exif_other[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\x11\0\3\0\0\0\1\0\6\0\0\0\0\0";
static const uint8_t exif_9[] = "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\11\0\0\0\0\0";
#define XMP(text)                                                                                  \
    { "http://ns.adobe.com/xap/1.0/\0" text, sizeof("http://ns.adobe.com/xap/1.0/\0" text) - 1 }

static void test_exif(void **state) {
    (void) state;
    assert_orientation(&(struct segment){exif_6, EXIF_BYTES}, 1, 6);
    assert_orientation(&(struct segment){exif_3_small, EXIF_BYTES}, 1, 3);
}

/* Cut anywhere and told in two segments, with segments of other kinds between: the parts are joined
 * in their order. */
static void test_i04_exif_in_several_segments(void **state) {
    (void) state;
    for (size_t cut = 6; cut <= EXIF_BYTES; cut++) {
        uint8_t rest[6 + EXIF_BYTES] = "Exif\0";
        memcpy(rest + 6, exif_6 + cut, EXIF_BYTES - cut);
        const struct segment segments[] = {XMP("tiff:Orientation=\"2\""),
                                           {exif_6, cut},
                                           {"Exif\0\xff", 6},
                                           {rest, 6 + EXIF_BYTES - cut}};
        assert_orientation(segments, 4, 6);
    }
    const struct segment two[] = {{exif_other, EXIF_BYTES}, {exif_6, EXIF_BYTES}};
    assert_orientation(two, 2, 1);
    const struct segment empty[] = {{"Exif\0", 6}, {exif_6, EXIF_BYTES}};
    assert_orientation(empty, 2, 6);
    assert_orientation(&(struct segment){"Exif\0", 6}, 1, 1);
    uint8_t odd[EXIF_BYTES];
    memcpy(odd, exif_6, EXIF_BYTES);
    odd[5] = 0xff;
    assert_orientation(&(struct segment){odd, EXIF_BYTES}, 1, 1);
}

/* XMP is asked where EXIF has no orientation; of several segments the last counts. */
static void test_i05_xmp(void **state) {
    (void) state;
    const struct segment xmp[] = {XMP("<a tiff:Orientation=\"3\"/>"),
                                  XMP("<tiff:Orientation>6</tiff:Orientation>")};
    assert_orientation(xmp, 1, 3);
    assert_orientation(xmp, 2, 6);
    const struct segment unknown[] = {{exif_other, EXIF_BYTES}, xmp[0]};
    assert_orientation(unknown, 2, 3);
    const struct segment known[] = {xmp[0], {exif_6, EXIF_BYTES}};
    assert_orientation(known, 2, 6);
    const struct segment nine[] = {{exif_9, EXIF_BYTES}, xmp[0]};
    assert_orientation(nine, 2, 1);
}

/* Scans that hold nothing but zeros about themselves, in a picture that is not progressive. */
static void test_i06_zeros_in_a_scan_header(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    static const jpeg_scan_info apart[3] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    for (int scans = 0; scans <= 3; scans += 3) {
        struct recipe recipe = {.components = 3,
                                .from = JCS_RGB,
                                .stored = JCS_YCbCr,
                                .scans = scans > 0 ? apart : NULL,
                                .scan_count = scans};
        struct jpeg jpeg = encode(&recipe, image.rgb);
        struct decoded sound;
        struct decoded decoded;
        assert_int_equal(picture_decode(jpeg.data, jpeg.size, &sound, NULL), VITLRP_OK);
        size_t at = 0;
        while (at + 1 < jpeg.size) {
            if (jpeg.data[at] == 0xff && jpeg.data[at + 1] == 0xda) {
                size_t length = jpeg.data[at + 3];
                memset(jpeg.data + at + 2 + length - 3, 0, 3);
            }
            at++;
        }
        assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
        assert_memory_equal(decoded.image.rgb, sound.image.rgb, SIDE * SIDE * 3);
        assert_null(decoded.warning);
        image_free(&decoded.image);
        image_free(&sound.image);
        free(jpeg.data);
    }
    image_free(&image);
}

/* Where the next marker of that kind stands, from `at` on; the size if there is none. */
static size_t next_marker(const struct jpeg *jpeg, size_t at, uint8_t marker) {
    while (at + 1 < jpeg->size && (jpeg->data[at] != 0xff || jpeg->data[at + 1] != marker)) {
        at++;
    }
    return at + 1 < jpeg->size ? at : jpeg->size;
}

/* Ended properly behind each scan but the last: read, with a warning. */
static void assert_warns_of_missing_scans(const struct recipe *recipe, const uint8_t *pixels) {
    struct jpeg jpeg = encode(recipe, pixels);
    struct decoded decoded;
    size_t scan = next_marker(&jpeg, 0, 0xda);
    size_t scans = 1;
    assert_int_equal(picture_decode(jpeg.data, jpeg.size, &decoded, NULL), VITLRP_OK);
    assert_null(decoded.warning);
    image_free(&decoded.image);
    for (scan = next_marker(&jpeg, scan + 2, 0xda); scan < jpeg.size; scans++) {
        uint8_t held[2];
        memcpy(held, jpeg.data + scan, 2);
        jpeg.data[scan + 1] = 0xd9;
        assert_int_equal(picture_decode(jpeg.data, scan + 2, &decoded, NULL), VITLRP_OK);
        assert_non_null(decoded.warning);
        assert_non_null(strstr(decoded.warning, "scans of this JPEG are missing"));
        image_free(&decoded.image);
        memcpy(jpeg.data + scan, held, 2);
        scan = next_marker(&jpeg, scan + 2, 0xda);
    }
    assert_true(scans > 1);
    free(jpeg.data);
}

static void test_i07_missing_scans(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {
        .components = 3, .from = JCS_RGB, .stored = JCS_YCbCr, .progressive = 1};
    assert_warns_of_missing_scans(&recipe, image.rgb);
    static const jpeg_scan_info apart[3] = {
        {1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    recipe.progressive = 0;
    recipe.scans = apart;
    recipe.scan_count = 3;
    assert_warns_of_missing_scans(&recipe, image.rgb);
    image_free(&image);
}

/* The last bit of the means comes last, and is all that is missing without it. */
static void test_missing_bit_of_means(void **state) {
    (void) state;
    static const jpeg_scan_info scans[3] = {
        {1, {0}, 0, 0, 0, 1}, {1, {0}, 1, 63, 0, 0}, {1, {0}, 0, 0, 1, 0}};
    struct image image = picture_make(SIDE, SIDE);
    const struct recipe recipe = {.components = 1,
                                  .from = JCS_GRAYSCALE,
                                  .stored = JCS_GRAYSCALE,
                                  .scans = scans,
                                  .scan_count = 3};
    assert_warns_of_missing_scans(&recipe, image.rgb);
    image_free(&image);
}

/* One from the middle, where what follows refines bits that never came. */
static void test_i07_missing_scan_in_the_middle(void **state) {
    (void) state;
    static const jpeg_scan_info scans[3] = {
        {1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 1}, {1, {0}, 1, 63, 1, 0}};
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {.components = 1,
                            .from = JCS_GRAYSCALE,
                            .stored = JCS_GRAYSCALE,
                            .scans = scans,
                            .scan_count = 3};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    size_t first = next_marker(&jpeg, 0, 0xda);
    size_t from = next_marker(&jpeg, first, 0xc4);
    size_t to = next_marker(&jpeg, next_marker(&jpeg, from, 0xda), 0xc4);
    struct decoded decoded = {0};
    memmove(jpeg.data + from, jpeg.data + to, jpeg.size - to);
    jpeg.size -= to - from;
    enum vitlrp_status status = picture_decode(jpeg.data, jpeg.size, &decoded, NULL);
    assert_true(status == VITLRP_FORMAT || decoded.warning != NULL);
    image_free(&decoded.image);
    free(jpeg.data);
    image_free(&image);
}

/* What newer versions of the library read: samples of other than 8 bits, and lossless coding. */
static void test_i08_precision(void **state) {
    (void) state;
    struct image image = picture_make(SIDE, SIDE);
    struct recipe recipe = {.components = 3, .from = JCS_RGB, .stored = JCS_YCbCr};
    struct jpeg jpeg = encode(&recipe, image.rgb);
    uint8_t *frame = jpeg.data + find_marker(jpeg.data, jpeg.size, 0xc0);
    static const uint8_t frames[] = {0xc0, 0xc1, 0xc2, 0xc3, 0xc9, 0xca, 0xcb};
    static const uint8_t bits[] = {0, 2, 4, 7, 9, 12, 16, 255};
    for (size_t i = 0; i < sizeof frames; i++) {
        for (size_t k = 0; k < sizeof bits; k++) {
            char message[64];
            snprintf(message, sizeof message, "JPEG of %d bits a sample", bits[k]);
            frame[1] = frames[i];
            frame[4] = bits[k];
            picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, message);
        }
    }
    frame[4] = 8;
    static const struct {
        uint8_t frame;
        const char *message;
    } kinds[] = {{0xc3, "lossless"},     {0xcb, "lossless"},     {0xc5, "hierarchical"},
                 {0xc6, "hierarchical"}, {0xcd, "hierarchical"}, {0xce, "hierarchical"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        frame[1] = kinds[i].frame;
        picture_assert_refused(jpeg.data, jpeg.size, VITLRP_UNSUPPORTED, kinds[i].message);
    }
    free(jpeg.data);
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
        cmocka_unit_test(test_i04_exif_in_several_segments),
        cmocka_unit_test(test_i05_xmp),
        cmocka_unit_test(test_i06_zeros_in_a_scan_header),
        cmocka_unit_test(test_i07_missing_scans),
        cmocka_unit_test(test_i07_missing_scan_in_the_middle),
        cmocka_unit_test(test_missing_bit_of_means),
        cmocka_unit_test(test_i08_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
