/* Texts, tokenizers and models whose classes are texts, for torture.c. */
#include <string.h>

#include "fault/torture.h"
#include "text/tokenizer.h"

#define SMALL TEST_DATA "/golden/text/small/"
#define WORDS TEST_DATA "/golden/words/"
#define SIGLIP2 WORDS "siglip2-tiny/"

enum { MOST_NUMBERS = 64, INPUT = 3 * 48 * 48 };

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

/* ---- Texts as classes ---- */

/* Logits and the image's embedding, of an input that is no image. */
static enum vitlrp_status keep_pass(const struct vitlrp_model *model, struct result *result,
                                    struct vitlrp_error *error) {
    float input[INPUT];
    float numbers[MOST_NUMBERS] = {0};
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_class first;
    for (size_t i = 0; i < INPUT; i++) {
        input[i] = (float) (i % 13) / 6.0F - 1.0F;
    }
    vitlrp_session_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    enum vitlrp_status status = vitlrp_session_open(model, &options, &session, error);
    if (status == VITLRP_OK) {
        status = vitlrp_session_forward(session, input, numbers, error);
        torture_keep(result, numbers, 2 * sizeof *numbers);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_session_embedding(session, numbers, error);
        torture_keep(result, numbers, sizeof numbers);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_class(model, 0, &first, error);
        torture_keep(result, first.label, strlen(first.label));
    }
    vitlrp_session_close(session);
    return status;
}

enum vitlrp_status torture_with_embeddings(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    static const char *const NAMES[] = {"a bus", NULL};
    float rows[2 * MOST_NUMBERS];
    struct vitlrp_model *encoder = NULL;
    struct vitlrp_model *texts = NULL;
    (void) bench;
    for (size_t i = 0; i < 2 * (size_t) MOST_NUMBERS; i++) {
        rows[i] = (float) (i % 7) - 2.5F;
    }
    enum vitlrp_status status =
        vitlrp_model_open(WORDS "clip-vision/huggingface", NULL, &encoder, error);
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_embeddings(encoder, rows, NAMES, 2, &texts, error);
    }
    vitlrp_model_close(encoder);
    if (status == VITLRP_OK) {
        status = keep_pass(texts, result, error);
    }
    vitlrp_model_close(texts);
    return status;
}

/* Two classes of three texts. */
static enum vitlrp_status with_texts(const char *folder, struct result *result,
                                     struct vitlrp_error *error) {
    static const struct vitlrp_prompt PROMPTS[] = {
        {"bus", "a red bus"}, {NULL, "a street, wet"}, {"bus", "a photo of a bus"}};
    struct vitlrp_text_options options;
    struct vitlrp_model *encoder = NULL;
    struct vitlrp_model *texts = NULL;
    vitlrp_text_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    enum vitlrp_status status = vitlrp_model_open(folder, NULL, &encoder, error);
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_texts(encoder, PROMPTS, 3, &options, &texts, error);
    }
    vitlrp_model_close(encoder);
    if (status == VITLRP_OK) {
        status = keep_pass(texts, result, error);
    }
    vitlrp_model_close(texts);
    return status;
}

enum vitlrp_status torture_with_clip_texts(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    (void) bench;
    return with_texts(WORDS "clip-eos2/huggingface", result, error);
}

enum vitlrp_status torture_with_siglip_texts(const struct bench *bench, struct result *result,
                                             struct vitlrp_error *error) {
    (void) bench;
    return with_texts(SIGLIP2 "huggingface", result, error);
}
