/* The public image and preprocessing functions: against Pillow's results for the sample photographs
 * (tests/golden/preprocess/expected.json), against torchvision's geometry, and on bad arguments. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/npy.h"
#include "base/words.h"
#include "imgio/preprocess.h"
#include "support/golden.h"
#include "support/pictures.h"
#include "support/unit.h"
#include "vitlrp.h"

#define GOLDEN TEST_DATA "/golden/preprocess/"

static const struct {
    const char *name;
    struct vitlrp_preprocess preprocess;
} pipelines[] = {
    {"torchvision_256_bilinear_224",
     {VITLRP_RESIZE_SHORT,
      256,
      VITLRP_BILINEAR,
      224,
      224,
      {0, 0, 0},
      {1, 1, 1},
      0,
      VITLRP_CROP_EVEN,
      0,
      0,
      0}},
    {"timm_248_bicubic_224",
     {VITLRP_RESIZE_SHORT,
      248,
      VITLRP_BICUBIC,
      224,
      224,
      {0, 0, 0},
      {1, 1, 1},
      0,
      VITLRP_CROP_EVEN,
      0,
      0,
      0}},
    {"huggingface_squash_224_bilinear",
     {VITLRP_RESIZE_SQUASH,
      224,
      VITLRP_BILINEAR,
      0,
      0,
      {0, 0, 0},
      {1, 1, 1},
      0,
      VITLRP_CROP_EVEN,
      0,
      0,
      0}},
    {"bundled_64_bicubic_64",
     {VITLRP_RESIZE_SHORT,
      64,
      VITLRP_BICUBIC,
      64,
      64,
      {0, 0, 0},
      {1, 1, 1},
      0,
      VITLRP_CROP_EVEN,
      0,
      0,
      0}},
};

static struct vitlrp_preprocess torchvision(void) {
    return (struct vitlrp_preprocess){.resize = VITLRP_RESIZE_SHORT,
                                      .resize_to = 256,
                                      .interpolation = VITLRP_BILINEAR,
                                      .crop_height = 224,
                                      .crop_width = 224,
                                      .mean = {0.485f, 0.456f, 0.406f},
                                      .std = {0.229f, 0.224f, 0.225f}};
}

static struct vitlrp_image *open_sample(const char *name) {
    char path[256];
    snprintf(path, sizeof path, PROJECT_DATA "/%s", name);
    struct vitlrp_image *image = NULL;
    assert_int_equal(vitlrp_image_open(path, NULL, &image, NULL), VITLRP_OK);
    return image;
}

/* The model input of a mean of 0 and a deviation of 1, turned back into bytes. */
static struct image input_pixels(const struct vitlrp_preprocess *preprocess,
                                 const struct vitlrp_image *image) {
    struct vitlrp_image_info info;
    struct vitlrp_geometry geometry;
    vitlrp_image_describe(image, &info);
    assert_int_equal(vitlrp_preprocess_plan(preprocess, info.width, info.height, &geometry, NULL),
                     VITLRP_OK);
    size_t plane = (size_t) geometry.input_width * (size_t) geometry.input_height;
    float *input = test_calloc(plane * 3, sizeof *input);
    assert_int_equal(vitlrp_preprocess_apply(preprocess, image, input, NULL), VITLRP_OK);
    struct image pixels;
    assert_int_equal(image_alloc(geometry.input_width, geometry.input_height, &pixels, NULL),
                     VITLRP_OK);
    for (size_t i = 0; i < plane * 3; i++) {
        pixels.rgb[i] = (uint8_t) lrintf(input[i % 3 * plane + i / 3] * 255.0f);
    }
    test_free(input);
    return pixels;
}

static void check_photograph(const char *name, const json_t *expected) {
    struct vitlrp_image *image = open_sample(name);
    struct vitlrp_image_info info;
    vitlrp_image_describe(image, &info);
    const json_t *size = json_object_get(expected, "size");
    assert_int_equal(info.width, json_integer_value(json_array_get(size, 0)));
    assert_int_equal(info.height, json_integer_value(json_array_get(size, 1)));
    assert_string_equal(info.format, "jpeg");
    struct image stored = {.width = info.width, .height = info.height};
    memcpy(&stored.rgb, &info.rgb, sizeof stored.rgb);
    picture_assert_sha256(&stored, json_get_string(expected, "rgb_sha256"));
    const json_t *hashes = json_object_get(expected, "pipelines");
    assert_int_equal(json_object_size(hashes), sizeof pipelines / sizeof *pipelines);
    for (size_t i = 0; i < sizeof pipelines / sizeof *pipelines; i++) {
        struct image pixels = input_pixels(&pipelines[i].preprocess, image);
        picture_assert_sha256(&pixels, json_get_string(hashes, pipelines[i].name));
        image_free(&pixels);
    }
    vitlrp_image_close(image);
}

