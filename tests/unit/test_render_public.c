/* vitlrp_render: what it refuses, with which status, and what a scale means. */
#define _GNU_SOURCE /* memmem */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/handles.h"
#include "base/mem.h"
#include "imgio/decode.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { WIDTH = 60, HEIGHT = 40, GRID = 4, INPUT = 32 };

/* A valid call; each test spoils or changes one thing. */
struct call {
    struct vitlrp_image image;
    struct vitlrp_geometry geometry;
    float values[GRID * GRID];
    struct vitlrp_map map;
    struct vitlrp_render_options options;
    unsigned char *data;
    size_t size;
    struct vitlrp_error error;
};

static int set_up(void **state) {
    struct call *call = calloc(1, sizeof *call);
    assert_non_null(call);
    assert_int_equal(image_alloc(WIDTH, HEIGHT, &call->image.photograph.pixels, NULL), VITLRP_OK);
    call->image.photograph.width = WIDTH;
    call->image.photograph.height = HEIGHT;
    call->geometry = (struct vitlrp_geometry){.image_width = WIDTH,
                                              .image_height = HEIGHT,
                                              .input_width = INPUT,
                                              .input_height = INPUT,
                                              .left = 10.0,
                                              .top = 0.0,
                                              .width = 40.0,
                                              .height = 40.0};
    call->values[0] = 64.0F;
    call->values[GRID * GRID - 1] = -32.0F;
    call->map = (struct vitlrp_map){
        .values = call->values, .height = GRID, .width = GRID, .geometry = &call->geometry};
    vitlrp_render_options_init(&call->options);
    *state = call;
    return 0;
}

static int tear_down(void **state) {
    struct call *call = *state;
    image_free(&call->image.photograph.pixels);
    vitlrp_free(call->data);
    free(call);
    return 0;
}

static enum vitlrp_status run(struct call *call) {
    return vitlrp_render(&call->image, &call->map, &call->options, &call->data, &call->size,
                         &call->error);
}

static void assert_refused(struct call *call, enum vitlrp_status status, const char *message) {
    assert_int_equal(run(call), status);
    assert_int_equal(call->error.status, status);
    assert_non_null(strstr(call->error.message, message));
    assert_null(call->data);
    assert_int_equal(call->size, 0);
}

static struct image decode_result(const struct call *call) {
    struct vitlrp_image_limits limits = image_limits_default();
    struct decoded decoded;
    assert_int_equal(decode_image(call->data, call->size, &limits, &decoded, NULL), VITLRP_OK);
    return decoded.image;
}

static const uint8_t *pixel_at(const struct image *image, int32_t x, int32_t y) {
    return image->rgb + 3 * ((size_t) y * (size_t) image->width + (size_t) x);
}

static void test_defaults(void **state) {
    struct call *call = *state;
    assert_int_equal(call->options.style, VITLRP_STYLE_OVERLAY);
    assert_string_equal(call->options.colormap, "auto");
    assert_true(call->options.opacity < 0.0F);
    assert_true(call->options.scale == 0.0F);
    assert_int_equal(run(call), VITLRP_OK);
    struct image picture = decode_result(call);
    assert_int_equal(picture.width, WIDTH);
    assert_int_equal(picture.height, HEIGHT);
    image_free(&picture);
}

static void test_every_style_and_format(void **state) {
    struct call *call = *state;
    for (int style = VITLRP_STYLE_OVERLAY; style <= VITLRP_STYLE_PANEL; style++) {
        for (int format = VITLRP_PICTURE_PNG; format <= VITLRP_PICTURE_JPEG; format++) {
            call->options.style = (enum vitlrp_style) style;
            call->options.format = (enum vitlrp_picture_format) format;
            call->options.caption = "caption";
            call->options.comment = "a comment to find";
            assert_int_equal(run(call), VITLRP_OK);
            assert_int_equal(call->data[0], format == VITLRP_PICTURE_PNG ? 0x89 : 0xFF);
            assert_non_null(memmem(call->data, call->size, "a comment to find", 17));
            struct image picture = decode_result(call);
            assert_int_equal(picture.width == WIDTH, style == VITLRP_STYLE_HEAT);
            image_free(&picture);
            vitlrp_free(call->data);
            call->data = NULL;
        }
    }
}

/* An SVG's texts are text, and a panel has none. */
static void test_svg(void **state) {
    struct call *call = *state;
    static const char *const PARTS[] = {">a &lt;caption&gt;</text>",
                                        ">of two lines</text>",
                                        ">hatched: not seen by the model</text>",
                                        ">logit per patch</text>",
                                        (">\xE2\x88\x92"
                                         "64</text>"),
                                        "<desc>a comment</desc>",
                                        "href=\"data:image/png;base64,"};
    call->options.format = VITLRP_PICTURE_SVG;
    call->options.caption = "a <caption>\nof two lines";
    call->options.comment = "a comment";
    call->options.unit = "logit";
    assert_int_equal(run(call), VITLRP_OK);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        assert_non_null(memmem(call->data, call->size, PARTS[i], strlen(PARTS[i])));
    }
    vitlrp_free(call->data);
    call->data = NULL;
    call->options.caption = NULL;
    assert_int_equal(run(call), VITLRP_OK);
    assert_null(memmem(call->data, call->size, "<text", 5));
    vitlrp_free(call->data);
    call->data = NULL;
    call->options.style = VITLRP_STYLE_PANEL;
    assert_int_equal(run(call), VITLRP_USAGE);
    assert_null(call->data);
}

