/* The table for a terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "eval/audit.h"
#include "eval/protocol_table.h"
#include "eval/report.h"
#include "eval/report_private.h"

#define CELL_LIMIT 64
#define NAME_LIMIT 41 /* of a method */

/* "3.77 [3.61, 3.93]", with signs if asked; "-" for no value. */
static void append_value(struct text *out, const struct vitlrp_statistic *statistic, int decimals,
                         const char *sign) {
    const double numbers[] = {statistic->mean, statistic->lo, statistic->hi};
    static const char *const BEFORE[] = {"", " [", ", "};
    if (statistic->n == 0) {
        text_append_string(out, "-");
    }
    size_t shown = statistic->n > 1 ? 3 : statistic->n; /* one image has no interval */
    for (size_t i = 0; i < shown; i++) {
        text_append_string(out, BEFORE[i]);
        text_append_string(out, numbers[i] > 0.0 ? sign : "");
        text_printf(out, "%.*f", decimals, numbers[i]);
    }
    text_append_string(out, statistic->n > 1 ? "]" : "");
}

/* A text of CELL_LIMIT in so many columns, and frees it; "?" for one that is too long. Without
 * memory for it, there is none for the table. */
static void append_columns(struct text *out, int columns, struct text *cell) {
    out->failed |= cell->data == NULL;
    text_printf(out, "  %-*s", columns, cell->failed ? "?" : cell->data);
    text_free(cell);
}

/* A value in so many columns. */
static void append_cell(struct text *out, int columns, const struct vitlrp_statistic *statistic,
                        int decimals, const char *sign) {
    struct text cell = {.limit = CELL_LIMIT};
    append_value(&cell, statistic, decimals, sign);
    append_columns(out, columns, &cell);
}

/* The settings that the heading has no words for. */
static void append_settings(struct text *out, const struct eval_protocol *protocol) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        if (setting->place == SETTING_LINE && eval_setting_is_told(setting, protocol)) {
            text_printf(out, ", %s ", setting->key);
            eval_setting_append(setting, protocol, out);
        }
    }
}

static void append_edits(struct text *out, const struct evaluation *evaluation) {
    struct text names = {.limit = REPORT_EDITS_LIMIT};
    if (report_edits(evaluation, &names)) {
        text_printf(out, "of the edited model: %s\n", names.failed ? "?" : names.data);
    }
    text_free(&names);
}

static void append_heading(struct text *out, const struct record *record,
                           const struct summary *summary) {
    const struct evaluation *evaluation = &record->evaluation;
    const struct eval_protocol *protocol = &evaluation->protocol;
    size_t failed = summary->failed;
    size_t measured = evaluation->image_count - failed;
    text_printf(out, "%zu image%s", measured, measured == 1 ? "" : "s");
    if (failed > 0) {
        text_printf(out, ", %zu more failed", failed);
    }
    if (record->skipped > 0) {
        text_printf(out, "; %zu left out, without a label that the model knows", record->skipped);
    }
    text_printf(out, "; %d steps, replaced by ", protocol->steps);
    eval_setting_append(eval_setting_find("replace"), protocol, out);
    text_printf(out, ", %s class, seed %llu",
                protocol->target == VITLRP_EVAL_LABEL ? "labelled" : "predicted",
                (unsigned long long) protocol->seed);
    append_settings(out, protocol);
    if (protocol->precision != VITLRP_PRECISION_FP32) {
        text_printf(out, "; %s in %s",
                    protocol->precision == VITLRP_PRECISION_MIXED    ? "attributions"
                    : protocol->precision == VITLRP_PRECISION_BF16X3 ? "attributions and curves"
                                                                     : "curves",
                    word_of(WORDS_PRECISION, protocol->precision));
    }
    text_append_string(out, "\n");
    append_edits(out, evaluation);
    if (evaluation->cancelled) {
        text_printf(out, "stopped early: %zu of the images were measured\n",
                    evaluation->image_count);
    }
    if (evaluation->shards > 1) {
        text_printf(out, "shard %d/%d of %zu image%s\n", evaluation->shard, evaluation->shards,
                    evaluation->manifest_count, evaluation->manifest_count == 1 ? "" : "s");
    }
}

