/* Heat and overlay pictures: zero is neutral, colours are symmetric, every pixel is where it
 * belongs, and what the model did not see is marked. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "imgio/region.h"
#include "imgio/render.h"

#include "support/unit.h"

enum { WIDTH = 96, HEIGHT = 64 };

/* A 4 x 4 map in the centre of the 96 x 64 picture: 64 x 64 pixels from x = 16 on. */
static struct heatmap centred_map(const float *values) {
    return (struct heatmap){.values = values,
                            .height = 4,
                            .width = 4,
                            .left = 16.0,
                            .top = 0.0,
                            .span_x = 64.0,
                            .span_y = 64.0,
                            .filter = RESAMPLE_BOX};
}

static struct render_look make_look(const char *colormap) {
    struct render_look look = {.opacity = -1.0F, .underlay = VITLRP_UNDERLAY_COLOUR};
    assert_int_equal(colormap_make(colormap, &look.colors, NULL), VITLRP_OK);
    return look;
}

static struct image make_photo(int32_t width, int32_t height) {
    struct image photo;
    assert_int_equal(image_alloc(width, height, &photo, NULL), VITLRP_OK);
    for (size_t i = 0; i < (size_t) width * (size_t) height; i++) {
        photo.rgb[3 * i] = 200;
        photo.rgb[3 * i + 1] = (uint8_t) (i % 256);
        photo.rgb[3 * i + 2] = 40;
    }
    return photo;
}

static const uint8_t *pixel_at(const struct image *image, int32_t x, int32_t y) {
    return image->rgb + 3 * ((size_t) y * (size_t) image->width + (size_t) x);
}

static void assert_color(const uint8_t *pixel, int red, int green, int blue) {
    assert_int_equal(pixel[0], red);
    assert_int_equal(pixel[1], green);
    assert_int_equal(pixel[2], blue);
}

static bool is_grey(const uint8_t *pixel) {
    return pixel[0] == pixel[1] && pixel[1] == pixel[2];
}

static void test_hot_patch_lands_exactly(void **state) {
    (void) state;
    float values[16] = {0};
    values[1 * 4 + 2] = 5.0F; /* row 1, column 2: pixels y 16..31, x 48..63 */
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image out;
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_int_equal(out.width, WIDTH);
    assert_int_equal(out.height, HEIGHT);
    for (int32_t y = 0; y < HEIGHT; y++) {
        for (int32_t x = 16; x < 80; x++) {
            bool hot = y >= 16 && y < 32 && x >= 48 && x < 64;
            assert_color(pixel_at(&out, x, y), 255, hot ? 0 : 255, hot ? 0 : 255);
        }
    }
    image_free(&out);
}

static void test_unseen_is_marked(void **state) {
    (void) state;
    float values[16] = {1.0F};
    struct heatmap map = centred_map(values);
    const char *const names[] = {"bwr", "coldnhot", "viridis"};
    struct image photo = make_photo(WIDTH, HEIGHT);
    for (size_t i = 0; i < 3; i++) {
        struct render_look look = make_look(names[i]);
        struct image heat;
        struct image overlay;
        assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &heat, NULL), VITLRP_OK);
        assert_int_equal(render_overlay(&photo, &map, &look, &overlay, NULL), VITLRP_OK);
        for (int32_t x = 0; x < WIDTH; x++) {
            bool seen = x >= 16 && x < 80;
            const uint8_t *neutral = look.colors.rgb[COLORMAP_SIDE];
            assert_int_equal(memcmp(pixel_at(&heat, x, 40), neutral, 3) == 0, seen);
            assert_int_equal(memcmp(pixel_at(&overlay, x, 40), pixel_at(&photo, x, 40), 3) == 0,
                             seen);
            assert_int_equal(is_grey(pixel_at(&overlay, x, 40)), !seen);
            assert_true(seen || pixel_at(&overlay, x, 40)[0] < 160);
        }
        image_free(&heat);
        image_free(&overlay);
    }
    image_free(&photo);
}

