#include "explanation.h"

#include <math.h>
#include <string.h>

#include "base/formats.h"
#include "base/mem.h"
#include "base/words.h"
#include "class_choice.h"
#include "contrast.h"
#include "outputs.h"
#include "run_record.h"
#include "text_words.h"
#include "unedited.h"

/* ---- For programs ---- */

#define TEXT_LIMIT ((size_t) 1 << 30)
#define PROMPTS_REPORTED 100

json_t *json_method_parameters(const struct vitlrp_method_info *info,
                               const struct vitlrp_method_options *options,
                               enum vitlrp_precision precision) {
    const struct json_method_facts facts = {word_of(WORDS_PRECISION, precision), info->relevance};
    return json_method(info->reads, options, &facts);
}

static struct vitlrp_model_info model_info(const struct explanation *explanation) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(explanation->model, &info);
    return info;
}

static json_t *json_top(const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    int32_t wanted = explanation->settings->top;
    int32_t count = wanted > TOP_REPORTED ? wanted : TOP_REPORTED;
    json_t *list = json_array();
    for (int32_t i = 0; i < prediction->classes && i < count; i++) {
        struct vitlrp_class found;
        int32_t output = prediction->order[i];
        json_t *entry = json_object();
        if (vitlrp_model_class(explanation->model, output, &found, NULL) != VITLRP_OK) {
            found =
                (struct vitlrp_class){.output = output, .index = output, .wnid = "", .label = ""};
        }
        json_set(entry, "index", json_integer(found.index), complete);
        json_set(entry, "wnid", json_text(found.wnid), complete);
        json_set(entry, "label", json_text(found.label), complete);
        json_set(entry, "probability", json_number(prediction->probability[output]), complete);
        json_set(entry, "logit", json_number(prediction->logits[output]), complete);
        json_add(list, entry, complete);
    }
    return list;
}

static json_t *json_ledger(const struct explanation *explanation, bool *complete) {
    if (explanation->ledger == NULL) {
        return json_null();
    }
    json_t *list = json_array();
    for (size_t i = 0; i < explanation->ledger_length; i++) {
        const struct vitlrp_ledger_entry *line = &explanation->ledger[i];
        json_t *entry = json_object();
        json_set(entry, "block", line->block < 0 ? json_null() : json_integer(line->block),
                 complete);
        json_set(entry, "kind", json_string(line->kind), complete);
        json_set(entry, "absorbed", json_number(line->absorbed), complete);
        json_add(list, entry, complete);
    }
    return list;
}

json_t *json_seen(const struct vitlrp_geometry *geometry,
                  const struct vitlrp_preprocess *preprocess, bool *complete) {
    json_t *object = json_object();
    json_set(object, "image_size", json_pack("[ii]", geometry->image_width, geometry->image_height),
             complete);
    json_set(object, "input_size", json_pack("[ii]", geometry->input_width, geometry->input_height),
             complete);
    json_set(object, "seen",
             json_pack("[ffff]", geometry->left, geometry->top, geometry->width, geometry->height),
             complete);
    if (preprocess != NULL) {
        json_set_preprocess(object, preprocess, complete);
    }
    return object;
}

static json_t *json_timing(const struct timing *timing, bool *complete) {
    json_t *object = json_object();
    json_set(object, "decode", json_number(timing->decode), complete);
    json_set(object, "preprocess", json_number(timing->preprocess), complete);
    json_set(object, "forward", json_number(timing->forward), complete);
    json_set(object, "backward", json_number(timing->backward), complete);
    json_set(object, "render", json_number(timing->render), complete);
    return object;
}

json_t *json_versus(const struct vitlrp_class *versus) {
    return versus->output == OTHERS_OUTPUT ? json_string(CONTRAST_OTHERS)
                                           : json_integer(versus->index);
}

static void set_before(json_t *object, const struct explanation *explanation, bool *complete) {
    if (explanation->before != NULL) {
        json_set(object, "before", unedited_json(explanation, complete), complete);
    }
}

static void set_classes(json_t *object, const struct explanation *explanation, bool *complete) {
    json_set(object, "class", json_integer(explanation->target.index), complete);
    if (explanation->has_versus) {
        json_set(object, "versus", json_versus(&explanation->versus), complete);
        json_set(object, "versus_logit", json_number(contrast_logit(explanation)), complete);
    }
}