static int name_width(const struct evaluation *evaluation) {
    char name[NAME_LIMIT];
    size_t width = strlen("method");
    for (size_t m = 0; m < evaluation->method_count; m++) {
        text_escape_name(name, sizeof name, evaluation->methods[m]);
        width = strlen(name) > width ? strlen(name) : width;
    }
    return (int) width;
}

static void append_audit_cell(struct text *out, const struct vitlrp_audit *audit, int decimals) {
    struct text cell = {.limit = CELL_LIMIT};
    if (audit->n == 0) {
        text_append_string(&cell, "-");
    } else {
        text_printf(&cell, "%.*f", decimals, audit->mean_abs);
        text_append_string(&cell, " (");
        text_printf(&cell, "%.*f", decimals, audit->max_abs);
        text_append_string(&cell, ")");
    }
    if (isfinite(audit->per_half_width)) {
        text_append_string(&cell, ", ");
        text_printf(&cell, "%.1f", 100.0 * audit->per_half_width);
        text_append_string(&cell, " %");
    }
    append_columns(out, 24, &cell);
}

/* What the curves' fewer bits have changed. */
static void append_audit(struct text *out, const struct record *record,
                         const struct summary *summary, int width) {
    static const struct {
        enum eval_metric metric;
        const char *title;
        int decimals;
    } COLUMNS[] = {{EVAL_DELTA_LOGIT, "delta logit", 4},
                   {EVAL_MORF_LOGIT, "MoRF logit", 4},
                   {EVAL_LERF_LOGIT, "LeRF logit", 4},
                   {EVAL_DELTA_PROB, "delta probability", 5}};
    const struct evaluation *evaluation = &record->evaluation;
    char name[NAME_LIMIT];
    size_t audited = summary->audited;
    text_printf(
        out,
        "\naudit: the curves of %zu image%s were computed in fp32 too\n"
        "absolute difference of the areas: mean (largest); mean difference as a share of the "
        "half-width of the interval above\n%-*s",
        audited, audited == 1 ? "" : "s", width, "method");
    for (size_t i = 0; i < sizeof COLUMNS / sizeof COLUMNS[0]; i++) {
        text_printf(out, "  %-24s", COLUMNS[i].title);
    }
    text_append_string(out, "  n\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary->ranking[i];
        const struct vitlrp_audit *audits = summary->methods[method].audits;
        size_t images = 0; /* a metric that does not exist has none */
        text_escape_name(name, sizeof name, evaluation->methods[method]);
        text_printf(out, "%-*s", width, name);
        for (size_t k = 0; k < sizeof COLUMNS / sizeof COLUMNS[0]; k++) {
            const struct vitlrp_audit *audit = &audits[COLUMNS[k].metric];
            append_audit_cell(out, audit, COLUMNS[k].decimals);
            images = audit->n > images ? audit->n : images;
        }
        text_printf(out, "  %zu\n", images);
    }
}

/* ---- Several places ---- */

static struct eval_place_name place_title(const struct record *record, size_t place) {
    return eval_place_title(&record->evaluation.protocol, place);
}

static bool are_blocks(const struct record *record) {
    return eval_places_are_blocks(&record->evaluation.protocol);
}

/* "3.77 (1)" */
static void append_rank(struct text *out, const struct summary *summary, size_t method,
                        size_t place) {
    const struct vitlrp_statistic *delta =
        &summary_row(summary, method, place)->metrics[EVAL_DELTA_LOGIT];
    struct text cell = {.limit = CELL_LIMIT};
    if (delta->n == 0) {
        text_append_string(&cell, "-");
    } else {
        text_printf(&cell, "%.2f", delta->mean);
        text_printf(&cell, " (%zu)", summary_rank(summary, method, place) + 1);
    }
    append_columns(out, 10, &cell);
}

