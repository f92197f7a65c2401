#include "api/text_parts.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/text.h"

/* Of the pieces and words of one text, whose bytes have a limit. */
#define STRINGS_LIMIT ((size_t) 1 << 24)
#define PIECE_LIMIT ((size_t) 1 << 16)

/* Whether a token is of the same word as the one before it. */
static bool goes_on(const struct tokens *tokens, size_t i) {
    if (i == 0 || tokens->items[i].word != tokens->items[i - 1].word) {
        return false;
    }
    return tokens->items[i].word >= 0 || i + tokens->padding > tokens->count;
}

/* What stands for a token that is none of the text's. */
static const char *special_name(const struct tokens *tokens, bool begins, size_t i) {
    if (i + tokens->padding >= tokens->count) {
        return "[padding]";
    }
    return begins && i == 0 ? "[start]" : "[end]";
}

/* With the byte that ends it. */
static void append_string(struct text *strings, const char *bytes, size_t length) {
    text_append(strings, bytes, length);
    text_append(strings, "", 1);
}

static void append_piece(const struct tokenizer *tokenizer, int32_t id, struct text *strings) {
    struct text piece = {.limit = PIECE_LIMIT};
    tokenizer_token_text(tokenizer, id, &piece);
    append_string(strings, piece.length > 0 ? piece.data : "",
                  piece.length > 0 ? strlen(piece.data) : 0);
    strings->failed = strings->failed || piece.failed;
    text_free(&piece);
}

/* A word of the cleaned text, without the blank that tokenizers of subwords put before it. */
static void append_word(struct text *strings, const char *text, size_t begin, size_t end) {
    while (begin < end && text[begin] == ' ') {
        begin++;
    }
    append_string(strings, text + begin, end - begin);
}

/* The word that begins with token i, and its string. */
static void take_word(const struct tokens *tokens, bool begins, size_t i, struct text *strings,
                      struct text_parts *out) {
    const struct token *token = &tokens->items[i];
    size_t end = token->end;
    size_t behind = i + 1;
    while (behind < tokens->count && goes_on(tokens, behind)) {
        end = size_max(end, tokens->items[behind++].end);
    }
    out->words[out->word_count++] = (struct vitlrp_word){.first = (int32_t) i,
                                                         .tokens = (int32_t) (behind - i),
                                                         .is_special = token->word < 0 ? 1 : 0};
    if (token->word < 0) {
        const char *name = special_name(tokens, begins, i);
        append_string(strings, name, strlen(name));
    } else {
        append_word(strings, tokens->text, token->begin, end);
    }
}

/* All strings, in the order in which they are given out: pieces, words, the text. */
static void take_strings(const struct tokenizer *tokenizer, const struct tokens *tokens,
                         struct text *strings, struct text_parts *out) {
    bool begins = tokenizer_describe(tokenizer).start >= 0;
    for (size_t i = 0; i < tokens->count; i++) {
        append_piece(tokenizer, tokens->items[i].id, strings);
    }
    for (size_t i = 0; i < tokens->count; i++) {
        if (!goes_on(tokens, i)) {
            take_word(tokens, begins, i, strings, out);
        }
        out->ids[i] = tokens->items[i].id;
        out->of_token[i] = (int32_t) out->word_count - 1;
    }
    append_string(strings, tokens->text == NULL ? "" : tokens->text, tokens->length);
}

static void give_strings(struct text_parts *out) {
    const char *next = out->strings;
    for (size_t i = 0; i < out->token_count; i++, next += strlen(next) + 1) {
        out->tokens[i] =
            (struct vitlrp_token){.id = out->ids[i], .word = out->of_token[i], .piece = next};
    }
    for (size_t i = 0; i < out->word_count; i++, next += strlen(next) + 1) {
        out->words[i].text = next;
    }
    out->text = next;
}

enum vitlrp_status text_parts_make(const struct tokenizer *tokenizer, const struct tokens *tokens,
                                   struct text_parts *out, struct vitlrp_error *err) {
    struct text strings = {.limit = STRINGS_LIMIT};
    *out = (struct text_parts){.token_count = tokens->count};
    out->tokens = mem_calloc(tokens->count, sizeof *out->tokens);
    out->words = mem_calloc(tokens->count, sizeof *out->words);
    out->of_token = mem_calloc(tokens->count, sizeof *out->of_token);
    out->ids = mem_calloc(tokens->count, sizeof *out->ids);
    if (out->tokens == NULL || out->words == NULL || out->of_token == NULL || out->ids == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu tokens", tokens->count);
    }
    take_strings(tokenizer, tokens, &strings, out);
    enum vitlrp_status status = text_check(&strings, "the tokens of a text", err);
    if (status != VITLRP_OK) {
        text_free(&strings);
        return status;
    }
    out->strings = strings.data;
    give_strings(out);
    return VITLRP_OK;
}

void text_parts_free(struct text_parts *parts) {
    mem_free(parts->tokens);
    mem_free(parts->words);
    mem_free(parts->of_token);
    mem_free(parts->ids);
    mem_free(parts->strings);
    *parts = (struct text_parts){0};
}
