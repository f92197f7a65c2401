#include "api/concepts_record.h"

#include <string.h>

#include "api/growable.h"
#include "base/formats.h"
#include "base/settings_json.h"
#include "base/sha256.h"
#include "base/unit_index_image.h"
#include "base/words.h"

#define RECORD_LIMIT ((size_t) 1 << 24)
#define LIBRARY_TEXT 256

/* ---- run.json ---- */

/* The class of a dataset's labels, or the predicted one. */
static json_t *json_target(const struct vitlrp_dataset *dataset) {
    return json_pack("{s:o, s:i, s:n}", "class",
                     dataset->target == VITLRP_EVAL_LABEL ? json_string("label") : json_null(),
                     "top", 1, "versus");
}

static json_t *json_inputs(const struct vitlrp_model *model,
                           const struct vitlrp_concepts_options *options, bool *complete) {
    json_t *object = json_object();
    struct vitlrp_preprocess own;
    vitlrp_model_preprocess(model, &own);
    json_set_preprocess(object, options->preprocess == NULL ? &own : options->preprocess, complete);
    json_set(object, "ignore_exif", json_boolean(options->ignore_exif), complete);
    return object;
}

static json_t *json_computed(const struct vitlrp_session_info *info) {
    char library[LIBRARY_TEXT];
    vitlrp_backend_describe(info->backend, library, sizeof library);
    const struct json_arithmetic arithmetic = {.backend = info->backend,
                                               .library = library,
                                               .kernels = info->instruction_set,
                                               .precision = info->precision};
    return json_arithmetic(&arithmetic);
}

static json_t *json_settings(const struct vitlrp_model *model,
                             const struct vitlrp_concepts_options *options,
                             const struct vitlrp_method_options *rules, bool *complete) {
    const struct vitlrp_dataset *dataset = options->dataset;
    const struct vit_method *method = vit_method_find(rules->method);
    struct vitlrp_session_info info;
    json_t *object = json_object();
    vitlrp_session_info_init(&info);
    vitlrp_session_describe(options->session, &info);
    const struct json_method_facts facts = {word_of(WORDS_PRECISION, info.precision),
                                            method->relevance};
    json_set(object, "target", json_target(dataset), complete);
    json_set(object, "method", json_string(method->name), complete);
    json_set(object, "parameters", json_method(method->reads, rules, &facts), complete);
    json_set(object, "preprocess", json_inputs(model, options, complete), complete);
    json_set(object, "limit",
             dataset->limit > 0 ? json_integer((json_int_t) dataset->limit) : json_null(),
             complete);
    json_set(object, "arithmetic", json_computed(&info), complete);
    const struct unit_index_settings units = {.site = options->site,
                                              .statistic = options->statistic,
                                              .keep = options->keep,
                                              .kinds = options->kinds,
                                              .class_sums = options->class_sums != 0};
    json_set(object, "units", unit_index_json_units(&units, complete), complete);
    return object;
}

static enum vitlrp_status hash_settings(const json_t *settings, char digest[SHA256_TEXT],
                                        struct vitlrp_error *err) {
    struct text text = {.limit = RECORD_LIMIT};
    json_append(&text, settings, 0);
    enum vitlrp_status status = text_check(&text, "the settings of an index", err);
    if (status == VITLRP_OK) {
        status = sha256_bytes(text.data, text.length, digest, err);
    }
    text_free(&text);
    return status;
}

static json_t *json_manifest(const struct dataset *dataset) {
    return json_pack("{s:I, s:I, s:s, s:s, s:s}", "count", (json_int_t) dataset->manifest_count,
                     "skipped", (json_int_t) dataset->skipped, "sha256", dataset->manifest_sha256,
                     "truth_sha256", dataset->truth_sha256, "content_sha256",
                     dataset->content_sha256);
}

static enum vitlrp_status set_model(json_t *record, const struct vitlrp_model *model,
                                    bool *complete, struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    char *data = NULL;
    size_t size = 0;
    json_t *configuration = NULL;
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    TRY(vitlrp_model_sha256(model, digest, err));
    TRY(vitlrp_model_configuration(model, &data, &size, err));
    enum vitlrp_status status = json_parse_object(data, size, &configuration, err);
    vitlrp_free(data);
    TRY(status);
    json_set(record, "model", json_text(info.name), complete);
    json_set(record, "weights_sha256", json_string(digest), complete);
    json_set(record, "configuration", configuration, complete);
    return VITLRP_OK;
}

