/* The parts of vitlrp neurons that can be tried alone: which units are shown, what a block's
 * numbers mean, and the panel, of made-up numbers. */
#include <math.h>
#include <string.h>

#include "cli/neurons/neurons_figure.h"
#include "cli/neurons/neurons_report.h"
#include "figure/figure_svg.h"

#include "support/unit.h"

#define WIDTH 4 /* units of a block */
#define GRID 2
#define PATCHES (GRID * GRID)

/* ---- The choice ---- */

static void assert_selected(const float *scores, size_t count, bool smallest, size_t most,
                            const int32_t *wanted, size_t wanted_count) {
    int32_t units[8];
    assert_int_equal(neurons_select(scores, count, smallest, most, units), wanted_count);
    assert_memory_equal(units, wanted, wanted_count * sizeof *units);
}

static void test_selection(void **unused) {
    static const float SCORES[] = {0.5F, -1.0F, 2.0F, 0.5F, 2.0F, -1.0F};
    (void) unused;
    assert_selected(SCORES, 6, false, 3, (const int32_t[]){2, 4, 0}, 3);
    assert_selected(SCORES, 6, true, 3, (const int32_t[]){1, 5, 0}, 3);
    assert_selected(SCORES, 6, false, 6, (const int32_t[]){2, 4, 0, 3, 1, 5}, 6);
    assert_selected(SCORES, 2, false, 6, (const int32_t[]){0, 1}, 2);
}

static void assert_blocks(const char *list, const char *wanted) {
    bool found[6];
    char shown[7] = "";
    struct vitlrp_error err;
    enum vitlrp_status status = neurons_blocks_read(list, 6, found, &err);
    assert_int_equal(status, wanted == NULL ? VITLRP_USAGE : VITLRP_OK);
    assert_int_equal(neurons_blocks_read(list, 6, NULL, &err), status);
    for (size_t i = 0; wanted != NULL && i < 6; i++) {
        shown[i] = found[i] ? 'x' : '-';
    }
    assert_string_equal(shown, wanted == NULL ? "" : wanted);
}

static void test_blocks(void **unused) {
    static const char *const BAD[] = {"",     "6",  "-1",         "0-6", "3-2", "0,",   ",0",
                                      "0 ,1", "0-", "4294967296", "0x1", "all", "1-2-3"};
    (void) unused;
    assert_blocks(NULL, "xxxxxx");
    assert_blocks("5", "-----x");
    assert_blocks("0,3-4", "x--xx-");
    assert_blocks("2-2,2", "--x---");
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        assert_blocks(BAD[i], NULL);
    }
}

/* ---- Made-up numbers ---- */

/* Two blocks of WIDTH units, two of each shown, and an image of all of it. */
struct made_up {
    struct vitlrp_model *model;
    struct settings settings;
    struct photo photo;
    struct prediction prediction;
    struct explanation explanation;
    struct neurons_choice choice;
    struct neurons_block blocks[2];
    struct neurons_item items[4];
    float patches[4 * PATCHES], whole[PATCHES], tokens[3 * (2 + PATCHES)];
    struct neurons_result result;
};

static const struct vitlrp_block_flow FLOW = {.entering = 3.0,
                                              .heads = 0.5,
                                              .attention_branch = 0.75,
                                              .attention_shortcut = 2.5,
                                              .mlp_hidden = 0.9,
                                              .mlp_branch = 1.0,
                                              .mlp_shortcut = 2.5,
                                              .leaving = 3.5};

static void make_items(struct made_up *made) {
    for (int32_t i = 0; i < 4; i++) {
        made->items[i] = (struct neurons_item){.unit = {VITLRP_SITE_FC1, 1 - i / 2, 10 + i},
                                               .relevance = i == 3 ? -0.4 : 0.8,
                                               .first_order = 0.125,
                                               .drop = i == 0 ? 0.25 : NAN,
                                               .activation = 7.0,
                                               .activation_max = 2.5,
                                               .activation_token = i,
                                               .map_sum = 0.3};
        made->patches[i * PATCHES + i] = 1.0F;
    }
}

