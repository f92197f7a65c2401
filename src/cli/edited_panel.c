#include "edited_panel.h"

#include <string.h>

#include "base/mem.h"
#include "base/naming.h"
#include "base/text.h"
#include "figure/figure_map.h"
#include "model_record.h"
#include "names.h"

/* Points. */
#define MARGIN 14.0
#define GAP 12.0 /* between columns */
#define PANE_SIDE 150.0
#define COLUMN_MIN 120.0
#define TITLE_SIZE 11.0
#define HEAD_SIZE 9.0
#define TEXT_SIZE 8.0
#define NOTE_SIZE 7.0
#define LINE 1.45 /* the height of a line, in sizes */

#define TEXT_LIMIT ((size_t) 1 << 14)
#define SHOWN_EDITS 8

enum { PHOTO, BEFORE, AFTER, CHANGE, COLUMNS };

/* Where things are. */
struct plan {
    const struct edited_panel *panel;
    struct figure *figure;
    struct figure_pane pane; /* owned */
    float *change;           /* owned: after less before */
    struct text words;       /* owned; of the line at hand */
    double column_width, y;
};

static double column_x(const struct plan *plan, size_t column) {
    return MARGIN + (double) column * (plan->column_width + GAP);
}

/* The words at x. */
static void add_line(struct plan *plan, double x, double width, double size, bool is_bold) {
    const struct figure_line line = {x, plan->y, width, size, is_bold, size <= NOTE_SIZE};
    figure_add_line(plan->figure, &line, &plan->words);
}

static void add_wide_line(struct plan *plan, double size, bool is_bold) {
    add_line(plan, MARGIN, plan->figure->width - 2.0 * MARGIN, size, is_bold);
    plan->y += size * LINE;
}

/* ---- Columns ---- */

static struct figure_map map_of(const struct plan *plan, const float *values) {
    const struct explanation *explanation = plan->panel->explanation;
    struct figure_map map = {.values = values,
                             .height = plan->panel->height,
                             .width = plan->panel->width,
                             .options = explanation->settings->render,
                             .unit = explanation_unit(explanation),
                             .of_pixels = explanation->settings->level == LEVEL_PIXEL};
    map.options.style = VITLRP_STYLE_OVERLAY;
    return map;
}

static size_t count_of(const struct plan *plan) {
    return (size_t) plan->panel->height * (size_t) plan->panel->width;
}

/* Before and after have one scale; what changed has two signs, and a scale of its own. */
static struct figure_map column_map(const struct plan *plan, size_t column) {
    const struct edited_panel *panel = plan->panel;
    struct figure_range range = figure_range_none();
    const float *values = column == BEFORE  ? panel->before
                          : column == AFTER ? panel->after
                                            : plan->change;
    struct figure_map map = map_of(plan, values);
    if (column == CHANGE) {
        map.options.kind = VITLRP_MAP_SIGNED;
        map.options.scale = 0.0F;
        map.options.range_low = map.options.range_high = 0.0F;
        map.options.top_percent = 0.0F;
        figure_range_add(&range, values, count_of(plan));
    } else {
        figure_range_add(&range, panel->before, count_of(plan));
        figure_range_add(&range, panel->after, count_of(plan));
    }
    figure_range_set(&range, &map.options);
    return map;
}

/* What is explained, and how much of it is in the map. */
static void add_held(struct plan *plan, size_t column) {
    const struct edited_panel *panel = plan->panel;
    const struct explanation *explanation = panel->explanation;
    double x = column_x(plan, column);
    double explained = column == BEFORE ? panel->explained : explanation->explained;
    double sum = column == BEFORE ? panel->sum : explanation->sum;
    if (column == CHANGE) {
        explained = explanation->explained - panel->explained;
        sum = explanation->sum - panel->sum;
    }
    text_printf(&plan->words, column == CHANGE ? "%s%s %+.4g" : "%s%s %.4g",
                explanation_sum(explanation), explanation->has_versus ? " difference" : "",
                explained);
    add_line(plan, x, plan->column_width, TEXT_SIZE, false);
    plan->y += TEXT_SIZE * LINE;
    if (explanation->settings->method_info.has_ledger != 0) {
        text_printf(&plan->words, column == CHANGE ? "in the map %+.4g" : "the map holds %.4g",
                    sum);
        add_line(plan, x, plan->column_width, TEXT_SIZE, false);
    }
}

