#include "neurons_page.h"

#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/naming.h"
#include "base/page_frame.h"
#include "base/settings_json.h"
#include "cli/names.h"
#include "cli/page_notices.h"
#include "neurons_map.h"
#include "neurons_references.h"
#include "neurons_report.h"

/* Points of the longer side of pictures, of which a pixel is a part of FIGURE_PIXELS. */
#define LARGE_SIDE 320.0
#define SMALL_SIDE 96.0

#define LINE_LIMIT ((size_t) 1 << 14)

struct page {
    const struct neurons_result *result;
    const struct explanation *explanation;
    struct figure_pane large, small; /* owned */
    struct text gallery;             /* owned: the address of the index's page; empty: none */
    double peak;                     /* largest share of a unit, of both signs */
};

static double percent(const struct page *page, double relevance) {
    return 100.0 * neurons_share(page->explanation, relevance);
}

/* ---- Pictures ---- */

static enum vitlrp_status append_image(const struct vitlrp_image *image, const char *attributes,
                                       struct text *out, struct vitlrp_error *err) {
    unsigned char *data = NULL;
    size_t size = 0;
    TRY(vitlrp_image_encode(image, VITLRP_PICTURE_JPEG, NULL, &data, &size, err));
    page_append_jpeg(out, attributes, data, size);
    vitlrp_free(data);
    return VITLRP_OK;
}

static enum vitlrp_status append_map(const struct figure_pane *pane, const struct figure_map *map,
                                     const char *attributes, struct text *out,
                                     struct vitlrp_error *err) {
    unsigned char *data = NULL;
    size_t size = 0;
    TRY(figure_map_encode(pane, map, VITLRP_PICTURE_JPEG, &data, &size, err));
    page_append_jpeg(out, attributes, data, size);
    vitlrp_free(data);
    return VITLRP_OK;
}

/* What is explained, by all of the model, and the photograph that the script draws on. */
static enum vitlrp_status append_figure(const struct page *page, struct text *out,
                                        struct vitlrp_error *err) {
    const struct figure_map map = neurons_map(page->result, page->explanation, page->result->whole);
    text_append_string(out, "<figure>\n");
    TRY(append_map(&page->large, &map, "id=\"still\" alt=\"Heat map over the photograph\"", out,
                   err));
    TRY(append_image(page->large.image, "\n id=\"photo\" hidden alt=\"\"", out, err));
    text_append_string(
        out, "\n<canvas id=\"map\" role=\"img\" aria-label=\"Photograph with the map of what is "
             "chosen\"></canvas>\n<figcaption><p id=\"chosen\">All that is explained</p>\n"
             "<dl class=\"facts script\" id=\"facts\"></dl>\n<p class=\"script keys\" id=\"hint\">"
             "Point at a unit, or go to it with the arrow keys; Enter or a click keeps it, Escape "
             "lets it go. Point at the photograph for the value of a patch.</p></figcaption>\n"
             "</figure>\n");
    return VITLRP_OK;
}

/* ---- Texts ---- */

static void append_header(const struct page *page, struct text *out) {
    const struct explanation *explanation = page->explanation;
    struct vitlrp_model_info model;
    struct text line = {.limit = LINE_LIMIT};
    vitlrp_model_info_init(&model);
    vitlrp_model_describe(explanation->model, &model);
    text_append_string(out, "<header class=\"top\">\n<p class=\"eyebrow\">Hidden units of one "
                            "image</p>\n<h1>What the decision for ");
    class_append(&line, &explanation->target);
    page_append_text(out, line.failed ? "" : line.data);
    text_append_string(out, " went through</h1>\n<p class=\"lead\">Image <b>");
    page_append_text(out, name_base(page->explanation->image_path));
    text_append_string(out, "</b>; model <b>");
    page_append_text(out, model_short_name(model.name));
    text_append_string(out, "</b></p>\n<p class=\"lead\">");
    text_free(&line);
    report_class(&line, explanation);
    line.length -= line.length > 0 && !line.failed ? 1 : 0; /* the end of the line */
    if (line.data != NULL && !line.failed) {
        line.data[line.length] = '\0';
        page_append_text(out, line.data);
    }
    text_free(&line);
    text_append_string(out, "</p>\n");
    page_notices_append(explanation, out);
    text_append_string(out, "</header>\n");
}

/* With the minus sign of typographers. */
static void append_signed(struct text *out, const char *before, double value, int digits,
                          const char *behind) {
    text_printf(out, "%s%s%.*f%s", before, value < 0.0 ? "\xE2\x88\x92" : "+", digits, fabs(value),
                behind);
}

