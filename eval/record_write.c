/* The JSON of a record. Written as it comes, without a tree in memory, since a benchmark of
 * ImageNet's size has some hundred million numbers. */
#include <math.h>
#include <stdbool.h>

#include "base/base64.h"
#include "base/formats.h"
#include "base/words.h"
#include "eval/audit.h"
#include "eval/protocol_table.h"
#include "eval/record.h"
#include "eval/record_image.h"
#include "eval/record_json.h"

static void add_statistic(struct text *out, const char *key,
                          const struct vitlrp_statistic *statistic) {
    text_printf(out, "\"%s\": {\"mean\": ", key);
    record_add_number(out, statistic->mean, 9);
    text_append_string(out, ", \"lo\": ");
    record_add_number(out, statistic->lo, 9);
    text_append_string(out, ", \"hi\": ");
    record_add_number(out, statistic->hi, 9);
    text_printf(out, ", \"n\": %zu}", statistic->n);
}

static void add_protocol(struct text *out, const struct evaluation *evaluation) {
    text_printf(out, "  \"protocol\": {\"unit\": \"%s\", ",
                word_of(WORDS_EVAL_UNITS, evaluation->protocol.units));
    protocol_write(&evaluation->protocol, out);
    if (evaluation->unit_count > 0) {
        text_printf(out, ", \"unit_count\": %d", evaluation->unit_count);
    }
    text_printf(out, ", \"grid\": [%d, %d]},\n", evaluation->grid_height, evaluation->grid_width);
}

static void add_head(struct text *out, const struct record *record, const struct summary *summary) {
    const struct evaluation *evaluation = &record->evaluation;
    text_printf(out, "{\n  \"format\": \"%s\",\n  \"version\": ", FORMAT_EVALUATION);
    record_add_string(out, record->version);
    text_append_string(out, ",\n  \"model\": ");
    record_add_string(out, evaluation->model_name);
    text_append_string(out, ",\n  \"weights_sha256\": ");
    record_add_string(out, evaluation->model_sha256);
    text_printf(out, ",\n  \"configuration\": %s",
                evaluation->configuration == NULL ? "null" : evaluation->configuration);
    if (record->run != NULL) {
        text_append_string(out, ",\n  \"run\": ");
        text_append_string(out, record->run);
    }
    text_append_string(out, ",\n  \"dataset\": ");
    record_add_string(out, record->dataset);
    text_printf(out, ",\n  \"manifest\": {\"count\": %zu, \"skipped\": %zu, \"sha256\": ",
                evaluation->manifest_count, record->skipped);
    record_add_string(out, evaluation->manifest_sha256);
    record_add_optional(out, ", \"truth_sha256\": ", evaluation->truth_sha256);
    record_add_optional(out, ", \"content_sha256\": ", evaluation->content_sha256);
    text_printf(out, "},\n  \"shard\": {\"index\": %d, \"count\": %d},\n  \"cancelled\": %s,\n",
                evaluation->shard, evaluation->shards, evaluation->cancelled ? "true" : "false");
    text_printf(out, "  \"failed\": %zu,\n", summary->failed);
    add_protocol(out, evaluation);
    record_add_optional(out, "  \"reference\": ", record->reference);
    text_printf(out, ",\n  \"settings\": %s,\n", evaluation->settings);
}

/* The members of an object of methods: a method's metrics in a place. */
static void add_metrics(struct text *out, const struct record *record,
                        const struct summary *summary, size_t place) {
    for (size_t m = 0; m < summary->method_count; m++) {
        text_append_string(out, m == 0 ? "\n    " : ",\n    ");
        record_add_string(out, record->evaluation.methods[m]);
        text_append_string(out, ": {");
        for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
            text_append_string(out, metric == 0 ? "\n      " : ",\n      ");
            add_statistic(out, eval_metric_name((enum eval_metric) metric),
                          &summary_row(summary, m, place)->metrics[metric]);
        }
        text_append_string(out, "}");
    }
}

/* Likewise the differences from the reference. */
static void add_pairs(struct text *out, const struct record *record, const struct summary *summary,
                      size_t place) {
    bool first = true;
    for (size_t m = 0; m < summary->method_count; m++) {
        if (summary->reference >= summary->method_count || m == summary->reference) {
            continue;
        }
        text_append_string(out, first ? "\n    " : ",\n    ");
        first = false;
        record_add_string(out, record->evaluation.methods[m]);
        text_append_string(out, ": {");
        for (int pair = 0; pair < SUMMARY_PAIRS; pair++) {
            text_append_string(out, pair == 0 ? "" : ",\n      ");
            add_statistic(out, eval_metric_name(summary_pair_metric((enum summary_pair) pair)),
                          &summary_row(summary, m, place)->paired[pair]);
        }
        text_append_string(out, "}");
    }
}

