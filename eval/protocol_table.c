#include "eval/protocol_table.h"

#include <string.h>

static const struct eval_setting SETTINGS[] = {
#define WHOLE(type, member, name, lowest, highest, first, when, where, text)                       \
    {.key = name,                                                                                  \
     .title = text,                                                                                \
     .field = FIELD_OF(struct eval_protocol, member),                                              \
     .low = lowest,                                                                                \
     .high = highest,                                                                              \
     .initial = first,                                                                             \
     .words = WORD_LISTS,                                                                          \
     .since = SETTING_##when,                                                                      \
     .place = SETTING_##where},
#define CHOICE(type, member, name, list, when, where, text)                                        \
    {.key = name,                                                                                  \
     .title = text,                                                                                \
     .field = FIELD_OF(struct eval_protocol, member),                                              \
     .high = INT32_MAX,                                                                            \
     .words = WORDS_##list,                                                                        \
     .since = SETTING_##when,                                                                      \
     .place = SETTING_##where},
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
};

const struct eval_setting *eval_setting_at(size_t index) {
    return index < sizeof SETTINGS / sizeof *SETTINGS ? &SETTINGS[index] : NULL;
}

const struct eval_setting *eval_setting_find(const char *key) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        if (strcmp(setting->key, key) == 0) {
            return setting;
        }
    }
    return NULL;
}

static bool is_choice(const struct eval_setting *setting) {
    return setting->words != WORD_LISTS;
}

int64_t eval_setting_value(const struct eval_setting *setting,
                           const struct eval_protocol *protocol) {
    return field_get(protocol, setting->field);
}

void eval_setting_append(const struct eval_setting *setting, const struct eval_protocol *protocol,
                         struct text *out) {
    int64_t value = eval_setting_value(setting, protocol);
    if (is_choice(setting)) {
        text_append_string(out, word_of(setting->words, value));
    } else {
        text_printf(out, "%lld", (long long) value);
    }
}

struct eval_protocol eval_protocol_default(void) {
    struct eval_protocol protocol = {0};
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        field_set(&protocol, setting->field, setting->initial);
    }
    return protocol;
}

static enum vitlrp_status setting_check(const struct eval_setting *setting, int64_t value,
                                        struct vitlrp_error *err) {
    if (is_choice(setting) && word_of(setting->words, value) == NULL) {
        return fail(err, VITLRP_USAGE, "no %s %lld", setting->key, (long long) value);
    }
    return value >= setting->low && value <= setting->high
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%s must be from %lld to %lld", setting->key,
                      (long long) setting->low, (long long) setting->high);
}

enum vitlrp_status eval_protocol_check(const struct eval_protocol *protocol,
                                       struct vitlrp_error *err) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        TRY(setting_check(setting, eval_setting_value(setting, protocol), err));
    }
    return VITLRP_OK;
}

void protocol_write(const struct eval_protocol *protocol, struct text *out) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        const char *quote = is_choice(setting) ? "\"" : "";
        text_printf(out, "%s\"%s\": %s", i == 0 ? "" : ", ", setting->key, quote);
        eval_setting_append(setting, protocol, out);
        text_append_string(out, quote);
    }
}

static enum vitlrp_status setting_read(const struct eval_setting *setting, const json_t *object,
                                       struct eval_protocol *out, struct vitlrp_error *err) {
    const json_t *member = json_object_get(object, setting->key);
    const char *word = json_string_value(member);
    if (member == NULL && setting->since == SETTING_LATER) {
        field_set(out, setting->field, setting->initial);
        return VITLRP_OK;
    }
    int64_t value = json_integer_value(member);
    bool known = json_is_integer(member);
    if (is_choice(setting)) {
        value = word == NULL ? -1 : word_find(setting->words, word);
        known = value >= 0;
    }
    if (!known || setting_check(setting, value, NULL) != VITLRP_OK) {
        return fail(err, VITLRP_FORMAT, "\"%s\" is missing or not as it should be", setting->key);
    }
    field_set(out, setting->field, value);
    return VITLRP_OK;
}

enum vitlrp_status protocol_read(const json_t *object, struct eval_protocol *out,
                                 struct vitlrp_error *err) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        TRY(setting_read(setting, object, out, err));
    }
    return VITLRP_OK;
}

const char *protocol_difference(const struct eval_protocol *a, const struct eval_protocol *b) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        if (eval_setting_value(setting, a) != eval_setting_value(setting, b)) {
            return setting->key;
        }
    }
    return NULL;
}