static void append_ranks(struct text *out, const struct record *record,
                         const struct summary *summary, int width) {
    char name[NAME_LIMIT];
    text_printf(out, "\nthe table above is %s %s; delta logit, and the rank by it, %s each:\n%-*s",
                are_blocks(record) ? "over" : "under", place_title(record, 0).text,
                are_blocks(record) ? "within" : "under", width, "method");
    for (size_t r = 0; r < summary->place_count; r++) {
        text_printf(out, "  %-10s", place_title(record, r).text);
    }
    text_append_string(out, "\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary->ranking[i];
        text_escape_name(name, sizeof name, record->evaluation.methods[method]);
        text_printf(out, "%-*s", width, name);
        for (size_t r = 0; r < summary->place_count; r++) {
            append_rank(out, summary, method, r);
        }
        text_append_string(out, "\n");
    }
}

/* "+0.12 *" */
static void append_pair(struct text *out, const struct vitlrp_statistic *pair) {
    struct text cell = {.limit = CELL_LIMIT};
    if (pair->n == 0) {
        text_append_string(&cell, "-");
    } else {
        text_append_string(&cell, pair->mean > 0.0 ? "+" : "");
        text_printf(&cell, "%.2f", pair->mean);
        text_append_string(&cell, pair->n > 1 && summary_is_clear(pair) ? " *" : "");
    }
    append_columns(out, 10, &cell);
}

/* Of blocks, the differences from the reference too: they are what a choice of method needs. */
static void append_block_pairs(struct text *out, const struct record *record,
                               const struct summary *summary, int width) {
    char name[NAME_LIMIT];
    if (!are_blocks(record) || summary->reference >= summary->method_count) {
        return;
    }
    text_escape_name(name, sizeof name, record->evaluation.methods[summary->reference]);
    text_printf(out, "\npaired difference of delta logit from %s (* excludes 0):\n%-*s", name,
                width, "method");
    for (size_t place = 0; place < summary->place_count; place++) {
        text_printf(out, "  %-10s", place_title(record, place).text);
    }
    text_append_string(out, "\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        size_t method = summary->ranking[i];
        text_escape_name(name, sizeof name, record->evaluation.methods[method]);
        text_printf(out, "%-*s", method == summary->reference ? 0 : width,
                    method == summary->reference ? "" : name);
        for (size_t p = 0; method != summary->reference && p < summary->place_count; p++) {
            const struct vitlrp_statistic *pair =
                &summary_row(summary, method, p)->paired[SUMMARY_PAIR_LOGIT];
            append_pair(out, pair);
        }
        text_append_string(out, method == summary->reference ? "" : "\n");
    }
}

/* Of many blocks that with the ranking over all: the page and the record have every pair. */
static void append_agreement(struct text *out, const struct record *record,
                             const struct summary *summary) {
    text_append_string(out, "\nagreement of the rankings (Kendall's tau-b)\n");
    for (size_t b = 1; b < summary->place_count; b++) {
        for (size_t a = 0; a < (are_blocks(record) ? 1 : b); a++) {
            const struct vitlrp_statistic *found =
                &summary->standing.agreement[standing_pair(a, b)];
            text_printf(out, "%s, %s: %s", place_title(record, a).text, place_title(record, b).text,
                        isnan(found->mean) ? "-" : "");
            if (isfinite(found->mean)) {
                text_printf(out, "%.2f", found->mean);
            }
            if (isfinite(found->lo)) {
                text_append_string(out, " [");
                text_printf(out, "%.2f", found->lo);
                text_append_string(out, ", ");
                text_printf(out, "%.2f", found->hi);
                text_append_string(out, "]");
            }
            text_append_string(out, "\n");
        }
    }
}

/* A table of metrics: a row for each method, the best first. */
struct metric_column {
    enum eval_metric metric;
    const char *title;
    int decimals;
};

struct metric_table {
    const struct metric_column *columns;
    size_t count;
    int cell;                 /* characters of a column */
    enum eval_metric counted; /* its number of images ends a row */
};

