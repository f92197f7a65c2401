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
    number_fixed(out, 100.0 * place(axis, value), 2);
    text_append_string(out, "%\"");
}

static struct axis forest_axis(const struct summary *summary) {
    double low = 0.0;
    double high = 0.0;
    for (size_t m = 0; m < summary->method_count; m++) {
        const struct vitlrp_statistic *delta = &summary->methods[m].metrics[EVAL_DELTA_LOGIT];
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
static void append_track(const struct report_page *page, const struct axis *axis, size_t method) {
    const struct vitlrp_statistic *delta =
        &page->summary->methods[method].metrics[EVAL_DELTA_LOGIT];
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

/* "3.80 (3.61 to 3.98)" */
static void append_value(struct text *out, const struct vitlrp_statistic *delta) {
    report_number(out, delta->mean, 2);
    if (report_has_interval(delta)) {
        text_append_string(out, " (");
        report_number(out, delta->lo, 2);
        text_append_string(out, " to ");
        report_number(out, delta->hi, 2);
        text_append_string(out, ")");
    }
}

void report_forest(const struct report_page *page) {
    const struct summary *summary = page->summary;
    struct axis axis = forest_axis(summary);
    struct text *out = page->out;
    text_append_string(out, "<section id=\"delta\">\n<h2>Δ logit of each method</h2>\n<p>Area "
                            "between the curves of least and most relevant first: 0 is what a "
                            "random order gives.</p>\n<div class=\"panel forest\">\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary->ranking[i];
        const struct vitlrp_statistic *delta = &summary->methods[method].metrics[EVAL_DELTA_LOGIT];
        text_printf(out, "<div><a href=\"#m-%zu\">", method);
        report_escape(out, page->record->evaluation.methods[method]);
        text_append_string(out, "</a></div><div>");
        append_track(page, &axis, method);
        text_append_string(out, "</div><div class=\"value\">");
        append_value(out, delta);
        text_append_string(out, "</div>\n");
    }
    text_append_string(out, "<div class=\"axis\"></div><div class=\"axis\">");
    for (int tick = 0; tick < axis.ticks; tick++) {
        text_append_string(out, "<span style=\"left:");
        number_fixed(out, 100.0 * place(&axis, tick_value(&axis, tick)), 2);
        text_append_string(out, "%\">");
        report_number(out, tick_value(&axis, tick), axis.decimals);
        text_append_string(out, "</span>");
    }
    text_append_string(out, "</div><div class=\"axis value\"></div>\n</div>\n</section>\n");
}

/* Mean curves, [EVAL_CURVES][points] of each method; NULL for a method without results, so that
 * memory is in proportion to the curves that the record has, however many steps and methods it
 * states. */
struct curves {
    double **means; /* [methods], owned as are its blocks */
    size_t points;
};

static const double *mean_of(const struct curves *curves, size_t method, enum eval_curve kind) {
    const double *means = curves->means[method];
    return means == NULL ? NULL : means + (size_t) kind * curves->points;
}

/* What the means are taken of. */
struct averaging {
    const struct evaluation *evaluation;
    struct curves *curves;
    size_t *counts; /* owned: [methods] images */
};

static enum vitlrp_status add_curves(void *user, const struct eval_image *image,
                                     struct vitlrp_error *err) {
    const struct averaging *averaging = user;
    size_t points = averaging->curves->points;
    for (size_t m = 0; m < averaging->evaluation->method_count && image->methods != NULL; m++) {
        if (!image->methods[m].valid) {
            continue;
        }
        double *mean = averaging->curves->means[m];
        if (mean == NULL) {
            mean = averaging->curves->means[m] = mem_calloc(points, EVAL_CURVES * sizeof *mean);
        }
        if (mean == NULL) {
            return fail(err, VITLRP_NOMEM, "out of memory for the mean curves");
        }
        averaging->counts[m]++;
        for (size_t kind = 0; kind < EVAL_CURVES; kind++) {
            const float *curve = image->methods[m].curves[0].of[kind];
            for (size_t k = 0; k < points; k++) {
                mean[kind * points + k] += (double) curve[k];
            }
        }
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
    for (size_t m = 0; m < averaging->evaluation->method_count; m++) {
        for (size_t k = 0; curves->means[m] != NULL && k < EVAL_CURVES * curves->points; k++) {
            curves->means[m][k] /= (double) averaging->counts[m];
        }
    }
}

static enum vitlrp_status curves_open(const struct evaluation *evaluation, struct curves *curves,
                                      struct vitlrp_error *err) {
    struct averaging averaging = {.evaluation = evaluation, .curves = curves};
    enum vitlrp_status status = VITLRP_OK;
    curves->points = (size_t) evaluation->protocol.steps + 1;
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

/* One axis for MoRF and LeRF of a quantity, so that they can be compared. */
static struct axis curve_axis(const struct report_page *page, const struct curves *curves,
                              enum eval_curve morf, enum eval_curve lerf) {
    double low = 0.0;
    double high = 0.0;
    for (size_t m = 0; m < page->summary->method_count; m++) {
        for (size_t k = 0; k < curves->points && curves->means[m] != NULL; k++) {
            double values[] = {mean_of(curves, m, morf)[k], mean_of(curves, m, lerf)[k]};
            low = fmin(low, fmin(values[0], values[1]));
            high = fmax(high, fmax(values[0], values[1]));
        }
    }
    return make_axis(low, high, 0.0);
}

static void append_grid(struct text *out, const struct axis *axis) {
    for (int tick = 0; tick < axis->ticks; tick++) {
        double value = tick_value(axis, tick);
        text_printf(out, "<line class=\"%s\" x1=\"0\" x2=\"1000\" y1=\"",
                    fabs(value) < 1e-9 ? "base" : "grid");
        number_fixed(out, PLOT_HEIGHT * (1.0 - place(axis, value)), 1);
        text_append_string(out, "\" y2=\"");
        number_fixed(out, PLOT_HEIGHT * (1.0 - place(axis, value)), 1);
        text_append_string(out, "\"/>");
    }
}

static void append_curve(const struct report_page *page, const struct curves *curves,
                         const struct axis *axis, size_t method, enum eval_curve kind) {
    const double *mean = mean_of(curves, method, kind);
    struct text *out = page->out;
    if (mean == NULL) {
        return;
    }
    text_append_string(out, "<polyline class=\"curve ");
    report_method_classes(page, method);
    text_append_string(out, method == page->summary->ranking[0] ? " first" : "");
    text_append_string(out, "\" points=\"");
    for (size_t k = 0; k < curves->points; k++) {
        text_append_string(out, k == 0 ? "" : " ");
        number_fixed(out, PLOT_WIDTH * (double) k / (double) (curves->points - 1), 1);
        text_append_string(out, ",");
        number_fixed(out, PLOT_HEIGHT * (1.0 - place(axis, mean[k])), 1);
    }
    text_append_string(out, "\"><title>");
    report_escape(out, page->record->evaluation.methods[method]);
    text_append_string(out, "</title></polyline>");
}

static void append_labels(struct text *out, const struct axis *axis) {
    static const char *const ENDS[] = {"xlabel start", "xlabel", "xlabel end"};
    for (int tick = 0; tick < axis->ticks; tick++) {
        text_append_string(out, "<span class=\"ylabel\" style=\"top:");
        number_fixed(out, 100.0 * (1.0 - place(axis, tick_value(axis, tick))), 2);
        text_append_string(out, "%\">");
        report_number(out, tick_value(axis, tick), axis->decimals);
        text_append_string(out, "</span>");
    }
    for (int i = 0; i < 3; i++) {
        text_printf(out, "<span class=\"%s\" style=\"left:%d%%\">%d %%%s</span>", ENDS[i], 50 * i,
                    50 * i, i == 1 ? " of the patches replaced" : "");
    }
}

/* Points whose values are told: all of them, or evenly spaced ones of very many. */
#define VALUE_POINTS ((size_t) 40)

static size_t value_stride(const struct curves *curves) {
    return (curves->points - 2) / VALUE_POINTS + 1;
}

/* The share of the patches that is replaced at a point: "25 %", "3.6 %". */
static void append_share(struct text *out, const struct curves *curves, size_t point) {
    double percent = 100.0 * (double) point / (double) (curves->points - 1);
    number_fixed(out, percent, fabs(percent - round(percent)) < 0.05 ? 0 : 1);
    text_append_string(out, " %");
}

static int value_decimals(enum eval_curve kind) {
    return kind == EVAL_CURVE_MORF_LOGIT || kind == EVAL_CURVE_LERF_LOGIT ? 2 : 3;
}

/* What a reader gets who points at a place of a plot, taps on it, or comes there by keys: the value
 * of every method. A plot's places are one group of radio buttons, so that they are one stop of
 * the tabulator, and arrows go from one to the next. */
static void append_place(const struct report_page *page, const struct curves *curves,
                         enum eval_curve kind, size_t point) {
    struct text *out = page->out;
    double steps = (double) (curves->points - 1);
    double width = 100.0 * (double) value_stride(curves) / steps;
    bool is_late = 2 * point >= curves->points;
    text_append_string(out, "<label style=\"left:");
    number_fixed(out, 100.0 * (double) point / steps - 0.5 * width, 2);
    text_append_string(out, "%;width:");
    number_fixed(out, width, 2);
    text_printf(out,
                "%%\"><input type=\"radio\" name=\"at-%d\" aria-labelledby=\"at-%d-%zu\">"
                "<span class=\"tip%s\" id=\"at-%d-%zu\"><b>",
                (int) kind, (int) kind, point, is_late ? " late" : "", (int) kind, point);
    append_share(out, curves, point);
    text_append_string(out, " replaced</b>");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = page->summary->ranking[i];
        const double *mean = mean_of(curves, method, kind);
        if (mean != NULL) {
            text_append_string(out, "<span class=\"");
            report_method_classes(page, method);
            text_append_string(out, "\"> ");
            report_escape(out, page->record->evaluation.methods[method]);
            text_append_string(out, " <em>");
            report_number(out, mean[point], value_decimals(kind));
            text_append_string(out, "</em></span>");
        }
    }
    text_append_string(out, "</span></label>");
}

static void append_places(const struct report_page *page, const struct curves *curves,
                          enum eval_curve kind, const char *title) {
    text_printf(page->out, "<div class=\"places\" role=\"radiogroup\" aria-label=\"%s: values\">",
                title);
    for (size_t k = 0; k < curves->points; k += value_stride(curves)) {
        append_place(page, curves, kind, k);
    }
    text_append_string(page->out, "</div>");
}

/* The same values for those who read or copy. */
static void append_value_table(const struct report_page *page, const struct curves *curves,
                               enum eval_curve kind) {
    const struct summary *summary = page->summary;
    struct text *out = page->out;
    text_append_string(out, "<details><summary>Values as a table</summary><div class=\"scroll\" "
                            "tabindex=\"0\"><table class=\"values\"><thead><tr><th "
                            "scope=\"col\">Replaced</th>");
    for (size_t i = 0; i < summary->method_count; i++) {
        text_append_string(out, "<th class=\"num\" scope=\"col\">");
        report_escape(out, page->record->evaluation.methods[summary->ranking[i]]);
        text_append_string(out, "</th>");
    }
    text_append_string(out, "</tr></thead><tbody>\n");
    for (size_t k = 0; k < curves->points; k += value_stride(curves)) {
        text_append_string(out, "<tr><th scope=\"row\">");
        append_share(out, curves, k);
        text_append_string(out, "</th>");
        for (size_t i = 0; i < summary->method_count; i++) {
            const double *mean = mean_of(curves, summary->ranking[i], kind);
            text_append_string(out, "<td class=\"num\">");
            report_number(out, mean == NULL ? (double) NAN : mean[k], value_decimals(kind));
            text_append_string(out, "</td>");
        }
        text_append_string(out, "</tr>\n");
    }
    text_append_string(out, "</tbody></table></div></details>");
}

static void append_plot(const struct report_page *page, const struct curves *curves,
                        const struct axis *axis, enum eval_curve kind) {
    static const char *const TITLES[EVAL_CURVES][2] = {
        [EVAL_CURVE_MORF_LOGIT] = {"Logit, most relevant first", "MoRF: lower is better"},
        [EVAL_CURVE_LERF_LOGIT] = {"Logit, least relevant first", "LeRF: higher is better"},
        [EVAL_CURVE_MORF_PROB] = {"Probability, most relevant first", "MoRF: lower is better"},
        [EVAL_CURVE_LERF_PROB] = {"Probability, least relevant first", "LeRF: higher is better"},
    };
    struct text *out = page->out;
    text_printf(out,
                "<figure class=\"plot panel\"><figcaption><h3>%s</h3><span>%s</span></figcaption>"
                "<div class=\"frame\"><svg viewBox=\"0 0 1000 500\" preserveAspectRatio=\"none\" "
                "role=\"img\" aria-label=\"Curves: %s\">",
                TITLES[kind][0], TITLES[kind][1], TITLES[kind][0]);
    append_grid(out, axis);
    /* The best method last, so that it lies on top. */
    for (size_t i = page->summary->method_count; i > 0; i--) {
        append_curve(page, curves, axis, page->summary->ranking[i - 1], kind);
    }
    text_append_string(out, "</svg>");
    append_labels(out, axis);
    append_places(page, curves, kind, TITLES[kind][0]);
    text_append_string(out, "</div>");
    append_value_table(page, curves, kind);
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

enum vitlrp_status report_curves(const struct report_page *page, struct vitlrp_error *err) {
    const struct evaluation *evaluation = &page->record->evaluation;
    struct curves curves;
    struct text *out = page->out;
    TRY(curves_open(evaluation, &curves, err));
    struct axis logit = curve_axis(page, &curves, EVAL_CURVE_MORF_LOGIT, EVAL_CURVE_LERF_LOGIT);
    text_append_string(out, "<section id=\"curves\" class=\"curves\">\n<h2>Perturbation "
                            "curves</h2>\n<p>What is left of the explained class, on average, "
                            "while patches are replaced. Choose a name to see its curves "
                            "alone. Point at a place of a plot, or go there with the arrow "
                            "keys, to read its values.</p>\n");
    append_legend(page);
    text_append_string(out, "<div class=\"plots\">\n");
    append_plot(page, &curves, &logit, EVAL_CURVE_MORF_LOGIT);
    append_plot(page, &curves, &logit, EVAL_CURVE_LERF_LOGIT);
    if (evaluation->probability != VITLRP_PROBABILITY_NONE) {
        struct axis probability =
            curve_axis(page, &curves, EVAL_CURVE_MORF_PROB, EVAL_CURVE_LERF_PROB);
        append_plot(page, &curves, &probability, EVAL_CURVE_MORF_PROB);
        append_plot(page, &curves, &probability, EVAL_CURVE_LERF_PROB);
    }
    text_append_string(out, "</div>\n</section>\n");
    curves_close(evaluation, &curves);
    return VITLRP_OK;
}
