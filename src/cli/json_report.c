#include "json_report.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "method_choice.h"
#include "outputs.h"

#define TEXT_LIMIT ((size_t) 1 << 30)

json_t *json_text(const char *text) {
    size_t length = strlen(text);
    if (text_is_utf8(text, length)) {
        return json_string(text);
    }
    struct text escaped = {.limit = 4 * length + 1};
    text_append_escaped(&escaped, text);
    json_t *string = escaped.failed ? NULL : json_string(escaped.data);
    text_free(&escaped);
    return string;
}

/* Sets a member and takes the value over. A NULL value makes the whole report fail in the end. */
static void set(json_t *object, const char *key, json_t *value, bool *complete) {
    if (json_object_set_new(object, key, value) != 0) {
        *complete = false;
    }
}

json_t *json_float32(float value) {
    char decimal[32];
    double parsed = value;
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(decimal, sizeof decimal, "%.*g", digits, (double) value);
        if (parse_double(decimal, -DBL_MAX, DBL_MAX, &parsed) && (float) parsed == value) {
            break;
        }
    }
    return json_number(parsed);
}

static json_t *json_gamma(float gamma) {
    return isinf(gamma) ? json_string("inf") : json_float32(gamma);
}

json_t *json_triple(const float values[3]) {
    json_t *list = json_array();
    for (int i = 0; i < 3; i++) {
        if (json_array_append_new(list, json_float32(values[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *json_rules(const struct vitlrp_rules *rules, enum vitlrp_precision precision) {
    bool complete = true;
    json_t *object = json_object();
    const char *attention = rules->attention == VITLRP_ATTENTION_CP ? "cp" : "attnlrp";
    set(object, "attention", json_string(attention), &complete);
    set(object, "gamma_conv", json_gamma(rules->gamma_conv), &complete);
    set(object, "gamma_qkv", json_gamma(rules->gamma_qkv), &complete);
    set(object, "gamma_proj", json_gamma(rules->gamma_proj), &complete);
    set(object, "gamma_fc1", json_gamma(rules->gamma_fc1), &complete);
    set(object, "gamma_fc2", json_gamma(rules->gamma_fc2), &complete);
    set(object, "gamma_head", json_gamma(rules->gamma_head), &complete);
    set(object, "epsilon", json_float32(rules->epsilon), &complete);
    set(object, "precision", json_string(precision_name(precision)), &complete);
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *json_method_parameters(const struct vitlrp_method_info *info,
                               const struct vitlrp_method_options *options,
                               enum vitlrp_precision precision) {
    bool complete = true;
    bool rules = (info->reads & VITLRP_READS_RULES) != 0;
    json_t *object = rules ? json_rules(&options->rules, precision) : json_object();
    if ((info->reads & VITLRP_READS_HEAD_FUSION) != 0) {
        set(object, "head_fusion", json_string(method_fusion_name(options->head_fusion)),
            &complete);
        set(object, "discard_ratio", json_number(options->discard_ratio), &complete);
    }
    if ((info->reads & VITLRP_READS_SAMPLES) != 0) {
        set(object, "samples", json_integer(options->samples), &complete);
    }
    if ((info->reads & VITLRP_READS_NOISE) != 0) {
        set(object, "noise", json_number(options->noise), &complete);
    }
    if ((info->reads & VITLRP_READS_SEED) != 0) {
        set(object, "seed", json_integer((json_int_t) options->seed), &complete);
    }
    if (!rules) {
        set(object, "precision", json_string(precision_name(precision)), &complete);
    }
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
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
            found = (struct vitlrp_class){output, output, "", ""};
        }
        set(entry, "index", json_integer(found.index), complete);
        set(entry, "wnid", json_text(found.wnid), complete);
        set(entry, "label", json_text(found.label), complete);
        set(entry, "probability", json_number(prediction->probability[output]), complete);
        set(entry, "logit", json_number(prediction->logits[output]), complete);
        if (json_array_append_new(list, entry) != 0) {
            *complete = false;
        }
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
        set(entry, "block", line->block < 0 ? json_null() : json_integer(line->block), complete);
        set(entry, "kind", json_string(line->kind), complete);
        set(entry, "absorbed", json_number(line->absorbed), complete);
        if (json_array_append_new(list, entry) != 0) {
            *complete = false;
        }
    }
    return list;
}

/* How the image became the model input, and which part of it the map covers. */
static json_t *json_preprocess(const struct explanation *explanation, bool *complete) {
    static const char *const RESIZES[] = {"short", "squash", "none"};
    const struct vitlrp_preprocess *preprocess = explanation->preprocess;
    const struct vitlrp_geometry *geometry = &explanation->photo->geometry;
    json_t *object = json_object();
    set(object, "image_size", json_pack("[ii]", geometry->image_width, geometry->image_height),
        complete);
    set(object, "input_size", json_pack("[ii]", geometry->input_width, geometry->input_height),
        complete);
    set(object, "seen",
        json_pack("[ffff]", geometry->left, geometry->top, geometry->width, geometry->height),
        complete);
    if (explanation->photo->is_input) {
        return object;
    }
    const char *filter = preprocess->interpolation == VITLRP_BICUBIC ? "bicubic" : "bilinear";
    set(object, "resize", json_string(RESIZES[preprocess->resize]), complete);
    set(object, "resize_to", json_integer(preprocess->resize_to), complete);
    set(object, "interpolation", json_string(filter), complete);
    set(object, "crop", json_pack("[ii]", preprocess->crop_width, preprocess->crop_height),
        complete);
    set(object, "mean", json_triple(preprocess->mean), complete);
    set(object, "std", json_triple(preprocess->std), complete);
    return object;
}

static json_t *json_timing(const struct timing *timing, bool *complete) {
    json_t *object = json_object();
    set(object, "decode", json_number(timing->decode), complete);
    set(object, "preprocess", json_number(timing->preprocess), complete);
    set(object, "forward", json_number(timing->forward), complete);
    set(object, "backward", json_number(timing->backward), complete);
    set(object, "render", json_number(timing->render), complete);
    return object;
}

static void set_target(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    int32_t output = explanation->target.output;
    set(object, "class", json_integer(explanation->target.index), complete);
    if (explanation->has_versus) {
        set(object, "versus", json_integer(explanation->versus.index), complete);
        set(object, "versus_logit", json_number(prediction->logits[explanation->versus.output]),
            complete);
    }
    set(object, "method", json_string(explanation->settings->method_info.name), complete);
    set(object, "parameters",
        json_method_parameters(&explanation->settings->method_info, &explanation->settings->method,
                               explanation->precision),
        complete);
    set(object, "logit", json_number(prediction->logits[output]), complete);
    set(object, "probability", json_number(prediction->probability[output]), complete);
    set(object, "relevance_sum", json_number(explanation->sum), complete);
}

enum vitlrp_status json_report(const struct explanation *explanation, json_t **out,
                               struct vitlrp_error *err) {
    bool complete = true;
    struct vitlrp_model_info info;
    json_t *object = json_object();
    const char *path = explanation->image_path;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(explanation->model, &info);
    set(object, "model", json_text(info.name), &complete);
    set(object, "image", json_text(path), &complete);
    if (!text_is_utf8(path, strlen(path))) {
        set(object, "image_escaped", json_true(), &complete);
    }
    set(object, "top", json_top(explanation, &complete), &complete);
    set_target(object, explanation, &complete);
    set(object, "ledger", json_ledger(explanation, &complete), &complete);
    set(object, "timing_ms", json_timing(&explanation->timing, &complete), &complete);
    set(object, "preprocess", json_preprocess(explanation, &complete), &complete);
    set(object, "version", json_string(vitlrp_version()), &complete);
    set(object, "weights_sha256", json_string(explanation->weights_sha256), &complete);
    if (!complete) {
        json_decref(object);
        return fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
    }
    *out = object;
    return VITLRP_OK;
}

void json_sink_init(struct json_sink *sink, bool lines) {
    *sink = (struct json_sink){.lines = lines, .text = {.limit = TEXT_LIMIT}};
}

enum vitlrp_status json_sink_finish(struct json_sink *sink, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    if (sink->path != NULL) {
        status = sink->text.failed
                     ? fail(err, VITLRP_NOMEM, "out of memory for the JSON report")
                     : output_write(sink->path, sink->text.data, sink->text.length, err);
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
    if (sink->path == NULL || sink->text.failed) {
        return fail(err, VITLRP_NOMEM, "out of memory for the JSON report");
    }
    /* Readers of a pipe get every object as soon as it is there. */
    return strcmp(path, "-") == 0 ? json_sink_finish(sink, err) : VITLRP_OK;
}

void json_sink_free(struct json_sink *sink) {
    mem_free(sink->path);
    text_free(&sink->text);
}
