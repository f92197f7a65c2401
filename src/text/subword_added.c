/* What stands beside the model in a tokenizer.json: added tokens, and what is put around a text. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "text/subword_json.h"

/* Bytes of a name that a message shows. */
#define MAX_NAME 200

static bool is_on(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key));
}

/* The vocabulary has it under this id, or ends before it. */
static enum vitlrp_status put_into_vocabulary(struct pieces *pieces, size_t id, const char *text,
                                              size_t length, struct vitlrp_error *err) {
    if (id < pieces->count && pieces->items[id].type != PIECE_NONE) {
        bool is_same =
            pieces->items[id].length == length && memcmp(piece_text(pieces, id), text, length) == 0;
        return is_same ? VITLRP_OK
                       : fail(err, VITLRP_MISMATCH,
                              "tokenizer.json: the added token %zu has "
                              "another text in the vocabulary",
                              id);
    }
    TRY(pieces_put(pieces, id, text, length, err));
    pieces->items[id].type = PIECE_CONTROL;
    return VITLRP_OK;
}

static enum vitlrp_status add_token(struct subword_json *model, const json_t *token,
                                    struct vitlrp_error *err) {
    static const char *const KEYS[] = {"id",     "content",    "single_word", "lstrip",
                                       "rstrip", "normalized", "special",     NULL};
    const json_t *content = json_object_get(token, "content");
    int64_t id = -1;
    TRY(pipeline_check_keys(token, KEYS, "an added token", err));
    TRY(json_get_int(token, "id", 0, INT32_MAX, &id, err));
    if (id < 0 || !json_is_string(content)) {
        return fail(err, VITLRP_FORMAT, "tokenizer.json: an added token without id or content");
    }
    bool is_special = is_on(token, "special");
    const char *text = json_string_value(content);
    size_t length = json_string_length(content);
    if (!is_special && (is_on(token, "single_word") || is_on(token, "lstrip") ||
                        is_on(token, "rstrip") || is_on(token, "normalized"))) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "tokenizer.json: the added token %lld is found by more "
                    "than its text (single_word, lstrip, rstrip, normalized)",
                    (long long) id);
    }
    TRY(pieces_put(&model->added, (size_t) id, text, length, err));
    model->added.items[id].type = is_special ? PIECE_CONTROL : PIECE_USER_DEFINED;
    model->added_count++;
    return put_into_vocabulary(&model->subwords.pieces, (size_t) id, text, length, err);
}

enum vitlrp_status subword_read_added(struct subword_json *model, const json_t *tokens,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        TRY(add_token(model, json_array_get(tokens, i), err));
    }
    TRY(piece_index_build(&model->added, 1U << PIECE_CONTROL, &model->special, err));
    return piece_index_build(&model->added, 1U << PIECE_USER_DEFINED, &model->plain, err);
}

/* The one id of a special token that a template names. */
static bool read_special(const struct subword_json *model, const json_t *template,
                         const json_t *piece, int32_t *out) {
    const char *name = json_get_string(json_object_get(piece, "SpecialToken"), "id");
    const json_t *tokens = json_object_get(template, "special_tokens");
    const json_t *ids = name == NULL ? NULL : json_object_get(json_object_get(tokens, name), "ids");
    json_int_t id = json_integer_value(json_array_get(ids, 0));
    bool is_one = json_array_size(ids) == 1 && json_is_integer(json_array_get(ids, 0)) && id >= 0 &&
                  (uint64_t) id < model->subwords.pieces.count;
    *out = is_one ? (int32_t) id : -1;
    return is_one;
}

static bool is_sequence(const json_t *piece) {
    const char *name = json_get_string(json_object_get(piece, "Sequence"), "id");
    return name != NULL && strcmp(name, "A") == 0;
}

enum vitlrp_status subword_read_around(struct subword_json *model, const json_t *post_processor,
                                       struct vitlrp_error *err) {
    static const char *const KEYS[] = {"type", "single", "pair", "special_tokens", NULL};
    const char *type = json_get_string(post_processor, "type");
    const json_t *single = json_object_get(post_processor, "single");
    if (post_processor == NULL) {
        return VITLRP_OK;
    }
    if (type == NULL || strcmp(type, "TemplateProcessing") != 0) {
        char name[MAX_NAME];
        text_escape_name(name, sizeof name, type == NULL ? "" : type);
        return fail(err, VITLRP_UNSUPPORTED,
                    "tokenizer.json: the post-processor \"%s\" is not known", name);
    }
    TRY(pipeline_check_keys(post_processor, KEYS, "TemplateProcessing", err));
    size_t count = json_array_size(single);
    size_t at = 0;
    if (count > 0 && !is_sequence(json_array_get(single, 0)) &&
        read_special(model, post_processor, json_array_get(single, 0), &model->start)) {
        at++;
    }
    bool is_known = is_sequence(json_array_get(single, at));
    at++;
    if (is_known && at < count) {
        is_known = read_special(model, post_processor, json_array_get(single, at++), &model->end);
    }
    return is_known && at == count ? VITLRP_OK
                                   : fail(err, VITLRP_UNSUPPORTED,
                                          "tokenizer.json: its template is not one token in "
                                          "front of a text and one behind it");
}

enum vitlrp_status subword_read_padding(struct subword_json *model, const json_t *padding,
                                        struct vitlrp_error *err) {
    static const char *const KEYS[] = {
        "strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token", NULL};
    const char *direction = json_get_string(padding, "direction");
    bool is_unigram = model->subwords.model == SUBWORD_UNIGRAM_DOUBLE;
    int64_t id = is_unigram ? model->end : piece_index_find(&model->special, "<pad>", 5);
    if (padding != NULL) {
        TRY(pipeline_check_keys(padding, KEYS, "padding", err));
        TRY(json_get_int(padding, "pad_id", 0, (int64_t) model->subwords.pieces.count - 1, &id,
                         err));
        if (direction != NULL && strcmp(direction, "Right") != 0) {
            return fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: padding in front of texts");
        }
    }
    model->padding = (int32_t) id;
    return VITLRP_OK;
}

enum vitlrp_status subword_read_truncation(struct subword_json *model, const json_t *truncation,
                                           struct vitlrp_error *err) {
    const char *direction = json_get_string(truncation, "direction");
    (void) model;
    return direction == NULL || strcmp(direction, "Right") == 0
               ? VITLRP_OK
               : fail(err, VITLRP_UNSUPPORTED, "tokenizer.json: truncation in front of texts");
}
