/* The page: what was found first, then how it was measured. */
#include "eval/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/page_frame.h"
#include "base/words.h"
#include "eval/eval_units.h"
#include "eval/map_folder.h"
#include "eval/protocol_table.h"
#include "eval/regions.h"
#include "eval/report_private.h"
#include "vit/methods/method.h"

#define ESCAPE_LIMIT 4096
#define STYLE_LIMIT ((size_t) 1 << 20)
#define TITLE_LIMIT ((size_t) 1 << 16)

void report_escape(struct text *out, const char *text) {
    page_append_text(out, text);
}

void report_number(struct text *out, double value, int decimals) {
    struct text number = {.limit = 512};
    if (!isfinite(value)) {
        text_append_string(out, "–");
        return;
    }
    text_printf(&number, "%.*f", decimals, fabs(value));
    if (number.failed) {
        out->failed = true;
    } else {
        /* -0.001 with two decimals is 0.00, without a sign. */
        bool is_zero = strspn(number.data, "0.") == number.length;
        text_append_string(out, value < 0.0 && !is_zero ? "−" : "");
        text_append_string(out, number.data);
    }
    text_free(&number);
}

void report_signed_number(struct text *out, double value, int decimals) {
    text_append_string(out, isfinite(value) && value > 0.0 ? "+" : "");
    report_number(out, value, decimals);
}

bool report_has_interval(const struct vitlrp_statistic *statistic) {
    return statistic->n >= REPORT_INTERVAL_LEAST;
}

void report_mean(struct text *out, const struct vitlrp_statistic *statistic, int decimals) {
    report_number(out, statistic->mean, decimals);
    if (report_has_interval(statistic)) {
        text_append_string(out, " (");
        report_number(out, statistic->lo, decimals);
        text_append_string(out, " to ");
        report_number(out, statistic->hi, decimals);
        text_append_string(out, ")");
    }
}

void report_interval(struct text *out, const struct vitlrp_statistic *statistic, int decimals,
                     bool is_signed) {
    void (*append)(struct text *, double, int) = is_signed ? report_signed_number : report_number;
    if (!report_has_interval(statistic)) {
        return;
    }
    text_append_string(out, "<small>");
    append(out, statistic->lo, decimals);
    text_append_string(out, " to ");
    append(out, statistic->hi, decimals);
    text_append_string(out, "</small>");
}

const char *report_verdict(const struct vitlrp_statistic *pair) {
    bool is_clear = report_has_interval(pair) && summary_is_clear(pair);
    return !is_clear ? "level" : pair->lo > 0.0 ? "ahead" : "behind";
}

bool report_leader_is_best(const struct report_page *page) {
    return page->summary->standing.leads;
}

void report_method_classes(const struct report_page *page, size_t method) {
    const struct summary *summary = page->summary;
    char *const *names = page->record->evaluation.methods;
    size_t place = 0;
    text_printf(page->out, "k%zu", method);
    if (standing_is_control(names[method])) {
        text_append_string(page->out, " control");
        return;
    }
    for (size_t i = 0; summary->ranking[i] != method; i++) {
        place += standing_is_control(names[summary->ranking[i]]) ? 0 : 1;
    }
    text_printf(page->out, " h%zu", place % REPORT_HUES);
    if (place >= REPORT_SOLID) {
        text_printf(page->out, " dash%d",
                    place < REPORT_HUES                ? 1
                    : place < (size_t) 2 * REPORT_HUES ? 2
                                                       : 3);
    }
}

void report_class_name(struct text *out, const struct record *record, int32_t output) {
    const struct record_class *class = record_class_of(record, output);
    char name[ESCAPE_LIMIT];
    if (class == NULL) {
        text_append_string(out, "no class of the model");
        return;
    }
    if (class->label[0] == '\0' && class->wnid[0] == '\0') {
        text_printf(out, "class %d", class->index);
        return;
    }
    snprintf(name, sizeof name, "%s", class->label[0] != '\0' ? class->label : class->wnid);
    name[strcspn(name, ",")] = '\0';
    report_escape(out, name);
}

