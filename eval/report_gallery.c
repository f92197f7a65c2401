/* Images and methods side by side: what the model saw, and what each method made of it. */
#include <math.h>
#include <stdbool.h>

#include "base/base64.h"
#include "eval/report_private.h"
#include "imgio/colormap.h"
#include "imgio/encode.h"
#include "imgio/heatmap.h"
#include "imgio/render.h"
#include "imgio/resize.h"
#include "vit/methods/method.h"

/* Of the longer side. A tile has all pixels that the record has, for those who enlarge it. */
#define TILE_PIXELS RECORD_PICTURE_SIDE
#define JUMP_PIXELS 56

/* What a picture shows, for those who do not see it: a method's map of an image, or the image. */
struct subject {
    const char *class_name; /* of the element */
    const char *method;     /* NULL: what the model saw */
    const struct eval_image *image;
};

static enum vitlrp_status append_picture(struct text *out, const struct image *picture,
                                         const struct subject *subject, struct vitlrp_error *err) {
    struct bytes jpeg = {0};
    TRY(encode_thumbnail(picture, &jpeg, err));
    text_printf(out, "<img class=\"%s\" width=\"%d\" height=\"%d\" alt=\"", subject->class_name,
                picture->width, picture->height);
    if (subject->method != NULL) {
        text_append_string(out, "Map of ");
        report_escape(out, subject->method);
        text_append_string(out, " over ");
    }
    report_escape(out, text_path_shown(subject->image->id));
    text_append_string(out, "\" loading=\"lazy\" decoding=\"async\" src=\"data:image/jpeg;base64,");
    base64_append(out, jpeg.data, jpeg.size);
    text_append_string(out, "\">");
    bytes_free(&jpeg);
    return VITLRP_OK;
}

/* What the model saw, its longer side of so many pixels. */
static enum vitlrp_status open_tile(const struct record_picture *picture, int32_t pixels,
                                    struct image *tile, struct vitlrp_error *err) {
    struct image whole = {0};
    TRY(record_picture_open(picture, &whole, err));
    double larger = fmax(whole.width, whole.height);
    int32_t width = (int32_t) lround(whole.width * pixels / larger);
    int32_t height = (int32_t) lround(whole.height * pixels / larger);
    enum vitlrp_status status = image_scale(&whole, width > 0 ? width : 1, height > 0 ? height : 1,
                                            RESAMPLE_BICUBIC, tile, err);
    image_free(&whole);
    return status;
}

/* Δ of a method on an image under a replacement. */
static double delta_on(const struct report_page *page, const struct eval_image *image,
                       size_t method, size_t place) {
    const struct eval_measure measure = {.metric = EVAL_DELTA_LOGIT, .place = place};
    return eval_metric_value(&page->record->evaluation, image, method, measure);
}

/* The method with the largest Δ on the image; method_count if there is none. */
static size_t best_on(const struct report_page *page, const struct eval_image *image,
                      size_t place) {
    const struct evaluation *evaluation = &page->record->evaluation;
    size_t best = evaluation->method_count;
    double largest = -INFINITY;
    for (size_t m = 0; m < evaluation->method_count; m++) {
        double delta = delta_on(page, image, m, place);
        if (delta > largest) { /* false for NaN */
            largest = delta;
            best = m;
        }
    }
    return best;
}

/* A picture that fills the window once the address points at it, with a link that closes it. No
 * script, and the picture is in the page once. `place` tells the pictures of an image apart. */
static enum vitlrp_status append_enlargeable(const struct report_page *page,
                                             const struct image *picture,
                                             const struct subject *subject, size_t place,
                                             struct vitlrp_error *err) {
    struct text *out = page->out;
    size_t index = subject->image->index;
    text_printf(out, "<span class=\"view\" id=\"v-%zu-%zu\"><a class=\"open\" href=\"#v-%zu-%zu\">",
                index, place, index, place);
    enum vitlrp_status status = append_picture(out, picture, subject, err);
    text_append_string(out, "</a><span class=\"what\">");
    report_escape(out, subject->method == NULL ? "What the model saw" : subject->method);
    text_append_string(out, ": ");
    report_escape(out, text_path_shown(subject->image->id));
    text_printf(out, "</span><a class=\"shut\" href=\"#i-%zu\">Close</a></span>", index);
    return status;
}

static void append_deltas(const struct report_page *page, const struct eval_image *image,
                          size_t method) {
    bool is_several = page->summary->place_count > 1;
    for (size_t r = 0; r < page->summary->place_count; r++) {
        text_append_string(page->out, "<small");
        if (is_several) {
            text_append_string(page->out, " class=\"");
            report_under_classes(page, r);
            text_append_string(page->out, "\"");
        }
        text_append_string(page->out, ">Δ ");
        report_number(page->out, delta_on(page, image, method, r), 2);
        text_append_string(page->out, "</small>");
    }
}