static double cosine_of(const struct explanation *explanation,
                        const struct vitlrp_model_info *info) {
    double logit = explanation->prediction->logits[explanation->target.output];
    return (logit - info->logit_bias) / info->logit_scale;
}

/* Its outputs are texts, and no words of one. */
static bool is_of_texts(const struct explanation *explanation,
                        const struct vitlrp_model_info *info) {
    return info->kind == VITLRP_MODEL_PROMPTS && explanation->settings->word_text == NULL;
}

static void set_cosines(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct vitlrp_model_info info = model_info(explanation);
    if (is_of_texts(explanation, &info)) {
        json_set(object, "prompt", json_text(explanation->target.label), complete);
        json_set(object, "cosine", json_number(cosine_of(explanation, &info)), complete);
        json_set(object, "empty_cosine", json_number(explanation->prediction->empty_cosine),
                 complete);
    }
}

static void set_results(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    int32_t output = explanation->target.output;
    json_set(object, "logit", json_number(prediction->logits[output]), complete);
    json_set(object, "probability", json_number(prediction->probability[output]), complete);
    json_set(object, "relevance_sum", json_number(explanation->sum), complete);
    set_cosines(object, explanation, complete);
    set_before(object, explanation, complete);
}

/* The texts of a model, where they are few enough to be in every record. */
static void set_prompts(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct vitlrp_model_info info = model_info(explanation);
    if (!is_of_texts(explanation, &info) || info.classes > PROMPTS_REPORTED) {
        return;
    }
    json_t *list = json_array();
    for (int32_t i = 0; i < info.classes; i++) {
        struct vitlrp_class found;
        bool known = vitlrp_model_class(explanation->model, i, &found, NULL) == VITLRP_OK;
        json_add(list, json_text(known ? found.label : ""), complete);
    }
    json_set(object, "prompts", list, complete);
}

void json_set_method(json_t *object, const struct explanation *explanation, bool *complete) {
    json_set(object, "method", json_string(explanation->settings->method_info.name), complete);
    json_set(object, "parameters",
             json_method_parameters(&explanation->settings->method_info,
                                    &explanation->settings->method, explanation->precision),
             complete);
}

void json_record_begin(json_t *object, const struct explanation *explanation, const char *format,
                       bool *complete) {
    const struct vitlrp_model_info info = model_info(explanation);
    const char *path = explanation->image_path;
    json_set(object, "format", json_string(format), complete);
    json_set(object, "model", json_text(info.name), complete);
    json_set(object, "image", json_text(path), complete);
    if (!text_is_utf8(path, strlen(path))) {
        json_set(object, "image_escaped", json_true(), complete);
    }
    json_set(object, "image_sha256", json_string(explanation->image_sha256), complete);
    if (photo_warning(explanation->photo) != NULL) {
        json_set(object, "warning", json_string(photo_warning(explanation->photo)), complete);
    }
}

void json_record_end(json_t *object, const struct explanation *explanation, bool *complete) {
    json_set(object, "preprocess",
             json_seen(&explanation->photo->geometry,
                       explanation->photo->is_input ? NULL : explanation->preprocess, complete),
             complete);
    json_set(object, "version", json_string(vitlrp_version()), complete);
    json_set_run(object, explanation->settings, explanation->session, complete);
    json_set_model(object, explanation->record, complete);
}

static void set_target(json_t *object, const struct explanation *explanation, bool *complete) {
    set_classes(object, explanation, complete);
    if (explanation->has_label) {
        json_set(object, "label", json_integer(explanation->label.index), complete);
    }
    json_set_method(object, explanation, complete);
    set_results(object, explanation, complete);
}

static void set_words(json_t *object, const struct explanation *explanation, bool *complete) {
    if (explanation->words != NULL) {
        json_set(object, "words", text_words_json(explanation->words, complete), complete);
    }
}

static enum vitlrp_status fail_memory(struct vitlrp_error *err) {
    return fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
}

/* As the model's configuration has them, so that a record is a file of edits too. */
static void set_edits(json_t *object, const struct explanation *explanation, bool *complete) {
    json_t *edits = json_object_get(explanation->record->configuration, "edits");
    if (edits != NULL) {
        json_set(object, "edits", json_deep_copy(edits), complete);
    }
}

