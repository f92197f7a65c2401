/* Texts and tokenizers, for torture.c. */
#include "fault/torture.h"
#include "text/tokenizer.h"

#define SMALL TEST_DATA "/golden/text/small/"
#define SIGLIP2 TEST_DATA "/golden/words/siglip2-tiny/"

static enum vitlrp_status keep_ids(const struct tokenizer *tokenizer, struct result *result,
                                   struct vitlrp_error *error) {
    static const char TEXT[] =
        "Caf\xC3\xA9s &amp; e\xCC\xA3\xCC\x87\xCC\xA3 affenpinscher\xE2\x80\x99s";
    struct tokens tokens;
    for (int cleaning = 0; cleaning < TEXT_CLEANINGS; cleaning++) {
        struct tokenize_options options = {.cleaning = (enum text_cleaning) cleaning,
                                           .context = 77};
        TRY(tokenizer_encode(tokenizer, TEXT, sizeof TEXT - 1, &options, &tokens, error));
        for (size_t i = 0; i < tokens.count; i++) {
            torture_keep(result, &tokens.items[i].id, sizeof tokens.items[i].id);
        }
        tokens_free(&tokens);
    }
    return VITLRP_OK;
}

enum vitlrp_status torture_tokenize(const struct bench *bench, struct result *result,
                                    struct vitlrp_error *error) {
    struct tokenizer *tokenizer = NULL;
    (void) bench;
    enum vitlrp_status status = tokenizer_open_builtin(&tokenizer, error);
    if (status == VITLRP_OK) {
        status = keep_ids(tokenizer, result, error);
    }
    tokenizer_close(tokenizer);
    return status;
}

enum vitlrp_status torture_open_tokenizers(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    static const char *const PATHS[] = {SMALL "tokenizer.json", SMALL "merges.txt",
                                        SIGLIP2 "huggingface/tokenizer.model",
                                        SIGLIP2 "tokenizers/tokenizer.json"};
    enum vitlrp_status status = VITLRP_OK;
    (void) bench;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS && status == VITLRP_OK; i++) {
        struct tokenizer *tokenizer = NULL;
        status = tokenizer_open(PATHS[i], &tokenizer, error);
        if (status == VITLRP_OK) {
            status = keep_ids(tokenizer, result, error);
        }
        tokenizer_close(tokenizer);
    }
    return status;
}
