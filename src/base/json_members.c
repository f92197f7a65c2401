#include "base/json_members.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/sha256.h"

/* What a message calls it. */
static const char *const CALLED[JSON_KINDS] = {
    [JSON_IS_NAME] = "a text that is not empty",
    [JSON_IS_TEXT] = "a text",
    [JSON_IS_TEXT_OR_NULL] = "a text or null",
    [JSON_IS_TRUE] = "true",
    [JSON_IS_HASH] = "64 lower-case hexadecimal digits",
    [JSON_IS_NO_HASH] = "64 lower-case hexadecimal digits, \"\" or null",
    [JSON_IS_INDEX] = "an integer from 0 to 2147483647",
    [JSON_IS_INDEX_OR_NULL] = "an integer from 0 to 2147483647, or null",
    [JSON_IS_SIZE] = "an integer that is not negative",
    [JSON_IS_NUMBER] = "a number or null",
    [JSON_IS_CHANCE] = "a number from 0 to 1, or null",
    [JSON_IS_NAMES] = "a list of names",
    [JSON_IS_LIST] = "a list",
    [JSON_IS_OBJECT] = "an object",
};

static bool is_within(const json_t *value, json_int_t most) {
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= most;
}

static bool is_chance(const json_t *value) {
    double number = json_number_value(value);
    return json_is_number(value) && number >= 0.0 && number <= 1.0;
}

static bool is_hash(const json_t *value) {
    const char *text = json_string_value(value);
    return text != NULL && sha256_is_text(text);
}

static bool is_empty(const json_t *value) {
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0);
}

static bool is_names(const json_t *list) {
    bool all = json_is_array(list);
    for (size_t i = 0; i < json_array_size(list) && all; i++) {
        all = json_string_length(json_array_get(list, i)) > 0;
    }
    return all;
}

bool json_is_of_kind(const json_t *value, enum json_kind kind) {
    switch (kind) {
    case JSON_IS_NAME:
        return json_string_length(value) > 0;
    case JSON_IS_TEXT:
        return json_is_string(value);
    case JSON_IS_TEXT_OR_NULL:
        return json_is_string(value) || json_is_null(value);
    case JSON_IS_TRUE:
        return json_is_true(value);
    case JSON_IS_HASH:
        return is_hash(value);
    case JSON_IS_NO_HASH:
        return is_hash(value) || is_empty(value);
    case JSON_IS_INDEX:
        return is_within(value, INT32_MAX);
    case JSON_IS_INDEX_OR_NULL:
        return is_within(value, INT32_MAX) || json_is_null(value);
    case JSON_IS_SIZE:
        return is_within(value, INT64_MAX);
    case JSON_IS_NUMBER:
        return json_is_number(value) || json_is_null(value);
    case JSON_IS_CHANCE:
        return is_chance(value) || json_is_null(value);
    case JSON_IS_NAMES:
        return is_names(value);
    case JSON_IS_LIST:
        return json_is_array(value);
    case JSON_IS_OBJECT:
        return json_is_object(value);
    default:
        return false;
    }
}

enum vitlrp_status json_check_members(const json_t *object, const struct json_member *members,
                                      size_t count, unsigned needed, struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        const struct json_member *member = &members[i];
        const json_t *value = json_object_get(object, member->key);
        if (value == NULL && (member->needed & needed) != 0) {
            return fail(err, VITLRP_FORMAT, "\"%s\" is missing", member->key);
        }
        if (value != NULL && !json_is_of_kind(value, member->kind)) {
            return fail(err, VITLRP_FORMAT, "\"%s\" must be %s", member->key, CALLED[member->kind]);
        }
    }
    return VITLRP_OK;
}
