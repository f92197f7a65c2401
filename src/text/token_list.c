/* From all tokens of a text to those of a context: cut, start, end, padding. */
#include "base/checked.h"
#include "base/mem.h"
#include "text/kind.h"

#define FIRST_CAPACITY 32

void tokens_free(struct tokens *tokens) {
    mem_free(tokens->items);
    mem_free(tokens->text);
    *tokens = (struct tokens){0};
}

/* Room for `more` tokens. */
static enum vitlrp_status make_room(struct tokens *tokens, size_t more, struct vitlrp_error *err) {
    size_t needed;
    if (checked_add(&needed, tokens->count, more) && needed <= tokens->capacity) {
        return VITLRP_OK;
    }
    size_t capacity;
    struct token *items = NULL;
    if (checked_add(&needed, tokens->count, more) && checked_mul(&capacity, tokens->capacity, 2)) {
        capacity = size_max(size_max(capacity, needed), FIRST_CAPACITY);
        items = mem_resize(tokens->items, capacity, sizeof *items);
    }
    if (items == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu tokens", tokens->count);
    }
    tokens->items = items;
    tokens->capacity = capacity;
    return VITLRP_OK;
}

enum vitlrp_status tokens_append(struct tokens *tokens, const struct token *token,
                                 struct vitlrp_error *err) {
    TRY(make_room(tokens, 1, err));
    tokens->items[tokens->count++] = *token;
    return VITLRP_OK;
}

static enum vitlrp_status append_special(struct tokens *tokens, int32_t id,
                                         struct vitlrp_error *err) {
    if (id < 0) {
        return VITLRP_OK;
    }
    return tokens_append(tokens, &(struct token){.id = id, .word = -1}, err);
}

/* Leaves the first `room` tokens of the text, which begin behind the first `before` ones. */
static void cut_text(struct tokens *tokens, size_t before, size_t room) {
    size_t count = tokens->count - before;
    tokens->kept = tokens->length;
    if (count > room) {
        tokens->kept = tokens->items[before + room].begin;
        tokens->cut = count - room;
        tokens->count = before + room;
    }
    if (tokens->count > before) {
        tokens->words = (size_t) tokens->items[tokens->count - 1].word + 1;
    }
}

enum vitlrp_status tokens_begin(struct tokens *tokens, const struct tokenizer_info *info,
                                struct vitlrp_error *err) {
    return append_special(tokens, info->start, err);
}

enum vitlrp_status tokens_finish(struct tokens *tokens, const struct tokenizer_info *info,
                                 const struct tokenize_options *options, struct vitlrp_error *err) {
    size_t before = info->start >= 0;
    size_t around = before + (info->end >= 0);
    cut_text(tokens, before, options->context == 0 ? SIZE_MAX : options->context - around);
    TRY(append_special(tokens, info->end, err));
    if (!options->pads || options->context <= tokens->count) {
        return VITLRP_OK;
    }
    tokens->padding = options->context - tokens->count;
    TRY(make_room(tokens, tokens->padding, err));
    while (tokens->count < options->context) {
        TRY(append_special(tokens, info->padding, err));
    }
    return VITLRP_OK;
}
