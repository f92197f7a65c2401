/* What decides about a result, as JSON: preprocessing, rules, the options of a method and the
 * arithmetic. Every format that holds them gets them from here, so that a key has one meaning in
 * all of them. Functions return NULL if memory is short. */
#ifndef BASE_SETTINGS_JSON_H
#define BASE_SETTINGS_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "vitlrp_types.h"

/* The shortest decimal that is this float: 0.05, where the float's own value is 0.0500000007; null
 * where JSON has no number for it. */
json_t *json_float32(float value);

/* As json_float32, "inf" for infinity. */
json_t *json_gamma(float value);

/* Sets a member and takes the value over. A NULL value, object or failure clears *complete. */
void json_set(json_t *object, const char *key, json_t *value, bool *complete);

/* Likewise, to the end of a list. */
void json_add(json_t *list, json_t *value, bool *complete);

/* Sets resize, resize_to, interpolation, crop ([height, width], [0, 0] for none), mean and std, and
 * resize_width, crop_offset, unread and channels where they are not as usual. */
void json_set_preprocess(json_t *object, const struct vitlrp_preprocess *preprocess,
                         bool *complete);

/* Sets gamma_NAME of every role, and epsilon. */
void json_set_gammas(json_t *object, const struct vitlrp_rules *rules, bool *complete);

/* What of a method is written beside its options; NULL: not there. */
struct json_method_facts {
    const char *precision, *relevance;
};

/* The options that a method reads (enum vitlrp_method_reads), an object. */
json_t *json_method(uint32_t reads, const struct vitlrp_method_options *method,
                    const struct json_method_facts *facts);

/* What the products of a run were computed with: two runs of other values have other bits. */
struct json_arithmetic {
    const char *backend;             /* in use: "openblas", "onednn" */
    const char *library;             /* behind it, with its version and its kernels */
    const char *kernels;             /* the program's own: "avx512", "avx2", "baseline" */
    enum vitlrp_precision precision; /* in use */
};

json_t *json_arithmetic(const struct json_arithmetic *arithmetic);

#endif