/* The scale is in the unit of the map: of a map of patches twice the value of a patch shows it at
 * half strength, whatever its pixels. */
static void test_scale_is_in_the_unit_of_the_map(void **state) {
    struct call *call = *state;
    float pixels[INPUT * INPUT] = {0};
    const struct vitlrp_map pixel_map = {
        .values = pixels, .height = INPUT, .width = INPUT, .geometry = &call->geometry};
    for (int i = 0; i < INPUT * INPUT; i++) {
        pixels[i] = call->values[i / INPUT / 8 * GRID + i % INPUT / 8];
    }
    call->options.style = VITLRP_STYLE_HEAT;
    call->options.upsample = VITLRP_UPSAMPLE_NEAREST;
    call->options.scale = 128.0F;
    assert_int_equal(run(call), VITLRP_OK);
    struct image by_patch = decode_result(call);
    assert_in_range(pixel_at(&by_patch, 12, 2)[1], 126, 129);
    assert_int_equal(pixel_at(&by_patch, 12, 2)[0], 255);
    vitlrp_free(call->data);
    call->map = pixel_map;
    assert_int_equal(run(call), VITLRP_OK);
    struct image by_pixel = decode_result(call);
    assert_memory_equal(by_patch.rgb, by_pixel.rgb, WIDTH * HEIGHT * 3);
    image_free(&by_patch);
    image_free(&by_pixel);
}

/* Without a colour map of the caller's, the kind decides; a negative value makes any map signed. */
static void test_colors_by_kind(void **state) {
    struct call *call = *state;
    call->options.style = VITLRP_STYLE_HEAT;
    call->options.upsample = VITLRP_UPSAMPLE_NEAREST;
    call->options.kind = VITLRP_MAP_UNSIGNED;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(call), VITLRP_OK);
        struct image picture = decode_result(call);
        const uint8_t *zero = pixel_at(&picture, 24, 2);
        assert_int_equal(zero[0], i == 0 ? 255 : 68); /* white, or the darkest of viridis */
        assert_int_equal(zero[1], i == 0 ? 255 : 1);
        image_free(&picture);
        vitlrp_free(call->data);
        call->data = NULL;
        call->values[GRID * GRID - 1] = 32.0F;
    }
}

static void test_colormaps_are_described(void **state) {
    (void) state;
    const char *const sequential[] = {"viridis", "cividis", "inferno", "magma", "gray"};
    enum vitlrp_colormap_kind kind;
    struct vitlrp_error error;
    for (size_t i = 0; i < sizeof sequential / sizeof sequential[0]; i++) {
        assert_int_equal(vitlrp_colormap_describe(sequential[i], &kind, &error), VITLRP_OK);
        assert_int_equal(kind, VITLRP_COLORMAP_SEQUENTIAL);
    }
    assert_int_equal(vitlrp_colormap_describe("jet", &kind, &error), VITLRP_OK);
    assert_int_equal(kind, VITLRP_COLORMAP_RAINBOW);
    assert_int_equal(vitlrp_colormap_describe("auto", &kind, &error), VITLRP_USAGE);
    size_t count = 0;
    while (vitlrp_colormap_name(count) != NULL) {
        assert_int_equal(vitlrp_colormap_describe(vitlrp_colormap_name(count++), &kind, &error),
                         VITLRP_OK);
    }
    assert_int_equal(count, 13);
}

static void test_bad_maps(void **state) {
    struct call *call = *state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e35F};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        call->values[6] = bad[i];
        assert_refused(call, VITLRP_NUMERIC, "row 1, column 2");
    }
    call->values[6] = 0.0F;
    call->map.width = INPUT + 1;
    assert_refused(call, VITLRP_MISMATCH, "33 x 4");
    call->map.width = 0;
    assert_refused(call, VITLRP_USAGE, "map");
    call->map.width = GRID;
    call->map.values = NULL;
    assert_refused(call, VITLRP_USAGE, "map");
}