/* A bar of the unit's share, beside the largest. */
static void append_bar(const struct page *page, double share, struct text *out) {
    double part = page->peak > 0.0 ? 100.0 * fabs(share) / page->peak : 0.0;
    text_printf(out,
                "<svg class=\"share\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" "
                "aria-hidden=\"true\"><rect class=\"%s\" width=\"%.1f\" height=\"4\"/></svg>",
                share < 0.0 ? "against" : "for", part);
}

static void append_numbers(const struct page *page, const struct neurons_item *item,
                           struct text *out) {
    char name[VITLRP_UNIT_NAME];
    char token[NEURONS_TOKEN_LIMIT];
    vitlrp_unit_name(&item->unit, name);
    neurons_token_name(page->result, item->activation_token, token);
    text_printf(out, "<b>%s</b>", name);
    append_signed(out, "<b>", percent(page, item->relevance), 1, "\xC2\xA0%</b>");
    text_printf(out, "<small>%.3g at %s</small>", item->activation_max, token);
    if (!isnan(item->drop)) {
        append_signed(out, "<small>without it ", 0.0 - item->drop, 3, "</small>");
    }
    if (!isnan(item->first_order)) {
        append_signed(out, "<small>to first order ", 0.0 - item->first_order, 3, "</small>");
    }
}

/* ---- References ---- */

static void append_class(const struct vitlrp_concept_reference *image, struct text *out) {
    struct text name = {.limit = LINE_LIMIT};
    class_name_append(&name, image->label, image->target);
    page_append_text(out, name.failed ? "" : name.data);
    text_free(&name);
}

static enum vitlrp_status append_reference(const struct vitlrp_concept_reference *image,
                                           const struct vitlrp_image *crop, struct text *out,
                                           struct vitlrp_error *err) {
    text_append_string(out, "<li title=\"");
    page_append_text(out, image->id);
    text_append_string(out, "\">");
    if (crop != NULL) {
        TRY(append_image(crop, "alt=\"\"", out, err));
    }
    text_append_string(out, "<span>");
    append_class(image, out);
    text_append_string(out, "</span></li>\n");
    return VITLRP_OK;
}

static enum vitlrp_status append_references(const struct page *page, size_t item, struct text *out,
                                            struct vitlrp_error *err) {
    static const char *const TITLES[NEURONS_KINDS] = {"Most relevant", "Most active"};
    char name[VITLRP_UNIT_NAME];
    for (int kind = 0; page->result->references != NULL && kind < NEURONS_KINDS; kind++) {
        const struct neurons_row row =
            neurons_references_row(page->result->references, item, (enum vitlrp_concept_kind) kind);
        if (row.count == 0) {
            continue;
        }
        text_printf(out, "<p class=\"kind\">%s</p><ol class=\"row\">\n", TITLES[kind]);
        for (size_t i = 0; i < row.count && i < NEURONS_CROPS; i++) {
            TRY(append_reference(&row.images[i], row.crops[i], out, err));
        }
        text_append_string(out, "</ol>\n");
    }
    if (page->gallery.length > 0 && !page->gallery.failed) {
        vitlrp_unit_name(&page->result->items[item].unit, name);
        text_printf(out, "<a href=\"%s#%s\">In the gallery</a>\n", page->gallery.data, name);
    }
    return VITLRP_OK;
}

/* ---- Units and blocks ---- */

static enum vitlrp_status append_masked(const struct page *page, size_t item, struct text *out,
                                        struct vitlrp_error *err) {
    const struct neurons_result *result = page->result;
    size_t patches = (size_t) result->grid_height * (size_t) result->grid_width;
    struct figure_map map;
    return neurons_map_mask(result, page->explanation, result->patches + item * patches, &map)
               ? append_map(&page->small, &map, "alt=\"\"", out, err)
               : append_image(page->small.image, "alt=\"\"", out, err);
}

static enum vitlrp_status append_unit(const struct page *page, size_t place, struct text *out,
                                      struct vitlrp_error *err) {
    const struct neurons_item *item = &page->result->items[place];
    text_printf(out,
                "<li class=\"unit\">\n<button type=\"button\" value=\"%zu\" "
                "aria-pressed=\"false\">",
                place);
    TRY(append_masked(page, place, out, err));
    if (page->result->attention != NULL) {
        const struct figure_map map =
            neurons_map_attention(page->result, page->explanation, &item->unit);
        TRY(append_map(&page->small, &map, "\n alt=\"\"", out, err));
    }
    append_bar(page, neurons_share(page->explanation, item->relevance), out);
    append_numbers(page, item, out);
    text_append_string(out, "</button>\n");
    TRY(append_references(page, place, out, err));
    text_append_string(out, "</li>\n");
    return VITLRP_OK;
}

