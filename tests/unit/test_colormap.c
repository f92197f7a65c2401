/* Colour maps: every one has zero in its middle and its published colours at the ends. */
#include <math.h>
#include <string.h>

#include "imgio/colormap.h"

#include "support/unit.h"

struct known {
    const char *name;
    uint8_t negative[3], neutral[3], positive[3];
};

/* The values of matplotlib 3.6.3 at 0, 0.5 and 1; jet and coldnhot by their definitions. */
static const struct known known_maps[] = {
    {"bwr", {0, 0, 255}, {255, 255, 255}, {255, 0, 0}},
    {"seismic", {0, 0, 77}, {255, 255, 255}, {128, 0, 0}},
    {"coldnhot", {0, 255, 255}, {0, 0, 0}, {255, 255, 255}},
    {"coolwarm", {59, 76, 192}, {221, 221, 221}, {180, 4, 38}},
    {"RdBu", {5, 48, 97}, {247, 247, 247}, {103, 0, 31}},
    {"PuOr", {45, 0, 75}, {247, 247, 247}, {127, 59, 8}},
    {"cividis", {0, 34, 78}, {125, 124, 120}, {254, 232, 56}},
    {"viridis", {68, 1, 84}, {33, 145, 140}, {253, 231, 37}},
    {"inferno", {0, 0, 4}, {188, 55, 84}, {252, 255, 164}},
    {"magma", {0, 0, 4}, {183, 55, 121}, {252, 253, 191}},
    {"turbo", {48, 18, 59}, {164, 252, 60}, {122, 4, 3}},
    {"jet", {0, 0, 128}, {128, 255, 128}, {128, 0, 0}},
    {"gray", {0, 0, 0}, {128, 128, 128}, {255, 255, 255}},
};

static void assert_near(const uint8_t *got, const uint8_t *wanted, int tolerance) {
    for (int c = 0; c < 3; c++) {
        assert_in_range(got[c] + tolerance - wanted[c], 0, 2 * tolerance);
    }
}

static void test_ends_and_centre(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof known_maps / sizeof known_maps[0]; i++) {
        struct colormap map;
        assert_int_equal(colormap_make(known_maps[i].name, &map, NULL), VITLRP_OK);
        assert_near(map.rgb[colormap_index(-1.0F)], known_maps[i].negative, 0);
        assert_near(map.rgb[colormap_index(0.0F)], known_maps[i].neutral, 1);
        assert_near(map.rgb[colormap_index(1.0F)], known_maps[i].positive, 0);
    }
}

static void test_index_is_symmetric_and_clipped(void **state) {
    (void) state;
    assert_int_equal(colormap_index(0.0F), COLORMAP_SIDE);
    assert_int_equal(colormap_index(-INFINITY), 0);
    assert_int_equal(colormap_index(INFINITY), COLORMAP_ENTRIES - 1);
    for (int i = 0; i <= COLORMAP_SIDE; i++) {
        float value = (float) i / (float) COLORMAP_SIDE;
        assert_int_equal(colormap_index(value), COLORMAP_SIDE + i);
        assert_int_equal(colormap_index(-value), COLORMAP_SIDE - i);
    }
}

static void test_maps_are_smooth(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof known_maps / sizeof known_maps[0]; i++) {
        struct colormap map;
        assert_int_equal(colormap_make(known_maps[i].name, &map, NULL), VITLRP_OK);
        for (int entry = 1; entry < COLORMAP_ENTRIES; entry++) {
            assert_near(map.rgb[entry], map.rgb[entry - 1], 8);
        }
    }
}

/* Colours between anchors, from matplotlib. */
static void test_interpolation(void **state) {
    (void) state;
    struct colormap map;
    assert_int_equal(colormap_make("viridis", &map, NULL), VITLRP_OK);
    assert_near(map.rgb[64], (const uint8_t[]){59, 82, 139}, 2);
    assert_near(map.rgb[100], (const uint8_t[]){42, 119, 142}, 2);
    assert_int_equal(colormap_make("bwr", &map, NULL), VITLRP_OK);
    assert_near(map.rgb[COLORMAP_SIDE + 64], (const uint8_t[]){255, 128, 128}, 1);
}

static void test_unknown_name(void **state) {
    (void) state;
    struct colormap map = {.rgb = {{7, 7, 7}}};
    struct vitlrp_error err;
    assert_int_equal(colormap_make("rainbow\n", &map, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, "rainbow\\x0A"));
    for (size_t i = 0; i < sizeof known_maps / sizeof known_maps[0]; i++) {
        assert_non_null(strstr(err.message, known_maps[i].name));
    }
    assert_int_equal(map.rgb[0][0], 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_and_centre),
        cmocka_unit_test(test_index_is_symmetric_and_clipped),
        cmocka_unit_test(test_maps_are_smooth),
        cmocka_unit_test(test_interpolation),
        cmocka_unit_test(test_unknown_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
