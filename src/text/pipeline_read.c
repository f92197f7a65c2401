/* From the objects of a tokenizer.json to steps. */
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/text.h"
#include "text/pieces.h"
#include "text/pipeline.h"

/* Bytes of a name that a message shows. */
#define MAX_NAME 200

void pipeline_free(struct pipeline *pipeline) {
    charsmap_free(&pipeline->charsmap);
    *pipeline = (struct pipeline){0};
}

enum vitlrp_status pipeline_check_keys(const json_t *object, const char *const *keys,
                                       const char *what, struct vitlrp_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *) object, key, value) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(keys[i], key) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            char name[MAX_NAME];
            text_escape_name(name, sizeof name, key);
            return fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: \"%s\" of %s is not known", name,
                        what);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status fail_step(const char *what, struct vitlrp_error *err) {
    return fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: this %s is not known", what);
}

/* The string under a key. */
static bool read_text(const json_t *object, const char *key, struct pipeline_text *out) {
    const json_t *value = json_object_get(object, key);
    out->length = json_is_string(value) ? json_string_length(value) : 0;
    if (!json_is_string(value) || out->length > sizeof out->bytes) {
        return false;
    }
    memcpy(out->bytes, json_string_value(value), out->length);
    return true;
}

static bool read_flag(const json_t *object, const char *key, bool *out) {
    const json_t *value = json_object_get(object, key);
    *out = value == NULL ? *out : json_is_true(value);
    return value == NULL || json_is_boolean(value);
}

static enum vitlrp_status read_precompiled(struct pipeline *pipeline, const json_t *object,
                                           struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "precompiled_charsmap", NULL};
    const json_t *value = json_object_get(object, "precompiled_charsmap");
    struct bytes bytes = {0};
    TRY(pipeline_check_keys(object, KEYS, "Precompiled", err));
    if (!json_is_string(value) || pipeline->has_charsmap) {
        return fail_step("Precompiled", err);
    }
    TRY(base64_decode(json_string_value(value), json_string_length(value), &bytes, err));
    enum vitlrp_status status = charsmap_read(bytes.data, bytes.size, &pipeline->charsmap, err);
    bytes_free(&bytes);
    pipeline->has_charsmap = status == VITLRP_OK;
    step->kind = STEP_PRECOMPILED;
    return status;
}

static enum vitlrp_status read_lowercase(struct pipeline *pipeline, const json_t *object,
                                         struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", NULL};
    (void) pipeline;
    step->kind = STEP_LOWERCASE;
    return pipeline_check_keys(object, KEYS, "Lowercase", err);
}

static enum vitlrp_status read_strip(struct pipeline *pipeline, const json_t *object,
                                     struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "strip_left", "strip_right", NULL};
    (void) pipeline;
    step->kind = STEP_STRIP;
    TRY(pipeline_check_keys(object, KEYS, "Strip", err));
    return read_flag(object, "strip_left", &step->strips_left) &&
                   read_flag(object, "strip_right", &step->strips_right)
               ? VITLRP_OK
               : fail_step("Strip", err);
}

static enum vitlrp_status read_replace(struct pipeline *pipeline, const json_t *object,
                                       struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "pattern", "content", NULL};
    const json_t *pattern = json_object_get(object, "pattern");
    (void) pipeline;
    TRY(pipeline_check_keys(object, KEYS, "Replace", err));
    bool is_spaces = read_text(pattern, "Regex", &step->pattern) && step->pattern.length == 5 &&
                     memcmp(step->pattern.bytes, " {2,}", 5) == 0;
    step->kind = is_spaces ? STEP_REPLACE_SPACES : STEP_REPLACE;
    if (json_object_size(pattern) != 1 || !read_text(object, "content", &step->content) ||
        (!is_spaces &&
         (!read_text(pattern, "String", &step->pattern) || step->pattern.length == 0))) {
        return fail_step("Replace (short texts and the expression \" {2,}\" are)", err);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_prepend(struct pipeline *pipeline, const json_t *object,
                                       struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "prepend", NULL};
    (void) pipeline;
    step->kind = STEP_PREPEND;
    TRY(pipeline_check_keys(object, KEYS, "Prepend", err));
    return read_text(object, "prepend", &step->content) ? VITLRP_OK : fail_step("Prepend", err);
}

static enum vitlrp_status read_whitespace(struct pipeline *pipeline, const json_t *object,
                                          struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", NULL};
    (void) pipeline;
    step->kind = STEP_WHITESPACE_SPLIT;
    return pipeline_check_keys(object, KEYS, "WhitespaceSplit", err);
}