static void test_bad_options(void **state) {
    struct call *call = *state;
    call->options.colormap = "hot";
    assert_refused(call, VITLRP_USAGE, "coldnhot, coolwarm, RdBu");
    call->options.colormap = NULL;
    assert_refused(call, VITLRP_USAGE, "colour map");
    call->options.colormap = "jet";
    call->options.opacity = 1.5F;
    assert_refused(call, VITLRP_USAGE, "opacity");
    call->options.opacity = NAN;
    assert_refused(call, VITLRP_USAGE, "opacity");
    call->options.opacity = 1.0F;
    call->options.scale = -1.0F;
    assert_refused(call, VITLRP_USAGE, "scale");
    call->options.scale = INFINITY;
    assert_refused(call, VITLRP_USAGE, "scale");
    call->options.scale = 0.0F;
    call->options.range_low = 1.0F;
    assert_refused(call, VITLRP_USAGE, "range from 1 to 0");
    call->options.range_high = INFINITY;
    assert_refused(call, VITLRP_USAGE, "range");
    call->options.range_low = call->options.range_high = 0.0F;
    call->options.unit = "a unit of thirty-three characters";
    assert_refused(call, VITLRP_LIMIT, "unit");
    call->options.unit = NULL;
    call->options.underlay = (enum vitlrp_underlay) 3;
    assert_refused(call, VITLRP_USAGE, "underlay");
    call->options.underlay = VITLRP_UNDERLAY_GREY;
    call->options.contours = 10;
    assert_refused(call, VITLRP_USAGE, "10 contours");
    call->options.contours = 0;
    call->options.top_percent = 101.0F;
    assert_refused(call, VITLRP_USAGE, "top 101 percent");
    call->options.top_percent = 0.0F;
    call->options.kind = (enum vitlrp_map_kind) 2;
    assert_refused(call, VITLRP_USAGE, "kind");
    call->options.kind = VITLRP_MAP_SIGNED;
    call->options.style = (enum vitlrp_style) 3;
    assert_refused(call, VITLRP_USAGE, "style");
    call->options.style = VITLRP_STYLE_HEAT;
    call->options.struct_size = 0;
    assert_refused(call, VITLRP_USAGE, "not initialised");
}

static void test_bad_geometry(void **state) {
    struct call *call = *state;
    const struct vitlrp_geometry good = call->geometry;
    call->geometry.image_width = WIDTH + 1;
    assert_refused(call, VITLRP_MISMATCH, "61 x 40");
    call->geometry = good;
    call->geometry.left = 30.0;
    assert_refused(call, VITLRP_USAGE, "outside");
    call->geometry = good;
    call->geometry.width = NAN;
    assert_refused(call, VITLRP_USAGE, "outside");
    call->geometry = good;
    call->geometry.height = 0.0;
    assert_refused(call, VITLRP_USAGE, "outside");
    call->geometry = good;
    call->geometry.input_height = 0;
    assert_refused(call, VITLRP_USAGE, "input");
    call->geometry = good;
    call->geometry.top = 1e-7; /* rounding, not a mistake */
    assert_int_equal(run(call), VITLRP_OK);
}

static void test_null_arguments(void **state) {
    struct call *call = *state;
    const struct vitlrp_map lost = {.values = call->values, .height = GRID, .width = GRID};
    unsigned char *data = NULL;
    size_t size;
    assert_int_equal(vitlrp_render(NULL, &call->map, &call->options, &data, &size, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_render(&call->image, &lost, &call->options, &data, &size, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_render(&call->image, NULL, &call->options, &data, &size, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_render(&call->image, &call->map, NULL, &data, &size, NULL),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_render(&call->image, &call->map, &call->options, NULL, &size, NULL),
                     VITLRP_USAGE);
    assert_null(data);
}

static void test_colors_of_a_colormap(void **unused) {
    uint8_t rgb[VITLRP_COLORMAP_ENTRIES][3];
    static const uint8_t ENDS[3][3] = {{0, 0, 255}, {255, 255, 255}, {255, 0, 0}};
    (void) unused;
    assert_int_equal(vitlrp_colormap_colors("bwr", rgb[0], NULL), VITLRP_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(rgb[i * (VITLRP_COLORMAP_ENTRIES - 1) / 2], ENDS[i], 3);
    }
    assert_int_equal(vitlrp_colormap_colors("auto", rgb[0], NULL), VITLRP_USAGE);
}

static void test_shrunk_photographs(void **unused) {
    enum { LONG = 100, SHORT = 3 };
    uint8_t rgb[SHORT * LONG * 3];
    struct vitlrp_image *whole = NULL;
    struct vitlrp_image *small = NULL;
    struct vitlrp_image_info info;
    (void) unused;
    memset(rgb, 77, sizeof rgb);
    assert_int_equal(vitlrp_image_from_rgb(rgb, SHORT, LONG, &whole, NULL), VITLRP_OK);
    for (int32_t side = 10; side <= LONG; side += LONG - 10) {
        assert_int_equal(vitlrp_image_shrink(whole, side, &small, NULL), VITLRP_OK);
        vitlrp_image_describe(small, &info);
        assert_int_equal(info.width, side);
        assert_int_equal(info.height, side == LONG ? SHORT : 1);
        assert_memory_equal(info.rgb, rgb, (size_t) info.width * (size_t) info.height * 3);
        vitlrp_image_close(small);
    }
    assert_int_equal(vitlrp_image_shrink(whole, 0, &small, NULL), VITLRP_USAGE);
    vitlrp_image_close(whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_style_and_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_svg, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scale_is_in_the_unit_of_the_map, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_colors_by_kind, set_up, tear_down),
        cmocka_unit_test(test_colormaps_are_described),
        cmocka_unit_test(test_colors_of_a_colormap),
        cmocka_unit_test(test_shrunk_photographs),
        cmocka_unit_test_setup_teardown(test_bad_maps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_geometry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_null_arguments, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
