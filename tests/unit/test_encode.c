/* Encoded pictures come back through the libraries' own readers: pixels, comments, settings. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "base/mem.h"
#include "imgio/encode.h"

#include "support/unit.h"

/* A gradient with a little deterministic texture. */
static struct image make_picture(int32_t width, int32_t height) {
    struct image image;
    assert_int_equal(image_alloc(width, height, &image, NULL), VITLRP_OK);
    for (int32_t y = 0; y < height; y++) {
        for (int32_t x = 0; x < width; x++) {
            uint8_t *pixel = image.rgb + 3 * ((size_t) y * (size_t) width + (size_t) x);
            pixel[0] = (uint8_t) (x * 255 / width);
            pixel[1] = (uint8_t) (y * 255 / height);
            pixel[2] = (uint8_t) (100 + (x * 7 + y * 13) % 16);
        }
    }
    return image;
}

static void assert_png_pixels(const struct bytes *file, const struct image *wanted) {
    png_image reader = {.version = PNG_IMAGE_VERSION};
    assert_true(png_image_begin_read_from_memory(&reader, file->data, file->size));
    assert_int_equal(reader.width, wanted->width);
    assert_int_equal(reader.height, wanted->height);
    reader.format = PNG_FORMAT_RGB;
    uint8_t *pixels = malloc(PNG_IMAGE_SIZE(reader));
    assert_non_null(pixels);
    assert_true(png_image_finish_read(&reader, NULL, pixels, 0, NULL));
    assert_memory_equal(pixels, wanted->rgb, PNG_IMAGE_SIZE(reader));
    free(pixels);
}

/* Finds the first chunk of a type and copies its data as a string. */
static bool find_chunk(const struct bytes *file, const char *type, char *out, size_t size) {
    size_t offset = 8;
    while (offset + 12 <= file->size) {
        size_t length = png_get_uint_32(file->data + offset);
        if (memcmp(file->data + offset + 4, type, 4) == 0 && length < size) {
            memcpy(out, file->data + offset + 8, length);
            out[length] = '\0';
            return true;
        }
        offset += length + 12;
    }
    return false;
}

static void test_png_round_trip(void **state) {
    (void) state;
    const int32_t sizes[][2] = {{1, 1}, {1, 2000}, {2000, 1}, {37, 41}, {256, 256}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct image image = make_picture(sizes[i][0], sizes[i][1]);
        struct bytes file;
        char text[64];
        assert_int_equal(encode_png(&image, NULL, &file, NULL), VITLRP_OK);
        assert_png_pixels(&file, &image);
        assert_false(find_chunk(&file, "tEXt", text, sizeof text));
        bytes_free(&file);
        image_free(&image);
    }
}

static void test_png_comment(void **state) {
    (void) state;
    struct image image = make_picture(8, 8);
    struct bytes file;
    char text[256] = "";
    assert_int_equal(encode_png(&image, "class 105\ngamma 0.25", &file, NULL), VITLRP_OK);
    assert_true(find_chunk(&file, "tEXt", text, sizeof text));
    assert_string_equal(text, "Comment");
    assert_string_equal(text + strlen("Comment") + 1, "class 105\ngamma 0.25");
    bytes_free(&file);

    assert_int_equal(encode_png(&image, "M\xC3\xBCll", &file, NULL), VITLRP_OK);
    assert_false(find_chunk(&file, "tEXt", text, sizeof text));
    assert_true(find_chunk(&file, "iTXt", text, sizeof text));
    assert_string_equal(text + strlen("Comment") + 5, "M\xC3\xBCll");
    assert_png_pixels(&file, &image);
    bytes_free(&file);

    assert_int_equal(encode_png(&image, "\xFF\xFE", &file, NULL), VITLRP_OK);
    assert_true(find_chunk(&file, "tEXt", text, sizeof text));
    assert_png_pixels(&file, &image);
    bytes_free(&file);
    image_free(&image);
}

