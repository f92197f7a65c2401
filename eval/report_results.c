/* The tables of means: how faithful the methods are, and how well they find the boxes. On a narrow
 * screen a row becomes a card, in which each value has its column's name. */
#include "eval/report_private.h"

struct column {
    enum eval_metric metric;
    const char *title, *hint;
    int decimals;
};

static const struct column FAITHFULNESS[] = {
    {EVAL_DELTA_PROB, "Δ probability", "higher is better", 3},
    {EVAL_MORF_LOGIT, "MoRF logit", "lower is better", 2},
    {EVAL_LERF_LOGIT, "LeRF logit", "higher is better", 2},
    {EVAL_DELETION, "Deletion", "probability, lower", 3},
    {EVAL_INSERTION, "Insertion", "probability, higher", 3},
};

static const struct column BOXES[] = {
    {EVAL_POINTING, "Pointing game", "peak in the box", 3},
    {EVAL_MASS, "Mass in box", "of positive relevance", 3},
    {EVAL_RANK, "Rank in box", "accuracy", 3},
};

/* Metrics that other papers report, of the same curves and maps. */
static const struct column OTHERS[] = {
    {EVAL_MORF_TOP1, "MoRF top-1", "positive, lower", 3},
    {EVAL_LERF_TOP1, "LeRF top-1", "negative, higher", 3},
    {EVAL_COMPREHENSIVENESS, "Comprehensiveness", "higher is better", 3},
    {EVAL_SUFFICIENCY, "Sufficiency", "lower is better", 3},
    {EVAL_SPARSENESS, "Sparseness", "Gini index", 3},
    {EVAL_COMPLEXITY, "Complexity", "entropy", 2},
};

/* Against the objects' masks. */
static const struct column MASKS[] = {
    {EVAL_PIXEL_ACCURACY, "Pixel accuracy", "higher is better", 3},
    {EVAL_MEAN_IOU, "Mean IoU", "over all pixels", 3},
    {EVAL_AVERAGE_PRECISION, "mAP", "mean over images", 3},
};

/* Of hidden units: what few of the best do, and single ones. */
static const struct column UNITS[] = {
    {EVAL_DROP_1, "Drop at 1 %", "logit, higher", 2},
    {EVAL_MEAN_DROP_10, "Mean drop to 10 %", "logit, higher", 2},
    {EVAL_UNITS_TO_LOSE, "Units to lose", "the class, lower", 1},
    {EVAL_RHO_SINGLE, "Single units, by rank", "Spearman’s correlation", 2},
    {EVAL_PEARSON_SINGLE, "Single units, by value", "Pearson’s correlation", 2},
};

/* Rank correlations with what the patches are worth. */
static const struct column AGREEMENT[] = {
    {EVAL_RHO_DROP, "Token-drop", "rank correlation", 2},
    {EVAL_RHO_SHAPLEY, "Shapley values", "rank correlation", 2},
};

/* Checks of the maps. */
static const struct column SANITY[] = {
    {EVAL_RHO_RANDOMIZED, "Randomised model", "rank correlation", 2},
    {EVAL_MAX_SENSITIVITY, "Max-Sensitivity", "lower is steadier", 2},
};

/* A table's columns; the first table has the differences too. */
struct columns {
    const struct column *list;
    size_t count;
    bool has_delta;
    enum eval_metric counted; /* its number of images ends a row */
    char mark;                /* begins the names of its rows */
};

/* Some evaluations lack a metric. */
static bool has_metric(const struct report_page *page, enum eval_metric metric) {
    for (size_t m = 0; m < page->summary->method_count; m++) {
        if (page->summary->methods[m].metrics[metric].n > 0) {
            return true;
        }
    }
    return false;
}

static bool is_paired(const struct report_page *page) {
    return page->summary->reference < page->summary->method_count;
}

/* "Against rollout", escaped. */
static void append_against(const struct report_page *page) {
    text_append_string(page->out, "Against ");
    report_escape(page->out, page->record->evaluation.methods[page->summary->reference]);
}