void report_key(const struct report_page *page, size_t method) {
    text_append_string(page->out, "<svg class=\"key ");
    report_method_classes(page, method);
    text_append_string(page->out, "\" aria-hidden=\"true\"><line x1=\"0\" x2=\"100%\" y1=\"50%\" "
                                  "y2=\"50%\"/></svg>");
}

/* The style of this page's own; what depends on the methods comes last. */
static void append_style(const struct report_page *page, struct text *style) {
    text_append_string(style, REPORT_STYLE);
    report_legend_style(page, style);
    report_under_style(page, style);
}

static enum vitlrp_status append_head(const struct report_page *page,
                                      const struct page_frame *frame, struct vitlrp_error *err) {
    struct text style = {.limit = STYLE_LIMIT};
    struct text title = {.limit = TITLE_LIMIT};
    struct page_frame filled = *frame;
    append_style(page, &style);
    text_printf(&title, "Faithfulness of %zu method%s on ", page->summary->method_count,
                page->summary->method_count == 1 ? "" : "s");
    text_append_string(&title, text_path_shown(page->record->dataset));
    enum vitlrp_status status = text_check(&style, "the style of the report", err);
    if (status == VITLRP_OK) {
        status = text_check(&title, "the title of the report", err);
    }
    if (status == VITLRP_OK) {
        filled.style = style.data;
        filled.title = title.data;
        status = page_begin(page->out, &filled, err);
    }
    text_free(&style);
    text_free(&title);
    return status;
}

/* "Against rollout, image by image, that is +2.98 (...)." */
static void append_lead_pair(const struct report_page *page, size_t best) {
    const struct vitlrp_statistic *pair = &page->summary->methods[best].paired[SUMMARY_PAIR_LOGIT];
    struct text *out = page->out;
    if (page->summary->reference >= page->summary->method_count || pair->n == 0) {
        return;
    }
    text_append_string(out, " Against ");
    report_escape(out, page->record->evaluation.methods[page->summary->reference]);
    text_append_string(out, ", image by image, that is <b>");
    report_signed_number(out, pair->mean, 2);
    text_append_string(out, "</b>");
    if (!report_has_interval(pair)) {
        text_append_string(out, ".");
        return;
    }
    text_append_string(out, " (");
    report_signed_number(out, pair->lo, 2);
    text_append_string(out, " to ");
    report_signed_number(out, pair->hi, 2);
    text_append_string(out, summary_is_clear(pair) ? ")." : "), which may be chance.");
}

static struct eval_place_name word_at(const struct report_page *page, size_t place) {
    return eval_place_title(&page->record->evaluation.protocol, place);
}

static bool are_blocks(const struct report_page *page) {
    return eval_places_are_blocks(&page->record->evaluation.protocol);
}

/* "under" a replacement, "over" all blocks, "within" one. */
static const char *word_before(const struct report_page *page, size_t place) {
    return !are_blocks(page) ? "under" : place == 0 ? "over" : "within";
}

/* What the order of the table must not be taken for. */
static void append_lead_tests(const struct report_page *page) {
    const struct summary *summary = page->summary;
    const struct standing_test *worst = standing_worst(&summary->standing);
    struct text *out = page->out;
    if (worst == NULL && summary->standing.test_count > 0) {
        text_printf(out,
                    " It is ahead of every other method%s, image by image and after the "
                    "correction for %zu test%s%s.",
                    summary->place_count == 1 ? ""
                    : are_blocks(page)        ? " over all blocks and within each"
                                              : " under every replacement",
                    summary->standing.test_count, summary->standing.test_count == 1 ? "" : "s",
                    summary->standing.leads ? "" : "; it is a control, so none is called better");
    } else if (worst != NULL && worst->n >= STANDING_LEAST) {
        text_append_string(out, " It is not better than ");
        report_escape(out, page->record->evaluation.methods[worst->than]);
        if (summary->place_count > 1) {
            text_printf(out, " %s %s", word_before(page, worst->place),
                        word_at(page, worst->place).text);
        }
        text_append_string(out, ", as far as these images tell: ");
        report_signed_number(out, worst->difference, 2);
        text_append_string(out, " (");
        report_p(out, worst->holm);
        text_append_string(out, ").");
    }
}

