/* Images that are worth a look: sure and wrong, looked at beside their boxes, or ranked differently
 * by different methods. Each list says by what it is ordered. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eval/report_private.h"
#include "eval/statistics.h"

/* Of each list; longer ones nobody reads, and the record has all. */
#define ODD_ROWS 6

struct odd {
    const struct eval_image *image;
    double value; /* NaN: the image does not belong into the list */
};

/* How sure the model was of a class that is not the label. */
static enum vitlrp_status sure_and_wrong(const struct report_page *page,
                                         const struct eval_image *image, double *out,
                                         struct vitlrp_error *err) {
    (void) page;
    (void) err;
    bool is_wrong = image->methods != NULL && image->label >= 0 &&
                    image->output == image->predicted && image->label != image->predicted;
    *out = is_wrong ? (double) image->probability : (double) NAN;
    return VITLRP_OK;
}

/* The first method's share of positive relevance that lies outside of the boxes. */
static enum vitlrp_status outside(const struct report_page *page, const struct eval_image *image,
                                  double *out, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    (void) err;
    *out = 1.0 - eval_metric_value(evaluation, image, page->summary->ranking[0], EVAL_MASS);
    return VITLRP_OK;
}

/* Scores of the method, or NULL: none are kept, or it competes with nobody. */
static const float *scores_of(const struct report_page *page, const struct eval_image *image,
                              size_t method) {
    const struct eval_method_result *result = &image->methods[method];
    bool is_control = report_is_control(page->record->evaluation.methods[method]);
    return result->valid && !is_control ? result->patches : NULL;
}

/* The mean rank correlation of two methods' maps; only images of the gallery keep their maps. */
static enum vitlrp_status disagreement(const struct report_page *page,
                                       const struct eval_image *image, double *out,
                                       struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    size_t patches = (size_t) evaluation->grid_height * (size_t) evaluation->grid_width;
    double sum = 0.0;
    size_t pairs = 0;
    for (size_t a = 0; image->methods != NULL && a < evaluation->method_count; a++) {
        const float *first = scores_of(page, image, a);
        for (size_t b = a + 1; first != NULL && b < evaluation->method_count; b++) {
            const float *second = scores_of(page, image, b);
            double correlation = NAN;
            if (second != NULL) {
                TRY(statistics_spearman(first, second, patches, &correlation, err));
            }
            if (isfinite(correlation)) {
                sum += correlation;
                pairs++;
            }
        }
    }
    *out = pairs > 0 ? -sum / (double) pairs : (double) NAN;
    return VITLRP_OK;
}

/* Largest value first; images without one last, equal ones in their order. */
static int compare_odd(const void *left, const void *right) {
    const struct odd *a = left;
    const struct odd *b = right;
    if (isnan(a->value) || isnan(b->value)) {
        return isnan(a->value) - isnan(b->value);
    }
    if (a->value != b->value) {
        return a->value > b->value ? -1 : 1;
    }
    return (a->image > b->image) - (a->image < b->image);
}

static bool is_shown(const struct report_page *page, const struct eval_image *image) {
    for (size_t i = 0; i < page->record->picture_count; i++) {
        if (page->record->pictures[i].index == image->index) {
            return image->methods != NULL;
        }
    }
    return false;
}

static void append_odd(const struct report_page *page, const struct odd *odd, double sign) {
    struct text *out = page->out;
    const struct eval_image *image = odd->image;
    bool has_row = is_shown(page, image);
    text_append_string(out, "<li>");
    if (has_row) {
        text_printf(out, "<a href=\"#i-%zu\">", image->index);
    }
    report_escape(out, text_path_tail(image->id, 2));
    text_append_string(out, has_row ? "</a>: <b>" : ": <b>");
    report_number(out, sign * odd->value, 2);
    text_append_string(out, "</b> ");
    report_class_name(out, page->record, image->output);
    if (image->label >= 0 && image->label != image->output) {
        text_append_string(out, ", label ");
        report_class_name(out, page->record, image->label);
    }
    text_append_string(out, "</li>\n");
}

static const struct list {
    const char *title, *what;
    enum vitlrp_status (*value)(const struct report_page *, const struct eval_image *, double *,
                                struct vitlrp_error *);
    double sign; /* of the value as it is shown */
} LISTS[] = {
    {"Sure and wrong", "probability of the predicted class", sure_and_wrong, 1.0},
    {"Looked beside the box", "share of the first method’s positive relevance outside", outside,
     1.0},
    {"Methods disagree", "mean rank correlation of two methods’ maps; images of the gallery",
     disagreement, -1.0},
};
#define LIST_COUNT (sizeof LISTS / sizeof LISTS[0])

/* Nothing for a list without images. *begun: the section's head is there. */
static enum vitlrp_status append_list(const struct report_page *page, const struct list *list,
                                      struct odd *odd, bool *begun, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    struct text *out = page->out;
    for (size_t i = 0; i < evaluation->image_count; i++) {
        odd[i].image = &evaluation->images[i];
        TRY(list->value(page, odd[i].image, &odd[i].value, err));
    }
    qsort(odd, evaluation->image_count, sizeof *odd, compare_odd);
    if (evaluation->image_count == 0 || isnan(odd[0].value)) {
        return VITLRP_OK;
    }
    text_append_string(out, *begun ? ""
                                   : "<section id=\"odd\">\n<h2>Images to look at</h2>\n"
                                     "<div class=\"odd\">\n");
    *begun = true;
    text_printf(out, "<div class=\"panel\"><h3>%s</h3><p>%s</p><ol>\n", list->title, list->what);
    for (size_t i = 0; i < evaluation->image_count && i < ODD_ROWS && !isnan(odd[i].value); i++) {
        append_odd(page, &odd[i], list->sign);
    }
    text_append_string(out, "</ol></div>\n");
    return VITLRP_OK;
}

enum vitlrp_status report_odd(const struct report_page *page, struct vitlrp_error *err) {
    bool begun = false;
    enum vitlrp_status status = VITLRP_OK;
    struct odd *odd = mem_calloc(page->record->evaluation.image_count + 1, sizeof *odd);
    if (odd == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the images to look at");
    }
    for (size_t i = 0; i < LIST_COUNT; i++) {
        TRY_GOTO(status, append_list(page, &LISTS[i], odd, &begun, err), cleanup);
    }
    text_append_string(page->out, begun ? "</div>\n</section>\n" : "");
cleanup:
    mem_free(odd);
    return status;
}
