/* The settings of an evaluation by their table, eval/settings.def. */
#ifndef EVAL_PROTOCOL_TABLE_H
#define EVAL_PROTOCOL_TABLE_H

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "eval/evaluation.h"

/* USAGE, naming the setting, unless each is in its range. */
enum vitlrp_status protocol_check(const struct evaluation *evaluation, struct vitlrp_error *err);

/* Appends "key": value for each, separated by commas. */
void protocol_write(const struct evaluation *evaluation, struct text *out);

/* FORMAT, naming the key, unless the object has them all. */
enum vitlrp_status protocol_read(const json_t *object, struct evaluation *out,
                                 struct vitlrp_error *err);

/* The key of the first setting in which the two differ; NULL if there is none. */
const char *protocol_difference(const struct evaluation *a, const struct evaluation *b);

/* Appends where two lines of JSON first differ, as "arithmetic.library"; nothing if they are equal.
 */
void protocol_append_json_difference(const char *a, const char *b, struct text *out);

#endif
