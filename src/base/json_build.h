/* jansson's values of a text that json_scan found well formed. jansson's own reader drops
 * characters where its buffer for a word cannot grow, and ends the process where one was behind a
 * backslash. */
#ifndef BASE_JSON_BUILD_H
#define BASE_JSON_BUILD_H

#include <jansson.h>

#include "base/json_scan.h"
#include "base/status.h"

/* Builds the object or array. `cost` is the text's. FORMAT for what json_scan does not look at
 * (text that is not UTF-8, the character U+0000, numbers out of range, keys that occur twice), with
 * line and column; NOMEM. *out is owned by the caller. */
enum vitlrp_status json_build(const char *bytes, size_t size, const struct json_cost *cost,
                              json_t **out, struct vitlrp_error *err);

/* FORMAT: "not valid JSON: WHAT (line 1, column 2)", of a place in the text. */
enum vitlrp_status json_fail_at(const char *bytes, size_t offset, const char *what,
                                struct vitlrp_error *err);

#endif