enum vitlrp_status json_report(const struct explanation *explanation, json_t **out,
                               struct vitlrp_error *err) {
    bool complete = true;
    json_t *object = json_object();
    json_record_begin(object, explanation, FORMAT_EXPLANATION, &complete);
    set_edits(object, explanation, &complete);
    json_set(object, "top", json_top(explanation, &complete), &complete);
    if (explanation->settings->word_text != NULL) {
        json_set(object, "word_of", json_text(explanation->settings->texts[0]), &complete);
    }
    set_target(object, explanation, &complete);
    set_prompts(object, explanation, &complete);
    json_set(object, "ledger", json_ledger(explanation, &complete), &complete);
    set_words(object, explanation, &complete);
    json_set(object, "timing_ms", json_timing(&explanation->timing, &complete), &complete);
    json_record_end(object, explanation, &complete);
    if (!complete) {
        json_decref(object);
        return fail_memory(err);
    }
    *out = object;
    return VITLRP_OK;
}

enum vitlrp_status json_report_add(const struct explanation *explanation, json_t **record,
                                   struct vitlrp_error *err) {
    bool complete = true;
    if (*record == NULL) {
        return json_report(explanation, record, err);
    }
    if (json_object_get(*record, "further") == NULL) {
        json_set(*record, "further", json_array(), &complete);
    }
    json_t *entry = json_object();
    set_classes(entry, explanation, &complete);
    json_set(entry, "wnid", json_text(explanation->target.wnid), &complete);
    json_set(entry, "name", json_text(explanation->target.label), &complete);
    set_results(entry, explanation, &complete);
    json_set(entry, "ledger", json_ledger(explanation, &complete), &complete);
    set_words(entry, explanation, &complete);
    json_add(json_object_get(*record, "further"), entry, &complete);
    return complete ? VITLRP_OK : fail_memory(err);
}

static double logit_difference(const struct class_pair *pair) {
    const float *logits = pair->prediction->logits;
    return (double) logits[pair->class.output] - (double) logits[pair->versus.output];
}

static double chance_difference(const struct class_pair *pair) {
    const double *probability = pair->prediction->probability;
    return probability[pair->class.output] - probability[pair->versus.output];
}

json_t *json_difference(const struct class_pair *pair) {
    return json_pack("{s:i, s:i, s:o, s:o}", "class", pair->class.index, "versus",
                     pair->versus.index, "logit", json_number(logit_difference(pair)),
                     "probability", json_number(chance_difference(pair)));
}

void json_sink_init(struct json_sink *sink, bool lines) {
    *sink = (struct json_sink){.lines = lines, .text = {.limit = TEXT_LIMIT}};
}

enum vitlrp_status json_sink_finish(struct json_sink *sink, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    if (sink->path != NULL) {
        status = text_check(&sink->text, "the JSON report", err);
        if (status == VITLRP_OK) {
            status = output_write(sink->path, sink->text.data, sink->text.length, err);
        }
    }
    mem_free(sink->path);
    sink->path = NULL;
    text_free(&sink->text);
    return status;
}

enum vitlrp_status json_sink_add(struct json_sink *sink, const char *path, const json_t *object,
                                 struct vitlrp_error *err) {
    if (sink->path != NULL && strcmp(sink->path, path) != 0) {
        TRY(json_sink_finish(sink, err));
    }
    if (sink->path == NULL) {
        sink->path = mem_strdup(path);
    }
    json_append(&sink->text, object, sink->lines ? 0 : 2);
    text_append_string(&sink->text, "\n");
    if (sink->path == NULL) {
        return fail_memory(err);
    }
    TRY(text_check(&sink->text, "the JSON report", err));
    /* Readers of a pipe get every object as soon as it is there. */
    return output_is_stdout(path) ? json_sink_finish(sink, err) : VITLRP_OK;
}

void json_sink_free(struct json_sink *sink) {
    mem_free(sink->path);
    text_free(&sink->text);
}

/* ---- For people ---- */

#define MAX_KINDS 16 /* columns of the ledger's table */

const char *explanation_unit(const struct explanation *explanation) {
    const char *unit = explanation->settings->method_info.unit;
    bool of_classes = model_info(explanation).outputs == VITLRP_OUTPUTS_CLASSES;
    return of_classes || strcmp(unit, "logit") != 0 ? unit : "output";
}