static enum vitlrp_status append_map(const struct report_page *page, const struct eval_image *image,
                                     size_t method, const struct image *tile,
                                     struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    const struct eval_method_result *result = &image->methods[method];
    const struct vit_method *known = vit_method_find(evaluation->methods[method]);
    bool is_unsigned = known != NULL && known->is_unsigned;
    struct render_look look = {.kind = is_unsigned ? VITLRP_MAP_UNSIGNED : VITLRP_MAP_SIGNED,
                               .opacity = -1.0F};
    struct image overlay = {0};
    if (!result->valid || result->patches == NULL) {
        text_append_string(page->out, "<small>–</small>");
        return VITLRP_OK;
    }
    struct heatmap map = {.values = result->patches,
                          .height = evaluation->grid_height,
                          .width = evaluation->grid_width,
                          .span_x = tile->width,
                          .span_y = tile->height,
                          .filter = RESAMPLE_BICUBIC};
    TRY(colormap_make(is_unsigned ? "viridis" : "bwr", &look.colors, err));
    TRY(render_overlay(tile, &map, &look, &overlay, err));
    enum vitlrp_status status = append_enlargeable(
        page, &overlay, &(struct subject){"tile", evaluation->methods[method], image}, method, err);
    image_free(&overlay);
    append_deltas(page, image, method);
    return status;
}

/* Under one replacement, the best method on an image is "top1"; under several, "best0" and so on.
 */
static void append_cell_begin(const struct report_page *page, const struct eval_image *image,
                              size_t method) {
    struct text *out = page->out;
    bool is_any = false;
    for (size_t r = 0; r < page->summary->place_count; r++) {
        if (method == best_on(page, image, r)) {
            text_append_string(out, is_any ? " " : "<td class=\"");
            is_any = true;
            if (page->summary->place_count == 1) {
                text_append_string(out, "top1");
            } else {
                text_printf(out, "best%zu", r);
            }
        }
    }
    text_append_string(out, is_any ? "\">" : "<td>");
}

/* Which image it is: its class, how sure the model was, and what the label says if that differs. */
static void append_caption(const struct report_page *page, const struct eval_image *image) {
    const struct record *record = page->record;
    struct text *out = page->out;
    text_append_string(out, "<span class=\"who\"><span class=\"file\" title=\"");
    report_escape(out, text_path_shown(image->id));
    text_append_string(out, "\">");
    report_escape(out, text_path_tail(image->id, 1));
    text_append_string(out, "</span> ");
    report_class_name(out, record, image->output);
    bool is_chance = !isnan(image->probability);
    text_append_string(out, is_chance ? "<small>p = " : "<small>");
    report_number(out, (double) (is_chance ? image->probability : image->logit), 2);
    text_append_string(out, "</small>");
    if (image->label >= 0 && image->label != image->output) {
        text_append_string(out, "<small>label: ");
        report_class_name(out, record, image->label);
        text_append_string(out, "</small>");
    }
    text_append_string(out, "</span>");
}

static enum vitlrp_status append_image_row(const struct report_page *page,
                                           const struct eval_image *image,
                                           const struct record_picture *picture,
                                           struct vitlrp_error *err) {
    struct text *out = page->out;
    struct image tile = {0};
    TRY(open_tile(picture, TILE_PIXELS, &tile, err));
    text_printf(out, "<tr id=\"i-%zu\"><th class=\"pin\" scope=\"row\">", image->index);
    enum vitlrp_status status =
        append_enlargeable(page, &tile, &(struct subject){"tile", NULL, image},
                           page->record->evaluation.method_count, err);
    append_caption(page, image);
    text_append_string(out, "</th>");
    for (size_t i = 0; i < page->summary->method_count && status == VITLRP_OK; i++) {
        size_t method = page->summary->ranking[i];
        append_cell_begin(page, image, method);
        status = append_map(page, image, method, &tile, err);
        text_append_string(out, "</td>");
    }
    text_append_string(out, "</tr>\n");
    image_free(&tile);
    return status;
}

/* A picture, whose image is looked up. */
struct shown {
    const struct report_page *page;
    const struct record_picture *picture;
    size_t count; /* of images with results to show */
};