static void append_head_row(const struct report_page *page, const struct columns *columns) {
    struct text *out = page->out;
    text_append_string(out, "<thead><tr><th class=\"pin\" scope=\"col\">Method</th>");
    if (columns->has_delta) {
        text_append_string(out, "<th class=\"num\" scope=\"col\">Δ logit<small>higher is "
                                "better</small></th>");
    }
    if (columns->has_delta && is_paired(page)) {
        text_append_string(out, "<th class=\"num\" scope=\"col\">");
        append_against(page);
        text_append_string(out, "<small>paired Δ logit</small></th>");
    }
    for (size_t i = 0; i < columns->count; i++) {
        if (has_metric(page, columns->list[i].metric)) {
            text_printf(out, "<th class=\"num\" scope=\"col\">%s<small>%s</small></th>",
                        columns->list[i].title, columns->list[i].hint);
        }
    }
    text_append_string(out, "<th class=\"num\" scope=\"col\">Images</th></tr></thead>\n");
}

static void append_delta(const struct report_page *page, const struct vitlrp_statistic *delta) {
    text_append_string(page->out, "<td class=\"num\" data-of=\"Δ logit\"><b>");
    report_number(page->out, delta->mean, 2);
    text_append_string(page->out, "</b>");
    report_interval(page->out, delta, 2, false);
    text_append_string(page->out, "</td>");
}

static void append_pair(const struct report_page *page, size_t method) {
    const struct vitlrp_statistic *pair =
        &page->summary->methods[method].paired[SUMMARY_PAIR_LOGIT];
    struct text *out = page->out;
    text_printf(out, "<td class=\"num %s\" data-of=\"", report_verdict(pair));
    append_against(page);
    text_append_string(out, "\">");
    if (method == page->summary->reference) {
        text_append_string(out, "reference</td>");
        return;
    }
    report_signed_number(out, pair->mean, 2);
    report_interval(out, pair, 2, true);
    text_append_string(out, "</td>");
}

static void append_name(const struct report_page *page, size_t method, bool is_first) {
    struct text *out = page->out;
    bool has_gallery = page->record->picture_count > 0;
    text_append_string(out, "<th class=\"pin\" scope=\"row\">");
    report_key(page, method);
    if (has_gallery) {
        text_printf(out, "<a href=\"#g-%zu\">", method);
    }
    report_escape(out, page->record->evaluation.methods[method]);
    text_append_string(out, has_gallery ? "</a>" : "");
    if (is_first) {
        text_printf(out, " <span class=\"chip\">%s</span>",
                    report_leader_is_best(page) ? "best" : "highest Δ");
    }
    text_append_string(out, "</th>");
}

static void append_row(const struct report_page *page, const struct columns *columns,
                       size_t place) {
    struct text *out = page->out;
    size_t method = page->summary->ranking[place];
    const struct summary_method *row = &page->summary->methods[method];
    bool is_first = columns->has_delta && place == 0 && page->summary->method_count > 1 &&
                    row->metrics[EVAL_DELTA_LOGIT].n > 0;
    text_printf(out, "<tr id=\"%c-%zu\"", columns->mark, method);
    text_append_string(out, is_first ? " class=\"best\">" : ">");
    append_name(page, method, is_first);
    if (columns->has_delta) {
        append_delta(page, &row->metrics[EVAL_DELTA_LOGIT]);
    }
    if (columns->has_delta && is_paired(page)) {
        append_pair(page, method);
    }
    for (size_t i = 0; i < columns->count; i++) {
        const struct column *column = &columns->list[i];
        if (has_metric(page, column->metric)) {
            text_printf(out, "<td class=\"num\" data-of=\"%s\">", column->title);
            report_number(out, row->metrics[column->metric].mean, column->decimals);
            report_interval(out, &row->metrics[column->metric], column->decimals, false);
            text_append_string(out, "</td>");
        }
    }
    text_printf(out, "<td class=\"num\" data-of=\"Images\">%zu</td></tr>\n",
                row->metrics[columns->counted].n);
}

