/* The pictures of the numbers. Lines are SVG stretched to the space there is, while labels are
 * ordinary text beside them, so that both stay sharp and readable at any width. */
#include <math.h>
#include <stdbool.h>

#include "base/mem.h"
#include "eval/report_private.h"

#define PLOT_WIDTH 1000.0
#define PLOT_HEIGHT 500.0
#define TICKS 5 /* about so many */

/* A range of values, and the round numbers in it. */
struct axis {
    double low, high;
    double first, step; /* ticks */
    int ticks, decimals;
};

/* An axis over the range widened by `margin` of its length on either side. */
static struct axis make_axis(double low, double high, double margin) {
    if (!(high - low > 1e-6)) {
        low -= 0.5;
        high += 0.5;
    }
    double rough = (high - low) / TICKS;
    double power = pow(10.0, floor(log10(rough)));
    double ratio = rough / power;
    struct axis axis = {.low = low - margin * (high - low), .high = high + margin * (high - low)};
    axis.step = power * (ratio <= 1.0 ? 1.0 : ratio <= 2.0 ? 2.0 : ratio <= 5.0 ? 5.0 : 10.0);
    axis.first = axis.step * ceil(axis.low / axis.step - 1e-9);
    axis.ticks = 1 + (int) floor((axis.high - axis.first) / axis.step + 1e-9);
    while (axis.decimals < 6 && axis.step < 0.999 * pow(10.0, -axis.decimals)) {
        axis.decimals++;
    }
    return axis;
}

static double tick_value(const struct axis *axis, int tick) {
    return axis->first + tick * axis->step;
}

/* Where a value lies on the axis, 0 to 1. */
static double place(const struct axis *axis, double value) {
    return (value - axis->low) / (axis->high - axis->low);
}

/* "x1="12.34%"" */
static void append_percent(struct text *out, const char *attribute, const struct axis *axis,
                           double value) {
    text_printf(out, " %s=\"", attribute);
    text_printf(out, "%.2f", 100.0 * place(axis, value));
    text_append_string(out, "%\"");
}

/* One axis for all places. */
static struct axis forest_axis(const struct summary *summary) {
    double low = 0.0;
    double high = 0.0;
    for (size_t row = 0; row < summary->method_count * summary->place_count; row++) {
        const struct vitlrp_statistic *delta = &summary->methods[row].metrics[EVAL_DELTA_LOGIT];
        if (report_has_interval(delta)) {
            low = fmin(low, delta->lo);
            high = fmax(high, delta->hi);
        } else if (delta->n > 0) {
            low = fmin(low, delta->mean);
            high = fmax(high, delta->mean);
        }
    }
    return make_axis(low, high, 0.03);
}

/* One method's interval between lines that run on through all rows. */
static void append_track(const struct report_page *page, const struct axis *axis, size_t method,
                         const struct vitlrp_statistic *delta) {
    struct text *out = page->out;
    text_append_string(out, "<svg class=\"track ");
    report_method_classes(page, method);
    text_append_string(out, "\" role=\"img\" aria-hidden=\"true\">");
    for (int tick = 0; tick < axis->ticks; tick++) {
        double value = tick_value(axis, tick);
        bool is_zero = fabs(value) < 1e-9;
        text_printf(out, "<line class=\"%s\" y1=\"0\" y2=\"100%%\"", is_zero ? "zero" : "tick");
        append_percent(out, "x1", axis, value);
        append_percent(out, "x2", axis, value);
        text_append_string(out, "/>");
    }
    if (report_has_interval(delta)) {
        text_append_string(out, "<line class=\"ci\" y1=\"50%\" y2=\"50%\"");
        append_percent(out, "x1", axis, delta->lo);
        append_percent(out, "x2", axis, delta->hi);
        text_append_string(out, "/>");
    }
    if (delta->n > 0) {
        text_append_string(out, "<circle cy=\"50%\" r=\"6\"");
        append_percent(out, "cx", axis, delta->mean);
        text_append_string(out, "/>");
    }
    text_append_string(out, "</svg>");
}