/* What the model did not see of a photograph is that photograph, dark and grey: two fifths of each
 * pixel's brightness, and lines that are brighter by 18. */
static void test_unseen_keeps_the_photograph(void **state) {
    (void) state;
    float values[16] = {1.0F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image photo = make_photo(WIDTH, HEIGHT);
    struct image out;
    int lines = 0;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    for (int32_t i = 0; i < WIDTH * HEIGHT; i++) {
        const uint8_t *from = pixel_at(&photo, i % WIDTH, i / WIDTH);
        const uint8_t *pixel = pixel_at(&out, i % WIDTH, i / WIDTH);
        if (i % WIDTH < 16 || i % WIDTH >= 80) {
            double grey = 0.299 * from[0] + 0.587 * from[1] + 0.114 * from[2];
            double added = pixel[0] - 0.4 * grey;
            bool on_line = added > 35.0;
            assert_true(is_grey(pixel) && fabs(added - (on_line ? 44.0 : 26.0)) <= 1.5);
            lines += on_line ? 1 : 0;
        }
    }
    assert_in_range(lines, 1, 16 * HEIGHT);
    image_free(&out);
    image_free(&photo);
}

/* The colours of the least and the largest of the values 1 to 4, and the scale. */
static struct render_scale draw_one_to_four(const char *colormap, enum vitlrp_map_kind kind,
                                            int32_t *least, int32_t *largest) {
    float values[16];
    for (int i = 0; i < 16; i++) {
        values[i] = 1.0F + (float) i / 5.0F;
    }
    struct heatmap map = centred_map(values);
    struct render_look look = make_look(colormap);
    struct render_scale scale;
    struct image out;
    look.kind = kind;
    assert_int_equal(render_scale(&map, &look, WIDTH, HEIGHT, &scale, NULL), VITLRP_OK);
    *least = render_entry(&scale, 1.0F);
    *largest = render_entry(&scale, 4.0F);
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_memory_equal(pixel_at(&out, 16, 0), look.colors.rgb[*least], 3);
    assert_memory_equal(pixel_at(&out, 79, 63), look.colors.rgb[*largest], 3);
    image_free(&out);
    return scale;
}

/* F4: a map that cannot be negative takes up all colours of a sequential map, from its own least
 * value on. It was drawn around zero: red all over, or in the upper half of the colours. */
static void test_range_follows_the_kind_of_map(void **state) {
    (void) state;
    int32_t least;
    int32_t largest;
    struct render_scale scale = draw_one_to_four("viridis", VITLRP_MAP_UNSIGNED, &least, &largest);
    assert_true(!scale.around_zero && scale.range.low == 1.0F && scale.range.high == 4.0F);
    assert_true(least == 0 && largest == COLORMAP_ENTRIES - 1);
    /* A diverging map's middle is zero whatever the map is: its cold side would mean "against". */
    scale = draw_one_to_four("bwr", VITLRP_MAP_UNSIGNED, &least, &largest);
    assert_true(scale.around_zero && scale.range.low == -4.0F && scale.range.high == 4.0F);
    assert_true(least == COLORMAP_SIDE + COLORMAP_SIDE / 4 && largest == COLORMAP_ENTRIES - 1);
    scale = draw_one_to_four("viridis", VITLRP_MAP_SIGNED, &least, &largest);
    assert_true(scale.around_zero && least == COLORMAP_SIDE + COLORMAP_SIDE / 4);
}

static void test_given_range_is_shared_and_clips(void **state) {
    (void) state;
    float values[16] = {2.0F, -2.0F, 1.0F, -0.5F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image out;
    look.range = (struct heatmap_range){-1.0F, 1.0F};
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_color(pixel_at(&out, 16, 0), 255, 0, 0);
    assert_color(pixel_at(&out, 32, 0), 0, 0, 255);
    assert_color(pixel_at(&out, 48, 0), 255, 0, 0);
    assert_in_range(pixel_at(&out, 64, 0)[0], 127, 128);
    image_free(&out);
    look.range = (struct heatmap_range){-0.25F, 1.0F}; /* zero stays white, steps stay equal */
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_color(pixel_at(&out, 16, 0), 255, 0, 0);
    assert_in_range(pixel_at(&out, 32, 0)[0], 191, 192);
    assert_color(pixel_at(&out, 16, 40), 255, 255, 255);
    image_free(&out);
}

static void test_zero_map(void **state) {
    (void) state;
    float values[16] = {0};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("coolwarm");
    struct image photo = make_photo(WIDTH, HEIGHT);
    struct image out;
    struct render_scale scale;
    assert_int_equal(render_scale(&map, &look, WIDTH, HEIGHT, &scale, NULL), VITLRP_OK);
    assert_true(scale.range.low == 0.0F && scale.range.high == 0.0F);
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_memory_equal(pixel_at(&out, 40, 30), look.colors.rgb[COLORMAP_SIDE], 3);
    image_free(&out);
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    assert_memory_equal(pixel_at(&out, 40, 30), pixel_at(&photo, 40, 30), 3);
    image_free(&out);
    image_free(&photo);
}

static void test_tiny_values_do_not_overflow(void **state) {
    (void) state;
    float values[16] = {1e-44F, -1e-44F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image out;
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
    assert_color(pixel_at(&out, 16, 0), 255, 0, 0);
    assert_color(pixel_at(&out, 32, 0), 0, 0, 255);
    assert_color(pixel_at(&out, 48, 0), 255, 255, 255);
    image_free(&out);
}

static void test_fixed_opacity(void **state) {
    (void) state;
    float values[16] = {1.0F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image photo = make_photo(WIDTH, HEIGHT);
    struct image out;
    look.opacity = 0.0F;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    assert_memory_equal(pixel_at(&out, 16, 0), pixel_at(&photo, 16, 0), 3);
    image_free(&out);
    look.opacity = 1.0F;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    assert_color(pixel_at(&out, 16, 0), 255, 0, 0);
    assert_color(pixel_at(&out, 60, 60), 255, 255, 255);
    image_free(&out);
    look.opacity = 0.5F;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    const uint8_t *before = pixel_at(&photo, 60, 60);
    const uint8_t *after = pixel_at(&out, 60, 60);
    for (int c = 0; c < 3; c++) {
        assert_in_range(2 * after[c] - before[c], 254, 256);
    }
    image_free(&out);
    image_free(&photo);
}

/* The stronger the relevance, the further the overlay is from the photograph, and the photograph
 * shows through even at full strength. */
static void test_automatic_opacity_follows_strength(void **state) {
    (void) state;
    float values[16] = {0};
    const char *const names[] = {"bwr", "coldnhot", "gray"};
    for (int i = 0; i < 16; i++) {
        values[i] = -(float) i / 15.0F;
    }
    struct heatmap map = centred_map(values);
    struct image photo;
    assert_int_equal(image_alloc(WIDTH, HEIGHT, &photo, NULL), VITLRP_OK);
    memset(photo.rgb, 255, (size_t) WIDTH * HEIGHT * 3);
    for (size_t n = 0; n < 3; n++) {
        struct render_look look = make_look(names[n]);
        struct image out;
        int last = 255;
        assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
        for (int32_t i = 0; i < 16; i++) {
            const uint8_t *pixel = pixel_at(&out, 16 + i % 4 * 16, i / 4 * 16);
            assert_true(i == 0 ? pixel[0] == 255 : pixel[0] < last);
            last = pixel[0];
        }
        assert_in_range(last, 25, 80);
        image_free(&out);
    }
    image_free(&photo);
}

/* F5: the overlay is read by the colour bar, so half the relevance has half the effect. It had 0.62
 * of it. */
static void test_automatic_opacity_is_linear(void **state) {
    (void) state;
    float values[16] = {0.25F, 0.5F, 1.0F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image photo;
    struct image out;
    assert_int_equal(image_alloc(WIDTH, HEIGHT, &photo, NULL), VITLRP_OK);
    memset(photo.rgb, 255, (size_t) WIDTH * HEIGHT * 3);
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    int full = 255 - pixel_at(&out, 48, 0)[1];
    assert_in_range(2 * (255 - pixel_at(&out, 32, 0)[1]) - full + 2, 0, 4);
    assert_in_range(4 * (255 - pixel_at(&out, 16, 0)[1]) - full + 4, 0, 8);
    image_free(&out);
    image_free(&photo);
}

/* F5: over a colourful photograph every colour is the map's. */
static void test_underlays(void **state) {
    (void) state;
    float values[16] = {1.0F, -1.0F};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image photo = make_photo(WIDTH, HEIGHT);
    struct image out;
    struct image heat;
    look.underlay = VITLRP_UNDERLAY_GREY;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    for (int32_t x = 16; x < 80; x++) {
        const uint8_t *pixel = pixel_at(&out, x, 0);
        assert_true(x < 32 ? pixel[0] > pixel[2] : x < 48 ? pixel[2] > pixel[0] : is_grey(pixel));
        assert_true(x < 48 || pixel[0] >= 100); /* light */
    }
    image_free(&out);
    look.underlay = VITLRP_UNDERLAY_NONE;
    assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
    assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &heat, NULL), VITLRP_OK);
    assert_memory_equal(out.rgb, heat.rgb, WIDTH * HEIGHT * 3);
    image_free(&heat);
    image_free(&out);
    image_free(&photo);
}

static void test_region_is_chosen_by_value(void **state) {
    (void) state;
    float values[16] = {0};
    struct heatmap map = centred_map(values);
    const struct {
        float percent;
        int count;
    } cases[] = {{0.01F, 1}, {6.25F, 1}, {6.3F, 2}, {50.0F, 8}, {100.0F, 16}};
    for (int i = 0; i < 16; i++) {
        values[i] = i == 5 ? 3.0F : i == 15 ? -9.0F : (float) (i % 2);
    }
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        unsigned char *chosen = NULL;
        int count = 0;
        assert_int_equal(region_choose(&map, cases[c].percent, &chosen, NULL), VITLRP_OK);
        for (int i = 0; i < 16; i++) {
            count += chosen[i];
        }
        assert_int_equal(count, cases[c].count);
        assert_true(chosen[5] == 1 && chosen[15] == (count == 16 ? 1 : 0)); /* no absolute values */
        assert_true(count != 2 || chosen[1] == 1); /* the first of equals */
        mem_free(chosen);
    }
}

/* Cell 9 (row 2, column 1): pixels x 32..47, y 32..47. */
static void test_region_is_shown(void **state) {
    (void) state;
    float values[16] = {0};
    values[9] = 1.0F;
    struct heatmap map = centred_map(values);
    struct image photo = make_photo(WIDTH, HEIGHT);
    struct render_look look = make_look("bwr");
    look.top_percent = 1.0F;
    for (int as = VITLRP_TOP_MASK; as <= VITLRP_TOP_BOX; as++) {
        struct image out;
        look.top_as = (enum vitlrp_top_as) as;
        assert_int_equal(region_draw(&photo, &map, &look, &out, NULL), VITLRP_OK);
        assert_memory_equal(pixel_at(&out, 40, 40), pixel_at(&photo, 40, 40), 3);
        bool kept = memcmp(pixel_at(&out, 40, 20), pixel_at(&photo, 40, 20), 3) == 0;
        assert_int_equal(kept, as == VITLRP_TOP_BOX);
        bool edge = memcmp(pixel_at(&out, 32, 32), pixel_at(&photo, 32, 32), 3) == 0;
        assert_int_equal(edge, as != VITLRP_TOP_BOX);
        assert_int_equal(is_grey(pixel_at(&out, 40, 20)), as == VITLRP_TOP_MASK);
        if (as == VITLRP_TOP_BLUR) { /* lines around it, and none over it */
            assert_color(pixel_at(&out, 31, 40), 255, 255, 255);
            assert_color(pixel_at(&out, 40, 48), 255, 255, 255);
            assert_color(pixel_at(&out, 40, 30), 34, 34, 34);
            assert_memory_equal(pixel_at(&out, 32, 40), pixel_at(&photo, 32, 40), 3);
        }
        assert_true(is_grey(pixel_at(&out, 5, 5)) && pixel_at(&out, 5, 5)[0] < 160); /* unseen */
        image_free(&out);
    }
    image_free(&photo);
}

/* A line between two colours, and none where a map has one. */
static void test_contours(void **state) {
    (void) state;
    float values[16] = {0};
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    for (int round = 0; round < 2; round++) {
        struct image out;
        int lines = 0;
        look.contours = 3;
        values[5] = (float) round;
        assert_int_equal(render_heat(&map, &look, WIDTH, HEIGHT, &out, NULL), VITLRP_OK);
        for (int32_t x = 16; x < 80; x++) {
            lines += pixel_at(&out, x, 20)[1] == 24 || pixel_at(&out, x, 20)[0] == 232 ? 1 : 0;
        }
        assert_int_equal(lines, 2 * round); /* left and right of the cell */
        image_free(&out);
    }
}

static void test_one_pixel(void **state) {
    (void) state;
    float values[16] = {0};
    values[5] = -1.0F;
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image photo = make_photo(1, 1);
    struct image out;
    map.left = map.top = 0.0625;
    map.span_x = map.span_y = 0.875;
    for (int filter = RESAMPLE_BILINEAR; filter <= RESAMPLE_BOX; filter++) {
        map.filter = (enum resample_filter) filter;
        assert_int_equal(render_overlay(&photo, &map, &look, &out, NULL), VITLRP_OK);
        assert_true(pixel_at(&out, 0, 0)[0] < 100 && pixel_at(&out, 0, 0)[2] > 150);
        image_free(&out);
    }
    image_free(&photo);
}

/* A crop of a very long photograph that covers the centre of no pixel still shows somewhere. */
static void test_crop_thinner_than_a_pixel(void **state) {
    (void) state;
    float values[16] = {0};
    for (int i = 0; i < 16; i++) {
        values[i] = 1.0F;
    }
    struct heatmap map = centred_map(values);
    struct render_look look = make_look("bwr");
    struct image out;
    map.left = 0.0625;
    map.span_x = 0.875;
    map.top = 999.5625;
    map.span_y = 0.875;
    assert_int_equal(render_heat(&map, &look, 1, 2000, &out, NULL), VITLRP_OK);
    int red = 0;
    for (int32_t y = 0; y < 2000; y++) {
        red += is_grey(pixel_at(&out, 0, y)) ? 0 : 1;
    }
    assert_int_equal(red, 1);
    assert_color(pixel_at(&out, 0, 1000), 255, 0, 0);
    image_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hot_patch_lands_exactly),
        cmocka_unit_test(test_unseen_is_marked),
        cmocka_unit_test(test_unseen_keeps_the_photograph),
        cmocka_unit_test(test_range_follows_the_kind_of_map),
        cmocka_unit_test(test_given_range_is_shared_and_clips),
        cmocka_unit_test(test_zero_map),
        cmocka_unit_test(test_tiny_values_do_not_overflow),
        cmocka_unit_test(test_fixed_opacity),
        cmocka_unit_test(test_automatic_opacity_follows_strength),
        cmocka_unit_test(test_automatic_opacity_is_linear),
        cmocka_unit_test(test_underlays),
        cmocka_unit_test(test_region_is_chosen_by_value),
        cmocka_unit_test(test_region_is_shown),
        cmocka_unit_test(test_contours),
        cmocka_unit_test(test_one_pixel),
        cmocka_unit_test(test_crop_thinner_than_a_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
