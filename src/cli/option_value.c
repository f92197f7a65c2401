#include "option_value.h"

#include <string.h>

#include "base/parse.h"
#include "base/text.h"

#define MAX_SHARDS 1000000

enum vitlrp_status option_fail(const char *option, const char *value, const char *wanted,
                               struct vitlrp_error *err) {
    char shown[80];
    text_escape_name(shown, sizeof shown, value);
    return fail(err, VITLRP_USAGE, "%s '%s': must be %s", option, shown, wanted);
}

const char *option_choice_word(const struct args *args, enum option_id option, int index) {
    const char *const *choices = option_choices(option);
    const struct more_choices *more = option_more_choices(option);
    int count = 0;
    while (choices[count] != NULL) {
        count++;
    }
    if (index < count) {
        return choices[index];
    }
    return (more->verbs & 1U << args->verb) != 0 ? more->words[index - count] : NULL;
}

/* "a, b or c" */
static void append_choices(struct text *out, const struct args *args, enum option_id option) {
    const char *word = option_choice_word(args, option, 0);
    for (int i = 0; word != NULL; i++) {
        const char *next = option_choice_word(args, option, i + 1);
        text_printf(out, "%s%s", i == 0 ? "" : next == NULL ? " or " : ", ", word);
        word = next;
    }
}

enum vitlrp_status option_choice(const struct args *args, enum option_id option, int *index,
                                 struct vitlrp_error *err) {
    const char *value = args->value[option];
    const char *word;
    if (value == NULL) {
        return VITLRP_OK;
    }
    for (int i = 0; (word = option_choice_word(args, option, i)) != NULL; i++) {
        if (strcmp(value, word) == 0) {
            *index = i;
            return VITLRP_OK;
        }
    }
    const char *name = option_table()[option].name;
    char spelled[48];
    struct text wanted = {.limit = 512};
    append_choices(&wanted, args, option);
    text_escape_name(spelled, sizeof spelled, value);
    enum vitlrp_status status = fail(err, VITLRP_USAGE, "--%s '%s': must be %s", name, spelled,
                                     wanted.failed ? "another name" : wanted.data);
    text_free(&wanted);
    return status;
}

enum vitlrp_status option_int(const char *name, const char *value, int32_t min, int32_t max,
                              int32_t *out, struct vitlrp_error *err) {
    int64_t number;
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (!parse_int64(value, min, max, &number)) {
        char shown[80];
        text_escape_name(shown, sizeof shown, value);
        return fail(err, VITLRP_USAGE, "%s '%s': must be a whole number from %d to %d", name, shown,
                    min, max);
    }
    *out = (int32_t) number;
    return VITLRP_OK;
}

enum vitlrp_status option_number(const struct args *args, enum option_id option, double min,
                                 double max, const char *wanted, double *out,
                                 struct vitlrp_error *err) {
    const char *value = args->value[option];
    if (value != NULL && !parse_double(value, min, max, out)) {
        struct text name = {.limit = 64};
        text_printf(&name, "--%s", option_table()[option].name);
        enum vitlrp_status status =
            option_fail(name.failed ? "an option" : name.data, value, wanted, err);
        text_free(&name);
        return status;
    }
    return VITLRP_OK;
}

enum vitlrp_status option_shard(const char *value, int32_t *shard, int32_t *shards,
                                struct vitlrp_error *err) {
    int64_t place = 0;
    int64_t count = 0;
    const char *slash = value == NULL ? NULL : strchr(value, '/');
    if (value == NULL) {
        return VITLRP_OK;
    }
    if (slash == NULL || !parse_int64(slash + 1, 1, MAX_SHARDS, &count) ||
        !parse_int64_span(value, (size_t) (slash - value), 0, count - 1, &place)) {
        return option_fail("--shard", value, "i/N with i from 0 to N - 1, as 0/4", err);
    }
    *shard = (int32_t) place;
    *shards = (int32_t) count;
    return VITLRP_OK;
}