/* Older files say add_prefix_space, newer ones prepend_scheme. */
static enum vitlrp_status read_metaspace(struct pipeline *pipeline, const json_t *object,
                                         struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {
        "type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep", NULL};
    static const char *const SCHEMES[] = {"always", "first", "never"};
    const char *replacement = json_get_string(object, "replacement");
    const json_t *scheme = json_object_get(object, "prepend_scheme");
    bool adds = true;
    (void) pipeline;
    *step = (struct pipeline_step){.kind = STEP_METASPACE, .splits = true};
    TRY(pipeline_check_keys(object, KEYS, "Metaspace", err));
    if (replacement == NULL || strcmp(replacement, PIECE_SPACE) != 0 ||
        !read_flag(object, "add_prefix_space", &adds) ||
        !read_flag(object, "split", &step->splits)) {
        return fail_step("Metaspace", err);
    }
    step->scheme = adds ? METASPACE_ALWAYS : METASPACE_NEVER;
    for (size_t i = 0; scheme != NULL && i < sizeof SCHEMES / sizeof *SCHEMES; i++) {
        if (json_is_string(scheme) && strcmp(json_string_value(scheme), SCHEMES[i]) == 0) {
            step->scheme = (enum metaspace) i;
            return VITLRP_OK;
        }
    }
    return scheme == NULL ? VITLRP_OK : fail_step("Metaspace", err);
}

static enum vitlrp_status read_split(struct pipeline *pipeline, const json_t *object,
                                     struct pipeline_step *step, struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "pattern", "behavior", "invert", NULL};
    const json_t *pattern = json_object_get(object, "pattern");
    const char *behavior = json_get_string(object, "behavior");
    bool inverts = false;
    (void) pipeline;
    step->kind = STEP_SPLIT;
    TRY(pipeline_check_keys(object, KEYS, "Split", err));
    if (json_object_size(pattern) != 1 || !read_text(pattern, "String", &step->pattern) ||
        step->pattern.length == 0 || behavior == NULL ||
        strcmp(behavior, "MergedWithPrevious") != 0 || !read_flag(object, "invert", &inverts) ||
        inverts) {
        return fail_step("Split (behind a short text it is)", err);
    }
    return VITLRP_OK;
}

static const struct {
    const char *type;
    enum vitlrp_status (*read)(struct pipeline *pipeline, const json_t *object,
                               struct pipeline_step *step, struct vitlrp_error *err);
} TYPES[] = {
    {"Precompiled", read_precompiled},
    {"Lowercase", read_lowercase},
    {"Strip", read_strip},
    {"Replace", read_replace},
    {"Prepend", read_prepend},
    {"WhitespaceSplit", read_whitespace},
    {"Metaspace", read_metaspace},
    {"Split", read_split},
};

static enum vitlrp_status read_step(struct pipeline *pipeline, const json_t *object,
                                    struct vitlrp_error *err) {
    const char *type = json_get_string(object, "type");
    struct pipeline_step step = {.strips_left = true, .strips_right = true};
    for (size_t i = 0; type != NULL && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(type, TYPES[i].type) == 0) {
            if (pipeline->count == PIPELINE_MAX_STEPS) {
                return fail(err, VITLRP_LIMIT,
                            "tokenizer.json: more than %zu steps before its model",
                            PIPELINE_MAX_STEPS);
            }
            TRY(TYPES[i].read(pipeline, object, &step, err));
            pipeline->steps[pipeline->count++] = step;
            return VITLRP_OK;
        }
    }
    char name[MAX_NAME];
    text_escape_name(name, sizeof name, type == NULL ? "" : type);
    return fail(err, VITLRP_UNSUPPORTED,
                "tokenizer.json: the step \"%s\" before its model is not known", name);
}

enum vitlrp_status pipeline_read(struct pipeline *pipeline, const json_t *value,
                                 struct vitlrp_error *err) {
    if (value == NULL) {
        return VITLRP_OK;
    }
    const char *type = json_get_string(value, "type");
    if (type == NULL || strcmp(type, "Sequence") != 0) {
        return read_step(pipeline, value, err);
    }
    static const char *const KEYS[] = {"type", "normalizers", "pretokenizers", NULL};
    const json_t *steps = json_object_get(value, "normalizers");
    steps = steps == NULL ? json_object_get(value, "pretokenizers") : steps;
    TRY(pipeline_check_keys(value, KEYS, "Sequence", err));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        TRY(read_step(pipeline, json_array_get(steps, i), err));
    }
    return VITLRP_OK;
}
