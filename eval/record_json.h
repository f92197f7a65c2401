/* The values of a record's JSON: how they are written, and members of objects that must be there.
 */
#ifndef EVAL_RECORD_JSON_H
#define EVAL_RECORD_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"

/* UTF-8 in quotes. */
void record_add_string(struct text *out, const char *string);

/* With so many significant digits; null for NaN and infinity. */
void record_add_number(struct text *out, double value, int digits);
void record_add_float(struct text *out, float value);

/* ,"KEY":[...] */
void record_add_floats(struct text *out, const char *key, const float *values, size_t count);

/* Behind `key`, which is appended as it is; null for NULL: what records of older formats lack. */
void record_add_optional(struct text *out, const char *key, const char *string);

/* FORMAT: "KEY" is missing, or is not what it must be. */
enum vitlrp_status record_fail_key(const char *key, struct vitlrp_error *err);

/* Members of an object: FORMAT, naming the key, if one is missing or of another kind. Strings are
 * owned: mem_free. A double is NaN for null. */
enum vitlrp_status record_need_string(const json_t *object, const char *key, char **out,
                                      struct vitlrp_error *err);
enum vitlrp_status record_need_hash(const json_t *object, const char *key, char **out,
                                    struct vitlrp_error *err);
enum vitlrp_status record_need_int(const json_t *object, const char *key, int64_t min, int64_t max,
                                   int64_t *out, struct vitlrp_error *err);
enum vitlrp_status record_need_float(const json_t *object, const char *key, float *out,
                                     struct vitlrp_error *err);
enum vitlrp_status record_need_double(const json_t *object, const char *key, double *out,
                                      struct vitlrp_error *err);
enum vitlrp_status record_need_floats(const json_t *object, const char *key, float *out,
                                      size_t count, struct vitlrp_error *err);

#endif
