/* Ids of SigLIP's and SigLIP 2's tokenizers against the libraries', for 300 texts of every kind:
 * golden/words/siglip_ids.jsonl. */
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "text/tokenizer.h"

#include "support/unit.h"

#define WORDS TEST_DATA "/golden/words/"
#define SPIECE WORDS "siglip-tiny/huggingface/spiece.model"
#define T5_JSON WORDS "siglip-tiny/open_clip/tokenizer.json"
#define GEMMA WORDS "siglip2-tiny/huggingface/tokenizer.model"
#define GEMMA_JSON WORDS "siglip2-tiny/tokenizers/tokenizer.json"
#define TEXTS 300
#define CONTEXT 64

static struct tokenizer *open_tokenizer(const char *path) {
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    if (tokenizer_open(path, &tokenizer, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

/* The tokens are the column's ids, and lie in the text one behind the other. */
static void expect_ids(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                       size_t context, const json_t *text, const json_t *ids) {
    struct tokenize_options options = {.cleaning = cleaning, .context = context};
    struct tokens tokens = {0};
    struct vitlrp_error err;
    if (tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), &options,
                         &tokens, &err) != VITLRP_OK) {
        fail_msg("%s: %s", json_string_value(text), err.message);
    }
    size_t count = tokens.count;
    if (count != json_array_size(ids)) {
        fail_msg("%s: %zu ids, not %zu", json_string_value(text), count, json_array_size(ids));
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens.items[i].id != json_integer_value(json_array_get(ids, i))) {
            fail_msg("%s: id %zu is %d", json_string_value(text), i, tokens.items[i].id);
        }
        assert_true(tokens.items[i].end <= tokens.length);
        assert_true(tokens.items[i].begin <= tokens.items[i].end);
        assert_true(i == 0 || tokens.items[i].word < 0 ||
                    tokens.items[i].begin >= tokens.items[i - 1].begin);
    }
    tokens_free(&tokens);
}

static void expect_column(const char *path, enum text_cleaning cleaning, const char *column,
                          size_t context) {
    struct tokenizer *tokenizer = open_tokenizer(path);
    struct bytes file;
    size_t lines = 0;
    assert_int_equal(file_read(WORDS "siglip_ids.jsonl", 1 << 20, &file, NULL), VITLRP_OK);
    for (size_t at = 0; at < file.size; lines++) {
        const char *line = (const char *) file.data + at;
        size_t length = (size_t) ((const char *) memchr(line, '\n', file.size - at) - line);
        json_t *object = NULL;
        assert_int_equal(json_parse_object(line, length, &object, NULL), VITLRP_OK);
        expect_ids(tokenizer, cleaning, context, json_object_get(object, "text"),
                   json_object_get(object, column));
        json_decref(object);
        at += length + 1;
    }
    assert_int_equal(lines, TEXTS);
    bytes_free(&file);
    tokenizer_close(tokenizer);
}

/* As transformers' SiglipTokenizer, which drives SentencePiece. */
static void test_sentencepiece(void **state) {
    (void) state;
    expect_column(SPIECE, TEXT_CLEANING_NONE, "sentencepiece", 0);
    expect_column(SPIECE, TEXT_CLEANING_SIGLIP, "huggingface", CONTEXT);
}

static void test_unigram_json(void **state) {
    (void) state;
    expect_column(T5_JSON, TEXT_CLEANING_CANONICAL, "open_clip", CONTEXT);
}

/* SigLIP 2 has the same ids by Gemma's model and by what tokenizers makes of it. */
static void test_siglip2(void **state) {
    (void) state;
    expect_column(GEMMA, TEXT_CLEANING_LOWER, "siglip2", 0);
    expect_column(GEMMA_JSON, TEXT_CLEANING_NONE, "siglip2", 0);
}

static void expect_clean(enum text_cleaning cleaning, const char *from, const char *to) {
    struct text out = {.limit = 1000};
    assert_int_equal(text_clean(cleaning, from, strlen(from), &out, NULL), VITLRP_OK);
    text_append(&out, "", 0);
    assert_string_equal(out.data, to);
    text_free(&out);
}

/* Where the libraries differ: underscores, other quotes, entities, final sigma, spaces. */
static void test_cleanings(void **state) {
    (void) state;
    expect_clean(TEXT_CLEANING_CANONICAL, " X_Y-z,  (A) &amp; \xE2\x80\x99t", "x yz a t");
    expect_clean(TEXT_CLEANING_SIGLIP, " X_Y-z,  (A) &amp; \xE2\x80\x99t",
                 "xyz a amp \xE2\x80\x99t");
    expect_clean(TEXT_CLEANING_LOWER, " X_Y-z,  (A)", " x_y-z,  (a)");
    expect_clean(TEXT_CLEANING_CANONICAL, "\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x82");
    expect_clean(TEXT_CLEANING_SIGLIP, "\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x83");
    expect_clean(TEXT_CLEANING_LOWER, "\xCE\x91\xCE\xA3", "\xCE\xB1\xCF\x83");
    expect_clean(TEXT_CLEANING_SIGLIP,
                 "a\xE2\x96\x81 \x1C"
                 "b\n",
                 "a b");
    expect_clean(TEXT_CLEANING_CANONICAL, "!?", "");
    expect_clean(TEXT_CLEANING_SIGLIP, " ", "");
}

/* Words begin at U+2581; a token lies where its text does. */
static void test_words(void **state) {
    (void) state;
    struct tokenizer *tokenizer = open_tokenizer(SPIECE);
    struct tokenize_options options = {.cleaning = TEXT_CLEANING_NONE, .context = 16, .pads = true};
    struct tokens tokens = {0};
    static const struct token WANTED[] = {{4, 0, 0, 1}, {31, 1, 1, 5},   {3, 2, 5, 6},
                                          {6, 2, 6, 8}, {299, 3, 8, 12}, {1, -1, 0, 0},
                                          {1, -1, 0, 0}};
    assert_int_equal(tokenizer_encode(tokenizer, "a red of bus", 12, &options, &tokens, NULL),
                     VITLRP_OK);
    assert_int_equal(tokens.count, 16);
    for (size_t i = 0; i < sizeof WANTED / sizeof *WANTED; i++) {
        assert_int_equal(tokens.items[i].id, WANTED[i].id);
        assert_int_equal(tokens.items[i].word, WANTED[i].word);
        assert_int_equal(tokens.items[i].begin, WANTED[i].begin);
        assert_int_equal(tokens.items[i].end, WANTED[i].end);
    }
    tokens_free(&tokens);
    tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sentencepiece), cmocka_unit_test(test_unigram_json),
        cmocka_unit_test(test_siglip2),       cmocka_unit_test(test_cleanings),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