static enum vitlrp_status append_entering(const struct page *page,
                                          const struct neurons_block *block, struct text *out,
                                          struct vitlrp_error *err) {
    double first = 0.0;
    const float *patches = neurons_entering(page->result, block->block, &first);
    const struct figure_map map = neurons_map(page->result, page->explanation, patches);
    text_append_string(out, "<li class=\"enters\"><div>");
    TRY(append_map(&page->small, &map, "alt=\"\"", out, err));
    append_signed(out, "<b>enters ", percent(page, block->flow.entering), 1, "\xC2\xA0%</b>");
    if (page->result->prefix > 0) {
        char name[NEURONS_TOKEN_LIMIT];
        neurons_prefix_name(page->result, name);
        append_signed(out, "<small>", percent(page, first), 1, " % at ");
        text_printf(out, "%s</small>", name);
    }
    text_append_string(out, "</div></li>\n");
    return VITLRP_OK;
}

static enum vitlrp_status append_block(const struct page *page, const struct neurons_block *block,
                                       struct text *out, struct vitlrp_error *err) {
    text_printf(out, "<section>\n<h2>Block %d</h2>\n<p class=\"note\">", block->block);
    neurons_ways_append(page->result, page->explanation, block, out);
    text_append_string(out, "</p>\n<ol class=\"units\">\n");
    TRY(append_entering(page, block, out, err));
    for (size_t i = 0; i < block->count; i++) {
        TRY(append_unit(page, block->first + i, out, err));
    }
    text_append_string(out, "</ol>\n</section>\n");
    return VITLRP_OK;
}

static void append_key(const struct page *page, struct text *out) {
    text_append_string(
        out, "<section class=\"key\">\n<h2>What is shown</h2>\n<p class=\"note\">Of each block, "
             "the latest first: the relevance of the tokens that enter it, in a scale of its own; "
             "then its units. A unit has the patches that its relevance comes from (above a fifth "
             "of the largest), ");
    if (page->result->attention != NULL) {
        text_append_string(out, "what the head attends to, ");
    }
    text_append_string(
        out, "its share of what is explained, its largest activation with its token, and what the "
             "output changes by without it. Blocks are in series: what leaves one enters the next, "
             "so their shares do not add up.</p>\n");
    if (page->result->references != NULL) {
        text_append_string(
            out,
            "<p class=\"note\">Under a unit stand parts of images of the index, around the "
            "patch where it is strongest, with the class that was explained there: no name of "
            "the unit, which has no single meaning because a few images look alike. Who may not "
            "pass these images on may not pass this page on.</p>\n");
    }
    if (figure_pane_hatching(&page->small) != NULL) {
        text_printf(out, "<p class=\"note\">Dark on the large picture, %s.</p>\n",
                    figure_pane_hatching(&page->small));
    }
    text_append_string(out, "</section>\n");
}

/* ---- Data ---- */

static json_t *json_values(const float *values, size_t count, bool *complete) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *value = json_float32(values[i]);
        json_add(list, value, complete);
    }
    return list;
}

static json_t *json_unit(const struct page *page, size_t place, bool *complete) {
    const struct neurons_item *item = &page->result->items[place];
    size_t patches = (size_t) page->result->grid_height * (size_t) page->result->grid_width;
    char name[VITLRP_UNIT_NAME];
    char token[NEURONS_TOKEN_LIMIT];
    json_t *object = json_object();
    vitlrp_unit_name(&item->unit, name);
    json_set(object, "unit", json_string(name), complete);
    json_set(object, "share", json_number(neurons_share(page->explanation, item->relevance)),
             complete);
    json_set(object, "relevance", json_number(item->relevance), complete);
    neurons_token_name(page->result, item->relevance_token, token);
    json_set(object, "relevance_at", json_string(token), complete);
    json_set(object, "activation", json_number(item->activation_max), complete);
    neurons_token_name(page->result, item->activation_token, token);
    json_set(object, "activation_at", json_string(token), complete);
    json_set(object, "drop", json_number(item->drop), complete);
    json_set(object, "first_order_drop", json_number(item->first_order), complete);
    json_set(object, "map", json_values(page->result->patches + place * patches, patches, complete),
             complete);
    return object;
}