static void append_metrics(struct text *out, const struct record *record,
                           const struct summary *summary, int width,
                           const struct metric_table *table) {
    char name[NAME_LIMIT];
    text_printf(out, "%-*s", width, "method");
    for (size_t k = 0; k < table->count; k++) {
        text_printf(out, "  %-*s", table->cell, table->columns[k].title);
    }
    text_append_string(out, "  n\n");
    for (size_t i = 0; i < summary->method_count; i++) {
        const struct summary_method *row = &summary->methods[summary->ranking[i]];
        text_escape_name(name, sizeof name, record->evaluation.methods[summary->ranking[i]]);
        text_printf(out, "%-*s", width, name);
        for (size_t k = 0; k < table->count; k++) {
            const struct metric_column *column = &table->columns[k];
            append_cell(out, table->cell, &row->metrics[column->metric], column->decimals, "");
        }
        text_printf(out, "  %zu\n", row->metrics[table->counted].n);
    }
}

/* Rank correlations with what the patches are worth, and how well that is known. */
static void append_shapley(struct text *out, const struct record *record,
                           const struct summary *summary, int width) {
    static const struct metric_column COLUMNS[] = {{EVAL_RHO_DROP, "token-drop", 2},
                                                   {EVAL_RHO_SHAPLEY, "Shapley values", 2}};
    static const struct metric_table TABLE = {COLUMNS, 2, 20, EVAL_RHO_SHAPLEY};
    text_append_string(out, "\nrank correlation (Spearman) over the patches with what a token's "
                            "leaving costs, and with Shapley values\n");
    append_metrics(out, record, summary, width, &TABLE);
    text_append_string(out, "Shapley values: standard error of one ");
    append_value(out, &summary->shapley_error, 3, "");
    text_append_string(out, "; rank correlation of two halves of the samples ");
    append_value(out, &summary->shapley_split_half, 2, "");
    text_append_string(out, "\n");
}

/* What the checks of the maps found, of those that were asked for. */
static void append_sanity(struct text *out, const struct record *record,
                          const struct summary *summary, int width) {
    static const struct metric_column COLUMNS[] = {{EVAL_RHO_RANDOMIZED, "randomised model", 2},
                                                   {EVAL_MAX_SENSITIVITY, "Max-Sensitivity", 2}};
    const struct eval_protocol *protocol = &record->evaluation.protocol;
    size_t first = protocol->randomized > 0 ? 0 : 1;
    size_t end = protocol->sensitivity > 0 ? 2 : 1;
    const struct metric_table table = {COLUMNS + first, end - first, 20, COLUMNS[first].metric};
    text_append_string(out,
                       "\nsanity: rank correlation with the map of the randomised model (0: "
                       "the map depends on the weights), largest relative change under noise\n");
    append_metrics(out, record, summary, width, &table);
}

/* What the curves over hidden units say of few of them, and of single ones. */
static void append_units(struct text *out, const struct record *record,
                         const struct summary *summary, int width) {
    static const struct metric_column COLUMNS[] = {
        {EVAL_DROP_1, "drop at 1 %", 2},
        {EVAL_MEAN_DROP_10, "mean drop to 10 %", 2},
        {EVAL_UNITS_TO_LOSE, "units to lose the class", 1},
        {EVAL_RHO_SINGLE, "single units: rank corr.", 2},
        {EVAL_PEARSON_SINGLE, "single units: Pearson", 2}};
    const struct metric_table table = {COLUMNS, record->evaluation.protocol.single > 0 ? 5 : 3, 24,
                                       EVAL_UNITS_TO_LOSE};
    text_append_string(out, "\n");
    append_metrics(out, record, summary, width, &table);
}

