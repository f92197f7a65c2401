/* How methods stand in several places (eval/eval_results.h), for the page: rankings side by side,
 * how far they agree, and the leader's tests. */
#include <math.h>

#include "base/words.h"
#include "eval/report_private.h"

/* The name of a column: its place, or what its numbers are, where there is one column. */
static struct eval_place_name word(const struct report_page *page, size_t place) {
    const struct eval_place_name only = {"Difference of Δ"};
    return page->summary->place_count == 1
               ? only
               : eval_place_title(&page->record->evaluation.protocol, place);
}

static bool are_blocks(const struct report_page *page) {
    return eval_places_are_blocks(&page->record->evaluation.protocol);
}

static void append_head(const struct report_page *page, const char *corner) {
    text_printf(page->out,
                "<div class=\"panel scroll\" tabindex=\"0\">\n<table class=\"cards\">\n<thead><tr>"
                "<th class=\"pin\" scope=\"col\">%s</th>",
                corner);
    for (size_t r = 0; r < page->summary->place_count; r++) {
        text_printf(page->out, "<th class=\"num\" scope=\"col\">%s</th>", word(page, r).text);
    }
    text_append_string(page->out, "</tr></thead>\n<tbody>\n");
}

static void append_end(const struct report_page *page) {
    text_append_string(page->out, "</tbody>\n</table>\n</div>\n");
}

static void append_method(const struct report_page *page, size_t method) {
    text_append_string(page->out, "<tr><th class=\"pin\" scope=\"row\">");
    report_key(page, method);
    report_escape(page->out, page->record->evaluation.methods[method]);
    text_append_string(page->out, "</th>");
}

/* ---- Rankings ---- */

static void append_rank(const struct report_page *page, size_t method, size_t place) {
    struct text *out = page->out;
    const struct vitlrp_statistic *delta =
        &summary_row(page->summary, method, place)->metrics[EVAL_DELTA_LOGIT];
    size_t rank = summary_rank(page->summary, method, place) + 1;
    text_printf(out, "<td class=\"num\" data-of=\"%s\">", word(page, place).text);
    text_append_string(out, rank == 1 ? "<b>" : "");
    report_number(out, delta->mean, 2);
    text_printf(out, "%s<small>rank %zu", rank == 1 ? "</b>" : "", rank);
    if (report_has_interval(delta)) {
        text_append_string(out, ": ");
        report_number(out, delta->lo, 2);
        text_append_string(out, " to ");
        report_number(out, delta->hi, 2);
    }
    text_append_string(out, "</small></td>");
}

static void append_rankings(const struct report_page *page) {
    append_head(page, "Δ logit, rank");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = page->summary->ranking[i];
        append_method(page, method);
        for (size_t r = 0; r < page->summary->place_count; r++) {
            append_rank(page, method, r);
        }
        text_append_string(page->out, "</tr>\n");
    }
    append_end(page);
}

/* ---- Against the reference ---- */

static void append_pair(const struct report_page *page, size_t method, size_t place) {
    struct text *out = page->out;
    const struct vitlrp_statistic *pair =
        &summary_row(page->summary, method, place)->paired[SUMMARY_PAIR_LOGIT];
    text_printf(out, "<td class=\"num %s\" data-of=\"%s\">", report_verdict(pair),
                word(page, place).text);
    report_signed_number(out, pair->mean, 2);
    report_interval(out, pair, 2, true);
    text_append_string(out, "</td>");
}

static void append_pairs(const struct report_page *page) {
    const struct summary *summary = page->summary;
    text_append_string(page->out, "<h3>Against ");
    report_escape(page->out, page->record->evaluation.methods[summary->reference]);
    text_append_string(page->out, "</h3>\n<p>Difference of Δ logit, image by image, with 95 % "
                                  "bootstrap intervals.</p>\n");
    append_head(page, "Method");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary->ranking[i];
        if (method != summary->reference) {
            append_method(page, method);
            for (size_t place = 0; place < summary->place_count; place++) {
                append_pair(page, method, place);
            }
            text_append_string(page->out, "</tr>\n");
        }
    }
    append_end(page);
}

/* ---- Agreement ---- */

static void append_agreement_cell(const struct report_page *page, size_t row, size_t column) {
    struct text *out = page->out;
    text_printf(out, "<td class=\"num\" data-of=\"%s\">", word(page, column).text);
    if (row == column) {
        text_append_string(out, "<span class=\"level\">itself</span></td>");
        return;
    }
    const struct vitlrp_statistic *found =
        &page->summary->standing.agreement[standing_pair(row, column)];
    report_number(out, found->mean, 2);
    if (isfinite(found->lo)) {
        text_append_string(out, "<small>");
        report_number(out, found->lo, 2);
        text_append_string(out, " to ");
        report_number(out, found->hi, 2);
        text_append_string(out, "</small>");
    }
    text_append_string(out, "</td>");
}