/* Where the grid lies on the photograph: left, top, width and height as parts of its sides. */
static json_t *json_place(const struct vitlrp_geometry *geometry) {
    return json_pack(
        "[ffff]", geometry->left / geometry->image_width, geometry->top / geometry->image_height,
        geometry->width / geometry->image_width, geometry->height / geometry->image_height);
}

static enum vitlrp_status make_data(const struct page *page, json_t **out,
                                    struct vitlrp_error *err) {
    const struct neurons_result *result = page->result;
    size_t patches = (size_t) result->grid_height * (size_t) result->grid_width;
    bool complete = true;
    json_t *object = json_object();
    json_t *units = json_array();
    for (size_t i = 0; i < result->item_count; i++) {
        json_add(units, json_unit(page, i, &complete), &complete);
    }
    json_set(object, "grid", json_pack("[ii]", result->grid_height, result->grid_width), &complete);
    json_set(object, "seen", json_place(&page->large.geometry), &complete);
    json_set(object, "output", json_string(explanation_unit(page->explanation)), &complete);
    json_set(object, "explained", json_number(page->explanation->explained), &complete);
    json_set(object, "whole", json_values(result->whole, patches, &complete), &complete);
    json_set(object, "units", units, &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the data of a page");
    }
    *out = object;
    return VITLRP_OK;
}

/* ---- The page ---- */

static enum vitlrp_status append_body(const struct page *page, struct text *out,
                                      struct vitlrp_error *err) {
    append_header(page, out);
    text_append_string(out, "<main>\n<div class=\"left\">\n");
    TRY(append_figure(page, out, err));
    text_append_string(out, "</div>\n<div class=\"right\">\n");
    append_key(page, out);
    for (size_t b = 0; b < page->result->block_count; b++) {
        TRY(append_block(page, &page->result->blocks[b], out, err));
    }
    text_append_string(out, "</div>\n</main>\n");
    page_append_footer(out, vitlrp_version(), "");
    return VITLRP_OK;
}

static enum vitlrp_status write_page(const struct page *page, struct text *out,
                                     struct vitlrp_error *err) {
    struct text title = {.limit = LINE_LIMIT};
    json_t *data = NULL;
    class_append(&title, &page->explanation->target);
    text_printf(&title, ", hidden units: %s", name_base(page->explanation->image_path));
    const struct page_frame frame = {.title = title.failed ? "Hidden units" : title.data,
                                     .version = vitlrp_version(),
                                     .style = NEURONS_PAGE_STYLE,
                                     .script = NEURONS_PAGE_SCRIPT,
                                     .images = "data:"};
    enum vitlrp_status status = make_data(page, &data, err);
    if (status == VITLRP_OK) {
        status = page_begin(out, &frame, err);
    }
    if (status == VITLRP_OK) {
        status = append_body(page, out, err);
    }
    if (status == VITLRP_OK) {
        page_append_data(out, "data", data);
        page_end(out, &frame);
        status = text_check(out, "the page", err);
    }
    json_decref(data);
    text_free(&title);
    return status;
}

static void find_gallery(struct page *page, const char *path) {
    struct text file = {.limit = LINE_LIMIT};
    if (page->result->references != NULL) {
        text_printf(&file, "%s/index.html", page->result->references->info.folder);
        if (!file.failed) {
            neurons_page_address(path, file.data, &page->gallery);
        }
    }
    text_free(&file);
}

enum vitlrp_status neurons_page_write(const struct neurons_result *result,
                                      const struct explanation *explanation, const char *path,
                                      struct text *out, struct vitlrp_error *err) {
    const struct photo *photo = explanation->photo;
    struct page page = {
        .result = result, .explanation = explanation, .gallery = {.limit = 4 * LINE_LIMIT}};
    enum vitlrp_status status =
        figure_pane_open(photo->image, &photo->geometry, LARGE_SIDE, &page.large, err);
    if (status == VITLRP_OK) {
        status = figure_pane_open(photo->image, &photo->geometry, SMALL_SIDE, &page.small, err);
    }
    for (size_t i = 0; i < result->item_count; i++) {
        page.peak = fmax(page.peak, fabs(neurons_share(explanation, result->items[i].relevance)));
    }
    if (status == VITLRP_OK) {
        find_gallery(&page, path);
        status = write_page(&page, out, err);
    }
    text_free(&page.gallery);
    figure_pane_close(&page.small);
    figure_pane_close(&page.large);
    return status;
}
