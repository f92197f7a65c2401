/* Tokenizers of subwords with texts of the input's own: SentencePiece's files and tokenizer.json.
 * The last byte is the cleaning, the two before it say how many bytes before them are the text.
 * What fuzz_tokenizer.c asks with its few texts is asked of any here. */
#include <string.h>

#include "base/checked.h"
#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

static void touch_tokens(const struct tokenizer *tokenizer, const struct tokens *tokens) {
    struct tokenizer_info info = tokenizer_describe(tokenizer);
    size_t begin = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->items[i];
        struct text name = {.limit = 1 << 20};
        fuzz_check(token->id >= 0 && token->id < info.vocabulary, "an id that is none");
        fuzz_check(token->begin <= token->end && token->end <= tokens->length, "no such bytes");
        if (token->word >= 0) {
            fuzz_check(token->begin >= begin, "tokens that are not in order");
            begin = token->begin;
        }
        tokenizer_token_text(tokenizer, token->id, &name);
        fuzz_touch(name.data, name.length);
        text_free(&name);
    }
}

/* A charsmap may make 16 bytes of one, and each byte a step of the search. Pieces of all lengths,
 * 512 bytes at most, may begin at each byte of a text: that is why a prompt has 4,096 at most, and
 * here one may have 16 times as many. */
const struct bounds FUZZ_BOUNDS = {.seconds = 8, .bytes = 16 << 20, .bytes_per_byte = 2048};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    struct tokenize_options options = {
        .cleaning = (enum text_cleaning)(fuzz_byte(&input) % TEXT_CLEANINGS)};
    size_t length = size_min(fuzz_number(&input), input.size);
    struct tokenizer_file file = {.data = input.data, .size = input.size - length};
    struct tokenizer *tokenizer = NULL;
    struct tokens tokens = {0};
    struct vitlrp_error err;
    enum vitlrp_status status = tokenizer_open_bytes(&file, &tokenizer, &err);
    if (status == VITLRP_OK) {
        const char *text = (const char *) input.data + file.size;
        status = tokenizer_encode(tokenizer, text, length, &options, &tokens, &err);
    }
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        fuzz_check(status != VITLRP_NOMEM, err.message);
    }
    if (tokenizer != NULL) {
        touch_tokens(tokenizer, &tokens);
    }
    tokens_free(&tokens);
    tokenizer_close(tokenizer);
}