static void test_equals_pillow(void **state) {
    (void) state;
    json_t *root = NULL;
    assert_int_equal(json_read_object(GOLDEN "expected.json", 1 << 20, &root, NULL), VITLRP_OK);
    json_t *images = json_object_get(root, "images");
    assert_int_equal(json_object_size(images), 6);
    const char *name;
    json_t *expected;
    json_object_foreach(images, name, expected) {
        check_photograph(name, expected);
    }
    json_decref(root);
}

/* The pixels themselves, so that a difference can be looked at. */
static void test_pixels_of_bundled_model(void **state) {
    (void) state;
    static const char *const names[] = {"dam", "goldfish", "koala"};
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.jpg", names[i]);
        struct vitlrp_image *image = open_sample(name);
        struct image pixels = input_pixels(&pipelines[3].preprocess, image);
        char path[256];
        snprintf(path, sizeof path, GOLDEN "%s_bundled_64_bicubic_64.npy", names[i]);
        struct bytes file;
        struct npy_header header;
        assert_int_equal(file_read(path, 1 << 20, &file, NULL), VITLRP_OK);
        assert_int_equal(npy_parse_header(file.data, file.size, file.size, &header, NULL),
                         VITLRP_OK);
        assert_int_equal(header.count, 64 * 64 * 3);
        assert_memory_equal(pixels.rgb, file.data + header.data_offset, header.count);
        bytes_free(&file);
        image_free(&pixels);
        vitlrp_image_close(image);
    }
}

/* ---- What the libraries make of the same picture ---- */

static struct vitlrp_image *formula_picture(int32_t width, int32_t height) {
    struct vitlrp_image *image = NULL;
    size_t size = (size_t) width * (size_t) height * 3;
    uint8_t *rgb = test_calloc(size, 1);
    for (size_t i = 0; i < size; i++) {
        rgb[i] = (uint8_t) ((uint32_t) i * UINT32_C(2654435761) >> 13);
    }
    assert_int_equal(vitlrp_image_from_rgb(rgb, height, width, &image, NULL), VITLRP_OK);
    test_free(rgb);
    return image;
}

static int32_t item(const json_t *object, const char *key, size_t index) {
    const json_t *value = json_object_get(object, key);
    value = json_is_array(value) ? json_array_get(value, index) : value;
    assert_true(json_is_integer(value));
    return (int32_t) json_integer_value(value);
}

static int word(enum word_list list, const json_t *object, const char *key) {
    int found = word_find(list, json_get_string(object, key));
    assert_true(found >= 0);
    return found;
}

static void check_library(const json_t *expected) {
    struct vitlrp_preprocess preprocess = {
        .resize = (enum vitlrp_resize) word(WORDS_RESIZE, expected, "resize"),
        .resize_to = item(expected, "resize_to", 0),
        .resize_width = item(expected, "resize_width", 0),
        .interpolation =
            (enum vitlrp_interpolation) word(WORDS_INTERPOLATION, expected, "interpolation"),
        .crop_offset = (enum vitlrp_crop_offset) word(WORDS_CROP_OFFSET, expected, "crop_offset"),
        .crop_height = item(expected, "crop", 0),
        .crop_width = item(expected, "crop", 1),
        .std = {1, 1, 1}};
    struct vitlrp_image *image =
        formula_picture(item(expected, "image", 0), item(expected, "image", 1));
    struct image pixels = input_pixels(&preprocess, image);
    assert_int_equal(pixels.width, item(expected, "size", 0));
    assert_int_equal(pixels.height, item(expected, "size", 1));
    picture_assert_sha256(&pixels, json_get_string(expected, "sha256"));
    image_free(&pixels);
    vitlrp_image_close(image);
}

/* Orders of passes, offsets, black borders, filters: libraries.json says who made it. */
static void test_equals_libraries(void **state) {
    (void) state;
    json_t *root = NULL;
    size_t i;
    const json_t *expected;
    assert_int_equal(json_read_object(GOLDEN "libraries.json", 1 << 20, &root, NULL), VITLRP_OK);
    const json_t *cases = json_object_get(root, "cases");
    assert_int_equal(json_array_size(cases), 27);
    json_array_foreach(cases, i, expected) {
        check_library(expected);
    }
    json_decref(root);
}

