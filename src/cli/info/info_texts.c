#include "info_texts.h"

#include <string.h>

#include "base/json.h"
#include "base/settings_json.h"
#include "cli/explanation.h"
#include "cli/text_prompts.h"
#include "vitlrp_words.h"

static json_t *json_token(const struct vitlrp_text *text, size_t number, bool *complete) {
    struct vitlrp_token token;
    json_t *object = json_object();
    if (vitlrp_text_token(text, number, &token, NULL) == VITLRP_OK) {
        json_set(object, "id", json_integer(token.id), complete);
        json_set(object, "word", json_integer(token.word), complete);
        json_set(object, "piece", json_text(token.piece), complete);
    }
    return object;
}

static json_t *json_of_text(const struct vitlrp_text *text, bool *complete) {
    struct vitlrp_text_info info;
    json_t *object = json_object();
    json_t *tokens = json_array();
    vitlrp_text_info_init(&info);
    vitlrp_text_describe(text, &info);
    for (size_t i = 0; i < info.tokens; i++) {
        json_add(tokens, json_token(text, i, complete), complete);
    }
    json_set(object, "text", json_text(info.text), complete);
    json_set(object, "tokens", tokens, complete);
    return object;
}

static enum vitlrp_status add_text(const struct settings *settings,
                                   const struct vitlrp_model *model, int32_t output, json_t *list,
                                   struct vitlrp_error *err) {
    const struct vitlrp_text_options options = text_options_of(settings, NULL);
    struct vitlrp_text *text = NULL;
    bool complete = true;
    TRY(vitlrp_text_open(model, output, &options, &text, err));
    json_t *object = json_of_text(text, &complete);
    vitlrp_text_close(text);
    json_add(list, object, &complete);
    return complete ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for the tokens of a text");
}

enum vitlrp_status info_texts_make(const struct settings *settings,
                                   const struct vitlrp_model *model, json_t **out,
                                   struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    struct vitlrp_model_info info;
    bool in_templates = settings->templates != NULL && strcmp(settings->templates, "none") != 0;
    *out = NULL;
    if (settings->text_count == 0 || in_templates) {
        return VITLRP_OK;
    }
    json_t *list = json_array();
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    for (int32_t i = 0; i < info.classes && status == VITLRP_OK; i++) {
        status = add_text(settings, model, i, list, err);
    }
    if (status != VITLRP_OK) {
        json_decref(list);
        return status;
    }
    *out = list;
    return VITLRP_OK;
}

/* A token, or several of one id that fill the context: padding, which some models make of ends. */
static size_t append_token(struct text *out, const json_t *tokens, size_t first) {
    const json_t *token = json_array_get(tokens, first);
    json_int_t id = json_integer_value(json_object_get(token, "id"));
    const char *piece = json_get_string(token, "piece");
    char shown[120];
    size_t end = first + 1;
    bool fills = piece != NULL && (strcmp(piece, "[padding]") == 0 || strcmp(piece, "[end]") == 0);
    while (fills && end < json_array_size(tokens) &&
           json_integer_value(json_object_get(json_array_get(tokens, end), "id")) == id) {
        end++;
    }
    text_escape_name(shown, sizeof shown, piece == NULL ? "" : piece);
    text_printf(out, "%10lld  %s", (long long) id, shown);
    if (end - first > 1) {
        text_printf(out, ", %zu times", end - first);
    }
    text_append_string(out, "\n");
    return end;
}

void info_texts_append(struct text *out, const json_t *texts) {
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const json_t *text = json_array_get(texts, i);
        const json_t *tokens = json_object_get(text, "tokens");
        const char *cleaned = json_get_string(text, "text");
        char shown[240];
        text_escape_line(shown, sizeof shown, cleaned == NULL ? "" : cleaned);
        text_printf(out, "\ntext          \"%s\", %zu tokens\n", shown, json_array_size(tokens));
        for (size_t k = 0; k < json_array_size(tokens);) {
            k = append_token(out, tokens, k);
        }
    }
}
