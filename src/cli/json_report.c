#include "json_report.h"

#include <string.h>

#include "base/formats.h"
#include "base/mem.h"
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

json_t *json_method_parameters(const struct vitlrp_method_info *info,
                               const struct vitlrp_method_options *options,
                               enum vitlrp_precision precision) {
    const struct vitlrp_rules *rules = &options->rules;
    struct json_method method = {
        .reads = info->reads,
        .rules = {.attention = rules->attention, .epsilon = rules->epsilon},
        .head_fusion = options->head_fusion,
        .discard_ratio = options->discard_ratio,
        .samples = options->samples,
        .noise = options->noise,
        .seed = options->seed,
    };
    json_gammas(rules, method.rules.gamma);
    return json_method(&method, json_precision_name(precision));
}

void json_gammas(const struct vitlrp_rules *rules, float gamma[JSON_GAMMAS]) {
#define ROLE(constant, name, text) gamma[JSON_GAMMA_##constant] = rules->gamma_##name;
#include "vitlrp_roles.def"
#undef ROLE
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
        json_set(entry, "index", json_integer(found.index), complete);
        json_set(entry, "wnid", json_text(found.wnid), complete);
        json_set(entry, "label", json_text(found.label), complete);
        json_set(entry, "probability", json_number(prediction->probability[output]), complete);
        json_set(entry, "logit", json_number(prediction->logits[output]), complete);
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
        json_set(entry, "block", line->block < 0 ? json_null() : json_integer(line->block),
                 complete);
        json_set(entry, "kind", json_string(line->kind), complete);
        json_set(entry, "absorbed", json_number(line->absorbed), complete);
        if (json_array_append_new(list, entry) != 0) {
            *complete = false;
        }
    }
    return list;
}

/* How the image became the model input, and which part of it the map covers. */
static json_t *json_preprocess(const struct explanation *explanation, bool *complete) {
    const struct vitlrp_geometry *geometry = &explanation->photo->geometry;
    json_t *object = json_object();
    json_set(object, "image_size", json_pack("[ii]", geometry->image_width, geometry->image_height),
             complete);
    json_set(object, "input_size", json_pack("[ii]", geometry->input_width, geometry->input_height),
             complete);
    json_set(object, "seen",
             json_pack("[ffff]", geometry->left, geometry->top, geometry->width, geometry->height),
             complete);
    if (!explanation->photo->is_input) {
        json_set_preprocess(object, explanation->preprocess, complete);
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

static void set_target(json_t *object, const struct explanation *explanation, bool *complete) {
    const struct prediction *prediction = explanation->prediction;
    int32_t output = explanation->target.output;
    json_set(object, "class", json_integer(explanation->target.index), complete);
    if (explanation->has_versus) {
        json_set(object, "versus", json_integer(explanation->versus.index), complete);
        json_set(object, "versus_logit",
                 json_number(prediction->logits[explanation->versus.output]), complete);
    }
    json_set(object, "method", json_string(explanation->settings->method_info.name), complete);
    json_set(object, "parameters",
             json_method_parameters(&explanation->settings->method_info,
                                    &explanation->settings->method, explanation->precision),
             complete);
    json_set(object, "logit", json_number(prediction->logits[output]), complete);
    json_set(object, "probability", json_number(prediction->probability[output]), complete);
    json_set(object, "relevance_sum", json_number(explanation->sum), complete);
}

enum vitlrp_status json_report(const struct explanation *explanation, json_t **out,
                               struct vitlrp_error *err) {
    bool complete = true;
    struct vitlrp_model_info info;
    json_t *object = json_object();
    const char *path = explanation->image_path;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(explanation->model, &info);
    json_set(object, "format", json_string(FORMAT_EXPLANATION), &complete);
    json_set(object, "model", json_text(info.name), &complete);
    json_set(object, "image", json_text(path), &complete);
    if (!text_is_utf8(path, strlen(path))) {
        json_set(object, "image_escaped", json_true(), &complete);
    }
    json_set(object, "top", json_top(explanation, &complete), &complete);
    set_target(object, explanation, &complete);
    json_set(object, "ledger", json_ledger(explanation, &complete), &complete);
    json_set(object, "timing_ms", json_timing(&explanation->timing, &complete), &complete);
    json_set(object, "preprocess", json_preprocess(explanation, &complete), &complete);
    json_set(object, "version", json_string(vitlrp_version()), &complete);
    json_set(object, "weights_sha256", json_string(explanation->weights_sha256), &complete);
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