/* (v / 255 - mean) / std, with float32's rounding after each step. */
static void test_normalisation(void **state) {
    (void) state;
    struct vitlrp_preprocess preprocess = torchvision();
    struct vitlrp_preprocess plain = pipelines[0].preprocess;
    struct vitlrp_image *image = open_sample("koala.jpg");
    struct image pixels = input_pixels(&plain, image);
    static float input[3 * 224 * 224];
    assert_int_equal(vitlrp_preprocess_apply(&preprocess, image, input, NULL), VITLRP_OK);
    for (size_t i = 0; i < (size_t) 224 * 224; i++) {
        for (size_t c = 0; c < 3; c++) {
            volatile float value = (float) pixels.rgb[3 * i + c] / 255.0f;
            value = value - preprocess.mean[c];
            value = value / preprocess.std[c];
            assert_true(value == input[c * 224 * 224 + i]);
        }
    }
    image_free(&pixels);
    vitlrp_image_close(image);
}

/* Sizes and offsets that torchvision 0.15's functional.resize and center_crop give: int(256 * long
 * / short), and Python's round, which sends halves to the even neighbour. */
static void test_geometry(void **state) {
    (void) state;
    static const struct {
        int32_t width, height, resized_width, resized_height, left, top;
    } cases[] = {
        {500, 375, 341, 256, 58, 16}, {375, 500, 256, 341, 16, 58},
        {256, 256, 256, 256, 16, 16}, {1000, 997, 256, 256, 16, 16},
        {259, 256, 259, 256, 18, 16}, {257, 256, 257, 256, 16, 16},
        {100, 100, 256, 256, 16, 16}, {1, 10000, 256, 2560000, 16, 1279888},
    };
    struct vitlrp_preprocess preprocess = {
        .resize = VITLRP_RESIZE_SHORT, .resize_to = 256, .crop_height = 224, .crop_width = 224};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct preprocess_plan plan;
        assert_int_equal(
            preprocess_plan_make(&preprocess, cases[i].width, cases[i].height, &plan, NULL),
            VITLRP_OK);
        assert_int_equal(plan.resize.width, cases[i].resized_width);
        assert_int_equal(plan.resize.height, cases[i].resized_height);
        assert_int_equal(plan.resize.left, cases[i].left);
        assert_int_equal(plan.resize.top, cases[i].top);
        double scale = (double) cases[i].width / cases[i].resized_width;
        assert_true(fabs(plan.geometry.left - cases[i].left * scale) < 1e-9);
        assert_true(fabs(plan.geometry.width - 224 * scale) < 1e-9);
        assert_true(plan.geometry.left + plan.geometry.width <= cases[i].width);
        assert_true(plan.geometry.top + plan.geometry.height <= cases[i].height);
    }
}

static void test_geometry_without_crop_or_resize(void **state) {
    (void) state;
    struct vitlrp_preprocess preprocess = torchvision();
    struct vitlrp_geometry geometry;
    preprocess.resize = VITLRP_RESIZE_NONE;
    assert_int_equal(vitlrp_preprocess_plan(&preprocess, 227, 225, &geometry, NULL), VITLRP_OK);
    assert_true(geometry.left == 2.0 && geometry.top == 0.0);
    assert_true(geometry.width == 224.0 && geometry.height == 224.0);
    preprocess.resize = VITLRP_RESIZE_SQUASH;
    preprocess.crop_width = preprocess.crop_height = 0;
    assert_int_equal(vitlrp_preprocess_plan(&preprocess, 500, 300, &geometry, NULL), VITLRP_OK);
    assert_int_equal(geometry.input_width, 256);
    assert_int_equal(geometry.input_height, 256);
    assert_int_equal(geometry.image_width, 500);
    assert_true(geometry.left == 0.0 && geometry.width == 500.0 && geometry.height == 300.0);
}

