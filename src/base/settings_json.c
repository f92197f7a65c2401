#include "base/settings_json.h"

#include <float.h>
#include <math.h>

#include "base/parse.h"
#include "base/words.h"

/* *exact = whether `digits` digits determine the float; false if memory is short. */
static bool float_from_digits(float value, int digits, double *parsed, bool *exact) {
    struct text decimal = {.limit = 64};
    text_printf(&decimal, "%.*g", digits, (double) value);
    bool made = !decimal.failed;
    *exact =
        made && parse_double(decimal.data, -DBL_MAX, DBL_MAX, parsed) && (float) *parsed == value;
    text_free(&decimal);
    return made;
}

json_t *json_float32(float value) {
    double parsed = (double) value;
    bool exact = !isfinite(value);
    for (int digits = 6; digits <= 9 && !exact; digits++) {
        if (!float_from_digits(value, digits, &parsed, &exact)) {
            return NULL;
        }
    }
    return json_number(parsed);
}

json_t *json_gamma(float value) {
    return isinf(value) ? json_string("inf") : json_float32(value);
}

void json_set(json_t *object, const char *key, json_t *value, bool *complete) {
    if (json_object_set_new(object, key, value) != 0) {
        *complete = false;
    }
}

void json_add(json_t *list, json_t *value, bool *complete) {
    if (json_array_append_new(list, value) != 0) {
        *complete = false;
    }
}

static json_t *json_triple(const float values[3]) {
    return json_pack("[ooo]", json_float32(values[0]), json_float32(values[1]),
                     json_float32(values[2]));
}

void json_set_preprocess(json_t *object, const struct vitlrp_preprocess *preprocess,
                         bool *complete) {
    json_set(object, "resize", json_string(word_of(WORDS_RESIZE, preprocess->resize)), complete);
    json_set(object, "resize_to", json_integer(preprocess->resize_to), complete);
    if (preprocess->resize_width != 0) {
        json_set(object, "resize_width", json_integer(preprocess->resize_width), complete);
    }
    json_set(object, "interpolation",
             json_string(word_of(WORDS_INTERPOLATION, preprocess->interpolation)), complete);
    json_set(object, "crop", json_pack("[ii]", preprocess->crop_height, preprocess->crop_width),
             complete);
    if (preprocess->crop_offset != VITLRP_CROP_EVEN) {
        const char *offset = word_of(WORDS_CROP_OFFSET, preprocess->crop_offset);
        json_set(object, "crop_offset", json_string(offset), complete);
    }
    if (preprocess->unread_height > 0 || preprocess->unread_width > 0) {
        json_set(object, "unread",
                 json_pack("[ii]", preprocess->unread_height, preprocess->unread_width), complete);
    }
    json_set(object, "mean", json_triple(preprocess->mean), complete);
    json_set(object, "std", json_triple(preprocess->std), complete);
    if (preprocess->channels == 1) {
        json_set(object, "channels", json_integer(preprocess->channels), complete);
    }
}

void json_set_gammas(json_t *object, const struct vitlrp_rules *rules, bool *complete) {
#define VITLRP_ROLE(constant, name, text)                                                          \
    json_set(object, "gamma_" #name, json_gamma(rules->gamma[VITLRP_ROLE_##constant]), complete);
#include "vitlrp_roles.def"
#undef VITLRP_ROLE
    json_set(object, "epsilon", json_float32(rules->epsilon), complete);
}

static void set_rules(json_t *object, const struct vitlrp_rules *rules, bool *complete) {
    const char *attention = word_of(WORDS_ATTENTION_RULE, rules->attention);
    json_set(object, "attention", json_string(attention), complete);
    if (rules->attention == VITLRP_ATTENTION_SHARE) {
        json_set(object, "attention_share", json_float32(rules->attention_share), complete);
    }
    json_set_gammas(object, rules, complete);
}

static void set_fact(json_t *object, const char *key, const char *fact, bool *complete) {
    if (fact != NULL) {
        json_set(object, key, json_string(fact), complete);
    }
}

static void set_method(json_t *object, uint32_t reads, const struct vitlrp_method_options *method,
                       const struct json_method_facts *facts, bool *complete) {
    set_fact(object, "relevance", facts->relevance, complete);
    if ((reads & VITLRP_READS_RULES) != 0) {
        set_rules(object, &method->rules, complete);
        set_fact(object, "precision", facts->precision, complete);
    }
    if ((reads & VITLRP_READS_HEAD_FUSION) != 0) {
        json_set(object, "head_fusion",
                 json_string(word_of(WORDS_HEAD_FUSION, method->head_fusion)), complete);
        json_set(object, "discard_ratio", json_number(method->discard_ratio), complete);
    }
    if ((reads & VITLRP_READS_SCORE) != 0 && method->score != VITLRP_SCORE_LOGIT) {
        json_set(object, "score", json_string(word_of(WORDS_SCORE, method->score)), complete);
    }
    bool halves = (reads & VITLRP_READS_MASKS) != 0 && method->masks == VITLRP_MASKS_HALVES;
    if (halves) {
        json_set(object, "masks", json_string(word_of(WORDS_MASKS, method->masks)), complete);
    }
    if ((reads & VITLRP_READS_SAMPLES) != 0 && !halves) {
        json_set(object, "samples", json_integer(method->samples), complete);
    }
    if ((reads & VITLRP_READS_NOISE) != 0) {
        json_set(object, "noise", json_number(method->noise), complete);
    }
    if ((reads & VITLRP_READS_SEED) != 0) {
        json_set(object, "seed", json_integer((json_int_t) method->seed), complete);
    }
    if ((reads & VITLRP_READS_RULES) == 0) {
        set_fact(object, "precision", facts->precision, complete);
    }
}

/* NULL, and the object released, unless everything is in it. */
static json_t *json_if_complete(json_t *object, bool complete) {
    if (complete) {
        return object;
    }
    json_decref(object);
    return NULL;
}

json_t *json_method(uint32_t reads, const struct vitlrp_method_options *method,
                    const struct json_method_facts *facts) {
    bool complete = true;
    json_t *object = json_object();
    set_method(object, reads, method, facts, &complete);
    return json_if_complete(object, complete && object != NULL);
}

json_t *json_arithmetic(const struct json_arithmetic *arithmetic) {
    return json_pack("{s:s, s:s, s:s, s:s}", "backend", arithmetic->backend, "library",
                     arithmetic->library, "kernels", arithmetic->kernels, "precision",
                     word_of(WORDS_PRECISION, arithmetic->precision));
}
