/* Values of options: choices and numbers, with the complaint that names the option, the value and
 * what it should have been. An option that was not given leaves *out as it is. */
#ifndef CLI_OPTION_VALUE_H
#define CLI_OPTION_VALUE_H

#include <stdint.h>

#include "args.h"
#include "base/status.h"

/* USAGE: option 'value': must be `wanted`. */
enum vitlrp_status option_fail(const char *option, const char *value, const char *wanted,
                               struct vitlrp_error *err);

/* The word at a place among the choices that an option has with the verb, those with some verbs
 * only behind the others (options.def); NULL at the first place beyond. */
const char *option_choice_word(const struct args *args, enum option_id option, int index);

/* The place of an option's value among these. */
enum vitlrp_status option_choice(const struct args *args, enum option_id option, int *index,
                                 struct vitlrp_error *err);

/* A whole number; `value` NULL: not given. */
enum vitlrp_status option_int(const char *name, const char *value, int32_t min, int32_t max,
                              int32_t *out, struct vitlrp_error *err);

/* A number of [min, max], which `wanted` says in words. */
enum vitlrp_status option_number(const struct args *args, enum option_id option, double min,
                                 double max, const char *wanted, double *out,
                                 struct vitlrp_error *err);

/* "i/N" with 0 <= i < N. */
enum vitlrp_status option_shard(const char *value, int32_t *shard, int32_t *shards,
                                struct vitlrp_error *err);

#endif