/* In the order of the command's records, since hashes are taken of their text. */
static enum vitlrp_status fill_record(json_t *record, const struct vitlrp_model *model,
                                      const struct vitlrp_concepts_options *options,
                                      struct vitlrp_error *err) {
    char digest[SHA256_TEXT];
    bool complete = true;
    struct vitlrp_method_options rules;
    TRY(method_options_read(options->method, &rules, err));
    json_set(record, "format", json_string(FORMAT_CONCEPTS), &complete);
    json_set(record, "version", json_string(vitlrp_version()), &complete);
    TRY(set_model(record, model, &complete, err));
    json_set(record, "dataset", json_text(options->dataset->path), &complete);
    json_set(record, "manifest", json_manifest(&options->dataset->dataset), &complete);
    json_t *settings = json_settings(model, options, &rules, &complete);
    enum vitlrp_status status = hash_settings(settings, digest, err);
    json_set(record, "settings", settings, &complete);
    TRY(status);
    json_set(record, "settings_sha256", json_string(digest), &complete);
    return complete ? VITLRP_OK
                    : fail(err, VITLRP_NOMEM, "out of memory for the settings of an index");
}

enum vitlrp_status concepts_record_make(const struct vitlrp_model *model,
                                        const struct vitlrp_concepts_options *options, json_t **out,
                                        struct vitlrp_error *err) {
    json_t *record = json_object();
    enum vitlrp_status status = fill_record(record, model, options, err);
    if (status != VITLRP_OK) {
        json_decref(record);
        return status;
    }
    *out = record;
    return VITLRP_OK;
}

/* ---- Lines ---- */

static json_t *begin_line(const struct concepts_lines *lines,
                          const struct vitlrp_concepts_image *image, bool *complete) {
    const struct eval_item *item = &lines->dataset->dataset.items[image->place];
    struct vitlrp_class label = {0};
    bool labelled = item->label >= 0 &&
                    vitlrp_model_class(lines->model, item->label, &label, NULL) == VITLRP_OK;
    json_t *line = json_object();
    json_set(line, "format", json_string(FORMAT_CONCEPTS_IMAGE), complete);
    json_set(line, "index", json_integer((json_int_t) item->index), complete);
    json_set(line, "id", json_text(item->id), complete);
    json_set(line, "status",
             json_string(image->status == VITLRP_OK ? "ok" : vitlrp_status_name(image->status)),
             complete);
    if (image->sha256 != NULL) {
        json_set(line, "sha256", json_string(image->sha256), complete);
    }
    if (!text_is_utf8(item->id, strlen(item->id))) {
        json_set(line, "escaped", json_true(), complete);
    }
    json_set(line, "label", labelled ? json_integer(label.index) : json_null(), complete);
    json_set(line, "method", json_string(lines->method), complete);
    return line;
}

static enum vitlrp_status set_explained(const struct concepts_lines *lines,
                                        const struct vitlrp_concepts_image *image, json_t *line,
                                        bool *complete, struct vitlrp_error *err) {
    struct vitlrp_class target;
    struct vitlrp_class predicted;
    TRY(vitlrp_model_class(lines->model, image->target, &target, err));
    TRY(vitlrp_model_class(lines->model, image->predicted, &predicted, err));
    const struct unit_index_results results = {.warning = image->warning,
                                               .target = {.index = target.index,
                                                          .wnid = target.wnid,
                                                          .label = target.label,
                                                          .probability = image->probability},
                                               .logit = image->logit,
                                               .site = lines->site,
                                               .flow = lines->has_branches ? image->flow : NULL,
                                               .blocks = lines->blocks};
    json_set(line, "predicted", json_integer(predicted.index), complete);
    json_set(line, "predicted_name", json_text(predicted.label), complete);
    json_set(line, "predicted_probability", json_number(image->predicted_probability), complete);
    unit_index_set_results(line, &results, complete);
    return VITLRP_OK;
}

enum vitlrp_status concepts_line_make(const struct concepts_lines *lines,
                                      const struct vitlrp_concepts_image *image, struct text *out,
                                      struct vitlrp_error *err) {
    bool complete = true;
    enum vitlrp_status status = VITLRP_OK;
    json_t *line = begin_line(lines, image, &complete);
    if (image->status == VITLRP_OK) {
        status = set_explained(lines, image, line, &complete, err);
    } else {
        json_set(line, "message", json_text(image->message), &complete);
    }
    json_append(out, line, 0);
    text_append_string(out, "\n");
    json_decref(line);
    if (status == VITLRP_OK && !complete) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the results of an image");
    }
    return status == VITLRP_OK ? text_check(out, "the results of an image", err) : status;
}
