/* Images that are worth a look: sure and wrong, looked at beside their boxes, or ranked differently
 * by different methods. Each list says by what it is ordered. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/report_private.h"
#include "eval/statistics.h"

/* Of each list; longer ones nobody reads, and the record has all. */
#define ODD_ROWS 6

/* What a list says of an image. */
struct odd {
    char *id; /* owned */
    size_t index;
    int32_t output, label;
    bool has_row; /* in the gallery */
    double value;
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
    *out = 1.0 - eval_metric_value(evaluation, image, page->summary->ranking[0],
                                   eval_measure_first(EVAL_MASS));
    return VITLRP_OK;
}

/* Scores of the method, or NULL: none are kept, or it competes with nobody. A run in memory has
 * those of more images than its record keeps. */
static const float *scores_of(const struct report_page *page, const struct eval_image *image,
                              size_t method) {
    const struct eval_method_result *result = &image->methods[method];
    bool is_control = standing_is_control(page->record->evaluation.methods[method]);
    bool is_kept = result->valid && record_shows(page->record, image->index);
    return is_kept && !is_control ? result->patches : NULL;
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
    text_append_string(out, "<li>");
    if (odd->has_row) {
        text_printf(out, "<a href=\"#i-%zu\">", odd->index);
    }
    report_escape(out, text_path_tail(odd->id, 2));
    text_append_string(out, odd->has_row ? "</a>: <b>" : ": <b>");
    report_number(out, sign * odd->value, 2);
    text_append_string(out, "</b> ");
    report_class_name(out, page->record, odd->output);
    if (odd->label >= 0 && odd->label != odd->output) {
        text_append_string(out, ", label ");
        report_class_name(out, page->record, odd->label);
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

/* The images of each list, the largest value first, equal ones in the images' order. */
struct odd_lists {
    const struct report_page *page;
    struct odd rows[LIST_COUNT][ODD_ROWS];
    size_t counts[LIST_COUNT];
};

static enum vitlrp_status take_image(const struct odd_lists *lists, const struct eval_image *image,
                                     double value, struct odd *out, struct vitlrp_error *err) {
    char *id = mem_strdup(image->id);
    *out = (struct odd){.id = id,
                        .index = image->index,
                        .output = image->output,
                        .label = image->label,
                        .has_row = is_shown(lists->page, image),
                        .value = value};
    return id == NULL ? fail(err, VITLRP_NOMEM, "out of memory for the images to look at")
                      : VITLRP_OK;
}

/* Puts the image into its place, and the last one out where the list is full. */
static enum vitlrp_status list_image(struct odd_lists *lists, size_t list,
                                     const struct eval_image *image, double value,
                                     struct vitlrp_error *err) {
    struct odd *rows = lists->rows[list];
    size_t *count = &lists->counts[list];
    size_t place = *count;
    while (place > 0 && rows[place - 1].value < value) {
        place--;
    }
    if (place == ODD_ROWS) {
        return VITLRP_OK;
    }
    struct odd taken;
    TRY(take_image(lists, image, value, &taken, err));
    if (*count == ODD_ROWS) {
        mem_free(rows[--*count].id);
    }
    memmove(&rows[place + 1], &rows[place], (*count - place) * sizeof *rows);
    rows[place] = taken;
    ++*count;
    return VITLRP_OK;
}

static enum vitlrp_status list_everywhere(void *user, const struct eval_image *image,
                                          struct vitlrp_error *err) {
    struct odd_lists *lists = user;
    for (size_t i = 0; i < LIST_COUNT; i++) {
        double value = NAN; /* it does not belong into the list */
        TRY(LISTS[i].value(lists->page, image, &value, err));
        if (!isnan(value)) {
            TRY(list_image(lists, i, image, value, err));
        }
    }
    return VITLRP_OK;
}

static void append_list(const struct odd_lists *lists, size_t list) {
    struct text *out = lists->page->out;
    text_printf(out, "<div class=\"panel\"><h3>%s</h3><p>%s</p><ol>\n", LISTS[list].title,
                LISTS[list].what);
    for (size_t i = 0; i < lists->counts[list]; i++) {
        append_odd(lists->page, &lists->rows[list][i], LISTS[list].sign);
    }
    text_append_string(out, "</ol></div>\n");
}

static void append_lists(const struct odd_lists *lists) {
    struct text *out = lists->page->out;
    bool begun = false;
    for (size_t i = 0; i < LIST_COUNT; i++) {
        if (lists->counts[i] > 0) {
            text_append_string(out, begun ? ""
                                          : "<section id=\"odd\">\n<h2>Images to look at</h2>\n"
                                            "<div class=\"odd\">\n");
            begun = true;
            append_list(lists, i);
        }
    }
    text_append_string(out, begun ? "</div>\n</section>\n" : "");
}

enum vitlrp_status report_odd(const struct report_page *page, struct vitlrp_error *err) {
    struct odd_lists lists = {.page = page};
    enum vitlrp_status status =
        evaluation_visit(&page->record->evaluation, list_everywhere, &lists, err);
    if (status == VITLRP_OK) {
        append_lists(&lists);
    }
    for (size_t i = 0; i < LIST_COUNT; i++) {
        for (size_t k = 0; k < lists.counts[i]; k++) {
            mem_free(lists.rows[i][k].id);
        }
    }
    return status;
}
