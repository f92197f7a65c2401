/* What a tokenizer.json states beside its vocabulary and merges must be what CLIP's does: cleaning
 * is the caller's to choose, and words are split by clip_split. */
#include <string.h>

#include "base/json.h"
#include "text/bpe_files.h"
#include "text/clip_split.h"

#define BRANCHES "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"
#define SPECIAL_BRANCHES "<\\|startoftext\\|>|<\\|endoftext\\|>|"

static bool has_text(const json_t *object, const char *key, const char *wanted) {
    const char *found = json_get_string(object, key);
    return found != NULL && strcmp(found, wanted) == 0;
}

/* Absent, null, false, 0, "". */
static bool is_off(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static enum vitlrp_status check_model(const json_t *model, struct vitlrp_error *err) {
    static const char *const OFF[] = {"dropout", "continuing_subword_prefix", "byte_fallback",
                                      "ignore_merges"};
    if (json_object_get(model, "type") != NULL && !has_text(model, "type", "BPE")) {
        return fail(err, VITLRP_UNSUPPORTED, "model.type is not BPE");
    }
    for (size_t i = 0; i < sizeof OFF / sizeof *OFF; i++) {
        if (!is_off(model, OFF[i])) {
            return fail(err, VITLRP_UNSUPPORTED, "model.%s is set, which CLIP's tokenizer has not",
                        OFF[i]);
        }
    }
    return VITLRP_OK;
}

/* A step of a list under `key`, or the only one. */
static const json_t *step_at(const json_t *object, const char *key, size_t index) {
    const json_t *steps = json_object_get(object, key);
    return steps != NULL ? json_array_get(steps, index) : index == 0 ? object : NULL;
}

static enum vitlrp_status check_normalizer(const json_t *normalizer, struct vitlrp_error *err) {
    static const char *const STEPS[] = {"NFC", "Replace", "Lowercase"};
    for (size_t i = 0; i < 3; i++) {
        if (!has_text(step_at(normalizer, "normalizers", i), "type", STEPS[i])) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "normalizer is not CLIP's, which is NFC, Replace and Lowercase");
        }
    }
    const json_t *replace = step_at(normalizer, "normalizers", 1);
    if (step_at(normalizer, "normalizers", 3) != NULL || !has_text(replace, "content", " ") ||
        !has_text(json_object_get(replace, "pattern"), "Regex", "\\s+")) {
        return fail(err, VITLRP_UNSUPPORTED, "normalizer has another step than CLIP's");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_split(const json_t *pre_tokenizer, struct vitlrp_error *err) {
    const json_t *split = step_at(pre_tokenizer, "pretokenizers", 0);
    const json_t *bytes = step_at(pre_tokenizer, "pretokenizers", 1);
    const json_t *pattern = json_object_get(split, "pattern");
    bool is_known = has_text(pattern, "Regex", BRANCHES) ||
                    has_text(pattern, "Regex", SPECIAL_BRANCHES BRANCHES);
    if (!is_known || !has_text(split, "type", "Split") || !has_text(split, "behavior", "Removed") ||
        !json_is_true(json_object_get(split, "invert")) || !has_text(bytes, "type", "ByteLevel") ||
        !is_off(bytes, "add_prefix_space") || step_at(pre_tokenizer, "pretokenizers", 2) != NULL) {
        return fail(err, VITLRP_UNSUPPORTED, "pre_tokenizer does not split as CLIP's");
    }
    return VITLRP_OK;
}

static bool is_special(const char *content) {
    const char *found = clip_special(content, strlen(content));
    return found != NULL && strcmp(found, content) == 0;
}

/* An added token would be cut out of a text before the merges see it. */
static enum vitlrp_status check_added(const json_t *added, struct vitlrp_error *err) {
    for (size_t i = 0; i < json_array_size(added); i++) {
        const char *content = json_get_string(json_array_get(added, i), "content");
        if (content == NULL || !is_special(content)) {
            char shown[80];
            text_escape_name(shown, sizeof shown, content == NULL ? "" : content);
            return fail(err, VITLRP_UNSUPPORTED,
                        "added_tokens has \"%s\", beside the start and the end of a text", shown);
        }
    }
    return VITLRP_OK;
}

static bool is_first(const json_t *list, const char *token) {
    const char *found = json_string_value(json_array_get(list, 0));
    return found != NULL && strcmp(found, token) == 0;
}

/* Start and end around every text, by either of the ways to say it, and cut behind it. */
static enum vitlrp_status check_around(const json_t *around, const json_t *truncation,
                                       struct vitlrp_error *err) {
    const json_t *single = json_object_get(around, "single");
    const json_t *parts[3];
    for (size_t i = 0; i < 3; i++) {
        parts[i] = json_object_get(json_array_get(single, i), i == 1 ? "Sequence" : "SpecialToken");
    }
    bool is_roberta = has_text(around, "type", "RobertaProcessing") &&
                      is_first(json_object_get(around, "cls"), CLIP_START) &&
                      is_first(json_object_get(around, "sep"), CLIP_END);
    bool is_template = has_text(around, "type", "TemplateProcessing") &&
                       json_array_size(single) == 3 && has_text(parts[0], "id", CLIP_START) &&
                       has_text(parts[1], "id", "A") && has_text(parts[2], "id", CLIP_END);
    if (!is_roberta && !is_template) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "post_processor does not put " CLIP_START " in front of a text and " CLIP_END
                    " behind it");
    }
    return json_object_get(truncation, "direction") == NULL ||
                   has_text(truncation, "direction", "Right")
               ? VITLRP_OK
               : fail(err, VITLRP_UNSUPPORTED, "truncation in front of texts");
}

enum vitlrp_status clip_json_check(const json_t *json, struct vitlrp_error *err) {
    TRY(check_model(json_object_get(json, "model"), err));
    TRY(check_normalizer(json_object_get(json, "normalizer"), err));
    TRY(check_split(json_object_get(json, "pre_tokenizer"), err));
    TRY(check_around(json_object_get(json, "post_processor"), json_object_get(json, "truncation"),
                     err));
    return check_added(json_object_get(json, "added_tokens"), err);
}