static void make(struct made_up *made) {
    static const uint8_t GREY[8 * 8 * 3] = {0};
    *made = (struct made_up){.whole = {1.0F, -1.0F, 0.5F, 0.0F}};
    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    assert_int_equal(vitlrp_model_open_builtin(&options, &made->model, NULL), VITLRP_OK);
    assert_int_equal(vitlrp_image_from_rgb(GREY, 8, 8, &made->photo.image, NULL), VITLRP_OK);
    made->photo.geometry = (struct vitlrp_geometry){.image_width = 8,
                                                    .image_height = 8,
                                                    .input_width = 8,
                                                    .input_height = 8,
                                                    .width = 8.0,
                                                    .height = 8.0};
    vitlrp_render_options_init(&made->settings.render);
    vitlrp_method_info_init(&made->settings.method_info);
    assert_int_equal(vitlrp_method_describe("attnlrp", &made->settings.method_info, NULL),
                     VITLRP_OK);
    assert_int_equal(prediction_open(200, &made->prediction, NULL), VITLRP_OK);
    made->explanation = (struct explanation){.image_path = "a/<b>.jpg",
                                             .photo = &made->photo,
                                             .model = made->model,
                                             .settings = &made->settings,
                                             .prediction = &made->prediction,
                                             .explained = 4.0,
                                             .sum = 2.0};
    assert_int_equal(
        vitlrp_model_find_class(made->model, "goldfish", &made->explanation.target, NULL),
        VITLRP_OK);
    made->tokens[2 + PATCHES] = -2.0F; /* the CLS that enters block 1 */
    made->blocks[0] = (struct neurons_block){1, FLOW, 0, 2};
    made->blocks[1] = (struct neurons_block){0, FLOW, 2, 2};
    make_items(made);
    made->result = (struct neurons_result){.choice = &made->choice,
                                           .depth = 2,
                                           .width = WIDTH,
                                           .blocks = made->blocks,
                                           .block_count = 2,
                                           .items = made->items,
                                           .item_count = 4,
                                           .patches = made->patches,
                                           .whole = made->whole,
                                           .tokens = made->tokens,
                                           .grid_height = GRID,
                                           .grid_width = GRID,
                                           .prefix = 2,
                                           .registers = 1};
}

static void unmake(struct made_up *made) {
    vitlrp_model_close(made->model);
    vitlrp_image_close(made->photo.image);
    prediction_close(&made->prediction);
}

/* ---- What is said ---- */

static void assert_ways(enum vitlrp_site site, double branch, double shortcut, double absorbed) {
    const struct neurons_ways ways = neurons_ways_of(site, &FLOW);
    assert_true(fabs(ways.branch - branch) < 1e-12);
    assert_true(fabs(ways.shortcut - shortcut) < 1e-12);
    assert_true(fabs(ways.absorbed - absorbed) < 1e-12);
}

/* The branch and what goes past it are all that leaves the half of the block, of which the absorbed
 * part does not enter it. */
static void test_ways(void **unused) {
    (void) unused;
    assert_ways(VITLRP_SITE_FC1, 1.0, 2.5, 0.25);
    assert_ways(VITLRP_SITE_HEAD, 0.75, 2.5, 0.25);
    assert_ways(VITLRP_SITE_STREAM, 3.5, 0.0, 0.5);
}

/* CLS, the distillation token, registers: a model has any of them. */
static void test_tokens(void **unused) {
    static const struct {
        int32_t prefix, registers;
        const char *together, *names[4];
    } CASES[] = {
        {0, 0, "", {"patch 0,0", "patch 0,1", "patch 1,0", "patch 1,1"}},
        {1, 0, "CLS", {"CLS", "patch 0,0", "patch 0,1", "patch 1,0"}},
        {1, 1, "registers", {"register 0", "patch 0,0", "patch 0,1", "patch 1,0"}},
        {2, 0, "CLS, distillation", {"CLS", "distillation", "patch 0,0", "patch 0,1"}},
        {2, 1, "CLS, registers", {"CLS", "register 0", "patch 0,0", "patch 0,1"}},
        {2, 2, "registers", {"register 0", "register 1", "patch 0,0", "patch 0,1"}},
        {4, 2, "CLS, distillation, registers", {"CLS", "distillation", "register 0", "register 1"}},
    };
    char name[NEURONS_TOKEN_LIMIT];
    (void) unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct neurons_result result = {.prefix = CASES[i].prefix,
                                        .registers = CASES[i].registers,
                                        .grid_height = GRID,
                                        .grid_width = GRID};
        neurons_prefix_name(&result, name);
        assert_string_equal(name, CASES[i].together);
        for (int32_t token = 0; token < 4; token++) {
            neurons_token_name(&result, token, name);
            assert_string_equal(name, CASES[i].names[token]);
        }
    }
}

