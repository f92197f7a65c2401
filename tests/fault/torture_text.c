/* Texts, tokenizers and models whose classes are texts, for torture.c. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <unistd.h>

#include "fault/torture.h"
#include "text/tokenizer.h"

#define SMALL TEST_DATA "/golden/text/small/"
#define WORDS TEST_DATA "/golden/words/"
#define SIGLIP2 WORDS "siglip2-tiny/"

enum {
    MOST_NUMBERS = 64,
    INPUT = 3 * 48 * 48,
    MOST_CLASSES = 3,
    MOST_TOKENS = 77,
    MOST_LINES = 256
};

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

/* Logits, the image's embedding and its cosines, of an input that is no image. */
static enum vitlrp_status keep_pass(const struct vitlrp_model *model, struct result *result,
                                    struct vitlrp_error *error) {
    float input[INPUT];
    float numbers[MOST_NUMBERS] = {0};
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_class first;
    double cosines[MOST_CLASSES] = {0};
    double empty = 0.0;
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
        status = vitlrp_model_cosines(model, numbers, cosines, &empty, error);
        torture_keep(result, cosines, 2 * sizeof *cosines);
        torture_keep(result, &empty, sizeof empty);
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

static struct vitlrp_text_options text_options(void) {
    struct vitlrp_text_options options;
    vitlrp_text_options_init(&options);
    options.threads = 1;
    options.backend = "openblas";
    return options;
}

/* Two classes of three texts, and those that the options add. */
static enum vitlrp_status open_texts(const char *folder, const struct vitlrp_text_options *options,
                                     struct vitlrp_model **texts, struct vitlrp_error *error) {
    static const struct vitlrp_prompt PROMPTS[] = {
        {"bus", "a red bus"}, {NULL, "a street, wet"}, {"bus", "a photo of a bus"}};
    struct vitlrp_model *encoder = NULL;
    enum vitlrp_status status = vitlrp_model_open(folder, NULL, &encoder, error);
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_texts(encoder, PROMPTS, 3, options, texts, error);
    }
    vitlrp_model_close(encoder);
    return status;
}

static enum vitlrp_status with_texts(const char *folder, const struct vitlrp_text_options *options,
                                     struct result *result, struct vitlrp_error *error) {
    struct vitlrp_model *texts = NULL;
    enum vitlrp_status status = open_texts(folder, options, &texts, error);
    if (status == VITLRP_OK) {
        status = keep_pass(texts, result, error);
    }
    vitlrp_model_close(texts);
    return status;
}

enum vitlrp_status torture_with_clip_texts(const struct bench *bench, struct result *result,
                                           struct vitlrp_error *error) {
    const struct vitlrp_text_options options = text_options();
    (void) bench;
    return with_texts(WORDS "clip-eos2/huggingface", &options, result, error);
}

enum vitlrp_status torture_with_siglip_texts(const struct bench *bench, struct result *result,
                                             struct vitlrp_error *error) {
    const struct vitlrp_text_options options = text_options();
    (void) bench;
    return with_texts(SIGLIP2 "huggingface", &options, result, error);
}

enum vitlrp_status torture_with_templates(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error) {
    static const char *const TEMPLATES[] = {"a photo of {}.", "{}", "{} and {}"};
    struct vitlrp_text_options options = text_options();
    options.templates = TEMPLATES;
    options.template_count = sizeof TEMPLATES / sizeof TEMPLATES[0];
    options.journal = bench->texts_journal;
    options.contrast = "";
    enum vitlrp_status status = with_texts(WORDS "clip-eos2/huggingface", &options, result, error);
    if (status == VITLRP_OK) {
        unlink(bench->texts_journal);
    }
    return status;
}

enum vitlrp_status torture_with_token_ids(const struct bench *bench, struct result *result,
                                          struct vitlrp_error *error) {
    static const int32_t IDS[] = {812, 320, 7, 813, 812, 40, 813, -1};
    static const char *const NAMES[] = {"one", NULL};
    const struct vitlrp_token_rows rows = {.ids = IDS, .names = NAMES, .count = 2, .width = 4};
    const struct vitlrp_text_options options = text_options();
    struct vitlrp_model *encoder = NULL;
    struct vitlrp_model *texts = NULL;
    (void) bench;
    enum vitlrp_status status =
        vitlrp_model_open(WORDS "clip-eos2/huggingface", NULL, &encoder, error);
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_token_ids(encoder, &rows, &options, &texts, error);
    }
    vitlrp_model_close(encoder);
    if (status == VITLRP_OK) {
        status = keep_pass(texts, result, error);
    }
    vitlrp_model_close(texts);
    return status;
}

/* ---- Words ---- */

/* The relevance of the tokens of a text, for an embedding that no image has. */
static enum vitlrp_status keep_words(const struct vitlrp_model *texts, struct result *result,
                                     struct vitlrp_error *error) {
    const struct vitlrp_text_options options = text_options();
    struct vitlrp_ledger_entry ledger[MOST_LINES];
    struct vitlrp_text_relevance relevance;
    struct vitlrp_text *text = NULL;
    struct vitlrp_word word;
    float tokens[MOST_TOKENS] = {0};
    float embedding[MOST_NUMBERS];
    for (size_t i = 0; i < MOST_NUMBERS; i++) {
        embedding[i] = (float) (i % 5) - 1.5F;
    }
    vitlrp_text_relevance_init(&relevance);
    relevance.tokens = tokens;
    relevance.ledger = ledger;
    enum vitlrp_status status = vitlrp_text_open(texts, 1, &options, &text, error);
    if (status == VITLRP_OK) {
        status = vitlrp_text_explain(text, embedding, NULL, &relevance, error);
        torture_keep(result, tokens, 8 * sizeof *tokens);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_text_word(text, 1, &word, error);
        torture_keep(result, word.text, strlen(word.text));
    }
    vitlrp_text_close(text);
    return status;
}

static enum vitlrp_status take_words(int32_t keep_tower, struct result *result,
                                     struct vitlrp_error *error) {
    struct vitlrp_text_options options = text_options();
    struct vitlrp_model *texts = NULL;
    struct vitlrp_model *words = NULL;
    struct vitlrp_class first;
    options.keep_tower = keep_tower;
    enum vitlrp_status status = open_texts(WORDS "clip-eos2/huggingface", &options, &texts, error);
    if (status == VITLRP_OK) {
        status = keep_words(texts, result, error);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_with_words(texts, 1, &options, NULL, &words, error);
    }
    if (status == VITLRP_OK) {
        status = vitlrp_model_class(words, 1, &first, error);
        torture_keep(result, first.label, strlen(first.label));
    }
    vitlrp_model_close(words);
    vitlrp_model_close(texts);
    return status;
}

enum vitlrp_status torture_words(const struct bench *bench, struct result *result,
                                 struct vitlrp_error *error) {
    (void) bench;
    return take_words(0, result, error);
}

enum vitlrp_status torture_kept_words(const struct bench *bench, struct result *result,
                                      struct vitlrp_error *error) {
    (void) bench;
    return take_words(1, result, error);
}