static bool is_first_everywhere(const struct summary *summary, size_t method) {
    bool first = true;
    for (size_t r = 0; r < summary->place_count; r++) {
        first = first && summary_ranking(summary, r)[0] == method;
    }
    return first;
}

static void append_all_places(const struct report_page *page) {
    if (are_blocks(page)) {
        text_append_string(page->out, "over all blocks and within each");
    } else {
        text_printf(page->out, "under all %zu replacements", page->summary->place_count);
    }
}

/* The claim needs its tests: without them, the page says what it has counted. */
static void append_title(const struct report_page *page) {
    const struct summary *summary = page->summary;
    size_t leader = summary->standing.leader;
    struct text *out = page->out;
    text_append_string(out, "<h1>");
    if (!is_first_everywhere(summary, leader)) {
        text_append_string(out, "No method is first ");
        append_all_places(page);
        text_append_string(out, "</h1>\n");
        return;
    }
    report_escape(out, page->record->evaluation.methods[leader]);
    if (summary->method_count > 1) {
        text_printf(out, " %s of %zu methods",
                    report_leader_is_best(page) ? "explains best" : "has the highest Δ",
                    summary->method_count);
    }
    if (summary->method_count > 1 && summary->place_count > 1) {
        text_append_string(out, " ");
        append_all_places(page);
    }
    text_append_string(out, "</h1>\n");
}

static void append_headline(const struct report_page *page) {
    struct text *out = page->out;
    size_t best = page->summary->standing.leader;
    if (best >= page->summary->method_count) {
        text_append_string(out, "<h1>No image was measured</h1>\n");
        return;
    }
    const struct vitlrp_statistic *delta = &page->summary->methods[best].metrics[EVAL_DELTA_LOGIT];
    append_title(page);
    text_append_string(out, "<p class=\"lead\">");
    if (page->summary->place_count > 1 && page->summary->method_count > 1) {
        report_escape(out, page->record->evaluation.methods[best]);
        text_printf(out, " has the best ranks. %s %s, the", are_blocks(page) ? "Over" : "Under",
                    word_at(page, 0).text);
    } else if (page->summary->place_count > 1) {
        text_printf(out, "%s %s, the", are_blocks(page) ? "Over" : "Under", word_at(page, 0).text);
    } else {
        text_append_string(out, "The");
    }
    text_append_string(out, " model’s logit falls by <b>Δ = ");
    report_number(out, delta->mean, 2);
    text_append_string(out, "</b> more ");
    if (report_has_interval(delta)) {
        text_append_string(out, "(95 % interval ");
        report_number(out, delta->lo, 2);
        text_append_string(out, " to ");
        report_number(out, delta->hi, 2);
        text_append_string(out, ") ");
    }
    text_printf(out,
                "while the %s that it ranks highest are taken away than while those that it ranks "
                "lowest are.",
                report_removed(page));
    append_lead_pair(page, best);
    append_lead_tests(page);
    text_append_string(out, "</p>\n");
}

static void append_fact(struct text *out, const char *name, const char *value) {
    text_printf(out, "<div><dt>%s</dt><dd>", name);
    report_escape(out, value);
    text_append_string(out, "</dd></div>\n");
}

const char *report_removed(const struct report_page *page) {
    return page->record->evaluation.unit_count > 0 ? "units" : "patches";
}

const char *report_replacement(enum vitlrp_replacement replacement) {
    static const char *const WORDS[] = {
#define VITLRP_REPLACEMENT(constant, name, text) text,
#include "vitlrp_replacements.def"
#undef VITLRP_REPLACEMENT
    };
    return WORDS[replacement];
}

/* "black", "black; noise"; of hidden units, what those that are off are at. */
static void append_replacements(const struct report_page *page) {
    const struct eval_protocol *protocol = &page->record->evaluation.protocol;
    if (protocol->units != VITLRP_UNITS_PATCH) {
        text_append_string(page->out, eval_replacement_has(protocol, VITLRP_REPLACE_MEAN)
                                          ? "their means over the images of an index"
                                          : "0 in every token");
        return;
    }
    for (size_t i = 0; i < eval_replacement_count(protocol); i++) {
        text_append_string(page->out, i == 0 ? "" : "; ");
        report_escape(page->out, report_replacement(eval_replacement_at(protocol, i)));
    }
}