static void test_report(void **unused) {
    struct made_up made;
    struct text text = {.limit = 4096};
    (void) unused;
    make(&made);
    neurons_report_append(&made.result, &made.explanation, &text);
    assert_string_equal(
        text.data,
        "block 1: 25.0 % through the MLP, 62.5 % past it, 6.2 % absorbed\n"
        "  1:fc1:10        +20.0 %       2.5 at CLS           without it: logit -0.250 (first "
        "order -0.125)\n"
        "  1:fc1:11        +20.0 %       2.5 at register 0    without it: logit -0.125 to first "
        "order\n"
        "block 0: 25.0 % through the MLP, 62.5 % past it, 6.2 % absorbed\n"
        "  0:fc1:12        +20.0 %       2.5 at patch 0,0     without it: logit -0.125 to first "
        "order\n"
        "  0:fc1:13        -10.0 %       2.5 at patch 0,1     without it: logit -0.125 to first "
        "order\n"
        "blocks are in series: what leaves one enters the next, so shares of different blocks do "
        "not add up\n");
    text_free(&text);
    unmake(&made);
}

/* ---- The panel ---- */

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *found = strstr(text, part); found != NULL; found = strstr(found + 1, part)) {
        count++;
    }
    return count;
}

/* The latest block is the first row; what lies in a cell stays within the figure; the bar of half
 * the largest share is half as wide. */
static void test_panel(void **unused) {
    static const char *const WORDS[] = {">enters  +75.0 %<",    ">-50.0 % at CLS, registers<",
                                        ">1:fc1:10  +20.0 %<",  ">0:fc1:13  -10.0 %<",
                                        ">2.5 at register 0<",  ">Block 1: 25.0 % through the MLP",
                                        ">without it: -0.250<", ">to first order: -0.125<",
                                        ">&lt;b&gt;.jpg<",      ">explained: goldfish (1), "};
    struct made_up made;
    struct figure figure;
    struct bytes svg = {0};
    double widest = 0.0;
    double narrow = 0.0;
    (void) unused;
    make(&made);
    assert_int_equal(neurons_figure_draw(&made.result, &made.explanation, &figure, NULL),
                     VITLRP_OK);
    for (size_t i = 0; i < figure.count; i++) {
        const struct figure_item *item = &figure.items[i];
        if (item->kind == FIGURE_TEXT) {
            assert_true(item->text.baseline < figure.height);
            continue;
        }
        assert_true(item->box.x >= 0.0 && item->box.x + item->box.width <= figure.width);
        assert_true(item->box.y >= 0.0 && item->box.y + item->box.height <= figure.height);
        widest = item->kind == FIGURE_AREA && item->color == 0xB2182B ? item->box.width : widest;
        narrow = item->kind == FIGURE_AREA && item->color == 0x2166AC ? item->box.width : narrow;
    }
    assert_true(widest > 0.0);
    assert_true(fabs(narrow - widest / 2.0) < 1e-9);
    assert_int_equal(figure_svg(&figure, NULL, &svg, NULL), VITLRP_OK);
    struct text text = {.limit = svg.size + 1};
    text_append(&text, (const char *) svg.data, svg.size);
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
        if (strstr(text.data, WORDS[i]) == NULL) {
            fail_msg("the panel has no %s", WORDS[i]);
        }
    }
    assert_int_equal(count_of(text.data, "<image"),
                     2 + 1 + 2 + 4); /* photograph, map, bar, tokens, cells */
    assert_true(strstr(text.data, ">Block 1:") < strstr(text.data, ">Block 0:"));
    text_free(&text);
    bytes_free(&svg);
    figure_free(&figure);
    unmake(&made);
}

/* Heads have a picture more: where they look. */
static void test_heads(void **unused) {
    struct made_up made;
    struct figure figure;
    float attention[2 * 14 * (2 + PATCHES)] = {0.25F};
    size_t pictures = 0;
    (void) unused;
    make(&made);
    made.result.width = 14;
    made.result.attention = attention;
    assert_int_equal(neurons_figure_draw(&made.result, &made.explanation, &figure, NULL),
                     VITLRP_OK);
    for (size_t i = 0; i < figure.count; i++) {
        pictures += figure.items[i].kind == FIGURE_PICTURE ? 1 : 0;
    }
    assert_int_equal(pictures, 2 + 1 + 2 + 2 * 4);
    figure_free(&figure);
    unmake(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection), cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_ways),      cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_report),    cmocka_unit_test(test_panel),
        cmocka_unit_test(test_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
