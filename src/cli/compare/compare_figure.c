#include "compare_figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/naming.h"
#include "base/text.h"
#include "base/words.h"
#include "cli/model_record.h"
#include "cli/names.h"
#include "cli/photo.h"

/* Points. */
#define MARGIN 14.0
#define GAP 12.0 /* between columns */
#define TITLE_SIZE 11.0
#define HEAD_SIZE 9.0
#define TEXT_SIZE 8.0
#define NOTE_SIZE 7.0
#define LINE 1.45 /* the height of a line, in sizes */
#define PANE_WIDTH_MIN 110.0

#define SHOWN_EDITS 8

#define DELTA "\xCE\x94"

/* Where things are. */
struct plan {
    const struct compare_cells *cells;
    struct figure *figure;
    double column_width;
    double y; /* of what comes next */
};

static double column_x(const struct plan *plan, size_t column) {
    return MARGIN + (double) column * (plan->column_width + GAP);
}

static const struct compare_column *column_of(const struct plan *plan, size_t column) {
    return &plan->cells->columns->items[column];
}

static void add_line(struct plan *plan, const struct figure_text *text, const char *words) {
    figure_add_text(plan->figure, text, words);
}

/* ---- Scales ---- */

static bool is_signed(const struct compare_column *column) {
    return column->settings.render.kind == VITLRP_MAP_SIGNED;
}

/* Values that can be compared: of one unit, and of one kind. A score is its method's own unit. */
static bool share_scale(const struct compare_column *a, const struct compare_column *b) {
    const struct vitlrp_method_info *first = &a->settings.method_info;
    const struct vitlrp_method_info *second = &b->settings.method_info;
    bool one_unit = strcmp(first->unit, second->unit) == 0 &&
                    (strcmp(first->unit, "score") != 0 || strcmp(first->name, second->name) == 0);
    return one_unit && is_signed(a) == is_signed(b);
}

static void add_row(const struct compare_cells *cells, size_t row,
                    const struct compare_column *like, struct figure_range *range) {
    for (size_t c = 0; c < cells->columns->count; c++) {
        if (share_scale(&cells->columns->items[c], like)) {
            const struct compare_cell *cell = compare_cell_at(cells, row, c);
            figure_range_add(range, cell->map, (size_t) cell->height * (size_t) cell->width);
        }
    }
}

static struct figure_map cell_map(const struct compare_cells *cells, size_t row, size_t column) {
    const struct compare_column *own = &cells->columns->items[column];
    const struct compare_cell *cell = compare_cell_at(cells, row, column);
    struct figure_map map = {.values = cell->map,
                             .height = cell->height,
                             .width = cell->width,
                             .options = own->settings.render,
                             .unit = own->settings.method_info.unit};
    struct figure_range range = figure_range_none();
    if (own->settings.shares_scale) {
        for (size_t r = 0; r < cells->row_count; r++) {
            add_row(cells, r, own, &range);
        }
    } else {
        add_row(cells, row, own, &range);
    }
    figure_range_set(&range, &map.options);
    return map;
}

/* ---- Texts ---- */

static void append_row_title(const struct plan *plan, const struct compare_row *row,
                             struct text *out) {
    char name[120];
    text_escape_name(name, sizeof name, name_base(plan->cells->images[row->image].path));
    text_printf(out, "%s: ", name);
    class_append(out, &row->target);
    if (plan->cells->has_versus) {
        text_append_string(out, " versus ");
        class_append(out, &row->versus);
    } else if (!isnan(row->probability)) {
        text_printf(out, ", %.1f %%, logit %.4g", 100.0 * row->probability, row->logit);
    } else {
        text_printf(out, ", %.4g", row->logit);
    }
}

static void append_model(const struct plan *plan, struct text *out) {
    struct vitlrp_model_info info;
    char name[160];
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(plan->cells->model, &info);
    text_escape_name(name, sizeof name, name_base(info.name));
    text_append_string(out, name);
}

/* Which units of the model are edited, on a line below its name. */
static enum vitlrp_status add_edits(struct plan *plan, struct text *words,
                                    struct vitlrp_error *err) {
    const struct figure_text text = {.x = MARGIN,
                                     .baseline = plan->y + TEXT_SIZE,
                                     .size = TEXT_SIZE,
                                     .width = plan->figure->width - 2.0 * MARGIN,
                                     .color = FIGURE_TEXT_COLOR};
    if (plan->cells->columns->items[0].settings.edit == NULL) {
        return VITLRP_OK;
    }
    words->length = 0;
    text_append_string(words, "edited: ");
    TRY(model_edits_append(plan->cells->model, SHOWN_EDITS, words, err));
    add_line(plan, &text, words->data == NULL ? "" : words->data);
    plan->y += TEXT_SIZE * LINE + 4.0;
    return VITLRP_OK;
}

static void add_note(struct plan *plan, const char *words) {
    const struct figure_text text = {.x = MARGIN,
                                     .baseline = plan->y + NOTE_SIZE,
                                     .size = NOTE_SIZE,
                                     .width = plan->figure->width - 2.0 * MARGIN,
                                     .color = FIGURE_FAINT_COLOR};
    add_line(plan, &text, words);
    plan->y += NOTE_SIZE * LINE;
}

