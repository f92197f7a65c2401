#include "text_report.h"

#include <string.h>

#define MAX_KINDS 16 /* columns of the ledger's table */

void report_prediction(struct text *out, const struct explanation *explanation) {
    char name[240];
    struct vitlrp_image_info info;
    const struct prediction *prediction = explanation->prediction;
    text_escape_name(name, sizeof name, explanation->image_path);
    vitlrp_image_describe(explanation->photo->image, &info);
    text_printf(out, "%s: %d x %d, %s\n", name, info.width, info.height,
                explanation->photo->is_input ? "model input" : info.format);
    for (int32_t i = 0; i < prediction->classes && i < TOP_REPORTED; i++) {
        struct vitlrp_class found;
        int32_t output = prediction->order[i];
        if (vitlrp_model_class(explanation->model, output, &found, NULL) != VITLRP_OK) {
            continue;
        }
        text_printf(out, "  %5.1f %%  ", 100.0 * prediction->probability[output]);
        class_append(out, &found);
        text_append_string(out, "\n");
    }
}

void report_class(struct text *out, const struct explanation *explanation) {
    int32_t output = explanation->target.output;
    text_append_string(out, "explained: ");
    class_append(out, &explanation->target);
    if (explanation->has_versus) {
        text_append_string(out, " versus ");
        class_append(out, &explanation->versus);
        text_printf(out, ", logit difference %.4g", explanation->explained);
    } else {
        text_printf(out, ", %.1f %%, logit %.4g",
                    100.0 * explanation->prediction->probability[output], explanation->explained);
    }
    if (explanation->settings->method_info.has_ledger != 0) {
        text_printf(out, "; the map holds %.4g of it", explanation->sum);
    }
    text_printf(out, " (%s)\n", explanation->settings->method_info.name);
}

/* The kinds that occur inside the blocks, in the ledger's order. */
static size_t block_kinds(const struct explanation *explanation, const char *kinds[MAX_KINDS]) {
    size_t count = 0;
    for (size_t i = 0; i < explanation->ledger_length; i++) {
        const struct vitlrp_ledger_entry *entry = &explanation->ledger[i];
        bool known = entry->block < 0;
        for (size_t k = 0; k < count; k++) {
            known = known || strcmp(kinds[k], entry->kind) == 0;
        }
        if (!known && count < MAX_KINDS) {
            kinds[count++] = entry->kind;
        }
    }
    return count;
}

/* The row of one block; returns what it absorbed in all. */
static double append_block(struct text *out, const struct explanation *explanation, int32_t block,
                           const char *const *kinds, size_t kind_count) {
    double total = 0.0;
    text_printf(out, "  block %-4d", block);
    for (size_t k = 0; k < kind_count; k++) {
        double absorbed = 0.0;
        for (size_t i = 0; i < explanation->ledger_length; i++) {
            const struct vitlrp_ledger_entry *entry = &explanation->ledger[i];
            if (entry->block == block && strcmp(entry->kind, kinds[k]) == 0) {
                absorbed += entry->absorbed;
            }
        }
        total += absorbed;
        text_printf(out, " %9.4f", absorbed);
    }
    text_printf(out, " %9.4f\n", total);
    return total;
}

/* Entries outside the blocks, at the output side (before the first block's) or behind them. */
static double append_outside(struct text *out, const struct explanation *explanation,
                             bool output_side) {
    double total = 0.0;
    bool before = true;
    for (size_t i = 0; i < explanation->ledger_length; i++) {
        const struct vitlrp_ledger_entry *entry = &explanation->ledger[i];
        if (entry->block >= 0) {
            before = false;
        } else if (before == output_side) {
            text_printf(out, "  %-10s %9.4f\n", entry->kind, entry->absorbed);
            total += entry->absorbed;
        }
    }
    return total;
}

void report_ledger(struct text *out, const struct explanation *explanation) {
    const char *kinds[MAX_KINDS];
    size_t kind_count = block_kinds(explanation, kinds);
    int32_t last = -1;
    for (size_t i = 0; i < explanation->ledger_length; i++) {
        last = explanation->ledger[i].block > last ? explanation->ledger[i].block : last;
    }
    text_append_string(out, "relevance absorbed, from the output to the input\n");
    double absorbed = append_outside(out, explanation, true);
    text_append_string(out, "            ");
    for (size_t k = 0; k < kind_count; k++) {
        text_printf(out, " %9s", kinds[k]);
    }
    text_append_string(out, "     total\n");
    for (int32_t block = last; block >= 0; block--) {
        absorbed += append_block(out, explanation, block, kinds, kind_count);
    }
    absorbed += append_outside(out, explanation, false);
    text_printf(out, "  explained  %9.4f = map %.4f + absorbed %.4f, difference %.2e\n",
                explanation->explained, explanation->sum, absorbed,
                explanation->explained - explanation->sum - absorbed);
}
