#include "figure/figure_single.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Points. */
#define SIDE 360.0
#define MARGIN 10.0
#define WIDTH_MIN 240.0
#define BAR_WIDTH 150.0
#define TITLE_SIZE 11.0
#define TEXT_SIZE 9.0
#define LINE 1.45 /* the height of a line, in sizes */

/* A line of the caption; returns where it ends. */
static double add_line(struct figure *figure, const char *words, bool is_title, double y) {
    struct figure_text text = {.x = MARGIN,
                               .size = is_title ? TITLE_SIZE : TEXT_SIZE,
                               .width = figure->width - 2.0 * MARGIN,
                               .color = is_title ? FIGURE_TEXT_COLOR : FIGURE_FAINT_COLOR,
                               .is_bold = is_title};
    text.baseline = y + text.size;
    figure_add_text(figure, &text, words);
    return y + text.size * LINE;
}

/* The caption's lines from y on, and what hatching means; returns where they end. */
static double add_caption(struct figure *figure, const char *caption, const char *hatching,
                          double y, struct text *words) {
    for (int line = 0; *caption != '\0'; line++) {
        size_t length = strcspn(caption, "\n");
        words->length = 0;
        text_append(words, caption, length);
        y = add_line(figure, words->data == NULL ? "" : words->data, line == 0, y);
        caption += length + (caption[length] == '\n' ? 1 : 0);
    }
    y = hatching == NULL ? y : add_line(figure, hatching, false, y);
    return y + 2.0;
}

/* The map as single has it, with a range. */
static enum vitlrp_status draw(const struct figure_single *single, const struct figure_map *map,
                               const struct figure_pane *pane, struct figure *figure,
                               struct vitlrp_error *err) {
    double y = MARGIN;
    struct text words = {.limit = strlen(single->caption == NULL ? "" : single->caption) + 1};
    figure->width = fmax(pane->width, WIDTH_MIN) + 2.0 * MARGIN;
    TRY(figure_add_map(figure, pane, map, MARGIN, y, err));
    y += pane->height + 8.0;
    if (single->caption != NULL) {
        y = add_caption(figure, single->caption, figure_pane_hatching(pane), y, &words);
        figure->failed = figure->failed || words.failed;
        text_free(&words);
        const struct figure_box box = {MARGIN, y, BAR_WIDTH, FIGURE_BAR_HEIGHT};
        if (map->options.top_percent == 0.0F) {
            TRY(figure_add_bar(figure, map, &box, err));
            y += FIGURE_BAR_HEIGHT + 4.0;
        }
    }
    figure->height = y + MARGIN - 4.0;
    return figure_check_complete(figure, err);
}

enum vitlrp_status figure_single_draw(const struct figure_single *single, struct figure *out,
                                      struct vitlrp_error *err) {
    struct figure_range range = figure_range_none();
    struct figure_map map = single->map;
    struct figure_pane pane;
    *out = (struct figure){0};
    figure_range_add(&range, map.values, (size_t) map.height * (size_t) map.width);
    figure_range_set(&range, &map.options);
    TRY(figure_pane_open(single->image, single->geometry, SIDE, &pane, err));
    enum vitlrp_status status = draw(single, &map, &pane, out, err);
    figure_pane_close(&pane);
    return status;
}
