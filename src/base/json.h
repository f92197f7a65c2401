/* JSON through jansson, with the checks that its plain calls leave to the caller. Values are
 * json_t, reference counted: json_decref by the owner. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

/* Bytes of memory that the values of a text may take where its reader has no limit of its own. A
 * text may take 84 times its size, of `{},`; a header of 4,096 tensors takes 5 MB. */
#define JSON_MAX_MEMORY ((size_t) 128 << 20)

/* Parses one object; duplicate keys, other top-level values and trailing bytes are FORMAT, LIMIT is
 * for what nests deeper than JSON_MAX_DEPTH or could take more memory than JSON_MAX_MEMORY, which
 * is counted before anything is built. *out is owned by the caller. */
enum vitlrp_status json_parse_object(const char *bytes, size_t size, json_t **out,
                                     struct vitlrp_error *err);

/* As json_parse_object, with another limit on memory. */
enum vitlrp_status json_parse_within(const char *bytes, size_t size, size_t max_memory,
                                     json_t **out, struct vitlrp_error *err);

/* Reads and parses a file of at most `limit` bytes. The message names the path. */
enum vitlrp_status json_read_object(const char *path, size_t limit, json_t **out,
                                    struct vitlrp_error *err);

/* The integer under key within [min, max]; a missing key leaves *out as it is; MISMATCH for other
 * types and values. */
enum vitlrp_status json_get_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                int64_t *out, struct vitlrp_error *err);

/* The finite number under key (integers too); a missing key leaves *out as it is. */
enum vitlrp_status json_get_number(const json_t *object, const char *key, double *out,
                                   struct vitlrp_error *err);

/* The string under key, owned by the object, or NULL if missing or not a string. */
const char *json_get_string(const json_t *object, const char *key);

/* A number, or null where JSON has none (NaN, infinity). */
json_t *json_number(double value);

/* A string; bytes that are not UTF-8 (and then backslashes too) become \xNN. */
json_t *json_text(const char *text);

/* Appends the name and version of the library behind this. */
void json_describe(struct text *out);

/* Appends the value as text, keys in insertion order, numbers with 9 significant digits (enough for
 * a float32). indent 0 gives one line. Strings that are not UTF-8 must be escaped before they enter
 * a json_t. */
void json_append(struct text *out, const json_t *value, size_t indent);

#endif
