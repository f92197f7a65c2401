#include "rule_changes.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "method_choice.h"

#define FILE_LIMIT ((size_t) 1 << 20)

/* A number from 0, or "inf"; a missing key leaves *out as it is. */
static enum vitlrp_status read_value(const json_t *object, const char *key, bool may_be_infinite,
                                     float *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    const char *word = json_string_value(value);
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (may_be_infinite && word != NULL && strcmp(word, "inf") == 0) {
        *out = INFINITY;
        return VITLRP_OK;
    }
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= 0.0 && number <= (double) FLT_MAX)) {
        return fail(err, VITLRP_MISMATCH, "\"%s\" must be a number from 0%s", key,
                    may_be_infinite ? ", or \"inf\"" : "");
    }
    *out = (float) number;
    return VITLRP_OK;
}

static enum vitlrp_status read_object(const json_t *object, struct vitlrp_rule_changes *changes,
                                      struct vitlrp_error *err) {
    const char *format = json_get_string(object, "format");
    if (format == NULL || strcmp(format, SETTINGS_FORMAT) != 0) {
        return fail(err, VITLRP_FORMAT, "not a settings file of vitlrp tune");
    }
    TRY(read_value(object, "gamma_conv", true, &changes->gamma_conv, err));
    TRY(read_value(object, "gamma_qkv", true, &changes->gamma_qkv, err));
    TRY(read_value(object, "gamma_proj", true, &changes->gamma_proj, err));
    TRY(read_value(object, "gamma_fc1", true, &changes->gamma_fc1, err));
    TRY(read_value(object, "gamma_fc2", true, &changes->gamma_fc2, err));
    TRY(read_value(object, "gamma_head", true, &changes->gamma_head, err));
    return read_value(object, "epsilon", false, &changes->epsilon, err);
}

static enum vitlrp_status read_file(const char *path, struct vitlrp_rule_changes *changes,
                                    struct vitlrp_error *err) {
    json_t *object = NULL;
    TRY(json_read_object(path, FILE_LIMIT, &object, err));
    enum vitlrp_status status = read_object(object, changes, err);
    json_decref(object);
    return error_prefix(err, status, path);
}

static void rules_of(const struct vitlrp_rule_changes *changes, struct vitlrp_rules *rules) {
    const float values[] = {changes->gamma_conv, changes->gamma_qkv, changes->gamma_proj,
                            changes->gamma_fc1,  changes->gamma_fc2, changes->gamma_head,
                            changes->epsilon};
    float *const places[] = {&rules->gamma_conv, &rules->gamma_qkv, &rules->gamma_proj,
                             &rules->gamma_fc1,  &rules->gamma_fc2, &rules->gamma_head,
                             &rules->epsilon};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (!isnan(values[i])) {
            *places[i] = values[i];
        }
    }
}

enum vitlrp_status rule_settings_apply(const struct args *args, struct vitlrp_rules *rules,
                                       struct vitlrp_error *err) {
    struct vitlrp_rule_changes changes;
    if (args->value[OPTION_SETTINGS] == NULL) {
        return VITLRP_OK;
    }
    vitlrp_rule_changes_init(&changes);
    TRY(read_file(args->value[OPTION_SETTINGS], &changes, err));
    rules_of(&changes, rules);
    return VITLRP_OK;
}

enum vitlrp_status rule_changes_read(const struct args *args, struct vitlrp_rule_changes *changes,
                                     struct vitlrp_error *err) {
    struct vitlrp_rules rules = {.gamma_conv = NAN,
                                 .gamma_qkv = NAN,
                                 .gamma_proj = NAN,
                                 .gamma_fc1 = NAN,
                                 .gamma_fc2 = NAN,
                                 .gamma_head = NAN,
                                 .epsilon = NAN};
    TRY(method_rules(args, &rules, err));
    *changes = (struct vitlrp_rule_changes){.gamma_conv = rules.gamma_conv,
                                            .gamma_qkv = rules.gamma_qkv,
                                            .gamma_proj = rules.gamma_proj,
                                            .gamma_fc1 = rules.gamma_fc1,
                                            .gamma_fc2 = rules.gamma_fc2,
                                            .gamma_head = rules.gamma_head,
                                            .epsilon = rules.epsilon};
    return VITLRP_OK;
}