static enum vitlrp_status add_column(struct plan *plan, size_t column, struct vitlrp_error *err) {
    static const char *const HEADS[COLUMNS] = {"Photograph", "Before", "After", "What changed"};
    double x = column_x(plan, column);
    double top = plan->y;
    text_append_string(&plan->words, HEADS[column]);
    add_line(plan, x, plan->column_width, HEAD_SIZE, true);
    plan->y += HEAD_SIZE * LINE + 2.0;
    if (column == PHOTO) {
        TRY(figure_add_photo(plan->figure, &plan->pane, x, plan->y, err));
        plan->y = top;
        return VITLRP_OK;
    }
    struct figure_map map = column_map(plan, column);
    TRY(figure_add_map(plan->figure, &plan->pane, &map, x, plan->y, err));
    plan->y += plan->pane.height + 4.0;
    struct figure_box bar = {x, plan->y, plan->column_width, FIGURE_BAR_HEIGHT};
    if (map.options.top_percent == 0.0F) {
        TRY(figure_add_bar(plan->figure, &map, &bar, err));
    }
    plan->y += FIGURE_BAR_HEIGHT + 2.0;
    add_held(plan, column);
    plan->y = top;
    return VITLRP_OK;
}

/* ---- The whole ---- */

static enum vitlrp_status add_edits(struct plan *plan, struct vitlrp_error *err) {
    TRY(model_edits_append(plan->panel->explanation->model, SHOWN_EDITS, &plan->words, err));
    add_wide_line(plan, TEXT_SIZE, false);
    return VITLRP_OK;
}

/* What the edits did, and what the map of the edited model explains. */
static enum vitlrp_status add_report(struct plan *plan, struct vitlrp_error *err) {
    struct text report = {.limit = TEXT_LIMIT};
    report_class(&report, plan->panel->explanation);
    enum vitlrp_status status = text_check_memory(&report, "the texts of a figure", err);
    const char *line = report.data == NULL ? "" : report.data;
    while (status == VITLRP_OK && *line != '\0') {
        size_t length = strcspn(line, "\n");
        text_append(&plan->words, line, length);
        add_wide_line(plan, TEXT_SIZE, line == report.data);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    text_free(&report);
    return status;
}

/* The photograph's name, what the edits did, and which they are. */
static enum vitlrp_status add_head(struct plan *plan, struct vitlrp_error *err) {
    const struct explanation *explanation = plan->panel->explanation;
    char name[120];
    text_escape_name(name, sizeof name, name_base(explanation->image_path));
    text_append_string(&plan->words, name);
    figure_set_title(plan->figure, name);
    add_wide_line(plan, TITLE_SIZE, true);
    TRY(add_report(plan, err));
    TRY(add_edits(plan, err));
    plan->y += 4.0;
    return VITLRP_OK;
}

static void add_notes(struct plan *plan) {
    const char *const notes[] = {
        "Before and after have one scale of colours; what changed, after less before, has its own.",
        figure_pane_hatching(&plan->pane)};
    method_append(&plan->words, &plan->panel->explanation->settings->method_info,
                  &plan->panel->explanation->settings->method);
    add_wide_line(plan, NOTE_SIZE, false);
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (notes[i] != NULL) {
            text_append_string(&plan->words, notes[i]);
            add_wide_line(plan, NOTE_SIZE, false);
        }
    }
}

static enum vitlrp_status draw(struct plan *plan, struct vitlrp_error *err) {
    const struct edited_panel *panel = plan->panel;
    plan->change = mem_calloc(count_of(plan), sizeof *plan->change);
    if (plan->change == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a map");
    }
    for (size_t i = 0; i < count_of(plan); i++) {
        plan->change[i] = panel->after[i] - panel->before[i];
    }
    plan->column_width = plan->pane.width > COLUMN_MIN ? plan->pane.width : COLUMN_MIN;
    plan->figure->width = column_x(plan, COLUMNS) - GAP + MARGIN;
    TRY(add_head(plan, err));
    for (size_t column = 0; column < COLUMNS; column++) {
        TRY(add_column(plan, column, err));
    }
    plan->y += HEAD_SIZE * LINE + 2.0 + plan->pane.height + 4.0 + FIGURE_BAR_HEIGHT + 2.0 +
               2.0 * TEXT_SIZE * LINE + GAP;
    add_notes(plan);
    plan->figure->height = plan->y + MARGIN - 4.0;
    return text_check_memory(&plan->words, "the texts of a figure", err);
}

enum vitlrp_status edited_panel_draw(const struct edited_panel *panel, struct figure *out,
                                     struct vitlrp_error *err) {
    struct plan plan = {.panel = panel, .figure = out, .words = {.limit = TEXT_LIMIT}, .y = MARGIN};
    const struct photo *photo = panel->explanation->photo;
    *out = (struct figure){0};
    TRY(figure_pane_open(photo->image, &photo->geometry, PANE_SIDE, &plan.pane, err));
    enum vitlrp_status status = draw(&plan, err);
    figure_pane_close(&plan.pane);
    mem_free(plan.change);
    text_free(&plan.words);
    return status;
}
