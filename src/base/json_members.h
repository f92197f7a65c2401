/* Whether the members of an object are there, and of their types and ranges: a table for each
 * object that a reader takes from outside. */
#ifndef BASE_JSON_MEMBERS_H
#define BASE_JSON_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"

/* What a member must be. */
enum json_kind {
    JSON_IS_NAME,         /* a text that is not empty */
    JSON_IS_TEXT,         /* any text */
    JSON_IS_TEXT_OR_NULL, /* a text or null */
    JSON_IS_TRUE,         /* true: absent instead of false */
    JSON_IS_HASH,         /* 64 lower-case hexadecimal digits */
    JSON_IS_NO_HASH,      /* such digits, "" or null */
    JSON_IS_INDEX,        /* an integer from 0 to INT32_MAX */
    JSON_IS_INDEX_OR_NULL,
    JSON_IS_SIZE,   /* an integer from 0 to INT64_MAX */
    JSON_IS_NUMBER, /* a number or null */
    JSON_IS_CHANCE, /* a number from 0 to 1, or null */
    JSON_IS_NAMES,  /* a list of texts that are not empty */
    JSON_IS_LIST,
    JSON_IS_OBJECT,
    JSON_KINDS
};

struct json_member {
    const char *key;
    enum json_kind kind;
    unsigned needed; /* by which objects: bits that the table's reader gives their meaning */
};

bool json_is_of_kind(const json_t *value, enum json_kind kind);

/* FORMAT, naming the member, unless every member of the table that is there is of its kind, and
 * every one is there that shares a bit with `needed`. Other members are not looked at. */
enum vitlrp_status json_check_members(const json_t *object, const struct json_member *members,
                                      size_t count, unsigned needed, struct vitlrp_error *err);

#endif