/* The intervals in a place, the best first. */
static void append_forest(const struct report_page *page, const struct axis *axis, size_t which) {
    const struct summary *summary = page->summary;
    struct text *out = page->out;
    text_append_string(out, "<div class=\"panel forest");
    report_under_classes(page, which);
    text_append_string(out, "\">\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary_ranking(summary, which)[i];
        const struct vitlrp_statistic *delta =
            &summary_row(summary, method, which)->metrics[EVAL_DELTA_LOGIT];
        text_printf(out, "<div><a href=\"#m-%zu\">", method);
        report_escape(out, page->record->evaluation.methods[method]);
        text_append_string(out, "</a></div><div>");
        append_track(page, axis, method, delta);
        text_append_string(out, "</div><div class=\"value\">");
        report_mean(out, delta, 2);
        text_append_string(out, "</div>\n");
    }
    text_append_string(out, "<div class=\"axis\"></div><div class=\"axis\">");
    for (int tick = 0; tick < axis->ticks; tick++) {
        text_append_string(out, "<span style=\"left:");
        text_printf(out, "%.2f", 100.0 * place(axis, tick_value(axis, tick)));
        text_append_string(out, "%\">");
        report_number(out, tick_value(axis, tick), axis->decimals);
        text_append_string(out, "</span>");
    }
    text_append_string(out, "</div><div class=\"axis value\"></div>\n</div>\n");
}

void report_forest(const struct report_page *page) {
    struct axis axis = forest_axis(page->summary);
    struct text *out = page->out;
    text_append_string(out, "<section id=\"delta\">\n<h2>Δ logit of each method</h2>\n<p>Area "
                            "between the curves of least and most relevant first: 0 is what a "
                            "random order gives.</p>\n");
    report_under_choice(page, "delta");
    for (size_t r = 0; r < page->summary->place_count; r++) {
        append_forest(page, &axis, r);
    }
    text_append_string(out, "</section>\n");
}

/* Mean curves, [places][EVAL_CURVES][points] of each method; NULL for a method without
 * results, so that memory is in proportion to the curves that the record has, however many steps
 * and methods it states. */
struct curves {
    double **means; /* [methods], owned as are its blocks */
    size_t points, places;
};

/* One of the plots: a quantity in a place. */
struct series {
    size_t place;
    enum eval_curve kind;
};

/* Numbers all series; those in the first place have the numbers of their kinds. */
static size_t series_number(const struct series *series) {
    return series->place * EVAL_CURVES + (size_t) series->kind;
}

static const double *mean_of(const struct curves *curves, size_t method,
                             const struct series *series) {
    const double *means = curves->means[method];
    return means == NULL ? NULL : means + series_number(series) * curves->points;
}

/* What the means are taken of. */
struct averaging {
    const struct evaluation *evaluation;
    struct curves *curves;
    size_t *counts; /* owned: [methods] images */
};

/* Adds the curves of one method on one image. */
static void add_method(const struct curves *curves, const struct eval_method_result *result,
                       double *mean) {
    for (size_t r = 0; r < curves->places; r++) {
        for (size_t kind = 0; kind < EVAL_CURVES; kind++) {
            const float *curve = result->curves[r].of[kind];
            for (size_t k = 0; k < curves->points; k++, mean++) {
                *mean += (double) curve[k];
            }
        }
    }
}

static enum vitlrp_status add_curves(void *user, const struct eval_image *image,
                                     struct vitlrp_error *err) {
    const struct averaging *averaging = user;
    const struct curves *curves = averaging->curves;
    for (size_t m = 0; m < averaging->evaluation->method_count && image->methods != NULL; m++) {
        if (!image->methods[m].valid) {
            continue;
        }
        double **mean = &curves->means[m];
        if (*mean == NULL) {
            *mean = mem_calloc(curves->points, curves->places * EVAL_CURVES * sizeof **mean);
        }
        if (*mean == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the mean curves");
        }
        averaging->counts[m]++;
        add_method(curves, &image->methods[m], *mean);
    }
    return VITLRP_OK;
}

