#include "neurons_figure.h"

#include <math.h>
#include <string.h>

#include "base/naming.h"
#include "base/text.h"
#include "cli/model_record.h"
#include "cli/names.h"
#include "neurons_map.h"
#include "neurons_references.h"
#include "neurons_report.h"

/* Points. */
#define MARGIN 14.0
#define GAP 10.0 /* between cells */
#define PANE_SIDE 96.0
#define CELL_WIDTH_MIN 96.0
#define TITLE_SIZE 11.0
#define HEAD_SIZE 9.0
#define TEXT_SIZE 7.5
#define NOTE_SIZE 7.0
#define LINE 1.45 /* the height of a line, in sizes */
#define BAR_THICKNESS 4.0
#define CROP_SIDE 46.0 /* of a reference image, two in a column */
#define CROP_GAP 4.0

#define FOR_COLOR 0xB2182B
#define AGAINST_COLOR 0x2166AC
#define BAR_GROUND 0xE8E8E8
#define SHOWN_EDITS 6
#define TEXT_LIMIT 4096

/* Where things are. */
struct panel {
    const struct neurons_result *result;
    const struct explanation *explanation;
    struct figure *figure;
    struct figure_pane pane; /* owned */
    struct text words;       /* owned; of the line at hand */
    double first_width;      /* of the column without units, and of a unit's own pictures */
    double cell_width;       /* of a unit */
    double peak;             /* largest share of a unit, of both signs */
    double y;                /* of what comes next */
};

static double cell_x(const struct panel *panel, size_t column) {
    double units = column == 0 ? 0.0 : (double) (column - 1) * (panel->cell_width + GAP);
    return MARGIN + (column == 0 ? 0.0 : panel->first_width + GAP) + units;
}

/* The words as a line of the whole width, or of a cell's. */
static void add_line(struct panel *panel, double x, double width, double size, bool is_bold) {
    const struct figure_line line = {x, panel->y, width, size, is_bold, size <= NOTE_SIZE};
    figure_add_line(panel->figure, &line, &panel->words);
    panel->y += size * LINE;
}

static void add_wide_line(struct panel *panel, double size, bool is_bold) {
    add_line(panel, MARGIN, panel->figure->width - 2.0 * MARGIN, size, is_bold);
}

/* ---- A unit ---- */

static enum vitlrp_status add_masked(struct panel *panel, const float *values, double x,
                                     struct vitlrp_error *err) {
    struct figure_map map;
    return neurons_map_mask(panel->result, panel->explanation, values, &map)
               ? figure_add_map(panel->figure, &panel->pane, &map, x, panel->y, err)
               : figure_add_photo(panel->figure, &panel->pane, x, panel->y, err);
}

/* Of a head: what it looks at, below what its relevance comes from. */
static enum vitlrp_status add_attention(struct panel *panel, const struct neurons_item *item,
                                        double x, struct vitlrp_error *err) {
    const struct figure_map map =
        neurons_map_attention(panel->result, panel->explanation, &item->unit);
    TRY(figure_add_map(panel->figure, &panel->pane, &map, x, panel->y, err));
    panel->y += panel->pane.height + 4.0;
    return VITLRP_OK;
}

static void add_bar(struct panel *panel, const struct neurons_item *item, double x) {
    double share = neurons_share(panel->explanation, item->relevance);
    double part = panel->peak > 0.0 ? fabs(share) / panel->peak : 0.0;
    struct figure_box box = {x, panel->y, panel->first_width, BAR_THICKNESS};
    figure_add_area(panel->figure, &box, BAR_GROUND);
    box.width *= part;
    figure_add_area(panel->figure, &box, share < 0.0 ? AGAINST_COLOR : FOR_COLOR);
    panel->y += BAR_THICKNESS + 3.0;
}

/* Right of a unit's pictures: above the images for which it is most relevant, below those that
 * activate it most. */
