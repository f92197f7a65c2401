#include "rule_changes.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/formats.h"
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
    if (format == NULL || strcmp(format, FORMAT_SETTINGS) != 0) {
        return fail(err, VITLRP_FORMAT, "not a settings file of vitlrp tune");
    }
#define ROLE(constant, name, text)                                                                 \
    TRY(read_value(object, "gamma_" #name, true, &changes->gamma_##name, err));
#include "vitlrp_roles.def"
#undef ROLE
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

static void set_if_given(float value, float *out) {
    if (!isnan(value)) {
        *out = value;
    }
}

static void apply_changes(const struct vitlrp_rule_changes *changes, struct vitlrp_rules *rules) {
#define ROLE(constant, name, text) set_if_given(changes->gamma_##name, &rules->gamma_##name);
#include "vitlrp_roles.def"
#undef ROLE
    set_if_given(changes->epsilon, &rules->epsilon);
}

enum vitlrp_status rule_settings_apply(const struct args *args, struct vitlrp_rules *rules,
                                       struct vitlrp_error *err) {
    struct vitlrp_rule_changes changes;
    if (args->value[OPTION_SETTINGS] == NULL) {
        return VITLRP_OK;
    }
    vitlrp_rule_changes_init(&changes);
    TRY(read_file(args->value[OPTION_SETTINGS], &changes, err));
    apply_changes(&changes, rules);
    return VITLRP_OK;
}

enum vitlrp_status rule_changes_read(const struct args *args, struct vitlrp_rule_changes *changes,
                                     struct vitlrp_error *err) {
    struct vitlrp_rules rules = {.epsilon = NAN};
#define ROLE(constant, name, text) rules.gamma_##name = NAN;
#include "vitlrp_roles.def"
#undef ROLE
    TRY(method_rules(args, &rules, err));
#define ROLE(constant, name, text) changes->gamma_##name = rules.gamma_##name;
#include "vitlrp_roles.def"
#undef ROLE
    changes->epsilon = rules.epsilon;
    return VITLRP_OK;
}