static void curves_close(const struct evaluation *evaluation, struct curves *curves) {
    for (size_t m = 0; m < evaluation->method_count && curves->means != NULL; m++) {
        mem_free(curves->means[m]);
    }
    mem_free(curves->means);
}

static void divide_by_counts(const struct averaging *averaging) {
    const struct curves *curves = averaging->curves;
    size_t count = curves->places * EVAL_CURVES * curves->points;
    for (size_t m = 0; m < averaging->evaluation->method_count; m++) {
        for (size_t k = 0; curves->means[m] != NULL && k < count; k++) {
            curves->means[m][k] /= (double) averaging->counts[m];
        }
    }
}

static enum vitlrp_status curves_open(const struct evaluation *evaluation, struct curves *curves,
                                      struct vitlrp_error *err) {
    struct averaging averaging = {.evaluation = evaluation, .curves = curves};
    enum vitlrp_status status = VITLRP_OK;
    curves->points = (size_t) evaluation->protocol.steps + 1;
    curves->places = eval_place_count(&evaluation->protocol);
    curves->means = mem_calloc(evaluation->method_count, sizeof *curves->means);
    averaging.counts = mem_calloc(evaluation->method_count, sizeof *averaging.counts);
    if (curves->means == NULL || averaging.counts == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the mean curves");
    } else {
        status = evaluation_visit(evaluation, add_curves, &averaging, err);
    }
    if (status == VITLRP_OK) {
        divide_by_counts(&averaging);
    } else {
        curves_close(evaluation, curves);
    }
    mem_free(averaging.counts);
    return status;
}

static void widen(const struct curves *curves, size_t method, const struct series *series,
                  double range[2]) {
    const double *mean = mean_of(curves, method, series);
    for (size_t k = 0; k < curves->points; k++) {
        range[0] = fmin(range[0], mean[k]);
        range[1] = fmax(range[1], mean[k]);
    }
}

/* One axis for MoRF and LeRF of a quantity in all places, so that they can be compared. */
static struct axis curve_axis(const struct report_page *page, const struct curves *curves,
                              enum eval_curve morf, enum eval_curve lerf) {
    double range[2] = {0.0, 0.0};
    for (size_t m = 0; m < page->summary->method_count; m++) {
        for (size_t r = 0; r < curves->places && curves->means[m] != NULL; r++) {
            widen(curves, m, &(struct series){r, morf}, range);
            widen(curves, m, &(struct series){r, lerf}, range);
        }
    }
    return make_axis(range[0], range[1], 0.0);
}

static void append_grid(struct text *out, const struct axis *axis) {
    for (int tick = 0; tick < axis->ticks; tick++) {
        double value = tick_value(axis, tick);
        text_printf(out, "<line class=\"%s\" x1=\"0\" x2=\"1000\" y1=\"",
                    fabs(value) < 1e-9 ? "base" : "grid");
        text_printf(out, "%.1f", PLOT_HEIGHT * (1.0 - place(axis, value)));
        text_append_string(out, "\" y2=\"");
        text_printf(out, "%.1f", PLOT_HEIGHT * (1.0 - place(axis, value)));
        text_append_string(out, "\"/>");
    }
}

