/* The table for a terminal. */
#include <stdio.h>
#include <string.h>

#include "eval/number_text.h"
#include "eval/protocol.h"
#include "eval/report.h"

#define CELL_LIMIT 64
#define NAME_LIMIT 41 /* of a method */

/* "3.77 [3.61, 3.93]", with signs if asked, in so many columns; "-" for no value, "?" for one that
 * is too long. */
static void append_cell(struct text *out, int columns, const struct statistic *statistic,
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

static void append_heading(struct text *out, const struct record *record) {
    const struct evaluation *evaluation = &record->evaluation;
    const struct eval_protocol *protocol = &evaluation->protocol;
    size_t failed = record_failed(record);
    text_printf(out, "%zu images", evaluation->image_count - failed);
    if (failed > 0) {
        text_printf(out, ", %zu more failed", failed);
    }
    if (record->skipped > 0) {
        text_printf(out, ", %zu left out for want of a label", record->skipped);
    }
    text_printf(out, "; %d steps, replaced by %s, %s class, seed %llu\n", protocol->steps,
                eval_replacement_name(protocol->replacement),
                protocol->target == EVAL_TARGET_LABEL ? "labelled" : "predicted",
                (unsigned long long) protocol->seed);
    if (evaluation->cancelled) {
        text_printf(out, "stopped early: %zu of the images are there\n", evaluation->image_count);
    }
    if (evaluation->shards > 1) {
        text_printf(out, "shard %d/%d of %zu images\n", evaluation->shard, evaluation->shards,
                    evaluation->manifest_count);
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

void report_table(const struct record *record, const struct summary *summary, struct text *out) {
    const struct evaluation *evaluation = &record->evaluation;
    bool paired = summary->reference < summary->method_count;
    int width = name_width(evaluation);
    char cell[CELL_LIMIT];
    char name[NAME_LIMIT];
    append_heading(out, record);
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
}
