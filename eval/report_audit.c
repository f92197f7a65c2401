/* The audit of curves in fewer bits, for the page. */
#include <math.h>

#include "eval/audit.h"
#include "eval/report_private.h"

static const struct {
    const char *title;
    int decimals;
} COLUMNS[AUDIT_METRICS] = {
    [EVAL_DELTA_LOGIT] = {"Δ logit", 4},   [EVAL_DELTA_PROB] = {"Δ probability", 5},
    [EVAL_MORF_LOGIT] = {"MoRF logit", 4}, [EVAL_MORF_PROB] = {"MoRF probability", 5},
    [EVAL_LERF_LOGIT] = {"LeRF logit", 4}, [EVAL_LERF_PROB] = {"LeRF probability", 5}};

static void append_cell(struct text *out, const struct vitlrp_audit *audit, int decimals,
                        const char *title, bool has_interval) {
    text_printf(out, "<td class=\"num\" data-of=\"%s\">", title);
    report_number(out, audit->mean_abs, decimals);
    text_append_string(out, "<small>at most ");
    report_number(out, audit->max_abs, decimals);
    if (has_interval) {
        text_append_string(out, "</small><small>");
        report_number(out, 100.0 * audit->per_half_width, 1);
        text_append_string(out, " %");
    }
    text_append_string(out, "</small></td>");
}

static void append_row(const struct report_page *page, size_t method) {
    struct text *out = page->out;
    const struct evaluation *evaluation = &page->record->evaluation;
    size_t images = 0; /* a metric that does not exist has none */
    text_append_string(out, "<tr><th class=\"pin\" scope=\"row\">");
    report_key(page, method);
    report_escape(out, evaluation->methods[method]);
    text_append_string(out, "</th>");
    for (int metric = 0; metric < AUDIT_METRICS; metric++) {
        const struct vitlrp_statistic *statistic = &page->summary->methods[method].metrics[metric];
        const struct vitlrp_audit *audit = &page->summary->methods[method].audits[metric];
        append_cell(out, audit, COLUMNS[metric].decimals, COLUMNS[metric].title,
                    report_has_interval(statistic));
        images = audit->n > images ? audit->n : images;
    }
    text_printf(out, "<td class=\"num\" data-of=\"Images\">%zu</td></tr>\n", images);
}

void report_audit(const struct report_page *page) {
    struct text *out = page->out;
    const struct evaluation *evaluation = &page->record->evaluation;
    if (evaluation->protocol.precision != VITLRP_PRECISION_BF16) {
        return;
    }
    size_t audited = page->summary->audited;
    text_printf(
        out,
        "<section id=\"audit\">\n<h2>Audit of the precision</h2>\n<p>The curves are "
        "computed in bf16. The seed chose %zu image%s, whose curves are computed in fp32 too. "
        "Each cell has the mean absolute difference of the areas, the largest, and the mean "
        "difference as a share of the half-width of the interval above.</p>\n<div "
        "class=\"panel scroll\" tabindex=\"0\">\n<table class=\"cards\">\n<thead><tr><th "
        "class=\"pin\" "
        "scope=\"col\">Method</th>",
        audited, audited == 1 ? "" : "s");
    for (int metric = 0; metric < AUDIT_METRICS; metric++) {
        text_printf(out, "<th class=\"num\" scope=\"col\">%s</th>", COLUMNS[metric].title);
    }
    text_append_string(out, "<th class=\"num\" scope=\"col\">Images</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        append_row(page, page->summary->ranking[i]);
    }
    text_append_string(out, "</tbody>\n</table>\n</div>\n</section>\n");
}