static void add_summary(struct text *out, const struct record *record,
                        const struct summary *summary) {
    text_append_string(out, "  \"methods\": {");
    add_metrics(out, record, summary, 0);
    text_append_string(out, "},\n  \"paired\": {");
    add_pairs(out, record, summary, 0);
    text_append_string(out, "},\n");
}

static void add_audit_cell(struct text *out, const char *key, const struct vitlrp_audit *audit) {
    const struct {
        const char *key;
        double value;
    } numbers[] = {{"mean", audit->mean},
                   {"mean_abs", audit->mean_abs},
                   {"max_abs", audit->max_abs},
                   {"per_half_width", audit->per_half_width}};
    text_printf(out, "\"%s\": {", key);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        text_printf(out, "\"%s\": ", numbers[i].key);
        record_add_number(out, numbers[i].value, 9);
        text_append_string(out, ", ");
    }
    text_printf(out, "\"n\": %zu}", audit->n);
}

/* The members of an object of methods: what fewer bits have changed in a place. */
static void add_audits(struct text *out, const struct record *record, const struct summary *summary,
                       size_t place) {
    for (size_t m = 0; m < summary->method_count; m++) {
        text_append_string(out, m == 0 ? "\n    " : ",\n    ");
        record_add_string(out, record->evaluation.methods[m]);
        text_append_string(out, ": {");
        for (int metric = 0; metric < AUDIT_METRICS; metric++) {
            text_append_string(out, metric == 0 ? "\n      " : ",\n      ");
            add_audit_cell(out, eval_metric_name((enum eval_metric) metric),
                           &summary_row(summary, m, place)->audits[metric]);
        }
        text_append_string(out, "}");
    }
}

/* Null where all curves are float32's. */
static void add_audit(struct text *out, const struct record *record,
                      const struct summary *summary) {
    if (record->evaluation.protocol.precision != VITLRP_PRECISION_BF16) {
        text_append_string(out, "  \"audit\": null,\n");
        return;
    }
    text_printf(out, "  \"audit\": {\"images\": %zu, \"methods\": {", summary->audited);
    add_audits(out, record, summary, 0);
    text_append_string(out, "}},\n");
}

/* ---- Several places ---- */

static struct eval_place_name place_key(const struct record *record, size_t place) {
    return eval_place_key(&record->evaluation.protocol, place);
}

/* What names a place of a test: a replacement or a block. */
static const char *key_of_places(const struct record *record) {
    return eval_places_are_blocks(&record->evaluation.protocol) ? "block" : "replace";
}

static void add_ranking(struct text *out, const struct record *record,
                        const struct summary *summary, size_t place) {
    const size_t *ranking = summary_ranking(summary, place);
    text_append_string(out, "\"ranking\": [");
    for (size_t i = 0; i < summary->method_count; i++) {
        text_append_string(out, i == 0 ? "" : ", ");
        record_add_string(out, record->evaluation.methods[ranking[i]]);
    }
    text_append_string(out, "]");
}

static void add_places(struct text *out, const struct record *record,
                       const struct summary *summary) {
    bool blocks = eval_places_are_blocks(&record->evaluation.protocol);
    text_printf(out, "  \"%s\": {", blocks ? "blocks" : "replacements");
    for (size_t r = 0; r < summary->place_count; r++) {
        text_printf(out, "%s\n  \"%s\": {", r == 0 ? "" : ",", place_key(record, r).text);
        add_ranking(out, record, summary, r);
        text_append_string(out, ",\n  \"methods\": {");
        add_metrics(out, record, summary, r);
        text_append_string(out, "},\n  \"paired\": {");
        add_pairs(out, record, summary, r);
        if (record->evaluation.protocol.precision == VITLRP_PRECISION_BF16) {
            text_append_string(out, "},\n  \"audit\": {");
            add_audits(out, record, summary, r);
        }
        text_append_string(out, "}}");
    }
    text_append_string(out, "},\n");
}

static void add_test(struct text *out, const struct record *record,
                     const struct standing_test *test) {
    text_append_string(out, "{\"than\": ");
    record_add_string(out, record->evaluation.methods[test->than]);
    text_printf(out, ", \"%s\": \"%s\", \"difference\": ", key_of_places(record),
                place_key(record, test->place).text);
    record_add_number(out, test->difference, 9);
    text_append_string(out, ", \"p\": ");
    record_add_number(out, test->p, 9);
    text_append_string(out, ", \"holm\": ");
    record_add_number(out, test->holm, 9);
    text_printf(out, ", \"n\": %zu}", test->n);
}

