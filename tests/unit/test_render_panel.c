/* Text and panels: line breaking, odd characters, clipping, and layouts of odd photographs. */
#define _POSIX_C_SOURCE 200809L
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "imgio/canvas.h"
#include "imgio/font.h"
#include "imgio/panel.h"
#include "imgio/shaper.h"
#include "imgio/strip.h"
#include "support/scratch.h"

#include "support/unit.h"

static const uint8_t black[3] = {0, 0, 0};

static struct image make_canvas(int32_t width, int32_t height) {
    struct image image;
    assert_int_equal(image_alloc(width, height, &image, NULL), VITLRP_OK);
    memset(image.rgb, 255, (size_t) width * (size_t) height * 3);
    return image;
}

static int32_t measure(const struct font *font, const char *text) {
    return font_measure(font, text, strlen(text));
}

/* Pango ends a process in which it finds no font, so there is no shaper then. In a child, since
 * fontconfig reads its settings once. */
static void test_no_font_no_shaper(void **state) {
    (void) state;
    struct scratch scratch = scratch_open();
    char path[256];
    int status = 0;
    scratch_text(&scratch, "none.conf", "<fontconfig></fontconfig>");
    scratch_path(&scratch, "none.conf", path, sizeof path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(setenv("FONTCONFIG_FILE", path, 1) == 0 && shaper_open() == NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    scratch_close(&scratch);
}

/* Where there are Pango and fonts: a line is as wide as it says, and breaks between its words. */
static void test_shaper(void **state) {
    (void) state;
    static const char TEXT[] = "ab cd";
    struct shaper *shaper = shaper_open();
    struct shaped_line line;
    size_t next = 0;
    int darkest = 0;
    if (shaper == NULL) {
        skip();
    }
    int32_t width = shaper_measure(shaper, FONT_REGULAR, TEXT, 5);
    int32_t word = shaper_measure(shaper, FONT_REGULAR, TEXT, 2);
    assert_true(word > 0 && width > word);
    assert_int_equal(shaper_fit(shaper, FONT_REGULAR, TEXT, 5, width, &next), 5);
    assert_int_equal(next, 5);
    assert_int_equal(shaper_fit(shaper, FONT_REGULAR, TEXT, 5, word + 1, &next), 2);
    assert_int_equal(next, 3);
    assert_true(shaper_draw(shaper, FONT_REGULAR, TEXT, 5, &line));
    assert_true(line.coverage != NULL && abs(line.width - width) <= 4 && line.height > 4);
    for (int32_t i = 0; i < line.width * line.height; i++) {
        darkest = line.coverage[i] > darkest ? line.coverage[i] : darkest;
    }
    assert_true(darkest > 128);
    mem_free(line.coverage);
    assert_true(shaper_draw(shaper, FONT_REGULAR, " ", 1, &line));
    assert_null(line.coverage);
    shaper_close(shaper);
}

static void test_font_measures(void **state) {
    (void) state;
    struct font regular = font_open(FONT_REGULAR);
    struct font bold = font_open(FONT_BOLD);
    assert_int_equal(measure(&regular, ""), 0);
    assert_true(measure(&regular, "i") < measure(&regular, "W"));
    assert_true(measure(&regular, "Relevance") < measure(&bold, "Relevance"));
    assert_int_equal(measure(&regular, "ab"), measure(&regular, "a") + measure(&regular, "b"));
    assert_true(measure(&regular, "\xC3\xA9") > 0);
    assert_int_equal(measure(&regular, "\t"), measure(&regular, " "));
    assert_true(regular.line_height >= regular.ascent);
}

/* What the faces lack is spelled out, as it is written in programs. */
static void test_font_spells(void **state) {
    (void) state;
    static const char *const SPELLED[][2] = {
        {"\xEF\xBF\xBD", "\\uFFFD"},         {"\xE6\xBC\xA2", "\\u6F22"},
        {"\xF0\x9F\x90\xA8", "\\U0001F428"}, {"\xFF\xFE", "\\xFF\\xFE"},
        {"\xE6\xBC", "\\xE6\\xBC"},          {"\xC0\xAF", "\\xC0\\xAF"},
        {"\x01\x7F", "\\x01\\x7F"},          {"\xD8\xA7", "\\u0627"},
        {"\xE2\x80\xAE", "\\u202E"},         {"e\xCC\x81", "e\\u0301"},
    };
    for (enum font_face face = FONT_REGULAR; face <= FONT_BOLD; face++) {
        struct font font = font_open(face);
        for (size_t i = 0; i < sizeof SPELLED / sizeof SPELLED[0]; i++) {
            struct image drawn[2] = {make_canvas(200, 30), make_canvas(200, 30)};
            for (int k = 0; k < 2; k++) {
                const char *text = SPELLED[i][k];
                font_draw(&font, &drawn[k], &(struct font_pen){4, 20, black}, text, strlen(text));
            }
            assert_false(font_covers(&font, SPELLED[i][0], strlen(SPELLED[i][0])));
            assert_true(font_covers(&font, SPELLED[i][1], strlen(SPELLED[i][1])));
            assert_int_equal(measure(&font, SPELLED[i][0]), measure(&font, SPELLED[i][1]));
            assert_memory_equal(drawn[0].rgb, drawn[1].rgb, 200 * 30 * 3);
            image_free(&drawn[0]);
            image_free(&drawn[1]);
        }
    }
}

static void test_font_draws_inside_its_box(void **state) {
    (void) state;
    struct font font = font_open(FONT_REGULAR);
    const char text[] = "Mj\xC3\x84g|";
    int32_t width = measure(&font, text);
    struct image image = make_canvas(width + 20, 60);
    font_draw(&font, &image, &(struct font_pen){10, 30, black}, text, strlen(text));
    int dark = 0;
    for (int32_t y = 0; y < image.height; y++) {
        for (int32_t x = 0; x < image.width; x++) {
            bool inside =
                x >= 9 && x <= width + 11 && y >= 30 - font.ascent && y < 30 + font.descent;
            bool marked = image.rgb[3 * (y * image.width + x)] < 255;
            assert_true(inside || !marked);
            dark += marked ? 1 : 0;
        }
    }
    assert_in_range(dark, 150, 2000);
    image_free(&image);
}

/* A canvas shows of a text what a larger one shows there. */
static void test_font_clips(void **state) {
    (void) state;
    enum { LEFT = 80, TOP = 60 };
    struct font font = font_open(FONT_BOLD);
    for (int32_t y = -30; y < 40; y += 3) {
        for (int32_t x = -60; x < 30; x += 3) {
            struct image image = make_canvas(9, 7);
            struct image large = make_canvas(9 + 2 * LEFT, 7 + 2 * TOP);
            font_draw(&font, &image, &(struct font_pen){x, y, black}, "W\xC3\x85y@", 5);
            font_draw(&font, &large, &(struct font_pen){LEFT + x, TOP + y, black}, "W\xC3\x85y@",
                      5);
            for (int32_t row = 0; row < image.height; row++) {
                const uint8_t *seen = large.rgb + 3 * ((TOP + row) * large.width + LEFT);
                assert_memory_equal(image.rgb + 3 * row * image.width, seen, 3 * 9);
            }
            image_free(&image);
            image_free(&large);
        }
    }
}

static void assert_line(const char *text, int32_t width, const char *line, const char *rest) {
    struct font font = font_open(FONT_REGULAR);
    size_t next = 0;
    size_t length = font_fit(&font, text, strlen(text), width, &next);
    assert_int_equal(length, strlen(line));
    assert_memory_equal(text, line, length);
    assert_string_equal(text + next, rest);
}

static void test_font_fit(void **state) {
    (void) state;
    struct font font = font_open(FONT_REGULAR);
    assert_line("one two", 1000, "one two", "");
    assert_line("one\ntwo", 1000, "one", "two");
    assert_line("\ntwo", 1000, "", "two");
    assert_line("one   two", measure(&font, "one tw"), "one  ", "two");
    assert_line("one two", measure(&font, "one"), "one", "two");
    assert_line("wwwwww", measure(&font, "www"), "www", "www");
    assert_line("wwwwww", 0, "w", "wwwww");
    assert_line("\xC3\xA9\xC3\xA9", 1, "\xC3\xA9", "\xC3\xA9");
    assert_line("", 10, "", "");
    assert_line("cat  0.1 %", measure(&font, "cat  0.1 "), "cat ", "0.1 %");
    assert_line("0.1 %", measure(&font, "0.1 "), "0.1 ", "%");
}

static struct image make_panel(int32_t width, int32_t height, const char *caption) {
    float values[4] = {1.0F, -0.5F, 0.0F, 0.25F};
    struct heatmap map = {.values = values,
                          .height = 2,
                          .width = 2,
                          .left = 0.0625 * width,
                          .top = 0.0625 * height,
                          .span_x = 0.875 * width,
                          .span_y = 0.875 * height,
                          .filter = RESAMPLE_BILINEAR};
    struct render_look look = {.opacity = -1.0F, .unit = "per patch"};
    struct image photo;
    struct image out;
    assert_int_equal(colormap_make("bwr", &look.colors, NULL), VITLRP_OK);
    assert_int_equal(image_alloc(width, height, &photo, NULL), VITLRP_OK);
    assert_int_equal(panel_draw(&photo, &map, &look, caption, &out, NULL), VITLRP_OK);
    image_free(&photo);
    return out;
}

/* Nothing reaches into the outer margin, which is where a wrong layout shows first. */
static void assert_white_margin(const struct image *image) {
    const int32_t margin = 16;
    for (int32_t y = 0; y < image->height; y++) {
        for (int32_t x = 0; x < image->width; x++) {
            bool border = x < margin || y < margin || x >= image->width - margin ||
                          y >= image->height - margin;
            const uint8_t *pixel =
                image->rgb + 3 * ((size_t) y * (size_t) image->width + (size_t) x);
            assert_true(!border || (pixel[0] == 255 && pixel[1] == 255 && pixel[2] == 255));
        }
    }
}

static void test_panel_shapes(void **state) {
    (void) state;
    const int32_t sizes[][2] = {{1, 1},     {1, 2000}, {2000, 1},  {64, 64},
                                {400, 300}, {17, 900}, {1200, 800}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct image panel = make_panel(sizes[i][0], sizes[i][1], "koala (105)  0.93");
        assert_true(panel.width >= 400 && panel.width <= 1700);
        assert_true(panel.height >= 150 && panel.height <= 700);
        assert_white_margin(&panel);
        image_free(&panel);
    }
}

static void test_panel_captions(void **state) {
    (void) state;
    char endless[20001];
    char words[20001];
    memset(endless, 'w', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    for (size_t i = 0; i < sizeof words - 1; i++) {
        words[i] = i % 6 == 5 ? ' ' : (char) ('a' + i % 26);
    }
    words[sizeof words - 1] = '\0';
    const char *const captions[] = {NULL,     "",          "a\nb\n\nc",
                                    "\n\n\n", endless,     words,
                                    "    ",   "\xFF\x80 ", "\xE6\xBC\xA2\xE5\xAD\x97"};
    struct image plain = make_panel(64, 64, NULL);
    for (size_t i = 0; i < sizeof captions / sizeof captions[0]; i++) {
        struct image panel = make_panel(64, 64, captions[i]);
        assert_int_equal(panel.width, plain.width);
        assert_true(panel.height >= plain.height && panel.height < plain.height + 300);
        assert_white_margin(&panel);
        image_free(&panel);
    }
    image_free(&plain);
}

static void test_panel_of_zeros(void **state) {
    (void) state;
    float value = 0.0F;
    struct heatmap map = {.values = &value, .height = 1, .width = 1, .span_x = 9.0, .span_y = 9.0};
    struct render_look look = {.opacity = -1.0F, .unit = "per patch"};
    struct image photo;
    struct image out;
    assert_int_equal(colormap_make("turbo", &look.colors, NULL), VITLRP_OK);
    assert_int_equal(image_alloc(9, 9, &photo, NULL), VITLRP_OK);
    assert_int_equal(panel_draw(&photo, &map, &look, NULL, &out, NULL), VITLRP_OK);
    assert_white_margin(&out);
    image_free(&out);
    image_free(&photo);
}

static struct image add_strip(const struct image *picture, const char *caption) {
    struct colormap colors;
    const struct render_scale scale = {.around_zero = true, .range = {-0.25F, 0.5F}};
    struct image out;
    assert_int_equal(colormap_make("PuOr", &colors, NULL), VITLRP_OK);
    const struct strip strip = {.caption = caption,
                                .unit = "logit per patch",
                                .bar = colorbar_make(&colors, &scale),
                                .hatching = &colors};
    struct image below;
    assert_int_equal(strip_make(&strip, picture->width, &below, NULL), VITLRP_OK);
    assert_int_equal(below.width, strip_width(picture->width));
    assert_int_equal(image_alloc(below.width, picture->height + below.height, &out, NULL),
                     VITLRP_OK);
    canvas_fill(&out, &(struct rectangle){0, 0, out.width, out.height}, canvas_background);
    canvas_paste(&out, picture, 0, 0);
    canvas_paste(&out, &below, 0, picture->height);
    image_free(&below);
    return out;
}

/* The picture stays where it is, and below it there is room for everything, however narrow. */
static void test_strips(void **state) {
    (void) state;
    char endless[3001];
    memset(endless, 'w', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const captions[] = {"", "koala (105)  36.5 %\nattnlrp, a model\nthe map holds 3",
                                    endless, "\n\n\n\n\n\n\n\n\n\nx", "\xFF\xE6\xBC\xA2 "};
    const int32_t sizes[][2] = {{1, 1}, {600, 40}, {40, 600}, {301, 2}, {2500, 30}, {4000, 30}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        struct image picture = make_canvas(sizes[s][0], sizes[s][1]);
        memset(picture.rgb, 7, (size_t) sizes[s][0] * (size_t) sizes[s][1] * 3);
        for (size_t i = 0; i < sizeof captions / sizeof captions[0]; i++) {
            struct image out = add_strip(&picture, captions[i]);
            int32_t factor = out.width / 1000 > 1 ? out.width / 1000 : 1;
            assert_int_equal(out.width, picture.width > 300 ? picture.width : 300);
            assert_in_range(out.height - picture.height, 50 * factor, 250 * factor);
            for (int32_t y = 0; y < picture.height; y++) {
                assert_memory_equal(out.rgb + (size_t) y * (size_t) out.width * 3, picture.rgb,
                                    (size_t) picture.width * 3);
            }
            image_free(&out);
        }
        image_free(&picture);
    }
}

static void assert_labels(float low, float high, bool around_zero, const char *const wanted[3]) {
    struct colormap colors;
    const struct render_scale scale = {.around_zero = around_zero, .range = {low, high}};
    assert_int_equal(colormap_make("bwr", &colors, NULL), VITLRP_OK);
    struct colorbar bar = colorbar_make(&colors, &scale);
    for (int i = 0; i < COLORBAR_LABELS; i++) {
        assert_string_equal(bar.labels[i].text, wanted[i]);
    }
}

static void test_colorbar_labels(void **state) {
    (void) state;
#define MINUS "\xE2\x88\x92"
    assert_labels(-0.193F, 0.193F, true, (const char *const[]){"+0.19", "0", MINUS "0.19"});
    assert_labels(-0.1F, 0.3F, true, (const char *const[]){"+0.3", "0", MINUS "0.1"});
    assert_labels(0.0F, 0.0F, true, (const char *const[]){"0", "", ""});
    assert_labels(0.0439F, 0.0553F, false, (const char *const[]){"0.055", "", "0.044"});
    assert_labels(2.80012F, 2.80034F, false, (const char *const[]){"2.8003", "", "2.8001"});
    assert_labels(0.0F, 1.0F, false, (const char *const[]){"1", "", "0"});
    assert_labels(7.0F, 7.0F, false, (const char *const[]){"7", "", ""});
#undef MINUS
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_font_no_shaper), /* first: others may load fonts */
        cmocka_unit_test(test_shaper),
        cmocka_unit_test(test_font_measures),
        cmocka_unit_test(test_font_spells),
        cmocka_unit_test(test_font_draws_inside_its_box),
        cmocka_unit_test(test_font_clips),
        cmocka_unit_test(test_font_fit),
        cmocka_unit_test(test_panel_shapes),
        cmocka_unit_test(test_panel_captions),
        cmocka_unit_test(test_panel_of_zeros),
        cmocka_unit_test(test_strips),
        cmocka_unit_test(test_colorbar_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