/* A crop larger than the picture shows all of it, with black around it. */
static void test_geometry_of_padded(void **state) {
    (void) state;
    struct vitlrp_geometry geometry;
    struct vitlrp_preprocess small = torchvision();
    small.resize_to = 201;
    assert_int_equal(vitlrp_preprocess_plan(&small, 402, 402, &geometry, NULL), VITLRP_OK);
    assert_int_equal(geometry.input_width, 224);
    assert_true(geometry.left == -22.0 && geometry.width == 448.0);
    small.crop_offset = VITLRP_CROP_FLOOR;
    assert_int_equal(vitlrp_preprocess_plan(&small, 402, 402, &geometry, NULL), VITLRP_OK);
    assert_true(geometry.top == -24.0 && geometry.height == 448.0);
}

/* What no patch reads is centred with the crop, and not shown. */
static void test_geometry_of_unread(void **state) {
    (void) state;
    struct vitlrp_geometry geometry;
    struct vitlrp_preprocess siglip = torchvision();
    siglip.resize = VITLRP_RESIZE_SQUASH;
    siglip.resize_to = 400;
    siglip.crop_height = siglip.crop_width = 378;
    siglip.unread_height = siglip.unread_width = 6;
    assert_int_equal(vitlrp_preprocess_plan(&siglip, 800, 400, &geometry, NULL), VITLRP_OK);
    assert_int_equal(geometry.input_width, 378);
    assert_true(geometry.left == 16.0 && geometry.top == 8.0);
    assert_true(geometry.width == 756.0 && geometry.height == 378.0);
}

static void test_plan_refusals(void **state) {
    (void) state;
    struct vitlrp_geometry geometry;
    struct vitlrp_error error;
    struct vitlrp_preprocess small = torchvision();
    struct vitlrp_preprocess unknown = torchvision();
    unknown.resize = VITLRP_RESIZE_UNKNOWN;
    assert_int_equal(vitlrp_preprocess_plan(&unknown, 300, 300, &geometry, &error),
                     VITLRP_UNSUPPORTED);
    assert_non_null(strstr(error.message, "resized is not known"));
    struct vitlrp_preprocess whole = torchvision();
    whole.crop_width = whole.crop_height = 0;
    assert_int_equal(vitlrp_preprocess_plan(&whole, 16384, 1, &geometry, &error), VITLRP_LIMIT);
    whole.resize_to = INT32_MAX;
    assert_int_equal(vitlrp_preprocess_plan(&whole, 2, 1, &geometry, &error), VITLRP_LIMIT);
    struct vitlrp_preprocess bad[11];
    for (size_t i = 0; i < 11; i++) {
        bad[i] = torchvision();
    }
    bad[0].resize_to = 0;
    bad[1].crop_width = -1;
    bad[2].std[1] = 0.0f;
    bad[3].std[2] = NAN;
    bad[4].mean[0] = INFINITY;
    bad[5].resize = (enum vitlrp_resize) 7;
    bad[6].interpolation = (enum vitlrp_interpolation) 9;
    bad[7].crop_height = INT32_MIN;
    bad[8].resize_width = -1;
    bad[9].crop_offset = (enum vitlrp_crop_offset) 2;
    bad[10].unread_height = -1;
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(vitlrp_preprocess_plan(&bad[i], 300, 300, &geometry, &error),
                         VITLRP_USAGE);
    }
    assert_int_equal(vitlrp_preprocess_plan(&small, 0, 300, &geometry, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_preprocess_plan(NULL, 1, 1, &geometry, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_preprocess_plan(&small, 1, 1, NULL, NULL), VITLRP_USAGE);
}

static void test_small_and_long_images(void **state) {
    (void) state;
    static const int32_t sizes[][2] = {{1, 1}, {1, 37}, {15, 15}, {223, 225}, {10000, 1}};
    static float input[3 * 224 * 224];
    static char file[64 + 223 * 225 * 3];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int length = snprintf(file, 64, "P6 %d %d 255\n", sizes[i][0], sizes[i][1]);
        size_t bytes = (size_t) sizes[i][0] * (size_t) sizes[i][1] * 3;
        memset(file + length, 128, bytes);
        struct vitlrp_image *image = NULL;
        assert_int_equal(
            vitlrp_image_open_memory(file, (size_t) length + bytes, NULL, &image, NULL), VITLRP_OK);
        struct vitlrp_preprocess preprocess = torchvision();
        assert_int_equal(vitlrp_preprocess_apply(&preprocess, image, input, NULL), VITLRP_OK);
        float grey = (128.0f / 255.0f - 0.485f) / 0.229f;
        assert_true(input[0] == grey && input[224 * 224 - 1] == grey);
        vitlrp_image_close(image);
    }
}