static void append_table(const struct report_page *page, const struct columns *columns) {
    text_append_string(page->out, "<div class=\"panel scroll\" tabindex=\"0\">\n"
                                  "<table class=\"cards\">\n");
    append_head_row(page, columns);
    text_append_string(page->out, "<tbody>\n");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        append_row(page, columns, i);
    }
    text_append_string(page->out, "</tbody>\n</table>\n</div>\n");
}

/* True if the intervals of the metric are of enough images. */
static bool has_intervals(const struct report_page *page, enum eval_metric metric) {
    return report_has_interval(&page->summary->methods[page->summary->ranking[0]].metrics[metric]);
}

/* What stands in the place of intervals. */
static const char *words_of_intervals(const struct report_page *page, enum eval_metric metric) {
    return has_intervals(page, metric)
               ? ", with 95 % bootstrap intervals below them"
               : ". <strong>Too few images for intervals</strong>: differences may be chance";
}

static void append_others(const struct report_page *page, const struct columns *columns) {
    text_printf(page->out,
                "<section id=\"others\">\n<h2>Other metrics</h2>\n<p>Top-1: share of the points at "
                "which the label (without one, the prediction) has the largest logit. "
                "Comprehensiveness and sufficiency: what the probability loses without the best 1 "
                "to 50 %% of the %s, and with these alone. Sparseness and complexity are of the "
                "maps, and say nothing of what the model relies on.</p>\n",
                report_removed(page));
    append_table(page, columns);
    text_append_string(page->out, "</section>\n");
}

static void append_agreement(const struct report_page *page, const struct columns *columns) {
    struct text *out = page->out;
    text_append_string(out,
                       "<section id=\"agreement\">\n<h2>Agreement with removal</h2>\n<p>Spearman's "
                       "rank correlation over the patches of each map with what the score "
                       "loses when a token leaves the sequence (token-drop), and with sampled "
                       "Shapley values");
    text_append_string(out, words_of_intervals(page, EVAL_RHO_SHAPLEY));
    text_append_string(out,
                       ". Nothing can agree better with the Shapley values than they are known: "
                       "their standard error is ");
    report_mean(out, &page->summary->shapley_error, 3);
    text_append_string(out, ", and the rank correlation of two halves of their samples ");
    report_mean(out, &page->summary->shapley_split_half, 2);
    text_append_string(out, ".</p>\n");
    append_table(page, columns);
    text_append_string(out, "</section>\n");
}

static void append_sanity(const struct report_page *page, const struct columns *columns) {
    const struct eval_protocol *protocol = &page->record->evaluation.protocol;
    struct text *out = page->out;
    text_append_string(out, "<section id=\"sanity\">\n<h2>Sanity checks</h2>\n<p>");
    if (protocol->randomized > 0) {
        text_printf(out,
                    "Randomised model: Spearman's rank correlation of each map with that of the "
                    "same model after %d of its parts, from the head down, were drawn anew "
                    "(Adebayo et al. 2018); a map that depends on them falls to 0. ",
                    (int) protocol->randomized);
    }
    if (protocol->sensitivity > 0) {
        text_printf(out,
                    "Max-Sensitivity: the largest relative change of a map under %d inputs with "
                    "noise up to 0.2 on normalised values (Yeh et al. 2019). ",
                    (int) protocol->sensitivity);
    }
    text_append_string(out, "Means over the images");
    text_append_string(out, words_of_intervals(page, columns->counted));
    text_append_string(out, ".</p>\n");
    append_table(page, columns);
    text_append_string(out, "</section>\n");
}

static void append_boxes(const struct report_page *page, const struct columns *columns) {
    struct text *out = page->out;
    text_append_string(out, "<section id=\"boxes\">\n<h2>Against the boxes</h2>\n<p>Where the "
                            "relevance lies, over the images whose box is in view");
    text_append_string(out, words_of_intervals(page, EVAL_POINTING));
    text_append_string(out, ".</p>\n");
    append_table(page, columns);
    text_append_string(out, "</section>\n");
}