/* The largest logits of a model of classes, each with what it means. */
static void append_top(struct text *out, const struct explanation *explanation,
                       enum vitlrp_probability kind) {
    const struct prediction *prediction = explanation->prediction;
    for (int32_t i = 0; i < prediction->classes && i < TOP_REPORTED; i++) {
        struct vitlrp_class found;
        int32_t output = prediction->order[i];
        if (vitlrp_model_class(explanation->model, output, &found, NULL) != VITLRP_OK) {
            continue;
        }
        if (isnan(prediction->probability[output])) {
            text_printf(out, "  %9.4g  ", (double) prediction->logits[output]);
        } else {
            text_printf(out, "  %5.1f %%  ", 100.0 * prediction->probability[output]);
        }
        class_append(out, &found);
        text_append_string(out, "\n");
    }
    /* The first of them is what is explained, though the model says no to it. */
    if (kind == VITLRP_PROBABILITY_SIGMOID && prediction->probability[prediction->order[0]] < 0.5) {
        text_append_string(out, prediction->classes == 1 ? "  not above 50 %: more likely none\n"
                                                         : "  none above 50 %\n");
    }
}

void report_prediction(struct text *out, const struct explanation *explanation) {
    char name[240];
    struct vitlrp_image_info info;
    text_escape_name(name, sizeof name, explanation->image_path);
    vitlrp_image_describe(explanation->photo->image, &info);
    text_printf(out, "%s: %d x %d, %s", name, info.full_width, info.full_height,
                explanation->photo->is_input ? "model input" : info.format);
    if (info.width != info.full_width || info.height != info.full_height) {
        text_printf(out, ", drawn as %d x %d (--max-side)", info.width, info.height);
    }
    text_append_string(out, "\n");
    const struct vitlrp_model_info model = model_info(explanation);
    if (model.outputs == VITLRP_OUTPUTS_CLASSES) { /* what others mean is not in their order */
        append_top(out, explanation, model.probability);
    }
    if (!isnan(explanation->prediction->empty_cosine)) {
        text_printf(out, "  a text without words: cosine %.4f\n",
                    explanation->prediction->empty_cosine);
    }
}

/* A score whose seed is more than the class's logit. */
static bool other_score(const struct explanation *explanation) {
    return (explanation->settings->method_info.reads & VITLRP_READS_SCORE) != 0 &&
           explanation->settings->method.score != VITLRP_SCORE_LOGIT;
}

const char *explanation_sum(const struct explanation *explanation) {
    return other_score(explanation) ? "sum of logits" : "logit";
}

/* The cosine behind a logit of texts. */
static void append_cosine(struct text *out, const struct explanation *explanation) {
    const struct vitlrp_model_info info = model_info(explanation);
    if (is_of_texts(explanation, &info) && !explanation->has_versus) {
        text_printf(out, ", cosine %.4f", cosine_of(explanation, &info));
    }
}

void report_class(struct text *out, const struct explanation *explanation) {
    int32_t output = explanation->target.output;
    unedited_report(out, explanation);
    text_append_string(out, "explained: ");
    class_append(out, &explanation->target);
    append_cosine(out, explanation);
    if (explanation->has_versus) {
        text_append_string(out, " versus ");
        class_append(out, &explanation->versus);
        text_printf(out, ", %s difference %.4g", explanation_sum(explanation),
                    explanation->explained);
    } else if (isnan(explanation->prediction->probability[output])) {
        text_printf(out, ", %.4g", explanation->explained);
    } else {
        text_printf(out, ", %.1f %%, %s %.4g", 100.0 * explanation->prediction->probability[output],
                    explanation_sum(explanation), explanation->explained);
    }
    if (explanation->settings->method_info.has_ledger != 0) {
        text_printf(out, "; the map holds %.4g of it", explanation->sum);
    }
    text_printf(out, " (%s", explanation->settings->method_info.name);
    if (other_score(explanation)) {
        text_printf(out, ", score %s", word_of(WORDS_SCORE, explanation->settings->method.score));
    }
    text_append_string(out, ")\n");
}

void report_difference(struct text *out, const struct class_pair *pair) {
    double chance = chance_difference(pair);
    text_append_string(out, "difference: ");
    class_append(out, &pair->class);
    text_append_string(out, " less ");
    class_append(out, &pair->versus);
    text_printf(out, ", logit %.4g", logit_difference(pair));
    if (!isnan(chance)) {
        text_printf(out, ", probability %.3f", chance);
    }
    text_append_string(out, "\n");
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
