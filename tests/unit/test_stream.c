#define _GNU_SOURCE
/* Photographs that are read row by row, against the same ones decoded whole: what the model sees is
 * equal bit for bit, in every orientation, with every filter, in colour and grey. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/window.h"
#include "imgio/decode.h"
#include "imgio/encode.h"
#include "imgio/exif.h"
#include "imgio/photograph.h"
#include "imgio/stream_resize.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"

static void assert_equal_images(const struct image *a, const struct image *b) {
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->rgb, b->rgb, (size_t) a->width * (size_t) a->height * 3);
}

static int32_t below(struct test_random *random, int32_t limit) {
    return (int32_t) test_below(random, (size_t) limit);
}

/* A window of a resize of a picture of width x height. */
static struct resize resize_any(struct test_random *random, int32_t width, int32_t height) {
    struct resize resize = {.width = below(random, 60) + 1,
                            .height = below(random, 60) + 1,
                            .filter = (enum resample_filter) below(random, 5)};
    resize.width = below(random, 5) == 0 ? width : resize.width;
    resize.height = below(random, 5) == 0 ? height : resize.height;
    resize.left = below(random, resize.width);
    resize.top = below(random, resize.height);
    resize.window_width = below(random, resize.width - resize.left) + 1;
    resize.window_height = below(random, resize.height - resize.top) + 1;
    return resize;
}

static void test_windows_of_any_resize(void **state) {
    struct test_random random = {.state = 11};
    (void) state;
    for (int round = 0; round < 3000; round++) {
        int32_t orientation = round % 8 + 1;
        struct image picture = picture_make(below(&random, 90) + 1, below(&random, 90) + 1);
        struct stream_source source = {.width = picture.width,
                                       .height = picture.height,
                                       .orientation = orientation,
                                       .in_grey = round % 3 == 0};
        struct image upright, seen, streamed;
        struct stream_resize *stream = NULL;
        bool turned = orientation >= 5;
        struct resize resize = resize_any(&random, turned ? picture.height : picture.width,
                                          turned ? picture.width : picture.height);
        assert_int_equal(stream_resize_open(&source, &resize, &stream, NULL), VITLRP_OK);
        for (int32_t y = 0; y < picture.height; y++) {
            stream_resize_add(stream, picture.rgb + (size_t) y * (size_t) picture.width * 3);
        }
        assert_int_equal(stream_resize_take(stream, &streamed, NULL), VITLRP_OK);
        stream_resize_close(stream);
        if (source.in_grey) {
            preprocess_grey_row(picture.rgb, (size_t) picture.width * (size_t) picture.height,
                                picture.rgb);
        }
        upright = picture;
        assert_int_equal(image_orient(&upright, orientation, NULL), VITLRP_OK);
        assert_int_equal(image_resize(&upright, &resize, &seen, NULL), VITLRP_OK);
        assert_equal_images(&streamed, &seen);
        image_free(&upright);
        image_free(&seen);
        image_free(&streamed);
    }
}

/* The file of a picture: a PNG with that orientation, or a JPEG with it. */
static struct bytes file_of(const struct image *picture, bool is_png, int32_t orientation) {
    static const uint8_t app1[] = "\xff\xe1\0\x22"
                                  "Exif\0\0MM\0*\0\0\0\10\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0";
    struct bytes plain, turned;
    if (is_png) {
        assert_int_equal(encode_png(picture, NULL, &plain, NULL), VITLRP_OK);
        return plain;
    }
    assert_int_equal(encode_jpeg(picture, NULL, &plain, NULL), VITLRP_OK);
    turned.size = plain.size + sizeof app1 - 1;
    turned.data = test_malloc(turned.size);
    memcpy(turned.data, plain.data, 2);
    memcpy(turned.data + 2, app1, sizeof app1 - 1);
    turned.data[2 + 29] = (uint8_t) orientation;
    memcpy(turned.data + 2 + sizeof app1 - 1, plain.data + 2, plain.size - 2);
    bytes_free(&plain);
    return turned;
}

static void file_free(struct bytes *file, bool is_png) {
    if (is_png) {
        bytes_free(file);
    } else {
        test_free(file->data);
    }
}