static enum vitlrp_status add_crops(struct panel *panel, size_t item, double x,
                                    struct vitlrp_error *err) {
    const struct neurons_references *references = panel->result->references;
    for (int kind = 0; references != NULL && kind < NEURONS_KINDS; kind++) {
        const struct neurons_row row =
            neurons_references_row(references, item, (enum vitlrp_concept_kind) kind);
        struct figure_box box = {x + panel->first_width + CROP_GAP,
                                 panel->y + kind * (CROP_SIDE + CROP_GAP), CROP_SIDE, CROP_SIDE};
        for (size_t i = 0; i < NEURONS_CROPS && i < row.count; i++) {
            unsigned char *png = NULL;
            size_t size = 0;
            if (row.crops[i] == NULL) {
                figure_add_area(panel->figure, &box, BAR_GROUND);
            } else {
                TRY(vitlrp_image_encode(row.crops[i], VITLRP_PICTURE_PNG, NULL, &png, &size, err));
                figure_add_picture(panel->figure, &box, png, size);
            }
            box.x += CROP_SIDE + CROP_GAP;
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_cell(struct panel *panel, size_t place, double x,
                                   struct vitlrp_error *err) {
    const struct neurons_result *result = panel->result;
    const struct neurons_item *item = &result->items[place];
    size_t patches = (size_t) result->grid_height * (size_t) result->grid_width;
    char name[VITLRP_UNIT_NAME];
    char token[NEURONS_TOKEN_LIMIT];
    TRY(add_masked(panel, result->patches + place * patches, x, err));
    TRY(add_crops(panel, place, x, err));
    panel->y += panel->pane.height + 4.0;
    if (result->attention != NULL) {
        TRY(add_attention(panel, item, x, err));
    }
    add_bar(panel, item, x);
    vitlrp_unit_name(&item->unit, name);
    neurons_token_name(result, item->activation_token, token);
    text_printf(&panel->words, "%s  %+.1f %%", name,
                100.0 * neurons_share(panel->explanation, item->relevance));
    add_line(panel, x, panel->cell_width, TEXT_SIZE, true);
    text_printf(&panel->words, "%.3g at %s", item->activation_max, token);
    add_line(panel, x, panel->cell_width, NOTE_SIZE, false);
    if (!isnan(item->drop)) {
        text_printf(&panel->words, "without it: %+.3f", 0.0 - item->drop);
        add_line(panel, x, panel->cell_width, NOTE_SIZE, false);
    }
    if (!isnan(item->first_order)) {
        text_printf(&panel->words, "to first order: %+.3f", 0.0 - item->first_order);
        add_line(panel, x, panel->cell_width, NOTE_SIZE, false);
    }
    return VITLRP_OK;
}

/* What enters the block, at its patches, and how much of it is elsewhere. */
static enum vitlrp_status add_entering(struct panel *panel, const struct neurons_block *block,
                                       struct vitlrp_error *err) {
    const struct neurons_result *result = panel->result;
    double first = 0.0;
    const float *patches = neurons_entering(result, block->block, &first);
    const struct figure_map map = neurons_map(result, panel->explanation, patches);
    TRY(figure_add_map(panel->figure, &panel->pane, &map, MARGIN, panel->y, err));
    panel->y += panel->pane.height + 4.0 + BAR_THICKNESS + 3.0;
    text_printf(&panel->words, "enters  %+.1f %%",
                100.0 * neurons_share(panel->explanation, block->flow.entering));
    add_line(panel, MARGIN, panel->first_width, TEXT_SIZE, true);
    if (result->prefix > 0) {
        char name[NEURONS_TOKEN_LIMIT];
        neurons_prefix_name(result, name);
        text_printf(&panel->words, "%+.1f %% at %s",
                    100.0 * neurons_share(panel->explanation, first), name);
        add_line(panel, MARGIN, panel->first_width, NOTE_SIZE, false);
    }
    return VITLRP_OK;
}

static enum vitlrp_status add_block(struct panel *panel, const struct neurons_block *block,
                                    struct vitlrp_error *err) {
    text_printf(&panel->words, "Block %d: ", block->block);
    neurons_ways_append(panel->result, panel->explanation, block, &panel->words);
    add_wide_line(panel, HEAD_SIZE, true);
    panel->y += 2.0;
    double top = panel->y;
    TRY(add_entering(panel, block, err));
    double bottom = panel->y;
    for (size_t i = 0; i < block->count; i++) {
        panel->y = top;
        TRY(add_cell(panel, block->first + i, cell_x(panel, i + 1), err));
        bottom = fmax(bottom, panel->y);
    }
    panel->y = bottom + GAP;
    return VITLRP_OK;
}

/* ---- The whole ---- */

/* What is explained; of an edited model, what the edits did too. */
static enum vitlrp_status add_report(struct panel *panel, struct vitlrp_error *err) {
    struct text report = {.limit = TEXT_LIMIT};
    report_class(&report, panel->explanation);
    enum vitlrp_status status = text_check_memory(&report, "the texts of a figure", err);
    const char *line = report.data == NULL ? "" : report.data;
    while (status == VITLRP_OK && *line != '\0') {
        size_t length = strcspn(line, "\n");
        text_append(&panel->words, line, length);
        add_wide_line(panel, TEXT_SIZE, false);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    text_free(&report);
    return status;
}

static enum vitlrp_status add_edits(struct panel *panel, struct vitlrp_error *err) {
    if (panel->explanation->before == NULL) {
        return VITLRP_OK;
    }
    TRY(model_edits_append(panel->explanation->model, SHOWN_EDITS, &panel->words, err));
    add_wide_line(panel, TEXT_SIZE, false);
    return VITLRP_OK;
}

/* Photograph and map of all that is explained, and beside them what that is. */
static enum vitlrp_status add_head(struct panel *panel, struct vitlrp_error *err) {
    const struct explanation *explanation = panel->explanation;
    const struct neurons_result *result = panel->result;
    const struct figure_map map = neurons_map(result, explanation, result->whole);
    char name[120];
    text_escape_name(name, sizeof name, name_base(explanation->image_path));
    text_append_string(&panel->words, name);
    add_wide_line(panel, TITLE_SIZE, true);
    TRY(add_report(panel, err));
    TRY(add_edits(panel, err));
    panel->y += 4.0;
    double top = panel->y;
    TRY(figure_add_photo(panel->figure, &panel->pane, MARGIN, top, err));
    TRY(figure_add_map(panel->figure, &panel->pane, &map, cell_x(panel, 1), top, err));
    struct figure_box bar = {cell_x(panel, 1), top + panel->pane.height + 4.0, panel->first_width,
                             FIGURE_BAR_HEIGHT};
    TRY(figure_add_bar(panel->figure, &map, &bar, err));
    panel->y = bar.y + FIGURE_BAR_HEIGHT + GAP;
    return VITLRP_OK;
}

static void add_notes(struct panel *panel) {
    const char *const notes[] = {
        "First column: the relevance of the tokens that enter the block, in a scale of its own.",
        "A cell: the patches that the unit's relevance comes from (above a fifth of the largest);",
        panel->result->attention == NULL
            ? NULL
            : "what the head attends to, from CLS or what is pooled, in a scale of its own;",
        "the unit and its share of what is explained; its largest activation, and at which token;",
        panel->result->choice->wants_drops || panel->result->choice->wants_first_order
            ? "what the output changes by without the unit, measured and to first order."
            : NULL,
        panel->result->references == NULL
            ? NULL
            : "Right of a unit, parts of images of the index where it is strongest: above those "
              "for which it is most relevant, below those that activate it most.",
        "Blocks are in series: what leaves one enters the next, so their shares do not add up.",
        figure_pane_hatching(&panel->pane)};
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        if (notes[i] != NULL) {
            text_append_string(&panel->words, notes[i]);
            add_wide_line(panel, NOTE_SIZE, false);
        }
    }
}

static enum vitlrp_status draw(struct panel *panel, struct vitlrp_error *err) {
    const struct neurons_result *result = panel->result;
    size_t columns = result->references == NULL ? 3 : 2; /* the least, for the texts */
    for (size_t b = 0; b < result->block_count; b++) {
        columns = result->blocks[b].count > columns ? result->blocks[b].count : columns;
    }
    for (size_t i = 0; i < result->item_count; i++) {
        double share = neurons_share(panel->explanation, result->items[i].relevance);
        panel->peak = fmax(panel->peak, fabs(share));
    }
    panel->first_width = fmax(panel->pane.width, CELL_WIDTH_MIN);
    panel->cell_width = panel->first_width +
                        (result->references == NULL ? 0.0 : NEURONS_CROPS * (CROP_GAP + CROP_SIDE));
    panel->figure->width = cell_x(panel, columns + 1) - GAP + MARGIN;
    TRY(add_head(panel, err));
    for (size_t b = 0; b < result->block_count; b++) {
        TRY(add_block(panel, &result->blocks[b], err));
    }
    add_notes(panel);
    panel->figure->height = panel->y + MARGIN - 4.0;
    return text_check_memory(&panel->words, "the texts of a figure", err);
}

enum vitlrp_status neurons_figure_draw(const struct neurons_result *result,
                                       const struct explanation *explanation, struct figure *out,
                                       struct vitlrp_error *err) {
    struct panel panel = {.result = result,
                          .explanation = explanation,
                          .figure = out,
                          .words = {.limit = TEXT_LIMIT},
                          .y = MARGIN};
    *out = (struct figure){0};
    TRY(figure_pane_open(explanation->photo->image, &explanation->photo->geometry, PANE_SIDE,
                         &panel.pane, err));
    enum vitlrp_status status = draw(&panel, err);
    figure_pane_close(&panel.pane);
    text_free(&panel.words);
    return status;
}