static void append_curve(const struct report_page *page, const struct curves *curves,
                         const struct axis *axis, size_t method, const struct series *series) {
    const double *mean = mean_of(curves, method, series);
    struct text *out = page->out;
    if (mean == NULL) {
        return;
    }
    text_append_string(out, "<polyline class=\"curve ");
    report_method_classes(page, method);
    size_t first = summary_ranking(page->summary, series->place)[0];
    text_append_string(out, method == first ? " first" : "");
    text_append_string(out, "\" points=\"");
    for (size_t k = 0; k < curves->points; k++) {
        text_append_string(out, k == 0 ? "" : " ");
        text_printf(out, "%.1f",
                    PLOT_WIDTH * eval_share(&page->record->evaluation, series->place, k));
        text_append_string(out, ",");
        text_printf(out, "%.1f", PLOT_HEIGHT * (1.0 - place(axis, mean[k])));
    }
    text_append_string(out, "\"><title>");
    report_escape(out, page->record->evaluation.methods[method]);
    text_append_string(out, "</title></polyline>");
}

static const char *unit_words(const struct eval_protocol *protocol) {
    switch (protocol->units) {
    case VITLRP_UNITS_FC1:
        return " of the neurons off";
    case VITLRP_UNITS_HEAD:
        return " of the heads off";
    case VITLRP_UNITS_PATCH:
        break;
    }
    return protocol->regions == 1 ? " of the patches replaced" : " of the regions replaced";
}

static void append_labels(const struct report_page *page, const struct axis *axis) {
    static const char *const ENDS[] = {"xlabel start", "xlabel", "xlabel end"};
    const char *unit = unit_words(&page->record->evaluation.protocol);
    struct text *out = page->out;
    for (int tick = 0; tick < axis->ticks; tick++) {
        text_append_string(out, "<span class=\"ylabel\" style=\"top:");
        text_printf(out, "%.2f", 100.0 * (1.0 - place(axis, tick_value(axis, tick))));
        text_append_string(out, "%\">");
        report_number(out, tick_value(axis, tick), axis->decimals);
        text_append_string(out, "</span>");
    }
    for (int i = 0; i < 3; i++) {
        text_printf(out, "<span class=\"%s\" style=\"left:%d%%\">%d %%%s</span>", ENDS[i], 50 * i,
                    50 * i, i == 1 ? unit : "");
    }
}

/* Points whose values are told: all of them, or evenly spaced ones of very many. */
#define VALUE_POINTS ((size_t) 40)

static size_t value_stride(const struct curves *curves) {
    return (curves->points - 2) / VALUE_POINTS + 1;
}

/* The share of the patches (or regions) that is replaced, or of the units off, at a point: "25 %",
 * "3.5 %". */
static void append_share(const struct report_page *page, size_t place, size_t point) {
    struct text *out = page->out;
    double percent = 100.0 * eval_replaced_share(&page->record->evaluation, place, point);
    text_printf(out, "%.*f", fabs(percent - round(percent)) < 0.05 ? 0 : 1, percent);
    text_append_string(out, " %");
}

static int value_decimals(enum eval_curve kind) {
    return kind == EVAL_CURVE_MORF_LOGIT || kind == EVAL_CURVE_LERF_LOGIT ? 2 : 3;
}

/* What a reader gets who points at a place of a plot, taps on it, or comes there by keys: the value
 * of every method. A plot's places are one group of radio buttons, so that they are one stop of
 * the tabulator, and arrows go from one to the next. */
static void append_place(const struct report_page *page, const struct curves *curves,
                         const struct series *series, size_t point) {
    struct text *out = page->out;
    size_t number = series_number(series);
    const struct evaluation *evaluation = &page->record->evaluation;
    double width = 100.0 * (double) value_stride(curves) / (double) (curves->points - 1);
    bool is_late = 2 * point >= curves->points;
    text_append_string(out, "<label style=\"left:");
    text_printf(out, "%.2f", 100.0 * eval_share(evaluation, series->place, point) - 0.5 * width);
    text_append_string(out, "%;width:");
    text_printf(out, "%.2f", width);
    text_printf(out,
                "%%\"><input type=\"radio\" name=\"at-%zu\" aria-labelledby=\"at-%zu-%zu\">"
                "<span class=\"tip%s\" id=\"at-%zu-%zu\"><b>",
                number, number, point, is_late ? " late" : "", number, point);
    append_share(page, series->place, point);
    text_append_string(out, evaluation->unit_count > 0 ? " off</b>" : " replaced</b>");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = summary_ranking(page->summary, series->place)[i];
        const double *mean = mean_of(curves, method, series);
        if (mean != NULL) {
            text_append_string(out, "<span class=\"");
            report_method_classes(page, method);
            text_append_string(out, "\"> ");
            report_escape(out, page->record->evaluation.methods[method]);
            text_append_string(out, " <em>");
            report_number(out, mean[point], value_decimals(series->kind));
            text_append_string(out, "</em></span>");
        }
    }
    text_append_string(out, "</span></label>");
}