static void load(const struct bytes *file, const struct photograph_wishes *wishes,
                 struct photograph_loaded *out) {
    struct vitlrp_error err;
    if (photograph_load(file->data, file->size, wishes, out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

/* The same bytes as a file of the kernel's memory. Owned: close the descriptor. */
static struct source put_in_file(const struct bytes *bytes) {
    struct source file = {.descriptor = memfd_create("picture", 0), .size = bytes->size};
    assert_true(file.descriptor >= 0);
    assert_int_equal(pwrite(file.descriptor, bytes->data, bytes->size, 0), bytes->size);
    return file;
}

/* From the file, block by block; what was read has the hash of the bytes. */
static void load_file(const struct bytes *bytes, const struct photograph_wishes *wishes,
                      struct photograph_loaded *out) {
    struct source file = put_in_file(bytes);
    struct sha256 hash = sha256_begin();
    struct vitlrp_error err;
    char read[SHA256_TEXT];
    char given[SHA256_TEXT];
    if (photograph_load_file(&file, &hash, wishes, out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(sha256_end(&hash, read, NULL), VITLRP_OK);
    assert_int_equal(sha256_bytes(bytes->data, bytes->size, given, NULL), VITLRP_OK);
    assert_string_equal(read, given);
    close(file.descriptor);
}

/* By the decoders, with preprocessing of all kinds, crops beyond the picture among them. */
static void test_files_in_rows_and_whole(void **state) {
    static const struct vitlrp_preprocess kinds[] = {
        {.resize = VITLRP_RESIZE_SHORT, .resize_to = 24, .crop_height = 20, .crop_width = 20},
        {.resize = VITLRP_RESIZE_SQUASH, .resize_to = 16, .interpolation = VITLRP_BICUBIC},
        {.resize = VITLRP_RESIZE_SHORT, .resize_to = 9, .crop_height = 30, .crop_width = 31},
        {.resize = VITLRP_RESIZE_NONE, .crop_height = 25, .crop_width = 7, .channels = 1}};
    struct test_random random = {.state = 3};
    struct vitlrp_image_limits limits = image_limits_default();
    (void) state;
    for (int round = 0; round < 128; round++) {
        bool is_png = round % 2 == 0;
        struct vitlrp_preprocess preprocess = kinds[round / 2 % 4];
        for (int c = 0; c < 3; c++) {
            preprocess.std[c] = 1.0F;
        }
        struct image picture = picture_make(below(&random, 70) + 30, below(&random, 70) + 30);
        struct bytes file = file_of(&picture, is_png, round / 8 % 8 + 1);
        struct photograph_loaded whole, rows;
        struct photograph_wishes wishes = {.limits = &limits,
                                           .preprocess = &preprocess,
                                           .whole_pixels = PHOTOGRAPH_WHOLE_PIXELS,
                                           .ignore_exif = round % 16 == 1,
                                           .draws = round % 3 != 0,
                                           .max_side = 20};
        load(&file, &wishes, &whole);
        wishes.whole_pixels = 1;
        load_file(&file, &wishes, &rows);
        assert_equal_images(&whole.seen, &rows.seen);
        assert_int_equal(whole.photograph.width, rows.photograph.width);
        assert_int_equal(whole.photograph.height, rows.photograph.height);
        assert_int_equal(whole.photograph.orientation, rows.photograph.orientation);
        assert_string_equal(whole.photograph.format, rows.photograph.format);
        assert_memory_equal(&whole.plan, &rows.plan, sizeof whole.plan);
        assert_true((rows.photograph.pixels.rgb != NULL) == wishes.draws);
        assert_int_equal(rows.photograph.pixels.width, whole.photograph.pixels.width);
        assert_int_equal(rows.photograph.pixels.height, whole.photograph.pixels.height);
        assert_true(!wishes.draws || rows.photograph.pixels.width == 20 ||
                    rows.photograph.pixels.height == 20);
        photograph_loaded_free(&whole);
        photograph_loaded_free(&rows);
        image_free(&picture);
        file_free(&file, is_png);
    }
}

/* An input of 8 x 8, and a picture as small. */
static struct photograph_wishes little_of(const struct vitlrp_image_limits *limits) {
    static const struct vitlrp_preprocess PREPROCESS = {
        .resize = VITLRP_RESIZE_SQUASH, .resize_to = 8, .std = {1.0F, 1.0F, 1.0F}};
    return (struct photograph_wishes){.limits = limits,
                                      .preprocess = &PREPROCESS,
                                      .whole_pixels = 1,
                                      .draws = true,
                                      .max_side = 8};
}

/* A file that is cut: refused in rows as it is whole. */
static void test_cut_files(void **state) {
    struct vitlrp_image_limits limits = image_limits_default();
    struct photograph_wishes wishes = little_of(&limits);
    struct image picture = picture_make(40, 30);
    (void) state;
    for (int png = 0; png < 2; png++) {
        struct bytes file = file_of(&picture, png == 1, 6);
        for (size_t size = 12; size < file.size; size += 7) {
            struct photograph_loaded loaded;
            struct vitlrp_error err;
            assert_int_equal(photograph_load(file.data, size, &wishes, &loaded, &err),
                             VITLRP_FORMAT);
        }
        file_free(&file, png == 1);
    }
    image_free(&picture);
}

/* ---- Files beyond a block ---- */

/* Noise does not pack: the files have several blocks, one of them a comment before the frame. */
static void test_files_of_several_blocks(void **state) {
    static const uint8_t comment[] = {0xff, 0xfe, 0xff, 0xff};
    struct vitlrp_image_limits limits = image_limits_default();
    struct photograph_wishes wishes = little_of(&limits);
    struct test_random random = {.state = 8};
    struct image picture = picture_make(300, 250);
    (void) state;
    for (size_t i = 0; i < (size_t) 300 * 250 * 3; i++) {
        picture.rgb[i] = (uint8_t) test_below(&random, 256);
    }
    for (int png = 0; png < 2; png++) {
        struct bytes file = file_of(&picture, png == 1, 6);
        struct bytes longer = {test_calloc(file.size + 65537, 1), file.size + 65537};
        memcpy(longer.data, file.data, 2);
        memcpy(longer.data + 2, comment, sizeof comment);
        memcpy(longer.data + 2 + 65537, file.data + 2, file.size - 2);
        const struct bytes *read = png == 1 ? &file : &longer;
        struct photograph_loaded whole, blocks;
        assert_true(read->size > 2 * WINDOW_BYTES);
        load(read, &wishes, &whole);
        load_file(read, &wishes, &blocks);
        assert_equal_images(&whole.seen, &blocks.seen);
        assert_int_equal(blocks.photograph.orientation, png == 1 ? 1 : 6);
        photograph_loaded_free(&whole);
        photograph_loaded_free(&blocks);
        file_free(&file, png == 1);
        test_free(longer.data);
    }
    image_free(&picture);
}

/* Of formats whose readers want a file in memory. */
static void test_files_read_whole(void **state) {
    static const char PPM[] = "P6\n2 2\n255\nabcdefghijkl";
    const struct bytes file = {(unsigned char *) PPM, sizeof PPM - 1};
    struct vitlrp_image_limits limits = image_limits_default();
    struct photograph_wishes wishes = little_of(&limits);
    struct photograph_loaded memory, read;
    (void) state;
    load(&file, &wishes, &memory);
    load_file(&file, &wishes, &read);
    assert_string_equal(read.photograph.format, "pnm");
    assert_equal_images(&memory.seen, &read.seen);
    photograph_loaded_free(&memory);
    photograph_loaded_free(&read);
}

static enum vitlrp_status lengthen(void *user, int32_t width, int32_t height, int32_t orientation,
                                   bool *takes, struct vitlrp_error *err) {
    const struct source *file = user;
    (void) width, (void) height, (void) orientation, (void) err;
    assert_int_equal(ftruncate(file->descriptor, (off_t) file->size + 1), 0);
    *takes = false;
    return VITLRP_OK;
}

static void test_a_file_that_changes(void **state) {
    struct vitlrp_image_limits limits = image_limits_default();
    struct image picture = picture_make(40, 30);
    (void) state;
    for (int png = 0; png < 2; png++) {
        struct bytes bytes = file_of(&picture, png == 1, 1);
        struct source file = put_in_file(&bytes);
        const struct row_sink sink = {&file, lengthen, NULL};
        const struct decode_input input = {file, &limits, &sink, NULL};
        struct decoded decoded = {0};
        struct vitlrp_error err = {0};
        assert_int_equal(decode_rows(&input, &decoded, &err), VITLRP_IO);
        assert_string_equal(err.message, "changed while it was read");
        assert_null(decoded.image.rgb);
        close(file.descriptor);
        file_free(&bytes, png == 1);
    }
    image_free(&picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_windows_of_any_resize),
        cmocka_unit_test(test_files_in_rows_and_whole),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_files_of_several_blocks),
        cmocka_unit_test(test_files_read_whole),
        cmocka_unit_test(test_a_file_that_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
