/* The picture of a conditional map: what is shown, which square is cut out, and how dark the rest
 * is, of made-up maps. */
#include <stdlib.h>
#include <string.h>

#include "cli/concepts/gallery_crop.h"
#include "vitlrp.h"

#include "support/unit.h"

#define SIDE 48
#define PATCH 8

static uint8_t rgb[SIDE * SIDE * 3];
static float map[SIDE * SIDE];

static struct gallery_view view_of(int32_t height, int32_t width) {
    memset(rgb, 200, sizeof rgb);
    memset(map, 0, sizeof map);
    return (struct gallery_view){rgb, height, width, PATCH};
}

static struct gallery_square find(const struct gallery_view *view) {
    struct gallery_square square;
    struct vitlrp_error err;
    assert_int_equal(gallery_crop_find(view, map, &square, &err), VITLRP_OK);
    return square;
}

static void assert_square(const struct gallery_square *square, int32_t top, int32_t left,
                          int32_t height, int32_t width) {
    assert_int_equal(square->top, top);
    assert_int_equal(square->left, left);
    assert_int_equal(square->height, height);
    assert_int_equal(square->width, width);
}

/* A Gaussian of 4 pixels is above a fifth of its peak within 7.18 of them: 15 pixels a side, and a
 * patch of margin around these. */
static void test_square(void **unused) {
    (void) unused;
    struct gallery_view view = view_of(SIDE, SIDE);
    map[20 * SIDE + 30] = 3.0F;
    map[40 * SIDE + 5] = -9.0F; /* what is against it is not shown */
    struct gallery_square square = find(&view);
    assert_square(&square, 20 - 15, 30 - 15, 31, 31);
    assert_float_equal(map[20 * SIDE + 30], 1.0F, 1e-6);
    assert_float_equal(map[20 * SIDE + 28], 0.882497F, 1e-5);
    assert_float_equal(map[18 * SIDE + 28], 0.778801F, 1e-5);
    assert_true(map[40 * SIDE + 5] < 1e-6F);
}

/* It stays in the picture, whose blur has no rim. */
static void test_rim(void **unused) {
    (void) unused;
    struct gallery_view view = view_of(SIDE, SIDE);
    map[0] = 1.0F;
    struct gallery_square square = find(&view);
    assert_int_equal(square.top, 0);
    assert_int_equal(square.left, 0);
    assert_int_equal(square.height, square.width);
    view = view_of(SIDE, SIDE);
    for (size_t i = 0; i < (size_t) SIDE * SIDE; i++) {
        map[i] = 0.5F;
    }
    square = find(&view);
    assert_square(&square, 0, 0, SIDE, SIDE);
    assert_float_equal(map[0], 1.0F, 1e-6);
}

static void test_narrow(void **unused) {
    (void) unused;
    struct gallery_view view = view_of(14, 40);
    map[7 * 40 + 20] = 1.0F;
    struct gallery_square square = find(&view);
    assert_square(&square, 0, 20 - 15, 14, 31);
}

static void test_nothing(void **unused) {
    (void) unused;
    struct gallery_view view = view_of(SIDE, SIDE);
    map[7] = -1.0F;
    struct gallery_square square = find(&view);
    assert_square(&square, 0, 0, SIDE, SIDE);
}

/* The pixel of a decoded picture, its first channel. */
static int pixel(const unsigned char *data, size_t size, int32_t y, int32_t x) {
    struct vitlrp_image *image = NULL;
    struct vitlrp_image_info info;
    assert_int_equal(vitlrp_image_open_memory(data, size, NULL, &image, NULL), VITLRP_OK);
    vitlrp_image_describe(image, &info);
    assert_int_equal(info.width, 31);
    int value = info.rgb[3 * (y * info.width + x)];
    vitlrp_image_close(image);
    return value;
}

static void test_picture(void **unused) {
    unsigned char *data = NULL;
    size_t size = 0;
    struct vitlrp_error err;
    (void) unused;
    struct gallery_view view = view_of(SIDE, SIDE);
    map[20 * SIDE + 30] = 3.0F;
    assert_int_equal(gallery_crop(&view, map, &data, &size, &err), VITLRP_OK);
    assert_true(abs(pixel(data, size, 15, 15) - 200) < 12);
    assert_true(abs(pixel(data, size, 1, 1) - 50) < 12);
    vitlrp_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_square),  cmocka_unit_test(test_rim),
        cmocka_unit_test(test_narrow),  cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
