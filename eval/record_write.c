/* The JSON of a record. Written as it comes, without a tree in memory, since a benchmark of
 * ImageNet's size has some hundred million numbers. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/base64.h"
#include "base/formats.h"
#include "base/number_text.h"
#include "base/words.h"
#include "eval/audit.h"
#include "eval/protocol_table.h"
#include "eval/record.h"
#include "eval/record_private.h"

const char *const RECORD_CURVES[EVAL_CURVES] = {[EVAL_CURVE_MORF_LOGIT] = "morf_logit",
                                                [EVAL_CURVE_MORF_PROB] = "morf_prob",
                                                [EVAL_CURVE_LERF_LOGIT] = "lerf_logit",
                                                [EVAL_CURVE_LERF_PROB] = "lerf_prob"};

static void add_string(struct text *out, const char *string) {
    size_t length = strlen(string);
    text_append_string(out, "\"");
    for (size_t i = 0; i < length;) {
        uint32_t code;
        size_t hostile = text_hostile_length(string + i, length - i, &code);
        if (hostile > 0) {
            text_printf(out, "\\u%04x", (unsigned) code);
            i += hostile;
            continue;
        }
        if (string[i] == '"' || string[i] == '\\') {
            text_append_string(out, "\\");
        }
        text_append(out, string + i, 1);
        i++;
    }
    text_append_string(out, "\"");
}

/* 9 digits distinguish every float32 from its neighbours, 17 every double. A JSON integer has no
 * -0, so that of a float needs its point. */
static void add_number(struct text *out, double value, int digits) {
    if (!isfinite(value)) {
        text_append_string(out, "null");
    } else if (value == 0.0 && signbit(value)) {
        text_append_string(out, "-0.0");
    } else {
        number_significant(out, value, digits);
    }
}

static void add_float(struct text *out, float value) {
    add_number(out, (double) value, 9);
}

/* A curve of what there is not, all NaN, is null. */
static void add_floats(struct text *out, const char *key, const float *values, size_t count) {
    if (isnan(values[0])) {
        text_printf(out, ",\"%s\":null", key);
        return;
    }
    text_printf(out, ",\"%s\":[", key);
    for (size_t i = 0; i < count; i++) {
        text_append_string(out, i == 0 ? "" : ",");
        add_float(out, values[i]);
    }
    text_append_string(out, "]");
}

static void add_statistic(struct text *out, const char *key,
                          const struct vitlrp_statistic *statistic) {
    text_printf(out, "\"%s\": {\"mean\": ", key);
    add_number(out, statistic->mean, 9);
    text_append_string(out, ", \"lo\": ");
    add_number(out, statistic->lo, 9);
    text_append_string(out, ", \"hi\": ");
    add_number(out, statistic->hi, 9);
    text_printf(out, ", \"n\": %zu}", statistic->n);
}

static void add_protocol(struct text *out, const struct evaluation *evaluation) {
    text_append_string(out, "  \"protocol\": {\"unit\": \"patch\", ");
    protocol_write(&evaluation->protocol, out);
    text_printf(out, ", \"grid\": [%d, %d]},\n", evaluation->grid_height, evaluation->grid_width);
}

/* What records of older formats do not have is null. */
static void add_optional(struct text *out, const char *key, const char *string) {
    text_append_string(out, key);
    if (string == NULL) {
        text_append_string(out, "null");
    } else {
        add_string(out, string);
    }
}

static void add_head(struct text *out, const struct record *record) {
    const struct evaluation *evaluation = &record->evaluation;
    text_printf(out, "{\n  \"format\": \"%s\",\n  \"version\": ", FORMAT_EVALUATION);
    add_string(out, record->version);
    text_append_string(out, ",\n  \"model\": ");
    add_string(out, evaluation->model_name);
    text_append_string(out, ",\n  \"weights_sha256\": ");
    add_string(out, evaluation->model_sha256);
    text_printf(out, ",\n  \"configuration\": %s",
                evaluation->configuration == NULL ? "null" : evaluation->configuration);
    text_append_string(out, ",\n  \"dataset\": ");
    add_string(out, record->dataset);
    text_printf(out, ",\n  \"manifest\": {\"count\": %zu, \"skipped\": %zu, \"sha256\": ",
                evaluation->manifest_count, record->skipped);
    add_string(out, evaluation->manifest_sha256);
    add_optional(out, ", \"truth_sha256\": ", evaluation->truth_sha256);
    add_optional(out, ", \"content_sha256\": ", evaluation->content_sha256);
    text_printf(out, "},\n  \"shard\": {\"index\": %d, \"count\": %d},\n  \"cancelled\": %s,\n",
                evaluation->shard, evaluation->shards, evaluation->cancelled ? "true" : "false");
    text_printf(out, "  \"failed\": %zu,\n", record_failed(record));
    add_protocol(out, evaluation);
    add_optional(out, "  \"reference\": ", record->reference);
    text_printf(out, ",\n  \"settings\": %s,\n", evaluation->settings);
}