static void append_verdict(struct text *out, const struct record *record,
                           const struct summary *summary) {
    const struct standing *standing = &summary->standing;
    const char *words =
        are_blocks(record) ? "over all blocks and within each" : "under every replacement";
    char leader[NAME_LIMIT];
    char than[NAME_LIMIT];
    if (standing->leader >= summary->method_count || standing->test_count == 0) {
        return;
    }
    const struct standing_test *worst = standing_worst(standing);
    text_escape_name(leader, sizeof leader, record->evaluation.methods[standing->leader]);
    if (worst == NULL) {
        text_printf(out,
                    standing->leads
                        ? "\n%s is better than every other method %s"
                        : "\nno method is called better: %s is ahead of all others %s, and it is a "
                          "control",
                    leader, words);
        text_printf(out, " (%zu test%s, corrected by Holm: p < 0.05)\n", standing->test_count,
                    standing->test_count == 1 ? "" : "s");
        return;
    }
    text_escape_name(than, sizeof than, record->evaluation.methods[worst->than]);
    if (worst->n < STANDING_LEAST) {
        text_printf(out, "\ntoo few images to call one method better than another: %zu, of %zu\n",
                    worst->n, STANDING_LEAST);
        return;
    }
    text_printf(out,
                "\nno method is better than all others %s: of %s and %s %s %s the difference is ",
                words, leader, than,
                !are_blocks(record) ? "under"
                : worst->place == 0 ? "over"
                                    : "within",
                place_title(record, worst->place).text);
    text_printf(out, "%.2f", worst->difference);
    text_append_string(out, " (p ");
    text_printf(out, "%.3f", worst->holm);
    text_append_string(out, ")\n");
}

void report_table(const struct record *record, const struct summary *summary, struct text *out) {
    const struct evaluation *evaluation = &record->evaluation;
    bool paired = summary->reference < summary->method_count;
    int width = name_width(evaluation);
    char cell[CELL_LIMIT];
    char name[NAME_LIMIT];
    append_heading(out, record, summary);
    text_printf(out, "%-*s  %-20s", width, "method", "delta logit");
    if (paired) {
        text_escape_name(name, sizeof name, evaluation->methods[summary->reference]);
        snprintf(cell, sizeof cell, "- %.20s", name);
        text_printf(out, "  %-23s", cell);
    }
    text_printf(out, "  %-24s  %-19s  %-19s  %s\n", "delta probability", "MoRF logit", "LeRF logit",
                "n");
    for (size_t i = 0; i < summary->method_count; i++) {
        const struct summary_method *row = &summary->methods[summary->ranking[i]];
        text_escape_name(name, sizeof name, evaluation->methods[summary->ranking[i]]);
        text_printf(out, "%-*s", width, name);
        append_cell(out, 20, &row->metrics[EVAL_DELTA_LOGIT], 2, "");
        if (paired) {
            append_cell(out, 23, &row->paired[SUMMARY_PAIR_LOGIT], 2, "+");
        }
        append_cell(out, 24, &row->metrics[EVAL_DELTA_PROB], 3, "");
        append_cell(out, 19, &row->metrics[EVAL_MORF_LOGIT], 2, "");
        append_cell(out, 19, &row->metrics[EVAL_LERF_LOGIT], 2, "");
        text_printf(out, "  %zu\n", row->metrics[EVAL_DELTA_LOGIT].n);
    }
    size_t measured = summary->methods[summary->ranking[0]].metrics[EVAL_DELTA_LOGIT].n;
    if (measured > 0 && measured < STANDING_LEAST) {
        text_printf(out, "fewer than %zu images: too few to tell methods apart\n", STANDING_LEAST);
    }
    if (evaluation->unit_count > 0) {
        append_units(out, record, summary, width);
    }
    if (summary->place_count > 1) {
        append_ranks(out, record, summary, width);
        append_block_pairs(out, record, summary, width);
        append_agreement(out, record, summary);
        append_verdict(out, record, summary);
    }
    if (evaluation->protocol.coalitions > 0) {
        append_shapley(out, record, summary, width);
    }
    if (evaluation->protocol.randomized > 0 || evaluation->protocol.sensitivity > 0) {
        append_sanity(out, record, summary, width);
    }
    if (evaluation->protocol.precision == VITLRP_PRECISION_BF16) {
        append_audit(out, record, summary, width);
    }
}