/* For each picture whose image has results to show. */
static enum vitlrp_status visit_shown(struct shown *shown, eval_visit *visit,
                                      struct vitlrp_error *err) {
    const struct record *record = shown->page->record;
    for (size_t i = 0; i < record->picture_count; i++) {
        shown->picture = &record->pictures[i];
        TRY(evaluation_visit_one(&record->evaluation, shown->picture->index, visit, shown, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status append_jump(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    const struct shown *shown = user;
    struct text *out = shown->page->out;
    struct image small = {0};
    if (image->methods == NULL) {
        return VITLRP_OK;
    }
    TRY(open_tile(shown->picture, JUMP_PIXELS, &small, err));
    text_printf(out, "<a href=\"#i-%zu\" title=\"", shown->picture->index);
    report_class_name(out, shown->page->record, image->output);
    text_append_string(out, "\">");
    enum vitlrp_status status =
        append_picture(out, &small, &(struct subject){"small", NULL, image}, err);
    text_append_string(out, "</a>\n");
    image_free(&small);
    return status;
}

/* A strip of all pictures, each a link to its row. */
static enum vitlrp_status append_jumps(const struct report_page *page, struct vitlrp_error *err) {
    struct shown shown = {.page = page};
    text_append_string(page->out, "<nav class=\"jump\" aria-label=\"Images\">\n");
    TRY(visit_shown(&shown, append_jump, err));
    text_append_string(page->out, "</nav>\n");
    return VITLRP_OK;
}

static void append_gallery_head(const struct report_page *page) {
    struct text *out = page->out;
    text_append_string(out, "<thead><tr><th class=\"pin\" scope=\"col\">Image</th>");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = page->summary->ranking[i];
        text_printf(out, "<th id=\"g-%zu\" scope=\"col\"><a href=\"#m-%zu\">", method, method);
        report_escape(out, page->record->evaluation.methods[method]);
        text_append_string(out, "</a></th>");
    }
    text_append_string(out, "</tr></thead>\n");
}

static enum vitlrp_status count_shown(void *user, const struct eval_image *image,
                                      struct vitlrp_error *err) {
    struct shown *shown = user;
    (void) err;
    shown->count += image->methods != NULL ? 1 : 0;
    return VITLRP_OK;
}

/* "24 of 1000 images are shown, spread evenly over the data set". */
static enum vitlrp_status append_choice(const struct report_page *page, struct vitlrp_error *err) {
    struct text *out = page->out;
    struct shown shown = {.page = page};
    size_t measured = page->record->evaluation.image_count - page->summary->failed;
    TRY(visit_shown(&shown, count_shown, err));
    if (shown.count == measured) {
        text_append_string(out, "All images that were measured are shown");
    } else {
        text_printf(out, "%zu of %zu images are shown, spread evenly over the dataset", shown.count,
                    measured);
    }
    return VITLRP_OK;
}

static enum vitlrp_status append_shown(void *user, const struct eval_image *image,
                                       struct vitlrp_error *err) {
    const struct shown *shown = user;
    return image->methods == NULL ? VITLRP_OK
                                  : append_image_row(shown->page, image, shown->picture, err);
}

/* As many methods have their column beside the image's on a phone. */
#define NARROW_METHODS 2

enum vitlrp_status report_gallery(const struct report_page *page, struct vitlrp_error *err) {
    const struct record *record = page->record;
    struct text *out = page->out;
    struct shown shown = {.page = page};
    if (record->picture_count == 0) {
        return VITLRP_OK;
    }
    text_append_string(out, "<section id=\"gallery\">\n<h2>Maps side by side</h2>\n<p>");
    TRY(append_choice(page, err));
    text_append_string(out, "; methods go from best to worst");
    if (page->summary->place_count > 1) {
        bool blocks = eval_places_are_blocks(&record->evaluation.protocol);
        text_append_string(out, blocks ? " over all blocks" : " under the first replacement");
    }
    text_append_string(
        out, ". Red speaks for the class, blue against it; of "
             "methods that say no against, from dark to light is less to more. Every map has its "
             "own scale. Δ is that image’s alone, and the highest is outlined. Choose a picture "
             "to enlarge it.</p>\n");
    report_under_choice(page, "gallery");
    TRY(append_jumps(page, err));
    if (page->summary->method_count > NARROW_METHODS) {
        text_append_string(out, "<p class=\"more\" aria-hidden=\"true\">Further methods: scroll "
                                "sideways →</p>\n");
    }
    text_append_string(out, "<div class=\"panel scroll gallery\" tabindex=\"0\">\n<table>\n");
    append_gallery_head(page);
    text_append_string(out, "<tbody>\n");
    TRY(visit_shown(&shown, append_shown, err));
    text_append_string(out, "</tbody>\n</table>\n</div>\n</section>\n");
    return VITLRP_OK;
}
