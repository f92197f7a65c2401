/* Files of tokenizers, of every kind. An odd last byte: a half is the vocabulary beside the other.
 * What opens must encode texts, and name its tokens. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "text/tokenizer.h"

static void encode(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                   const char *text) {
    struct tokenizer_info info = tokenizer_describe(tokenizer);
    struct tokenize_options options = {
        .cleaning = cleaning, .context = 32, .pads = info.padding >= 0};
    struct tokens tokens;
    struct vitlrp_error err;
    enum vitlrp_status status =
        tokenizer_encode(tokenizer, text, strlen(text), &options, &tokens, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        return;
    }
    fuzz_check(tokens.count <= 32 && (!options.pads || tokens.count == 32), "no such context");
    for (size_t i = 0; i < tokens.count; i++) {
        struct text name = {.limit = 1 << 20};
        const struct token *token = &tokens.items[i];
        fuzz_check(token->id >= 0 && token->id < info.vocabulary, "an id that is none");
        fuzz_check(token->begin <= token->end && token->end <= tokens.length, "no such bytes");
        tokenizer_token_text(tokenizer, token->id, &name);
        fuzz_touch(name.data, name.length);
        text_free(&name);
    }
    tokens_free(&tokens);
}

static void name_tokens(const struct tokenizer *tokenizer) {
    struct text names = {.limit = 1 << 24};
    int32_t count = tokenizer_describe(tokenizer).vocabulary;
    for (int32_t id = -1; id <= count; id++) {
        tokenizer_token_text(tokenizer, id, &names);
    }
    fuzz_touch(names.data, names.length);
    text_free(&names);
}

/* The values of JSON (base/json_scan); what gzip unpacks to, and the merges in it. */
const struct bounds FUZZ_BOUNDS = {.seconds = 2, .bytes = 128 << 20, .bytes_per_byte = 200};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    bool has_ids = fuzz_byte(&input) % 2 == 1;
    size_t split = has_ids ? input.size / 2 : input.size;
    struct tokenizer_file file = {input.data, split, has_ids ? input.data + split : NULL,
                                  input.size - split};
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    enum vitlrp_status status = tokenizer_open_bytes(&file, &tokenizer, &err);
    if (status != VITLRP_OK) {
        fuzz_check(tokenizer == NULL, "a tokenizer after a failure");
        fuzz_check_failure(status, &err);
        fuzz_check(status != VITLRP_NOMEM, err.message);
        return;
    }
    for (int cleaning = 0; cleaning < TEXT_CLEANINGS; cleaning++) {
        encode(tokenizer, (enum text_cleaning) cleaning, "");
        encode(tokenizer, (enum text_cleaning) cleaning,
               "A photo of 3 na\xC3\xAFve caf\xC3\xA9s, don't!");
        encode(tokenizer, (enum text_cleaning) cleaning,
               "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80  aaaaaaaaaaaa");
    }
    name_tokens(tokenizer);
    tokenizer_close(tokenizer);
}
