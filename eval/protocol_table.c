#include "eval/protocol_table.h"

#include <string.h>

#include "vit/model/weights.h"

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
#define SET(type, member, name, list, when, where, text)                                           \
    {.key = name,                                                                                  \
     .title = text,                                                                                \
     .field = FIELD_OF(struct eval_protocol, member),                                              \
     .low = 1,                                                                                     \
     .high = INT32_MAX,                                                                            \
     .initial = 1,                                                                                 \
     .words = WORDS_##list,                                                                        \
     .is_set = true,                                                                               \
     .since = SETTING_##when,                                                                      \
     .place = SETTING_##where},
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
#undef SET
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
    return setting->words != WORD_LISTS && !setting->is_set;
}

static bool is_single(int64_t set) {
    return (set & (set - 1)) == 0;
}

int64_t eval_setting_value(const struct eval_setting *setting,
                           const struct eval_protocol *protocol) {
    return field_get(protocol, setting->field);
}

bool eval_setting_is_told(const struct eval_setting *setting,
                          const struct eval_protocol *protocol) {
    return setting->place != SETTING_LINE ||
           eval_setting_value(setting, protocol) != setting->initial;
}

/* The words of a set, each in quotes or none. */
static void append_set(struct text *out, enum word_list words, int64_t set, const char *quote) {
    const char *between = "";
    for (int i = 0; word_of(words, i) != NULL; i++) {
        if ((set >> i & 1) != 0) {
            text_printf(out, "%s%s%s%s", between, quote, word_of(words, i), quote);
            between = ", ";
        }
    }
}

void eval_setting_append(const struct eval_setting *setting, const struct eval_protocol *protocol,
                         struct text *out) {
    int64_t value = eval_setting_value(setting, protocol);
    if (setting->is_set) {
        append_set(out, setting->words, value, "");
    } else if (is_choice(setting)) {
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

static int count_words(enum word_list words) {
    int count = 0;
    while (word_of(words, count) != NULL) {
        count++;
    }
    return count;
}

static enum vitlrp_status setting_check(const struct eval_setting *setting, int64_t value,
                                        struct vitlrp_error *err) {
    if (is_choice(setting) && word_of(setting->words, value) == NULL) {
        return fail(err, VITLRP_USAGE, "no %s %lld", setting->key, (long long) value);
    }
    if (setting->is_set && (value < 1 || value >> count_words(setting->words) != 0)) {
        return fail(err, VITLRP_USAGE, "no set %lld for %s", (long long) value, setting->key);
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

static void setting_write(const struct eval_setting *setting, const struct eval_protocol *protocol,
                          struct text *out) {
    int64_t value = eval_setting_value(setting, protocol);
    bool is_list = setting->is_set && !is_single(value);
    const char *quote = is_choice(setting) || setting->is_set ? "\"" : "";
    text_printf(out, "\"%s\": %s", setting->key, is_list ? "[" : quote);
    if (is_list) {
        append_set(out, setting->words, value, quote);
    } else {
        eval_setting_append(setting, protocol, out);
    }
    text_append_string(out, is_list ? "]" : quote);
}

void protocol_write(const struct eval_protocol *protocol, struct text *out) {
    const struct eval_setting *setting;
    for (size_t i = 0; (setting = eval_setting_at(i)) != NULL; i++) {
        text_append_string(out, i == 0 ? "" : ", ");
        setting_write(setting, protocol, out);
    }
}

/* A word as a set of one, or a list of two or more in the order of their values; -1 for others. */
static int64_t read_set(enum word_list words, const json_t *member) {
    int64_t set = 0;
    int last = -1;
    if (json_is_string(member)) {
        int only = word_find(words, json_string_value(member));
        return only < 0 ? -1 : INT64_C(1) << only;
    }
    for (size_t i = 0; i < json_array_size(member); i++) {
        const char *word = json_string_value(json_array_get(member, i));
        int next = word == NULL ? -1 : word_find(words, word);
        if (next < 0 || next <= last) {
            return -1;
        }
        set |= INT64_C(1) << next;
        last = next;
    }
    return is_single(set) ? -1 : set;
}

static int64_t read_value(const struct eval_setting *setting, const json_t *member) {
    if (setting->is_set) {
        return read_set(setting->words, member);
    }
    if (is_choice(setting)) {
        return json_is_string(member) ? word_find(setting->words, json_string_value(member)) : -1;
    }
    return json_is_integer(member) ? json_integer_value(member) : -1;
}

static enum vitlrp_status setting_read(const struct eval_setting *setting, const json_t *object,
                                       struct eval_protocol *out, struct vitlrp_error *err) {
    const json_t *member = json_object_get(object, setting->key);
    if (member == NULL && setting->since == SETTING_LATER) {
        field_set(out, setting->field, setting->initial);
        return VITLRP_OK;
    }
    int64_t value = read_value(setting, member);
    if (value < 0 || setting_check(setting, value, NULL) != VITLRP_OK) {
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
