/* Where two JSON values differ. */
#ifndef BASE_JSON_COMPARE_H
#define BASE_JSON_COMPARE_H

#include <stdbool.h>

#include "base/json.h"

struct json_comparison {
    bool (*leaves_out)(const char *path); /* members that are not compared; NULL: none */
    void (*note)(void *user, const char *path, const json_t *a, const json_t *b);
    void *user;
};

/* Calls `note` for every place where the two differ: objects are compared member by member, those
 * of `a` in their order and then those that only `b` has; anything else by its text. `path` is as
 * "arithmetic.library", and a member that one of them has not is NULL. The values nest no deeper
 * than JSON_MAX_DEPTH. False if memory ran short (or a path or value is longer than any that we
 * write): then places may be missing. */
bool json_compare(const struct json_comparison *comparison, json_t *a, json_t *b);

/* Appends a value as a message shows it: one line, escaped, cut if it is long; "absent" for NULL.
 */
void json_append_shown(struct text *out, const json_t *value);

/* Appends "PATH was A, is B". */
void json_append_change(struct text *out, const char *path, const json_t *was, const json_t *is);

#endif