/* Whether there are two rankings to compare: two methods or more. */
static bool has_agreement(const struct report_page *page) {
    const struct standing *standing = &page->summary->standing;
    bool found = false;
    for (size_t row = 0; row < page->summary->place_count; row++) {
        for (size_t column = 0; column < row; column++) {
            found = found || isfinite(standing->agreement[standing_pair(row, column)].mean);
        }
    }
    return found;
}

static void append_agreement(const struct report_page *page) {
    struct text *out = page->out;
    text_printf(out,
                "<h3>Agreement of the rankings</h3>\n<p>Kendall’s τ-b of the methods’ order %s, "
                "without random and centre: 1 is the same order, 0 none in common, −1 the "
                "reverse.</p>\n",
                are_blocks(page) ? "over two sets of units" : "under two replacements");
    append_head(page, "τ-b");
    for (size_t row = 0; row < page->summary->place_count; row++) {
        text_printf(out, "<tr><th class=\"pin\" scope=\"row\">%s</th>", word(page, row).text);
        for (size_t column = 0; column < page->summary->place_count; column++) {
            append_agreement_cell(page, row, column);
        }
        text_append_string(out, "</tr>\n");
    }
    append_end(page);
}

/* ---- The leader's tests ---- */

void report_p(struct text *out, double p) {
    if (p < 0.001) {
        text_append_string(out, "p &lt; 0.001");
    } else {
        text_append_string(out, "p = ");
        report_number(out, p, 3);
    }
}

static void append_test(const struct report_page *page, const struct standing_test *test) {
    struct text *out = page->out;
    bool is_clear = test->n >= STANDING_LEAST && test->holm < STANDING_LEVEL;
    const char *verdict = !is_clear ? "level" : test->difference > 0.0 ? "ahead" : "behind";
    text_printf(out, "<td class=\"num %s\" data-of=\"%s\">", verdict, word(page, test->place).text);
    report_signed_number(out, test->difference, 2);
    if (test->n >= STANDING_LEAST) {
        text_append_string(out, "<small>");
        report_p(out, test->holm);
        text_append_string(out, "</small>");
    }
    text_append_string(out, "</td>");
}

static void append_tests(const struct report_page *page) {
    const struct standing *standing = &page->summary->standing;
    struct text *out = page->out;
    text_append_string(out, "<h3>");
    report_escape(out, page->record->evaluation.methods[standing->leader]);
    text_append_string(out, " against each other method</h3>\n<p>Difference of Δ logit, image by "
                            "image");
    if (standing->tests[0].n < STANDING_LEAST) {
        text_printf(out, ". There is no test of fewer than %d images.</p>\n", (int) STANDING_LEAST);
    } else {
        text_append_string(out,
                           ", with p of Student’s paired test, corrected by Holm for all tests "
                           "of this table. One method is called better only if all of them are "
                           "in its favour, with p &lt; 0.05.</p>\n");
    }
    append_head(page, "Against");
    for (size_t i = 0; i < standing->test_count; i++) {
        if (standing->tests[i].place == 0) {
            append_method(page, standing->tests[i].than);
        }
        append_test(page, &standing->tests[i]);
        bool is_last = standing->tests[i].place + 1 == page->summary->place_count;
        text_append_string(out, is_last ? "</tr>\n" : "");
    }
    append_end(page);
}

/* What places are, and why they differ. */
static void append_words(const struct report_page *page) {
    struct text *out = page->out;
    text_append_string(out, "<section id=\"standing\">\n");
    if (are_blocks(page)) {
        text_append_string(out, "<h2>Within each block</h2>\n<p>Which units matter together over "
                                "the depth is one question, and which matter within a block "
                                "another: methods need not answer both equally well. Sections "
                                "below are of all blocks where they leave no choice.</p>\n");
        return;
    }
    text_append_string(out, "<h2>Under each replacement</h2>\n<p>What stands in the place of a "
                            "patch decides too: a method that uses one replacement itself does "
                            "well under that one. Sections below are of ");
    report_escape(out,
                  report_replacement(eval_replacement_at(&page->record->evaluation.protocol, 0)));
    text_append_string(out, " where they leave no choice.</p>\n");
}

void report_standing(const struct report_page *page) {
    const struct summary *summary = page->summary;
    struct text *out = page->out;
    if (summary->standing.leader >= summary->method_count ||
        (summary->place_count == 1 && summary->method_count == 1)) {
        return;
    }
    if (summary->place_count == 1) {
        text_append_string(out, "<section id=\"standing\">\n<h2>Is it better?</h2>\n");
        append_tests(page);
        text_append_string(out, "</section>\n");
        return;
    }
    append_words(page);
    append_rankings(page);
    if (are_blocks(page) && page->summary->reference < page->summary->method_count) {
        append_pairs(page);
    }
    if (has_agreement(page)) {
        append_agreement(page);
    }
    if (summary->standing.test_count > 0) {
        append_tests(page);
    }
    text_append_string(out, "</section>\n");
}
