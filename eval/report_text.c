/* The table for a terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number_text.h"
#include "eval/audit.h"
#include "eval/protocol_table.h"
#include "eval/report.h"

#define CELL_LIMIT 64
#define NAME_LIMIT 41 /* of a method */

/* "3.77 [3.61, 3.93]", with signs if asked, in so many columns; "-" for no value, "?" for one that
 * is too long. */
static void append_cell(struct text *out, int columns, const struct vitlrp_statistic *statistic,
                        int decimals, const char *sign) {
    struct text text = {.limit = CELL_LIMIT};
    const double numbers[] = {statistic->mean, statistic->lo, statistic->hi};
    static const char *const BEFORE[] = {"", " [", ", "};
    if (statistic->n == 0) {
        text_append_string(&text, "-");
    }
    for (size_t i = 0; i < 3 && statistic->n > 0; i++) {
        text_append_string(&text, BEFORE[i]);
        text_append_string(&text, numbers[i] > 0.0 ? sign : "");
        number_fixed(&text, numbers[i], decimals);
    }
    text_append_string(&text, statistic->n > 0 ? "]" : "");
    out->failed |= text.data == NULL;
    text_printf(out, "  %-*s", columns, text.failed ? "?" : text.data);
    text_free(&text);
}

/* The settings that the heading has no words for. */
static void append_settings(struct text *out, const struct eval_protocol *protocol) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        if (setting->place == SETTING_LINE) {
            text_printf(out, ", %s ", setting->key);
            eval_setting_append(setting, protocol, out);
        }
    }
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
    text_printf(out, "; %d steps, replaced by %s, %s class, seed %llu", protocol->steps,
                word_of(WORDS_REPLACEMENT, protocol->replacement),
                protocol->target == VITLRP_EVAL_LABEL ? "labelled" : "predicted",
                (unsigned long long) protocol->seed);
    append_settings(out, protocol);
    if (protocol->precision != VITLRP_PRECISION_FP32) {
        text_printf(out, "; %s in %s",
                    protocol->precision == VITLRP_PRECISION_MIXED ? "attributions" : "curves",
                    word_of(WORDS_PRECISION, protocol->precision));
    }
    text_append_string(out, "\n");
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
    struct text text = {.limit = CELL_LIMIT};
    if (audit->n > 0) {
        number_fixed(&text, audit->mean_abs, decimals);
        text_append_string(&text, " (");
        number_fixed(&text, audit->max_abs, decimals);
        text_append_string(&text, ")");
    }
    if (isfinite(audit->per_half_width)) {
        text_append_string(&text, ", ");
        number_fixed(&text, 100.0 * audit->per_half_width, 1);
        text_append_string(&text, " %");
    }
    const char *cell = text.failed ? "?" : audit->n == 0 ? "-" : text.data;
    text_printf(out, "  %-24s", cell);
    text_free(&text);
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
    if (evaluation->protocol.precision == VITLRP_PRECISION_BF16) {
        append_audit(out, record, summary, width);
    }
}