static void test_png_is_deterministic(void **state) {
    (void) state;
    struct image image = make_picture(90, 60);
    struct bytes first;
    struct bytes second;
    assert_int_equal(encode_png(&image, "same", &first, NULL), VITLRP_OK);
    assert_int_equal(encode_png(&image, "same", &second, NULL), VITLRP_OK);
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    bytes_free(&first);
    bytes_free(&second);
    image_free(&image);
}

/* Reads a JPEG with libjpeg's defaults (its error handler ends the test program, as it should).
 * Returns the mean absolute difference of the pixels and the bytes of comment found. */
static double read_jpeg(const struct bytes *file, const struct image *wanted,
                        size_t *comment_size) {
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct codec = {.err = jpeg_std_error(&errors)};
    jpeg_create_decompress(&codec);
    jpeg_save_markers(&codec, JPEG_COM, 0xFFFF);
    jpeg_mem_src(&codec, file->data, file->size);
    assert_int_equal(jpeg_read_header(&codec, TRUE), JPEG_HEADER_OK);
    assert_int_equal(codec.image_width, wanted->width);
    assert_int_equal(codec.image_height, wanted->height);
    for (int c = 0; c < 3; c++) {
        assert_int_equal(codec.comp_info[c].h_samp_factor, 1);
        assert_int_equal(codec.comp_info[c].v_samp_factor, 1);
    }
    *comment_size = 0;
    for (jpeg_saved_marker_ptr marker = codec.marker_list; marker != NULL; marker = marker->next) {
        *comment_size += marker->data_length;
    }
    jpeg_start_decompress(&codec);
    size_t row_bytes = (size_t) wanted->width * 3;
    JSAMPROW row = malloc(row_bytes);
    assert_non_null(row);
    double sum = 0.0;
    for (size_t y = 0; y < (size_t) wanted->height; y++) {
        jpeg_read_scanlines(&codec, &row, 1);
        for (size_t i = 0; i < row_bytes; i++) {
            sum += abs(row[i] - wanted->rgb[y * row_bytes + i]);
        }
    }
    free(row);
    jpeg_finish_decompress(&codec);
    jpeg_destroy_decompress(&codec);
    return sum / (double) (row_bytes * (size_t) wanted->height);
}

static void test_jpeg_round_trip(void **state) {
    (void) state;
    const int32_t sizes[][2] = {{1, 1}, {1, 2000}, {2000, 1}, {37, 41}, {256, 256}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct image image = make_picture(sizes[i][0], sizes[i][1]);
        struct bytes file;
        size_t comment_size;
        assert_int_equal(encode_jpeg(&image, "class 105", &file, NULL), VITLRP_OK);
        assert_true(read_jpeg(&file, &image, &comment_size) < 3.0);
        assert_int_equal(comment_size, strlen("class 105"));
        bytes_free(&file);
        image_free(&image);
    }
}

static void test_jpeg_long_comment(void **state) {
    (void) state;
    const size_t length = 200000;
    char *comment = mem_calloc(length + 1, 1);
    assert_non_null(comment);
    memset(comment, 'x', length);
    struct image image = make_picture(16, 16);
    struct bytes file;
    size_t comment_size;
    assert_int_equal(encode_jpeg(&image, comment, &file, NULL), VITLRP_OK);
    assert_true(read_jpeg(&file, &image, &comment_size) < 3.0);
    assert_int_equal(comment_size, length);
    bytes_free(&file);
    image_free(&image);
    mem_free(comment);
}

static void test_jpeg_too_large(void **state) {
    (void) state;
    struct image image;
    struct bytes file = {0};
    struct vitlrp_error err;
    assert_int_equal(image_alloc(65501, 1, &image, NULL), VITLRP_OK);
    assert_int_equal(encode_jpeg(&image, NULL, &file, &err), VITLRP_UNSUPPORTED);
    assert_null(file.data);
    image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_round_trip),       cmocka_unit_test(test_png_comment),
        cmocka_unit_test(test_png_is_deterministic), cmocka_unit_test(test_jpeg_round_trip),
        cmocka_unit_test(test_jpeg_long_comment),    cmocka_unit_test(test_jpeg_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