static void append_setting(const struct report_page *page, const struct eval_setting *setting) {
    const struct eval_protocol *protocol = &page->record->evaluation.protocol;
    text_printf(page->out, "<div><dt>%s</dt><dd>", setting->title);
    if (setting->words == WORDS_REPLACEMENT) {
        append_replacements(page);
    } else if (setting->words == WORDS_EVAL_TARGET) {
        text_append_string(page->out,
                           protocol->target == VITLRP_EVAL_LABEL ? "the label" : "the prediction");
    } else {
        eval_setting_append(setting, protocol, page->out);
    }
    text_append_string(page->out, "</dd></div>\n");
}

/* The settings that are stated in one kind of place. */
static void append_settings(const struct report_page *page, enum setting_place place) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        if (setting->place == place &&
            eval_setting_is_told(setting, &page->record->evaluation.protocol)) {
            append_setting(page, setting);
        }
    }
}

/* In the place of intervals, which a few images do not have. */
static void append_few(const struct report_page *page) {
    const struct vitlrp_statistic *delta =
        &page->summary->methods[page->summary->ranking[0]].metrics[EVAL_DELTA_LOGIT];
    if (delta->n > 0 && !report_has_interval(delta)) {
        text_printf(page->out,
                    "<p class=\"notice\">%zu image%s: too few to tell methods apart. Intervals "
                    "are shown from %d images on.</p>\n",
                    delta->n, delta->n == 1 ? "" : "s", REPORT_INTERVAL_LEAST);
    }
}

static void append_edits(const struct report_page *page) {
    struct text names = {.limit = REPORT_EDITS_LIMIT};
    if (report_edits(&page->record->evaluation, &names)) {
        text_append_string(page->out,
                           "<p class=\"notice\">Hidden units of the model are edited: <code>");
        report_escape(page->out, names.failed ? "?" : names.data);
        text_append_string(page->out, "</code></p>\n");
    }
    text_free(&names);
}

static void append_facts(const struct report_page *page) {
    const struct evaluation *evaluation = &page->record->evaluation;
    struct text *out = page->out;
    size_t failed = page->summary->failed;
    text_append_string(out, "<dl class=\"facts\">\n");
    append_fact(out, "Model", text_path_tail(evaluation->model_name, 2));
    append_fact(out, "Dataset", text_path_shown(page->record->dataset));
    text_printf(out, "<div><dt>Images</dt><dd>%zu", evaluation->image_count - failed);
    if (failed > 0) {
        text_printf(out, " <a href=\"#failures\">(%zu failed)</a>", failed);
    }
    text_append_string(out, "</dd></div>\n");
    append_settings(page, SETTING_FACT);
    text_append_string(out, "</dl>\n");
    append_few(page);
    append_edits(page);
    if (evaluation->cancelled) {
        text_printf(
            out, "<p class=\"notice\">This run was stopped early: it has %zu of its images.</p>\n",
            evaluation->image_count);
    }
    if (evaluation->shards > 1) {
        text_printf(out,
                    "<p class=\"notice\">This is shard %d of 0 to %d; <code>vitlrp merge</code> "
                    "puts all of them together.</p>\n",
                    evaluation->shard, evaluation->shards - 1);
    }
}

/* Of what is no method of the table. */
static const char *summary_of_other(const char *name) {
    return strcmp(name, UNIT_ACTIVATION.name) == 0 ? UNIT_ACTIVATION.summary
                                                   : MAPS_OF_A_FOLDER.summary;
}

static void append_methods(const struct report_page *page) {
    struct text *out = page->out;
    text_append_string(out, "<section id=\"methods\">\n<h2>Methods</h2>\n<dl class=\"panel "
                            "list\">\n");
    for (size_t i = 0; i < page->summary->method_count; i++) {
        size_t method = page->summary->ranking[i];
        const char *name = page->record->evaluation.methods[method];
        const struct vit_method *known = vit_method_find(name);
        text_append_string(out, "<div><dt>");
        report_key(page, method);
        text_printf(out, "<a href=\"#m-%zu\">", method);
        report_escape(out, name);
        text_append_string(out, "</a></dt><dd>");
        report_escape(out, known != NULL ? known->summary : summary_of_other(name));
        text_append_string(out, "</dd></div>\n");
    }
    text_append_string(out, "</dl>\n</section>\n");
}