static void add_summary(struct text *out, const struct record *record,
                        const struct summary *summary) {
    const struct evaluation *evaluation = &record->evaluation;
    text_append_string(out, "  \"methods\": {");
    for (size_t m = 0; m < summary->method_count; m++) {
        text_append_string(out, m == 0 ? "\n    " : ",\n    ");
        add_string(out, evaluation->methods[m]);
        text_append_string(out, ": {");
        for (int metric = 0; metric < EVAL_METRIC_COUNT; metric++) {
            text_append_string(out, metric == 0 ? "\n      " : ",\n      ");
            add_statistic(out, eval_metric_name((enum eval_metric) metric),
                          &summary->methods[m].metrics[metric]);
        }
        text_append_string(out, "}");
    }
    text_append_string(out, "},\n  \"paired\": {");
    bool first = true;
    for (size_t m = 0; m < summary->method_count; m++) {
        if (summary->reference >= summary->method_count || m == summary->reference) {
            continue;
        }
        text_append_string(out, first ? "\n    " : ",\n    ");
        first = false;
        add_string(out, evaluation->methods[m]);
        text_append_string(out, ": {");
        for (int pair = 0; pair < SUMMARY_PAIRS; pair++) {
            text_append_string(out, pair == 0 ? "" : ",\n      ");
            add_statistic(out, eval_metric_name(summary_pair_metric((enum summary_pair) pair)),
                          &summary->methods[m].paired[pair]);
        }
        text_append_string(out, "}");
    }
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
        add_number(out, numbers[i].value, 9);
        text_append_string(out, ", ");
    }
    text_printf(out, "\"n\": %zu}", audit->n);
}

/* Null where all curves are float32's. */
static void add_audit(struct text *out, const struct record *record,
                      const struct summary *summary) {
    const struct evaluation *evaluation = &record->evaluation;
    if (evaluation->protocol.precision != VITLRP_PRECISION_BF16) {
        text_append_string(out, "  \"audit\": null,\n");
        return;
    }
    text_printf(out, "  \"audit\": {\"images\": %zu, \"methods\": {", audit_images(evaluation));
    for (size_t m = 0; m < summary->method_count; m++) {
        text_append_string(out, m == 0 ? "\n    " : ",\n    ");
        add_string(out, evaluation->methods[m]);
        text_append_string(out, ": {");
        for (int metric = 0; metric < AUDIT_METRICS; metric++) {
            struct vitlrp_audit audit = audit_measure(evaluation, m, (enum eval_metric) metric,
                                                      &summary->methods[m].metrics[metric]);
            text_append_string(out, metric == 0 ? "\n      " : ",\n      ");
            add_audit_cell(out, eval_metric_name((enum eval_metric) metric), &audit);
        }
        text_append_string(out, "}");
    }
    text_append_string(out, "}},\n");
}

static void add_classes(struct text *out, const struct record *record) {
    text_append_string(out, "  \"classes\": [");
    for (size_t i = 0; i < record->class_count; i++) {
        const struct record_class *class = &record->classes[i];
        text_printf(out, "%s{\"output\":%d,\"index\":%d,\"wnid\":", i == 0 ? "\n" : ",\n",
                    class->output, class->index);
        add_string(out, class->wnid);
        text_append_string(out, ",\"label\":");
        add_string(out, class->label);
        text_append_string(out, "}");
    }
    text_append_string(out, "],\n");
}

/* The index of an output's class, null for none. */
static void add_class(struct text *out, const struct record *record, const char *key,
                      int32_t output) {
    const struct record_class *class = record_class_of(record, output);
    if (class == NULL) {
        text_printf(out, ",\"%s\":null", key);
    } else {
        text_printf(out, ",\"%s\":%d", key, class->index);
    }
}