static void add_notes(struct plan *plan, struct text *words) {
    const struct compare_cells *cells = plan->cells;
    bool shared = cells->columns->items[0].settings.shares_scale;
    add_note(plan, shared ? "Colours: one scale for all maps in logits, and one for all of a "
                            "method with another unit."
                          : "Colours: in a row, maps in logits have one scale; a method with "
                            "another unit has its own.");
    for (size_t i = 0; i < cells->image_count; i++) {
        const char *hatching = figure_pane_hatching(&cells->images[i].pane);
        if (hatching != NULL) {
            add_note(plan, hatching);
            break;
        }
    }
    if (cells->steps > 0) {
        text_printf(words,
                    DELTA ": the %s mean while the least relevant patches are replaced first, "
                          "less that of the most relevant first;",
                    cells->has_versus ? "difference's" : "logit's");
        add_note(plan, words->data == NULL ? "" : words->data);
        words->length = 0;
        text_printf(
            words,
            "larger is more faithful. Replaced by %s in %d steps; %zu forward passes in all.",
            vitlrp_word("replacement", (int32_t) cells->replacement), cells->steps,
            compare_cells_forwards(cells));
        add_note(plan, words->data == NULL ? "" : words->data);
    }
}

/* ---- Rows ---- */

static void add_heads(struct plan *plan) {
    struct figure_text text = {.x = MARGIN,
                               .baseline = plan->y + HEAD_SIZE,
                               .size = HEAD_SIZE,
                               .width = plan->column_width,
                               .color = FIGURE_TEXT_COLOR,
                               .is_bold = true};
    add_line(plan, &text, "Photograph");
    for (size_t c = 0; c < plan->cells->columns->count; c++) {
        text.x = column_x(plan, c + 1);
        add_line(plan, &text, column_of(plan, c)->title);
    }
    plan->y += HEAD_SIZE * LINE + 4.0;
}

/* Below a map: its bar, and how faithful it is. */
static enum vitlrp_status add_legend(struct plan *plan, const struct figure_map *map,
                                     const struct compare_cell *cell, double x, double map_width,
                                     struct vitlrp_error *err) {
    char words[64];
    double width = fmax(map_width, PANE_WIDTH_MIN);
    struct figure_box box = {x, plan->y, width, FIGURE_BAR_HEIGHT};
    if (map->options.top_percent == 0.0F) {
        TRY(figure_add_bar(plan->figure, map, &box, err));
    }
    if (!isnan(cell->delta_logit)) {
        const struct figure_text text = {.x = x,
                                         .baseline = plan->y + FIGURE_BAR_HEIGHT + TEXT_SIZE,
                                         .size = TEXT_SIZE,
                                         .width = plan->column_width,
                                         .color = FIGURE_TEXT_COLOR};
        snprintf(words, sizeof words, DELTA " %s%.2f",
                 cell->delta_logit < 0.0 ? "\xE2\x88\x92" : "", fabs(cell->delta_logit));
        add_line(plan, &text, words);
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_panes(struct plan *plan, size_t row, struct vitlrp_error *err) {
    const struct compare_cells *cells = plan->cells;
    const struct figure_pane *pane = &cells->images[cells->rows[row].image].pane;
    double top = plan->y;
    TRY(figure_add_photo(plan->figure, pane, MARGIN, top, err));
    for (size_t c = 0; c < cells->columns->count; c++) {
        struct figure_map map = cell_map(cells, row, c);
        double x = column_x(plan, c + 1);
        plan->y = top;
        TRY(figure_add_map(plan->figure, pane, &map, x, top, err));
        plan->y = top + pane->height + 4.0;
        TRY(add_legend(plan, &map, compare_cell_at(cells, row, c), x, pane->width, err));
    }
    plan->y = top + pane->height + 4.0 + FIGURE_BAR_HEIGHT + TEXT_SIZE * LINE + GAP;
    return VITLRP_OK;
}

static enum vitlrp_status add_rows(struct plan *plan, struct text *words,
                                   struct vitlrp_error *err) {
    for (size_t r = 0; r < plan->cells->row_count; r++) {
        const struct figure_text text = {.x = MARGIN,
                                         .baseline = plan->y + HEAD_SIZE,
                                         .size = HEAD_SIZE,
                                         .width = plan->figure->width - 2.0 * MARGIN,
                                         .color = FIGURE_TEXT_COLOR,
                                         .is_bold = true};
        words->length = 0;
        append_row_title(plan, &plan->cells->rows[r], words);
        add_line(plan, &text, words->data == NULL ? "" : words->data);
        plan->y += HEAD_SIZE * LINE + 2.0;
        TRY(add_panes(plan, r, err));
    }
    return VITLRP_OK;
}

enum vitlrp_status compare_figure_draw(const struct compare_cells *cells, struct figure *out,
                                       struct vitlrp_error *err) {
    struct text words = {.limit = 4096};
    struct plan plan = {.cells = cells, .figure = out, .column_width = PANE_WIDTH_MIN, .y = MARGIN};
    *out = (struct figure){0};
    for (size_t i = 0; i < cells->image_count; i++) {
        plan.column_width = fmax(plan.column_width, cells->images[i].pane.width);
    }
    out->width = column_x(&plan, cells->columns->count + 1) - GAP + MARGIN;
    append_model(&plan, &words);
    if (words.data != NULL) {
        figure_set_title(out, words.data);
    }
    const struct figure_text title = {.x = MARGIN,
                                      .baseline = plan.y + TITLE_SIZE,
                                      .size = TITLE_SIZE,
                                      .width = out->width - 2.0 * MARGIN,
                                      .color = FIGURE_TEXT_COLOR,
                                      .is_bold = true};
    add_line(&plan, &title, words.data == NULL ? "" : words.data);
    plan.y += TITLE_SIZE * LINE + 4.0;
    enum vitlrp_status status = add_edits(&plan, &words, err);
    add_heads(&plan);
    if (status == VITLRP_OK) {
        status = add_rows(&plan, &words, err);
    }
    words.length = 0;
    add_notes(&plan, &words);
    out->height = plan.y + MARGIN - 4.0;
    if (status == VITLRP_OK) {
        status = text_check_memory(&words, "the texts of a figure", err);
    }
    text_free(&words);
    return status;
}