static void add_agreement(struct text *out, const struct record *record,
                          const struct summary *summary, size_t a, size_t b) {
    const struct vitlrp_statistic *found = &summary->standing.agreement[standing_pair(a, b)];
    text_printf(out, "{\"%s\": [\"%s\", \"%s\"], \"tau_b\": ", key_of_places(record),
                place_key(record, a).text, place_key(record, b).text);
    record_add_number(out, found->mean, 9);
    text_append_string(out, ", \"lo\": ");
    record_add_number(out, found->lo, 9);
    text_append_string(out, ", \"hi\": ");
    record_add_number(out, found->hi, 9);
    text_printf(out, ", \"n\": %zu}", found->n);
}

static void add_standing(struct text *out, const struct record *record,
                         const struct summary *summary) {
    const struct standing *standing = &summary->standing;
    bool is_known = standing->leader < summary->method_count;
    record_add_optional(out, "  \"standing\": {\"leader\": ",
                        is_known ? record->evaluation.methods[standing->leader] : NULL);
    text_printf(out, ", \"leads\": %s,\n  \"tests\": [", standing->leads ? "true" : "false");
    for (size_t i = 0; i < standing->test_count; i++) {
        text_append_string(out, i == 0 ? "\n    " : ",\n    ");
        add_test(out, record, &standing->tests[i]);
    }
    text_append_string(out, "],\n  \"agreement\": [");
    for (size_t b = 1; b < summary->place_count; b++) {
        for (size_t a = 0; a < b; a++) {
            text_append_string(out, b == 1 ? "\n    " : ",\n    ");
            add_agreement(out, record, summary, a, b);
        }
    }
    text_append_string(out, "]},\n");
}

/* What the Shapley values were, that maps are compared with. */
static void add_shapley(struct text *out, const struct summary *summary) {
    text_append_string(out, "  \"shapley\": {");
    add_statistic(out, "error", &summary->shapley_error);
    text_append_string(out, ", ");
    add_statistic(out, "split_half", &summary->shapley_split_half);
    text_append_string(out, "},\n");
}

static void add_classes(struct text *out, const struct record *record) {
    text_append_string(out, "  \"classes\": [");
    for (size_t i = 0; i < record->class_count; i++) {
        const struct record_class *class = &record->classes[i];
        text_printf(out, "%s{\"output\":%d,\"index\":%d,\"wnid\":", i == 0 ? "\n" : ",\n",
                    class->output, class->index);
        record_add_string(out, class->wnid);
        text_append_string(out, ",\"label\":");
        record_add_string(out, class->label);
        text_append_string(out, "}");
    }
    text_append_string(out, "],\n");
}

static void add_gallery(struct text *out, const struct record *record) {
    text_append_string(out, "],\n  \"gallery\": [");
    for (size_t i = 0; i < record->picture_count; i++) {
        const struct record_picture *picture = &record->pictures[i];
        text_printf(out, "%s{\"index\":%zu,\"jpeg\":\"", i == 0 ? "\n" : ",\n", picture->index);
        base64_append(out, picture->jpeg.data, picture->jpeg.size);
        text_append_string(out, "\"}");
    }
    text_append_string(out, "]\n}\n");
}

struct writing {
    const struct record *record;
    const struct report_sink *sink;
    struct text *out;
    bool begun; /* with the images */
};

static enum vitlrp_status add_image(void *user, const struct eval_image *image,
                                    struct vitlrp_error *err) {
    struct writing *writing = user;
    text_append_string(writing->out, writing->begun ? ",\n" : "\n");
    writing->begun = true;
    record_image_write(writing->record, image, writing->out);
    return report_pass_on(writing->sink, writing->out, "the record", err);
}

enum vitlrp_status record_write(const struct record *record, const struct summary *summary,
                                const struct report_sink *sink, struct text *out,
                                struct vitlrp_error *err) {
    struct writing writing = {.record = record, .sink = sink, .out = out};
    add_head(out, record, summary);
    add_summary(out, record, summary);
    add_audit(out, record, summary);
    if (summary->place_count > 1) {
        add_places(out, record, summary);
        add_standing(out, record, summary);
    }
    if (record->evaluation.protocol.coalitions > 0) {
        add_shapley(out, summary);
    }
    add_classes(out, record);
    text_append_string(out, "  \"images\": [");
    TRY(evaluation_visit(&record->evaluation, add_image, &writing, err));
    add_gallery(out, record);
    return report_pass_rest(sink, out, "the record", err);
}

enum vitlrp_status record_write_head(const struct record *head, struct text *out,
                                     struct vitlrp_error *err) {
    struct summary summary = {0};
    TRY(summary_make(&head->evaluation, NULL, 1, &summary, err));
    enum vitlrp_status status = record_write(head, &summary, NULL, out, err);
    summary_free(&summary);
    return status;
}