/* Of the curves in float32. */
static void add_areas(struct text *out, const double areas[EVAL_CURVES]) {
    text_append_string(out, ",\"fp32_areas\":{");
    for (int curve = 0; curve < EVAL_CURVES; curve++) {
        text_printf(out, "%s\"%s\":", curve == 0 ? "" : ",", RECORD_CURVES[curve]);
        add_number(out, areas[curve], 17);
    }
    text_append_string(out, "}");
}

static void add_result(struct text *out, const struct record *record,
                       const struct eval_image *image, size_t method) {
    const struct evaluation *evaluation = &record->evaluation;
    const struct eval_method_result *result = &image->methods[method];
    size_t points = (size_t) evaluation->protocol.steps + 1;
    if (!result->valid) {
        text_append_string(out, "null");
        return;
    }
    text_append_string(out, "{\"delta_logit\":");
    add_number(out, eval_metric_value(evaluation, image, method, EVAL_DELTA_LOGIT), 9);
    text_append_string(out, ",\"delta_prob\":");
    add_number(out, eval_metric_value(evaluation, image, method, EVAL_DELTA_PROB), 9);
    add_floats(out, "morf_logit", result->morf_logit, points);
    add_floats(out, "morf_prob", result->morf_prob, points);
    add_floats(out, "lerf_logit", result->lerf_logit, points);
    add_floats(out, "lerf_prob", result->lerf_prob, points);
    if (audit_covers(evaluation, image->index)) {
        add_areas(out, result->fp32_areas);
    }
    text_append_string(out, ",\"pointing\":");
    add_number(out, result->pointing, 17);
    text_append_string(out, ",\"mass\":");
    add_number(out, result->mass, 17);
    text_append_string(out, ",\"rank\":");
    add_number(out, result->rank, 17);
    if (record_shows(record, image->index) && result->patches != NULL) {
        add_floats(out, "patches", result->patches,
                   (size_t) evaluation->grid_height * (size_t) evaluation->grid_width);
    }
    text_append_string(out, "}");
}

static void add_image(struct text *out, const struct record *record,
                      const struct eval_image *image) {
    text_append_string(out, "{\"id\":");
    add_string(out, image->id);
    text_printf(out, ",\"index\":%zu,\"status\":\"%s\"", image->index,
                word_of(WORDS_STATUS, image->status));
    add_optional(out, ",\"sha256\":", image->sha256[0] == '\0' ? NULL : image->sha256);
    add_class(out, record, "label", image->label);
    if (image->status != VITLRP_OK) {
        text_append_string(out, ",\"message\":");
        add_string(out, image->message);
        text_append_string(out, "}");
        return;
    }
    add_class(out, record, "class", image->output);
    add_class(out, record, "predicted", image->predicted);
    text_append_string(out, ",\"logit\":");
    add_float(out, image->logit);
    text_append_string(out, ",\"probability\":");
    add_float(out, image->probability);
    text_append_string(out, ",\"methods\":{");
    for (size_t m = 0; m < record->evaluation.method_count; m++) {
        text_append_string(out, m == 0 ? "" : ",");
        add_string(out, record->evaluation.methods[m]);
        text_append_string(out, ":");
        add_result(out, record, image, m);
    }
    text_append_string(out, "}}");
}

void record_write(const struct record *record, const struct summary *summary, struct text *out) {
    const struct evaluation *evaluation = &record->evaluation;
    add_head(out, record);
    add_summary(out, record, summary);
    add_audit(out, record, summary);
    add_classes(out, record);
    text_append_string(out, "  \"images\": [");
    for (size_t i = 0; i < evaluation->image_count; i++) {
        text_append_string(out, i == 0 ? "\n" : ",\n");
        add_image(out, record, &evaluation->images[i]);
    }
    text_append_string(out, "],\n  \"gallery\": [");
    for (size_t i = 0; i < record->picture_count; i++) {
        const struct record_picture *picture = &record->pictures[i];
        text_printf(out, "%s{\"index\":%zu,\"jpeg\":\"", i == 0 ? "\n" : ",\n", picture->index);
        base64_append(out, picture->jpeg.data, picture->jpeg.size);
        text_append_string(out, "\"}");
    }
    text_append_string(out, "]\n}\n");
}