static enum vitlrp_status append_failure(void *user, const struct eval_image *image,
                                         struct vitlrp_error *err) {
    struct text *out = user;
    (void) err;
    if (image->status != VITLRP_OK) {
        text_append_string(out, "<div><dt>");
        report_escape(out, image->id);
        text_append_string(out, "</dt><dd>");
        report_escape(out, image->message);
        text_append_string(out, "</dd></div>\n");
    }
    return VITLRP_OK;
}

static enum vitlrp_status append_failures(const struct report_page *page,
                                          struct vitlrp_error *err) {
    struct text *out = page->out;
    if (page->summary->failed == 0) {
        return VITLRP_OK;
    }
    text_append_string(out, "<section id=\"failures\">\n<h2>Failures</h2>\n<p>The numbers do not "
                            "include these images.</p>\n<dl class=\"panel list\">\n");
    TRY(evaluation_visit(&page->record->evaluation, append_failure, out, err));
    text_append_string(out, "</dl>\n</section>\n");
    return VITLRP_OK;
}

static void append_code(struct text *out, const char *name, const char *value) {
    text_printf(out, "<div><dt>%s</dt><dd><code>", name);
    report_escape(out, value);
    text_append_string(out, "</code></dd></div>\n");
}

static const char *precision_words(enum vitlrp_precision precision) {
    switch (precision) {
    case VITLRP_PRECISION_MIXED:
        return "Curves in fp32; attributions in mixed precision: the gamma rule’s products with "
               "|W| in fewer bits.";
    case VITLRP_PRECISION_BF16:
        return "Curves in bf16, attributions in fp32.";
    case VITLRP_PRECISION_BF16X3:
        return "Curves and attributions in bf16x3: each float as the sum of two bfloat16.";
    case VITLRP_PRECISION_FP32:
        break;
    }
    return "fp32 throughout.";
}

static const char *measured_words(enum vitlrp_probability kind) {
    switch (kind) {
    case VITLRP_PROBABILITY_SIGMOID:
        return "Logit and sigmoid probability";
    case VITLRP_PROBABILITY_NONE:
        return "Output";
    case VITLRP_PROBABILITY_STATED:
    case VITLRP_PROBABILITY_SOFTMAX:
        break;
    }
    return "Logit and softmax probability";
}

/* Which hidden units are off, in which order, and at which points. */
static void append_hidden_unit(const struct report_page *page) {
    const struct evaluation *evaluation = &page->record->evaluation;
    const struct eval_protocol *protocol = &evaluation->protocol;
    bool is_head = protocol->units == VITLRP_UNITS_HEAD;
    struct text *out = page->out;
    text_printf(out,
                "<div><dt>Unit and order</dt><dd>One %s of %d, of blocks %d to %d in one ranking",
                is_head ? "attention head" : "hidden neuron of the MLPs", evaluation->unit_count,
                protocol->first_block, protocol->first_block + protocol->block_count - 1);
    text_append_string(out, protocol->each_block != 0 ? ", and of each block in its own" : "");
    text_append_string(out,
                       "; by descending score, equal scores by block and index. Least relevant "
                       "first is exactly the reverse. Off: ");
    append_replacements(page);
    text_printf(out,
                ".</dd></div>\n"
                "<div><dt>Points</dt><dd>%d, at 0, 1, 2, 5, 10, 20, 35, 50, 65, 80, 90, 95, 98, 99 "
                "and 100 %% of the units; areas over the exact shares.</dd></div>\n",
                protocol->steps + 1);
}