static void append_places(const struct report_page *page, const struct curves *curves,
                          const struct series *series, const char *title) {
    text_printf(page->out, "<div class=\"places\" role=\"radiogroup\" aria-label=\"%s: values\">",
                title);
    for (size_t k = 0; k < curves->points; k += value_stride(curves)) {
        append_place(page, curves, series, k);
    }
    text_append_string(page->out, "</div>");
}

/* The same values for those who read or copy. */
static void append_value_table(const struct report_page *page, const struct curves *curves,
                               const struct series *series) {
    const struct summary *summary = page->summary;
    const size_t *ranking = summary_ranking(summary, series->place);
    struct text *out = page->out;
    text_printf(out,
                "<details><summary>Values as a table</summary><div class=\"scroll\" "
                "tabindex=\"0\"><table class=\"values\"><thead><tr><th scope=\"col\">%s</th>",
                page->record->evaluation.unit_count > 0 ? "Off" : "Replaced");
    for (size_t i = 0; i < summary->method_count; i++) {
        text_append_string(out, "<th class=\"num\" scope=\"col\">");
        report_escape(out, page->record->evaluation.methods[ranking[i]]);
        text_append_string(out, "</th>");
    }
    text_append_string(out, "</tr></thead><tbody>\n");
    for (size_t k = 0; k < curves->points; k += value_stride(curves)) {
        text_append_string(out, "<tr><th scope=\"row\">");
        append_share(page, series->place, k);
        text_append_string(out, "</th>");
        for (size_t i = 0; i < summary->method_count; i++) {
            const double *mean = mean_of(curves, ranking[i], series);
            text_append_string(out, "<td class=\"num\">");
            report_number(out, mean == NULL ? (double) NAN : mean[k], value_decimals(series->kind));
            text_append_string(out, "</td>");
        }
        text_append_string(out, "</tr>\n");
    }
    text_append_string(out, "</tbody></table></div></details>");
}

static void append_plot(const struct report_page *page, const struct curves *curves,
                        const struct axis *axis, const struct series *series) {
    static const char *const TITLES[EVAL_CURVES][2] = {
        [EVAL_CURVE_MORF_LOGIT] = {"Logit, most relevant first", "MoRF: lower is better"},
        [EVAL_CURVE_LERF_LOGIT] = {"Logit, least relevant first", "LeRF: higher is better"},
        [EVAL_CURVE_MORF_PROB] = {"Probability, most relevant first", "MoRF: lower is better"},
        [EVAL_CURVE_LERF_PROB] = {"Probability, least relevant first", "LeRF: higher is better"},
    };
    const char *const *titles = TITLES[series->kind];
    const size_t *ranking = summary_ranking(page->summary, series->place);
    struct text *out = page->out;
    text_printf(out,
                "<figure class=\"plot panel\"><figcaption><h3>%s</h3><span>%s</span></figcaption>"
                "<div class=\"frame\"><svg viewBox=\"0 0 1000 500\" preserveAspectRatio=\"none\" "
                "role=\"img\" aria-label=\"Curves: %s\">",
                titles[0], titles[1], titles[0]);
    append_grid(out, axis);
    /* The best method last, so that it lies on top. */
    for (size_t i = page->summary->method_count; i > 0; i--) {
        append_curve(page, curves, axis, ranking[i - 1], series);
    }
    text_append_string(out, "</svg>");
    append_labels(page, axis);
    append_places(page, curves, series, titles[0]);
    text_append_string(out, "</div>");
    append_value_table(page, curves, series);
    text_append_string(out, "</figure>\n");
}

