#include "eval/protocol_table.h"

#include <stdbool.h>
#include <string.h>

#include "eval/protocol.h"

static enum vitlrp_status check_whole(const char *key, int64_t value, int64_t low, int64_t high,
                                      struct vitlrp_error *err) {
    return value >= low && value <= high
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%lld %s: %lld to %lld are possible", (long long) value,
                      key, (long long) low, (long long) high);
}

static enum vitlrp_status check_choice(const char *key, int value, const char *name,
                                       struct vitlrp_error *err) {
    return name != NULL ? VITLRP_OK : fail(err, VITLRP_USAGE, "no %s %d", key, value);
}

enum vitlrp_status protocol_check(const struct evaluation *evaluation, struct vitlrp_error *err) {
#define WHOLE(type, member, key, low, high)                                                        \
    TRY(check_whole(key, (int64_t) evaluation->member, low, high, err));
#define CHOICE(type, member, key, names)                                                           \
    TRY(check_choice(key, (int) evaluation->member, names##_name(evaluation->member), err));
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
    return VITLRP_OK;
}

void protocol_write(const struct evaluation *evaluation, struct text *out) {
    const char *separator = "";
#define WHOLE(type, member, key, low, high)                                                        \
    text_printf(out, "%s\"%s\": %lld", separator, key, (long long) evaluation->member);            \
    separator = ", ";
#define CHOICE(type, member, key, names)                                                           \
    text_printf(out, "%s\"%s\": \"%s\"", separator, key, names##_name(evaluation->member));        \
    separator = ", ";
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
}

static enum vitlrp_status fail_key(const char *key, struct vitlrp_error *err) {
    return fail(err, VITLRP_FORMAT, "\"%s\" is missing or not as it should be", key);
}

static enum vitlrp_status read_whole(const json_t *object, const char *key, int64_t low,
                                     int64_t high, int64_t *out, struct vitlrp_error *err) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < low ||
        json_integer_value(value) > high) {
        return fail_key(key, err);
    }
    *out = json_integer_value(value);
    return VITLRP_OK;
}

static enum vitlrp_status read_name(const json_t *object, const char *key, const char **out,
                                    struct vitlrp_error *err) {
    *out = json_get_string(object, key);
    return *out != NULL ? VITLRP_OK : fail_key(key, err);
}

/* A name that the enumeration does not have is as bad as a missing one. */
static enum vitlrp_status check_found(enum vitlrp_status found, const char *key,
                                      struct vitlrp_error *err) {
    return found == VITLRP_OK ? VITLRP_OK : fail_key(key, err);
}

enum vitlrp_status protocol_read(const json_t *object, struct evaluation *out,
                                 struct vitlrp_error *err) {
    const char *name = NULL;
    int64_t number = 0;
#define WHOLE(type, member, key, low, high)                                                        \
    TRY(read_whole(object, key, low, high, &number, err));                                         \
    out->member = (type) number;
#define CHOICE(type, member, key, names)                                                           \
    TRY(read_name(object, key, &name, err));                                                       \
    TRY(check_found(names##_find(name, &out->member, NULL), key, err));
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
    return VITLRP_OK;
}

const char *protocol_difference(const struct evaluation *a, const struct evaluation *b) {
#define WHOLE(type, member, key, ...)                                                              \
    if (a->member != b->member) {                                                                  \
        return key;                                                                                \
    }
#define CHOICE WHOLE
#include "eval/settings.def"
#undef WHOLE
#undef CHOICE
    return NULL;
}

/* The first key, in the order of `a` and then of `b`, whose values differ; NULL if there is none.
 */
static const char *differing_key(json_t *a, json_t *b) {
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) {
        if (!json_equal(value, json_object_get(b, key))) {
            return key;
        }
    }
    json_object_foreach(b, key, value) {
        if (json_object_get(a, key) == NULL) {
            return key;
        }
    }
    return NULL;
}

void protocol_append_json_difference(const char *a, const char *b, struct text *out) {
    json_t *roots[2] = {NULL, NULL};
    if (json_parse_object(a, strlen(a), &roots[0], NULL) == VITLRP_OK &&
        json_parse_object(b, strlen(b), &roots[1], NULL) == VITLRP_OK) {
        json_t *left = roots[0];
        json_t *right = roots[1];
        const char *separator = "";
        const char *key = differing_key(left, right);
        while (key != NULL) {
            text_printf(out, "%s%s", separator, key);
            left = json_object_get(left, key);
            right = json_object_get(right, key);
            separator = ".";
            key = json_is_object(left) && json_is_object(right) ? differing_key(left, right) : NULL;
        }
    }
    json_decref(roots[0]);
    json_decref(roots[1]);
}
