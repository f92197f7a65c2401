/* The settings of an evaluation as a line of JSON: what a reader needs to repeat it, and what two
 * shards must share to be merged. */
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "api/eval_setup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/number_text.h"
#include "base/parse.h"

/* The shortest decimal that is this float: 0.05, where the float's own value is 0.0500000007;
 * infinity as a word. */
static json_t *json_float(float value) {
    double parsed = (double) value;
    if (isinf(value)) {
        return json_string("inf");
    }
    for (int digits = 6; digits <= 9; digits++) {
        struct text decimal = {.limit = 64};
        number_significant(&decimal, (double) value, digits);
        bool exact = !decimal.failed && parse_double(decimal.data, -DBL_MAX, DBL_MAX, &parsed) &&
                     (float) parsed == value;
        bool failed = decimal.failed;
        text_free(&decimal);
        if (failed) {
            return NULL; /* memory; json_pack passes it on */
        }
        if (exact) {
            break;
        }
    }
    return json_real(parsed);
}

static json_t *json_triple(const float values[3]) {
    return json_pack("[ooo]", json_float(values[0]), json_float(values[1]), json_float(values[2]));
}

static json_t *json_preprocess(const struct vitlrp_preprocess *preprocess, bool ignore_exif) {
    static const char *const RESIZES[] = {"short", "squash", "none"};
    return json_pack(
        "{s:s, s:i, s:s, s:[ii], s:o, s:o, s:b}", "resize", RESIZES[preprocess->resize],
        "resize_to", preprocess->resize_to, "interpolation",
        preprocess->interpolation == VITLRP_BICUBIC ? "bicubic" : "bilinear", "crop",
        preprocess->crop_height, preprocess->crop_width, "mean", json_triple(preprocess->mean),
        "std", json_triple(preprocess->std), "ignore_exif", ignore_exif ? 1 : 0);
}

static json_t *json_rules(const struct vit_rules *rules) {
    json_t *object = json_object();
    bool complete = object != NULL;
#define ROLE(constant, name, text)                                                                 \
    complete = complete && json_object_set_new(                                                    \
                               object, #name, json_float(rules->gamma[VIT_ROLE_##constant])) == 0;
#include "vitlrp_roles.def"
#undef ROLE
    complete = complete && json_object_set_new(object, "epsilon", json_float(rules->epsilon)) == 0;
    if (!complete) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* What a method reads; NULL if memory is short. */
static json_t *json_method(const struct evaluate_method *method) {
    const struct vit_method_options *options = &method->options;
    unsigned reads = method->method->reads;
    json_t *object = json_object();
    int missing = 0;
    if ((reads & VITLRP_READS_RULES) != 0) {
        missing |= json_object_set_new(object, "gamma", json_rules(&options->rules));
    }
    if ((reads & VITLRP_READS_HEAD_FUSION) != 0) {
        static const char *const FUSIONS[] = {"mean", "max", "min"};
        missing |= json_object_set_new(object, "fusion", json_string(FUSIONS[options->fusion]));
        missing |= json_object_set_new(object, "discard_ratio", json_real(options->discard_ratio));
    }
    if ((reads & VITLRP_READS_SAMPLES) != 0) {
        missing |=
            json_object_set_new(object, "samples", json_integer((json_int_t) options->samples));
    }
    if ((reads & VITLRP_READS_NOISE) != 0) {
        missing |= json_object_set_new(object, "noise", json_real(options->noise));
    }
    if (missing != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *json_methods(const struct eval_setup *setup) {
    json_t *object = json_object();
    for (size_t i = 0; i < setup->method_count; i++) {
        if (json_object_set_new(object, setup->methods[i].name, json_method(&setup->methods[i])) !=
            0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* SHA-256 of the file of boxes; "" if there is none. */
static enum vitlrp_status hash_boxes(const struct eval_setup *setup, char digest[65],
                                     struct vitlrp_error *err) {
    struct source source;
    const char *path = setup->options.boxes;
    digest[0] = '\0';
    if (path == NULL) {
        return VITLRP_OK;
    }
    TRY(source_open(path, &source, err));
    enum vitlrp_status status = error_prefix(err, source_sha256(&source, digest, err), path);
    source_close(&source);
    return status;
}

enum vitlrp_status eval_settings(const struct eval_setup *setup, char **out,
                                 struct vitlrp_error *err) {
    char boxes[65];
    struct text text = {.limit = (size_t) 1 << 20};
    enum vitlrp_status status = VITLRP_OK;
    TRY(hash_boxes(setup, boxes, err));
    json_t *object = json_pack(
        "{s:I, s:o, s:o, s:s, s:s}", "limit", (json_int_t) setup->options.limit, "preprocess",
        json_preprocess(&setup->public_preprocess, setup->evaluate.ignore_exif), "methods",
        json_methods(setup), "boxes_sha256", boxes, "backend", setup->evaluate.backend);
    if (object != NULL) {
        json_append(&text, object, 0);
    }
    if (object == NULL || text.failed) {
        text_free(&text);
        status = fail(err, VITLRP_NOMEM, "out of memory for the settings");
    } else {
        *out = text.data;
    }
    json_decref(object);
    return status;
}
