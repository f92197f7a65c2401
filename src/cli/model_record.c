#include "model_record.h"

#include "base/naming.h"
#include "base/settings_json.h"

enum vitlrp_status model_record_take(const struct vitlrp_model *model, struct model_record *out,
                                     struct vitlrp_error *err) {
    struct model_record record = {0};
    char *text = NULL;
    size_t size = 0;
    TRY(vitlrp_model_sha256(model, record.weights_sha256, err));
    TRY(vitlrp_model_configuration(model, &text, &size, err));
    enum vitlrp_status status = json_parse_object(text, size, &record.configuration, err);
    vitlrp_free(text);
    if (status == VITLRP_OK) {
        *out = record;
    }
    return status;
}

enum vitlrp_status model_edits_append(const struct vitlrp_model *model, size_t most,
                                      struct text *out, struct vitlrp_error *err) {
    json_t *configuration = NULL;
    char *text = NULL;
    size_t size = 0;
    TRY(vitlrp_model_configuration(model, &text, &size, err));
    enum vitlrp_status status = json_parse_object(text, size, &configuration, err);
    vitlrp_free(text);
    if (status == VITLRP_OK) {
        edit_names_append(out, json_object_get(configuration, "edits"), most);
    }
    json_decref(configuration);
    return status;
}

void model_record_free(struct model_record *record) {
    json_decref(record->configuration);
    *record = (struct model_record){0};
}

void json_set_model(json_t *object, const struct model_record *record, bool *complete) {
    json_set(object, "weights_sha256", json_string(record->weights_sha256), complete);
    /* A copy: threads may not share what they write. */
    json_set(object, "configuration", json_deep_copy(record->configuration), complete);
}