/* Pillow's convert("L") of red, green, blue, white and a dark colour. */
static void test_one_channel(void **state) {
    static const uint8_t colours[5][3] = {
        {255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}, {10, 20, 30}};
    static const uint8_t greys[5] = {76, 150, 29, 255, 18};
    struct vitlrp_image *image = NULL;
    struct vitlrp_image *shown = NULL;
    struct vitlrp_image_info info;
    struct vitlrp_preprocess preprocess = {
        .resize = VITLRP_RESIZE_NONE, .mean = {0.5F, 9, 9}, .std = {0.25F, 9, 9}, .channels = 1};
    float input[5];
    (void) state;
    assert_int_equal(vitlrp_image_from_rgb(colours[0], 1, 5, &image, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_preprocess_apply(&preprocess, image, input, NULL), VITLRP_OK);
    for (size_t i = 0; i < 5; i++) {
        assert_true(input[i] == ((float) greys[i] / 255.0F - 0.5F) / 0.25F);
    }
    assert_int_equal(vitlrp_image_from_input(input, 1, 5, &preprocess, &shown, NULL), VITLRP_OK);
    vitlrp_image_describe(shown, &info);
    for (size_t i = 0; i < 15; i++) {
        assert_int_equal(info.rgb[i], greys[i / 3]);
    }
    preprocess.channels = 2;
    assert_int_equal(vitlrp_preprocess_apply(&preprocess, image, input, NULL), VITLRP_USAGE);
    vitlrp_image_close(shown);
    vitlrp_image_close(image);
}

static void test_image_from_input(void **state) {
    (void) state;
    struct vitlrp_preprocess preprocess = torchvision();
    struct vitlrp_image *photograph = open_sample("dam.jpg");
    struct image pixels = input_pixels(&pipelines[0].preprocess, photograph);
    static float input[3 * 224 * 224];
    assert_int_equal(vitlrp_preprocess_apply(&preprocess, photograph, input, NULL), VITLRP_OK);
    struct vitlrp_image *image = NULL;
    assert_int_equal(vitlrp_image_from_input(input, 224, 224, &preprocess, &image, NULL),
                     VITLRP_OK);
    struct vitlrp_image_info info;
    vitlrp_image_describe(image, &info);
    assert_string_equal(info.format, "input");
    assert_int_equal(info.orientation, 1);
    assert_memory_equal(info.rgb, pixels.rgb, 224 * 224 * 3);
    vitlrp_image_close(image);
    image = NULL;
    struct vitlrp_error error;
    input[7] = NAN;
    assert_int_equal(vitlrp_image_from_input(input, 224, 224, &preprocess, &image, &error),
                     VITLRP_NUMERIC);
    assert_int_equal(vitlrp_image_from_input(input, 0, 224, &preprocess, &image, &error),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_image_from_input(NULL, 1, 1, &preprocess, &image, &error),
                     VITLRP_USAGE);
    assert_null(image);
    image_free(&pixels);
    vitlrp_image_close(photograph);
}

static void test_image_from_rgb(void **state) {
    (void) state;
    uint8_t rgb[] = {1, 2, 3, 4, 5, 6};
    const uint8_t copied[] = {1, 2, 3, 4, 5, 6};
    struct vitlrp_image *image = NULL;
    struct vitlrp_image_info info;
    struct vitlrp_error error;
    assert_int_equal(vitlrp_image_from_rgb(rgb, 2, 1, &image, &error), VITLRP_OK);
    memset(rgb, 0, sizeof rgb);
    vitlrp_image_describe(image, &info);
    assert_string_equal(info.format, "rgb");
    assert_int_equal(info.orientation, 1);
    assert_int_equal(info.height, 2);
    assert_int_equal(info.width, 1);
    assert_memory_equal(info.rgb, copied, sizeof copied);
    vitlrp_image_close(image);
    image = NULL;
    assert_int_equal(vitlrp_image_from_rgb(rgb, 0, 1, &image, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_from_rgb(rgb, 1, -1, &image, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_from_rgb(NULL, 1, 1, &image, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_from_rgb(rgb, 262145, 1, &image, &error), VITLRP_LIMIT);
    assert_int_equal(vitlrp_image_from_rgb(rgb, 16384, 16384, &image, &error), VITLRP_LIMIT);
    assert_null(image);
}

/* A PNG of 1 x 2 pixels, 1 2 3 over 4 5 6, with an eXIf chunk of orientation 6. */
static const uint8_t turned_png[] = {
    0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0,    0,    13,   'I',  'H',  'D',  'R',
    0,    0,    0,    1,    0,    0,    0,    2,    8,    2,    0,    0,    0,    0x16, 0xe3, 0x21,
    0x70, 0,    0,    0,    0x1a, 0x65, 0x58, 0x49, 0x66, 0x4d, 0x4d, 0,    0x2a, 0,    0,    0,
    8,    0,    1,    1,    0x12, 0,    3,    0,    0,    0,    1,    0,    6,    0,    0,    0,
    0,    0,    0,    0xd6, 0x67, 0x4b, 0x69, 0,    0,    0,    0x10, 0x49, 0x44, 0x41, 0x54, 0x78,
    0x9c, 0x63, 0x60, 0x64, 0x62, 0x66, 0x60, 0x61, 0x65, 3,    0,    0,    0x46, 0,    0x16, 0x77,
    0xf5, 0xc8, 0x7f, 0,    0,    0,    0,    0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
};

static void test_orientation(void **state) {
    (void) state;
    struct vitlrp_image_options options;
    vitlrp_image_options_init(&options);
    for (int ignore = 0; ignore < 2; ignore++) {
        options.ignore_exif = ignore;
        struct vitlrp_image *image = NULL;
        assert_int_equal(
            vitlrp_image_open_memory(turned_png, sizeof turned_png, &options, &image, NULL),
            VITLRP_OK);
        struct vitlrp_image_info info;
        vitlrp_image_describe(image, &info);
        assert_int_equal(info.orientation, 6);
        assert_int_equal(info.width, ignore ? 1 : 2);
        assert_int_equal(info.height, ignore ? 2 : 1);
        assert_memory_equal(info.rgb, ignore ? "\1\2\3\4\5\6" : "\4\5\6\1\2\3", 6);
        vitlrp_image_close(image);
    }
}

static void test_open_refusals(void **state) {
    (void) state;
    struct vitlrp_image *image = NULL;
    struct vitlrp_error error = {0};
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/none.jpg", NULL, &image, &error), VITLRP_IO);
    assert_non_null(strstr(error.message, "none.jpg"));
    assert_true(error.system_errno != 0);
    assert_int_equal(vitlrp_image_open(PROJECT_DATA, NULL, &image, &error), VITLRP_IO);
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/LICENSES.md", NULL, &image, &error),
                     VITLRP_FORMAT);
    assert_non_null(strstr(error.message, "LICENSES.md: not a JPEG"));
    struct vitlrp_image_options options;
    vitlrp_image_options_init(&options);
    options.limits.max_file_bytes = 1000;
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/koala.jpg", &options, &image, &error),
                     VITLRP_LIMIT);
    assert_int_equal(vitlrp_image_open_memory(turned_png, 1001, &options, &image, &error),
                     VITLRP_LIMIT);
    vitlrp_image_options_init(&options);
    options.limits.max_side = 799;
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/koala.jpg", &options, &image, &error),
                     VITLRP_LIMIT);
    options.limits.max_side = 800;
    options.limits.max_pixels = 600 * 800 - 1;
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/koala.jpg", &options, &image, &error),
                     VITLRP_LIMIT);
    options.limits.max_pixels = 0;
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/koala.jpg", &options, &image, &error),
                     VITLRP_USAGE);
    memset(&options, 0, sizeof options);
    assert_int_equal(vitlrp_image_open(PROJECT_DATA "/koala.jpg", &options, &image, &error),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open(NULL, NULL, &image, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open("x", NULL, NULL, &error), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open_memory(NULL, 1, NULL, &image, NULL), VITLRP_USAGE);
    assert_int_equal(vitlrp_image_open_memory(NULL, 0, NULL, &image, NULL), VITLRP_FORMAT);
    assert_null(image);
    vitlrp_image_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_pillow),
        cmocka_unit_test(test_equals_libraries),
        cmocka_unit_test(test_pixels_of_bundled_model),
        cmocka_unit_test(test_normalisation),
        cmocka_unit_test(test_geometry),
        cmocka_unit_test(test_geometry_without_crop_or_resize),
        cmocka_unit_test(test_geometry_of_padded),
        cmocka_unit_test(test_geometry_of_unread),
        cmocka_unit_test(test_plan_refusals),
        cmocka_unit_test(test_small_and_long_images),
        cmocka_unit_test(test_one_channel),
        cmocka_unit_test(test_image_from_input),
        cmocka_unit_test(test_image_from_rgb),
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_open_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