/* What is replaced at a time, in which order, and at which points. */
static void append_unit(const struct report_page *page) {
    const struct evaluation *evaluation = &page->record->evaluation;
    const struct eval_protocol *protocol = &evaluation->protocol;
    if (evaluation->unit_count > 0) {
        append_hidden_unit(page);
        return;
    }
    const struct regions regions = {.rows = (size_t) evaluation->grid_height,
                                    .columns = (size_t) evaluation->grid_width,
                                    .side = (size_t) protocol->regions};
    struct text *out = page->out;
    bool is_patch = regions.side == 1;
    text_append_string(out, "<div><dt>Unit and order</dt><dd>");
    if (is_patch) {
        text_append_string(out, "One patch");
    } else {
        text_printf(out, "Regions of %zu × %zu patches", regions.side, regions.side);
    }
    text_printf(
        out,
        " of the model’s %zu × %zu grid; by descending %s index. Least relevant first is "
        "exactly the reverse. With equal scores, a curve is the mean of two: of this order, "
        "and of one in which those stand the other way round.</dd></div>\n",
        regions.rows, regions.columns,
        is_patch ? "score, equal scores by patch" : "mean score, equal ones by region");
    text_printf(out,
                "<div><dt>Points</dt><dd>k = 0 to K = %d; at point k, floor(k T / K + ½) of the "
                "T = %zu %s are replaced by ",
                protocol->steps, regions_count(&regions), is_patch ? "patches" : "regions");
    append_replacements(page);
    text_append_string(out, ".</dd></div>\n");
}

static void append_protocol(const struct report_page *page) {
    const struct record *record = page->record;
    const struct evaluation *evaluation = &record->evaluation;
    const struct eval_protocol *protocol = &evaluation->protocol;
    struct text *out = page->out;
    text_append_string(out, "<section id=\"protocol\">\n<h2>Protocol</h2>\n<p>Everything that is "
                            "needed to repeat the run.</p>\n<dl class=\"panel list\">\n");
    append_unit(page);
    text_printf(out,
                "<div><dt>Measured</dt><dd>%s of the %s class; areas by the trapezoid rule over "
                "%s. Δ = area(LeRF) − area(MoRF).</dd></div>\n",
                measured_words(evaluation->probability),
                protocol->target == VITLRP_EVAL_LABEL ? "labelled" : "predicted",
                evaluation->unit_count > 0 ? "the share of the units that are off" : "k / K");
    text_printf(out, "<div><dt>Precision</dt><dd>%s</dd></div>\n",
                precision_words(protocol->precision));
    text_printf(out,
                "<div><dt>Intervals</dt><dd>95 %% percentile bootstrap over images, seed "
                "%llu.</dd></div>\n",
                (unsigned long long) protocol->seed);
    append_settings(page, SETTING_LINE);
    text_printf(out,
                "<div><dt>Images</dt><dd>%zu in the manifest. %zu were left out, because they have "
                "no label that the model knows.</dd></div>\n",
                evaluation->manifest_count, record->skipped);
    append_code(out, "Model", text_path_tail(evaluation->model_name, 2));
    append_code(out, "Weights, SHA-256", evaluation->model_sha256);
    append_code(out, "Manifest, SHA-256", evaluation->manifest_sha256);
    append_code(out, "Settings", evaluation->settings);
    append_code(out, "Version", record->version);
    text_append_string(out, "</dl>\n</section>\n");
}

enum vitlrp_status report_html(const struct record *record, const struct summary *summary,
                               struct text *out, struct vitlrp_error *err) {
    const struct report_page page = {.record = record, .summary = summary, .out = out};
    const struct page_frame frame = {
        .version = record->version, .images = "data:", .has_attributes = true};
    TRY(append_head(&page, &frame, err));
    text_append_string(out, "<header class=\"top\">\n<p class=\"eyebrow\">Faithfulness "
                            "benchmark</p>\n");
    append_headline(&page);
    append_facts(&page);
    text_append_string(out, "</header>\n<main>\n");
    report_standing(&page);
    report_results(&page);
    report_audit(&page);
    report_forest(&page);
    TRY(report_curves(&page, err));
    TRY(report_odd(&page, err));
    TRY(report_gallery(&page, err));
    append_methods(&page);
    TRY(append_failures(&page, err));
    append_protocol(&page);
    text_append_string(out, "</main>\n");
    page_append_footer(out, record->version, "");
    page_end(out, &frame);
    return text_check(out, "the report", err);
}