static void append_masks(const struct report_page *page, const struct columns *columns) {
    struct text *out = page->out;
    text_append_string(out,
                       "<section id=\"masks\">\n<h2>As segmentations</h2>\n<p>Maps cut at their "
                       "mean, against the objects' masks (Chefer et al., CVPR 2021)");
    text_append_string(out, words_of_intervals(page, EVAL_PIXEL_ACCURACY));
    text_append_string(out, ".</p>\n");
    append_table(page, columns);
    text_append_string(out, "</section>\n");
}

static void append_units(const struct report_page *page, const struct columns *columns) {
    struct text *out = page->out;
    int32_t single = page->record->evaluation.protocol.single;
    text_append_string(out,
                       "<section id=\"units\">\n<h2>Few units</h2>\n<p>What the logit loses "
                       "without the best 1 % of the units, and in the mean up to 10 %; and the "
                       "fewest of the best units without which another class is first");
    text_append_string(out, words_of_intervals(page, EVAL_UNITS_TO_LOSE));
    if (single > 0) {
        text_printf(out,
                    ". Single units: correlation of the scores of %d units by chance with what the "
                    "logit loses without each, image by image",
                    (int) single);
    }
    text_append_string(out, ".</p>\n");
    append_table(page, columns);
    text_append_string(out, "</section>\n");
}

void report_results(const struct report_page *page) {
    static const struct columns FIRST = {FAITHFULNESS, sizeof FAITHFULNESS / sizeof FAITHFULNESS[0],
                                         true, EVAL_DELTA_LOGIT, 'm'};
    static const struct columns SECOND = {BOXES, sizeof BOXES / sizeof BOXES[0], false,
                                          EVAL_POINTING, 'b'};
    static const struct columns THIRD = {OTHERS, sizeof OTHERS / sizeof OTHERS[0], false,
                                         EVAL_SPARSENESS, 'o'};
    static const struct columns FOURTH = {AGREEMENT, sizeof AGREEMENT / sizeof AGREEMENT[0], false,
                                          EVAL_RHO_SHAPLEY, 'a'};
    static const struct columns FIFTH = {MASKS, sizeof MASKS / sizeof MASKS[0], false,
                                         EVAL_PIXEL_ACCURACY, 's'};
    static const struct columns SIXTH = {UNITS, sizeof UNITS / sizeof UNITS[0], false,
                                         EVAL_UNITS_TO_LOSE, 'u'};
    const struct eval_protocol *protocol = &page->record->evaluation.protocol;
    const struct columns seventh = {
        SANITY, sizeof SANITY / sizeof SANITY[0], false,
        protocol->randomized > 0 ? EVAL_RHO_RANDOMIZED : EVAL_MAX_SENSITIVITY, 'r'};
    struct text *out = page->out;
    text_append_string(out, "<section id=\"results\">\n<h2>Results</h2>\n<p>Means over the images");
    text_append_string(out, words_of_intervals(page, EVAL_DELTA_LOGIT));
    text_append_string(out, ". Paired differences are taken image by image");
    text_append_string(out,
                       has_intervals(page, EVAL_DELTA_LOGIT)
                           ? "; they are bold and coloured where the interval leaves out 0.</p>\n"
                           : ".</p>\n");
    append_table(page, &FIRST);
    text_append_string(out, "</section>\n");
    if (has_metric(page, EVAL_UNITS_TO_LOSE)) {
        append_units(page, &SIXTH);
    }
    if (has_metric(page, EVAL_SPARSENESS)) {
        append_others(page, &THIRD);
    }
    if (protocol->coalitions > 0) {
        append_agreement(page, &FOURTH);
    }
    if (protocol->randomized > 0 || protocol->sensitivity > 0) {
        append_sanity(page, &seventh);
    }
    if (has_metric(page, EVAL_PIXEL_ACCURACY)) {
        append_masks(page, &FIFTH);
    }
    if (has_metric(page, EVAL_POINTING)) {
        append_boxes(page, &SECOND);
    }
}