/* One of these shows a method's curves alone, by mouse, finger or keys. */
static void append_legend(const struct report_page *page) {
    struct text *out = page->out;
    text_append_string(out, "<fieldset class=\"legend\"><legend>Show</legend><label><input "
                            "type=\"radio\" name=\"alone\" checked>all</label>\n");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = page->summary->ranking[i];
        text_append_string(out, "<label class=\"");
        report_method_classes(page, method);
        text_append_string(out, "\"><input type=\"radio\" name=\"alone\">");
        report_key(page, method);
        report_escape(out, page->record->evaluation.methods[method]);
        text_append_string(out, "</label>\n");
    }
    text_append_string(out, "</fieldset>\n");
}

/* Choosing a method's name fades the curves of all others, pointing at one does so meanwhile. */
void report_legend_style(const struct report_page *page, struct text *out) {
    for (size_t m = 0; m < page->summary->method_count; m++) {
        text_printf(out,
                    ".curves:has(.legend .k%zu :checked) :is(.curve,.tip span):not(.k%zu)"
                    "{opacity:.15}",
                    m, m);
    }
    for (size_t m = 0; m < page->summary->method_count; m++) {
        text_printf(out,
                    ".curves:has(.legend .k%zu:hover) .curve:not(.k%zu){opacity:.15}"
                    ".curves:has(.legend .k%zu:hover) .curve.k%zu{opacity:1}",
                    m, m, m, m);
    }
}

/* The plots in a place; probabilities have an axis unless the outputs are none. */
static void append_plots(const struct report_page *page, const struct curves *curves,
                         const struct axis axes[2], size_t place) {
    static const enum eval_curve KINDS[] = {EVAL_CURVE_MORF_LOGIT, EVAL_CURVE_LERF_LOGIT,
                                            EVAL_CURVE_MORF_PROB, EVAL_CURVE_LERF_PROB};
    bool is_chance = page->record->evaluation.probability != VITLRP_PROBABILITY_NONE;
    text_append_string(page->out, "<div class=\"plots");
    report_under_classes(page, place);
    text_append_string(page->out, "\">\n");
    for (size_t i = 0; i < (is_chance ? 4 : 2); i++) {
        append_plot(page, curves, &axes[i / 2], &(struct series){place, KINDS[i]});
    }
    text_append_string(page->out, "</div>\n");
}

enum vitlrp_status report_curves(const struct report_page *page, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    struct curves curves;
    struct text *out = page->out;
    TRY(curves_open(evaluation, &curves, err));
    const struct axis axes[2] = {
        curve_axis(page, &curves, EVAL_CURVE_MORF_LOGIT, EVAL_CURVE_LERF_LOGIT),
        curve_axis(page, &curves, EVAL_CURVE_MORF_PROB, EVAL_CURVE_LERF_PROB)};
    text_printf(
        out,
        "<section id=\"curves\" class=\"curves\">\n<h2>Perturbation curves</h2>\n<p>What is "
        "left of the explained class, on average, while %s are %s. Choose a name to see "
        "its curves alone. Point at a place of a plot, or go there with the arrow keys, to "
        "read its values.</p>\n",
        report_removed(page), evaluation->unit_count > 0 ? "turned off" : "replaced");
    report_under_choice(page, "curves");
    append_legend(page);
    for (size_t r = 0; r < curves.places; r++) {
        append_plots(page, &curves, axes, r);
    }
    text_append_string(out, "</section>\n");
    curves_close(evaluation, &curves);
    return VITLRP_OK;
}
