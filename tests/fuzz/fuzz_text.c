/* Texts that people type: cleaning, splitting, byte-pair encoding by the built-in vocabulary. The
 * last byte chooses the cleaning. Every byte of the cleaned text that is no blank belongs to one
 * token, whose text it is. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

enum { CONTEXT = 77, START = 49406, END = 49407 };

static const struct tokenizer *builtin(void) {
    static struct tokenizer *tokenizer;
    if (tokenizer == NULL) {
        fuzz_check(tokenizer_open_builtin(&tokenizer, NULL) == VITLRP_OK, "no built-in vocabulary");
    }
    return tokenizer;
}

/* Bytes from `begin` to `end` that no token has: blanks, or U+0345 where case is ignored. */
static void check_gap(const struct tokens *tokens, size_t begin, size_t end, bool ignores_case) {
    while (begin < end) {
        int32_t code;
        begin += character_next(tokens->text + begin, tokens->length - begin, &code);
        fuzz_check(character_class(code) == CHARACTER_SPACE || (ignores_case && code == 0x345),
                   "a character without a token");
    }
    fuzz_check(begin == end, "a token begins within a character that has none");
}

static void check_token(const struct tokens *tokens, size_t i) {
    const struct token *token = &tokens->items[i];
    struct text text = {.limit = 4096};
    bool is_last = tokens->items[i + 1].word != token->word; /* behind all of them is the end */
    tokenizer_token_text(builtin(), token->id, &text);
    size_t length = token->end - token->begin;
    fuzz_check(token->end > token->begin && token->end <= tokens->length, "a token without bytes");
    fuzz_check(text.length == length + (is_last ? 4 : 0) &&
                   memcmp(text.data, tokens->text + token->begin, length) == 0 &&
                   strcmp(text.data + length, is_last ? "</w>" : "") == 0,
               "a token of other bytes");
    text_free(&text);
}

static void check_tokens(const struct tokens *tokens, bool ignores_case) {
    size_t at = 0;
    fuzz_check(text_is_utf8(tokens->text, tokens->length), "a cleaned text that is not UTF-8");
    fuzz_check(tokens->count >= 2 && tokens->items[0].id == START &&
                   tokens->items[tokens->count - 1].id == END,
               "no start or no end");
    for (size_t i = 1; i + 1 < tokens->count; i++) {
        const struct token *token = &tokens->items[i];
        fuzz_check(token->id >= 0 && token->id < START, "an id that is none");
        fuzz_check(token->word - (i == 1 ? -1 : tokens->items[i - 1].word) <= 1, "a word left out");
        fuzz_check(token->begin >= at, "tokens that overlap");
        check_gap(tokens, at, token->begin, ignores_case);
        check_token(tokens, i);
        at = token->end;
    }
    check_gap(tokens, at, tokens->length, ignores_case);
}

/* The same text for a model: the first tokens of the whole. */
static void check_cut(const struct fuzz_input *input, enum text_cleaning cleaning,
                      const struct tokens *whole) {
    struct tokens cut;
    struct tokenize_options options = {.cleaning = cleaning, .context = CONTEXT};
    fuzz_check(tokenizer_encode(builtin(), (const char *) input->data, input->size, &options, &cut,
                                NULL) == VITLRP_OK,
               "a text that was taken is not taken");
    fuzz_check(cut.count <= CONTEXT && cut.count + cut.cut == whole->count, "tokens are lost");
    for (size_t i = 0; i + 1 < cut.count; i++) {
        fuzz_check(cut.items[i].id == whole->items[i].id, "other tokens where a text is cut");
    }
    fuzz_check(cut.kept == (cut.cut > 0 ? whole->items[cut.count - 1].begin : cut.length),
               "a text is cut elsewhere");
    tokens_free(&cut);
}

/* A token for each byte, and the longest word; each is made twice and named. */
const struct bounds FUZZ_BOUNDS = {.seconds_per_megabyte = 2, .bytes_per_byte = 256};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    enum text_cleaning cleaning = (enum text_cleaning)(fuzz_byte(&input) % TEXT_CLEANINGS);
    struct tokenize_options options = {.cleaning = cleaning};
    struct vitlrp_error err;
    struct tokens tokens;
    enum vitlrp_status status =
        tokenizer_encode(builtin(), (const char *) input.data, input.size, &options, &tokens, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(status != VITLRP_NOMEM, err.message);
        return;
    }
    check_tokens(&tokens, cleaning != TEXT_CLEANING_NFC);
    check_cut(&input, cleaning, &tokens);
    tokens_free(&tokens);
}
