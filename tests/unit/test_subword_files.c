/* Files of SigLIP's tokenizers that are damaged, hostile or beyond what is read: each is refused,
 * with a status and a word of its message, in time and memory in proportion to its size. */
#define _DEFAULT_SOURCE
#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "base/base64.h"
#include "base/text.h"
#include "text/pieces.h"
#include "text/tokenizer.h"

#include "support/piece_files.h"
#include "support/unit.h"

#define UNIGRAM 1
#define BPE 2
#define SPACE "\xE2\x96\x81"

static enum vitlrp_status open_bytes(const void *data, size_t size, struct tokenizer **out,
                                     struct vitlrp_error *err) {
    struct tokenizer_file file = {.data = data, .size = size};
    *out = NULL;
    return tokenizer_open_bytes(&file, out, err);
}

static struct tokenizer *open_good(const struct text *file) {
    struct tokenizer *tokenizer;
    struct vitlrp_error err;
    if (open_bytes(file->data, file->length, &tokenizer, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

/* Frees the file. */
static void refuse(struct text *file, enum vitlrp_status status, const char *word) {
    struct tokenizer *tokenizer;
    struct vitlrp_error err = {0};
    if (open_bytes(file->data, file->length, &tokenizer, &err) != status ||
        strstr(err.message, word) == NULL) {
        fail_msg("status %d, \"%s\" without \"%s\"", (int) err.status, err.message, word);
    }
    assert_null(tokenizer);
    text_free(file);
}

static struct text new_text(void) {
    return (struct text){.limit = (size_t) 80 << 20};
}

static struct text good_model(uint64_t type) {
    struct text model = new_text();
    proto_pieces(&model);
    proto_trainer(&model, type);
    return model;
}

static enum vitlrp_status encode(const struct tokenizer *tokenizer, const char *text, size_t length,
                                 struct tokens *tokens, struct vitlrp_error *err) {
    struct tokenize_options options = {.cleaning = TEXT_CLEANING_NONE};
    return tokenizer_encode(tokenizer, text, length, &options, tokens, err);
}

static void expect_ids(const struct tokenizer *tokenizer, const char *text, const int32_t *ids,
                       size_t count) {
    struct tokens tokens;
    assert_int_equal(encode(tokenizer, text, strlen(text), &tokens, NULL), VITLRP_OK);
    assert_int_equal(tokens.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tokens.items[i].id, ids[i]);
    }
    tokens_free(&tokens);
}

/* Every beginning of a file, and every byte changed in 16 ways: a status, and no harm. */
static void test_cut_and_changed(void **state) {
    (void) state;
    struct text model = good_model(UNIGRAM);
    struct tokenizer *tokenizer;
    size_t opened = 0;
    for (size_t size = 0; size <= model.length; size++) {
        opened += open_bytes(model.data, size, &tokenizer, NULL) == VITLRP_OK;
        tokenizer_close(tokenizer);
    }
    assert_true(opened > 0 && opened < 12); /* where a field ends, a model may */
    for (size_t at = 0; at < 16 * model.length; at++) {
        char before = model.data[at / 16];
        model.data[at / 16] = (char) ((unsigned char) before ^ (1 + at % 16 * 17));
        (void) open_bytes(model.data, model.length, &tokenizer, NULL);
        tokenizer_close(tokenizer);
        model.data[at / 16] = before;
    }
    text_free(&model);
}

static void refuse_piece(const char *bytes, float score, uint64_t type, uint64_t model_type,
                         enum vitlrp_status status, const char *word) {
    struct text model = good_model(model_type);
    proto_piece(&model, bytes, score, type);
    refuse(&model, status, word);
}

static void test_refused_pieces(void **state) {
    (void) state;
    char longest[PIECE_MAX_BYTES + 2];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    refuse_piece("", 0.0F, 1, UNIGRAM, VITLRP_FORMAT, "empty");
    refuse_piece("\xC3", 0.0F, 1, UNIGRAM, VITLRP_FORMAT, "not UTF-8");
    refuse_piece("ab", 0.0F, 1, UNIGRAM, VITLRP_FORMAT, "are the same");
    refuse_piece(longest, 0.0F, 1, UNIGRAM, VITLRP_LIMIT, "at most 512");
    refuse_piece("x", NAN, 1, UNIGRAM, VITLRP_NUMERIC, "not finite");
    refuse_piece("x", INFINITY, 1, BPE, VITLRP_NUMERIC, "not finite");
    refuse_piece("x", 0.0F, 7, UNIGRAM, VITLRP_FORMAT, "no type");
    refuse_piece("<u2>", 0.0F, 2, UNIGRAM, VITLRP_FORMAT, "second unknown");
    refuse_piece("<0x00>", 0.0F, 6, UNIGRAM, VITLRP_FORMAT, "unused byte");
    refuse_piece("x", 0.0F, 3, UNIGRAM, VITLRP_UNSUPPORTED, "single character");
    refuse_piece("xy", 0.0F, 5, BPE, VITLRP_UNSUPPORTED, "unused one of a BPE model");
}

static void test_refused_models(void **state) {
    (void) state;
    struct text model = good_model(3);
    refuse(&model, VITLRP_UNSUPPORTED, "type is 3");
    model = good_model(UNIGRAM);
    proto_bytes(&model, 2, "\xC0\x01\x01", 3); /* treat_whitespace_as_suffix */
    refuse(&model, VITLRP_UNSUPPORTED, "treat_whitespace_as_suffix");
    model = good_model(BPE);
    proto_bytes(&model, 2, "\x98\x02\x01", 3); /* byte_fallback */
    refuse(&model, VITLRP_FORMAT, "no piece <0x00>");
    model = good_model(UNIGRAM);
    proto_bytes(&model, 200, "x", 1);
    refuse(&model, VITLRP_UNSUPPORTED, "field 200");
    model = good_model(UNIGRAM);
    proto_bytes(&model, 2, "\x1A\x01x", 3); /* a model type that is a string */
    refuse(&model, VITLRP_FORMAT, "not of its type");
    model = good_model(UNIGRAM);
    proto_bytes(&model, 3, "\x1A\x01x", 3); /* add_dummy_prefix that is a string */
    refuse(&model, VITLRP_FORMAT, "not of its type");
    model = new_text();
    proto_piece(&model, "</s>", 0.0F, 3);
    refuse(&model, VITLRP_FORMAT, "no normal piece");
    model = new_text();
    proto_piece(&model, "ab", 0.0F, 1);
    refuse(&model, VITLRP_FORMAT, "no unknown piece");
}

/* What is wrong with the encoding itself, behind a good model. */
static void test_refused_encodings(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *word;
    } ENDS[] = {
        {"\x0B\x0C", 2, "group"},
        {"\x00\x00", 2, "no number"},
        {"\x0A\x05"
         "a",
         3, "beyond the end"},
        {"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, "beyond the end"},
        {"\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 12, "beyond the end"},
        {"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11, "no number"},
        {"\x0D\x01", 2, "beyond the end"},
    };
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        struct text model = good_model(UNIGRAM);
        text_append(&model, ENDS[i].bytes, ENDS[i].size);
        refuse(&model, VITLRP_FORMAT, ENDS[i].word);
    }
    /* a hundred thousand messages within each other, in a field that is passed over */
    struct text deep = new_text();
    for (size_t i = 0; i < 100000; i++) {
        text_append(&deep, "\x0A\x7F", 2);
    }
    struct text model = good_model(UNIGRAM);
    proto_bytes(&model, 4, deep.data, deep.length);
    tokenizer_close(open_good(&model));
    text_free(&deep);
    text_free(&model);
}

static void test_limits(void **state) {
    (void) state;
    struct text model = new_text();
    struct tokenizer *tokenizer;
    struct vitlrp_error err;
    char piece[16] = "\x0A\x05\x0A\x03"
                     "...";
    for (size_t i = 0; i <= PIECES_MAX; i++) {
        for (size_t k = 0; k < 3; k++) {
            piece[4 + k] = (char) (' ' + (i >> (6 * k)) % 64);
        }
        text_append(&model, piece, 7);
    }
    refuse(&model, VITLRP_LIMIT, "at most 1048576");
    assert_int_equal(open_bytes("\n", TOKENIZER_MAX_FILE + 1, &tokenizer, &err), VITLRP_LIMIT);
}

static void put_unit(struct text *out, uint32_t unit) {
    char bytes[4] = {(char) unit, (char) (unit >> 8), (char) (unit >> 16), (char) (unit >> 24)};
    text_append(out, bytes, 4);
}

#define HAS_VALUE (1U << 8)

/* A table of one block: `root`, a unit for 'a' (97) and one for what is at `at`. */
static struct text charsmap(uint32_t size, uint32_t root, uint32_t unit, uint32_t at,
                            uint32_t value) {
    struct text map = new_text();
    put_unit(&map, size);
    for (uint32_t i = 0; i < 256; i++) {
        put_unit(&map, i == 0 ? root : i == 'a' ? unit : i == at ? value : 0);
    }
    return map;
}

static struct text model_of(struct text *map, const char *texts, size_t size) {
    struct text model = good_model(UNIGRAM);
    text_append(map, texts, size);
    proto_normalizer(&model, map->data, map->length);
    text_free(map);
    return model;
}

static void refuse_charsmap(struct text map, const char *texts, size_t size) {
    struct text model = model_of(&map, texts, size);
    refuse(&model, VITLRP_FORMAT, "charsmap");
}

/* 'a' leads to unit 97, and that to unit 97 ^ (96 << 10 >> 10) = 1, whose value is an offset. */
#define LEAF ('a' | HAS_VALUE | 96U << 10)
#define VALUE(offset) (1U << 31 | (offset))

static void test_refused_charsmaps(void **state) {
    (void) state;
    refuse_charsmap(charsmap(1024, 0, LEAF, 1, VALUE(2)), "b", 2); /* value behind the end */
    refuse_charsmap(charsmap(1024, 0, LEAF, 1, VALUE(0)), "b", 1); /* not terminated */
    refuse_charsmap(charsmap(1024, 1U << 20, LEAF, 1, VALUE(0)), "b", 2);
    refuse_charsmap(charsmap(1024, 1U << 31, LEAF, 1, VALUE(0)), "b", 2);
    refuse_charsmap(charsmap(1024, 0, 'a' | 1U << 9 | 1U << 12, 1, 0), "b", 2);
    refuse_charsmap(charsmap(1020, 0, LEAF, 1, VALUE(0)), "b", 2);
    refuse_charsmap(charsmap(0, 0, LEAF, 1, VALUE(0)), "b", 2);
    refuse_charsmap(charsmap(2048, 0, LEAF, 1, VALUE(0)), "b", 2);
    struct text model = good_model(UNIGRAM);
    proto_normalizer(&model, "abc", 3);
    refuse(&model, VITLRP_FORMAT, "charsmap");
}

static void test_charsmap(void **state) {
    (void) state;
    static const int32_t IDS[] = {3, 5, 5, 6, 1}; /* of "bbc" */
    struct text map = charsmap(1024, 0, LEAF, 1, VALUE(0));
    struct text model = model_of(&map, "b", 2);
    struct tokenizer *tokenizer = open_good(&model);
    expect_ids(tokenizer, "bac", IDS, 5);
    tokenizer_close(tokenizer);
    text_free(&model);
}

/* Tables that make a text without end, or one that is not UTF-8, or go in circles. */
static void test_hostile_charsmaps(void **state) {
    (void) state;
    struct tokens tokens;
    struct vitlrp_error err;
    struct text longest = new_text();
    struct text texts = new_text();
    for (size_t i = 0; i < 100000; i++) {
        text_append_string(&longest, "b");
        text_append_string(&texts, "a");
    }
    struct text map = charsmap(1024, 0, LEAF, 1, VALUE(0));
    struct text model = model_of(&map, longest.data, longest.length + 1);
    struct tokenizer *tokenizer = open_good(&model);
    assert_int_equal(encode(tokenizer, texts.data, 1000, &tokens, &err), VITLRP_LIMIT);
    tokenizer_close(tokenizer);
    text_free(&model);
    map = charsmap(1024, 0, LEAF, 1, VALUE(0));
    model = model_of(&map, "\xC3", 2);
    tokenizer = open_good(&model);
    assert_int_equal(encode(tokenizer, "a", 1, &tokens, &err), VITLRP_FORMAT);
    tokenizer_close(tokenizer);
    text_free(&model);
    map = charsmap(1024, 0, 'a' | HAS_VALUE | 'a' << 10, 1, 0);
    model = model_of(&map, "b", 2);
    tokenizer = open_good(&model);
    assert_int_equal(encode(tokenizer, texts.data, texts.length, &tokens, &err), VITLRP_OK);
    tokens_free(&tokens);
    tokenizer_close(tokenizer);
    text_free(&model);
    text_free(&longest);
    text_free(&texts);
}

#define UNIGRAM_JSON                                                                               \
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<unk>\",\"special\":true}],\"normalizer\":null,"   \
    "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0.0],[\"a\",-1.5],"        \
    "[\"\\u2581\",-2],[\"ab\",-2.25]]}}"

/* UNIGRAM_JSON with one text in it replaced, refused. */
static void refuse_json(const char *from, const char *to, enum vitlrp_status status,
                        const char *word) {
    const char *at = strstr(UNIGRAM_JSON, from);
    struct text file = new_text();
    assert_non_null(at);
    text_append(&file, UNIGRAM_JSON, (size_t) (at - UNIGRAM_JSON));
    text_append_string(&file, to);
    text_append_string(&file, at + strlen(from));
    refuse(&file, status, word);
}

#define NORMALIZER "\"normalizer\":null"

static void test_refused_json(void **state) {
    (void) state;
    refuse_json(NORMALIZER, "\"version\":\"1\",\"version\":\"1\"", VITLRP_FORMAT, "a key twice");
    refuse_json(NORMALIZER, "\"extra\":null", VITLRP_UNSUPPORTED, "\"extra\"");
    refuse_json("\"unk_id\":0,", "\"unk_id\":null,", VITLRP_UNSUPPORTED, "unk_id");
    refuse_json("\"unk_id\":0,", "\"unk_id\":4,", VITLRP_UNSUPPORTED, "unk_id");
    refuse_json("\"unk_id\":0,", "\"unk_id\":0,\"dropout\":0.1,", VITLRP_UNSUPPORTED, "dropout");
    refuse_json("\"unk_id\":0,", "\"unk_id\":0,\"byte_fallback\":true,", VITLRP_FORMAT, "<0x00>");
    refuse_json("-1.5", "NaN", VITLRP_FORMAT, "not valid JSON");
    refuse_json("-1.5", "1e999", VITLRP_FORMAT, "piece 1");
    refuse_json("-1.5", "\"x\"", VITLRP_FORMAT, "piece 1");
    refuse_json("-1.5", "-1.5,2", VITLRP_FORMAT, "piece 1");
    refuse_json("\"ab\"", "\"a\"", VITLRP_FORMAT, "are the same");
    refuse_json("\"ab\"", "\"\"", VITLRP_FORMAT, "empty");
    refuse_json("\"ab\"", "\"a\xC3\"", VITLRP_FORMAT, "not UTF-8");
    refuse_json("\"ab\"", "\"\\ud800\"", VITLRP_FORMAT, "not valid JSON");
    refuse_json("\"<unk>\",\"sp", "\"<u>\",\"sp", VITLRP_MISMATCH, "another text");
    refuse_json("\"special\":true", "\"special\":false,\"lstrip\":true", VITLRP_UNSUPPORTED,
                "lstrip");
    refuse_json("\"id\":0,", "\"id\":1048576,", VITLRP_LIMIT, "at most 1048576");
    refuse_json("{\"id\"", "{\"x\":1,\"id\"", VITLRP_UNSUPPORTED, "an added token");
    refuse_json("}}", "}", VITLRP_FORMAT, "not valid JSON");
}

/* Escapes of characters, in digits of both cases, and of a pair of surrogates. */
static void test_escapes(void **state) {
    (void) state;
    static const char FROM[] = "\"ab\"";
    static const int32_t IDS[] = {3};
    const char *at = strstr(UNIGRAM_JSON, FROM);
    struct text file = new_text();
    text_append(&file, UNIGRAM_JSON, (size_t) (at - UNIGRAM_JSON));
    text_append_string(&file, "\"\\u00C4\\u00ea\\u2FfA\\uD83D\\ude00\\n\"");
    text_append_string(&file, at + strlen(FROM));
    struct tokenizer *tokenizer = open_good(&file);
    expect_ids(tokenizer, "\xC3\x84\xC3\xAA\xE2\xBF\xBA\xF0\x9F\x98\x80\n", IDS, 1);
    tokenizer_close(tokenizer);
    text_free(&file);
}

static void refuse_step(const char *step, enum vitlrp_status status, const char *word) {
    struct text text = new_text();
    text_printf(&text, "\"normalizer\":%s", step);
    refuse_json(NORMALIZER, text.data, status, word);
    text_free(&text);
}

static void test_refused_steps(void **state) {
    (void) state;
    refuse_step("{\"type\":\"NFKC\"}", VITLRP_UNSUPPORTED, "\"NFKC\"");
    refuse_step("{\"type\":\"ByteLevel\"}", VITLRP_UNSUPPORTED, "\"ByteLevel\"");
    refuse_step("[]", VITLRP_UNSUPPORTED, "\"\"");
    refuse_step("{\"type\":\"Lowercase\",\"locale\":\"tr\"}", VITLRP_UNSUPPORTED, "locale");
    refuse_step("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"x+\"},\"content\":\"\"}",
                VITLRP_UNSUPPORTED, "Replace");
    refuse_step("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}",
                VITLRP_UNSUPPORTED, "Replace");
    refuse_step("{\"type\":\"Metaspace\",\"replacement\":\"_\"}", VITLRP_UNSUPPORTED, "Metaspace");
    refuse_step("{\"type\":\"Metaspace\",\"replacement\":\"" SPACE "\",\"prepend_scheme\":\"x\"}",
                VITLRP_UNSUPPORTED, "Metaspace");
    refuse_step("{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Removed\"}",
                VITLRP_UNSUPPORTED, "Split");
    refuse_step("{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                "\"behavior\":\"MergedWithPrevious\",\"invert\":true}",
                VITLRP_UNSUPPORTED, "Split");
    refuse_step("{\"type\":\"Prepend\"}", VITLRP_UNSUPPORTED, "Prepend");
    refuse_step("{\"type\":\"Strip\",\"strip_left\":1}", VITLRP_UNSUPPORTED, "Strip");
    refuse_step("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AA==\"}", VITLRP_FORMAT,
                "charsmap");
    refuse_step("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"?\"}", VITLRP_FORMAT,
                "base64");
    refuse_json(NORMALIZER, "\"post_processor\":{\"type\":\"RobertaProcessing\"}",
                VITLRP_UNSUPPORTED, "\"RobertaProcessing\"");
    refuse_json(NORMALIZER, "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}",
                VITLRP_UNSUPPORTED, "template");
    refuse_json(NORMALIZER, "\"padding\":{\"direction\":\"Left\"}", VITLRP_UNSUPPORTED, "in front");
    refuse_json(NORMALIZER, "\"truncation\":{\"direction\":\"Left\"}", VITLRP_UNSUPPORTED,
                "truncation in front");
    struct text steps = new_text();
    text_append_string(&steps, "{\"type\":\"Sequence\",\"normalizers\":[");
    for (size_t i = 0; i < 17; i++) {
        text_printf(&steps, "%s{\"type\":\"Lowercase\"}", i == 0 ? "" : ",");
    }
    text_append_string(&steps, "]}");
    refuse_step(steps.data, VITLRP_LIMIT, "more than 16");
    text_free(&steps);
    struct text deep = new_text();
    for (size_t i = 0; i < 100; i++) {
        text_append_string(&deep, "[");
    }
    refuse_step(deep.data, VITLRP_LIMIT, "nests deeper");
    text_free(&deep);
}

/* Merges that are none: of pieces that are not there, to one that is not there, twice, in circles.
 */
static void test_refused_merges(void **state) {
    (void) state;
    static const struct {
        const char *merges, *word;
    } CASES[] = {
        {"\"a z\"", "merge 0"},
        {"\"z a\"", "merge 0"},
        {"\"b a\"", "merge 0"},
        {"\"a b c\"", "merge 0"},
        {"\"ab\"", "merge 0"},
        {"[\"a\"]", "merge 0"},
        {"[\"a\",\"b\",\"c\"]", "merge 0"},
        {"[\"a\",1]", "merge 0"},
        {"7", "merge 0"},
        {"\"a b\",[\"a\",\"b\"]", "merges 0 and 1 are the same"},
        {"\"a b\",\"ab \"", "merge 1"}, /* to itself */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct text file = new_text();
        text_append_string(&file,
                           "{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true,\"vocab\":{");
        for (unsigned byte = 0; byte < 256; byte++) {
            text_printf(&file, "\"<0x%02X>\":%u,", byte, byte);
        }
        text_printf(&file, "\"a\":256,\"b\":257,\"c\":258,\"ab\":259},\"merges\":[%s]}}",
                    CASES[i].merges);
        refuse(&file, VITLRP_FORMAT, CASES[i].word);
    }
}

static void test_special_tokens(void **state) {
    (void) state;
    struct text model = good_model(UNIGRAM);
    struct text json = new_text();
    struct tokens tokens;
    struct vitlrp_error err;
    struct tokenizer *tokenizer = open_good(&model);
    assert_int_equal(encode(tokenizer, "a </s> b", 8, &tokens, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, "</s>"));
    tokenizer_close(tokenizer);
    text_append_string(&json, " \t\r\n" UNIGRAM_JSON); /* white space may lie before it */
    tokenizer = open_good(&json);
    assert_int_equal(encode(tokenizer, "a<unk>", 6, &tokens, &err), VITLRP_USAGE);
    tokenizer_close(tokenizer);
    text_free(&model);
    text_free(&json);
}

/* A piece of the user's counts 0.1 for each byte behind its first, whatever its score. */
static void test_pieces_of_the_user(void **state) {
    (void) state;
    static const int32_t IDS[] = {3, 12, 1};
    struct text model = good_model(UNIGRAM);
    proto_piece(&model, "x", 0.01F, 1);
    proto_piece(&model, "y", 0.01F, 1);
    proto_piece(&model, "xy", 0.0F, 4);
    struct tokenizer *tokenizer = open_good(&model);
    expect_ids(tokenizer, "xy", IDS, 3);
    tokenizer_close(tokenizer);
    text_free(&model);
}

static size_t most_kilobytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t) usage.ru_maxrss;
}

/* 262,144 pieces and half a million merges: 150 MB at most, the file among them. */
static void test_gemma_size(void **state) {
    (void) state;
    static const int32_t IDS[] = {4420 + 4096 + 2 * 64 + 3, 260, 261, 4 + 0xC3, 4 + 0xA9};
    struct text file = new_text();
    json_of_gemma_size(&file, 262144);
    assert_false(file.failed);
    size_t before = most_kilobytes();
    struct tokenizer *tokenizer = open_good(&file);
    size_t taken = most_kilobytes() - before;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(taken + file.length / 1024 < 150 * 1024);
#else
    (void) taken;
#endif
    struct tokenizer_info info = tokenizer_describe(tokenizer);
    assert_int_equal(info.vocabulary, 262144);
    assert_int_equal(info.padding, 0);
    assert_int_equal(info.unknown, -1);
    expect_ids(tokenizer, "bcdab\xC3\xA9", IDS, 5); /* "a" is an added token: "ab" is none */
    tokenizer_close(tokenizer);
    text_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_and_changed), cmocka_unit_test(test_refused_pieces),
        cmocka_unit_test(test_refused_models),  cmocka_unit_test(test_refused_encodings),
        cmocka_unit_test(test_limits),          cmocka_unit_test(test_refused_charsmaps),
        cmocka_unit_test(test_charsmap),        cmocka_unit_test(test_hostile_charsmaps),
        cmocka_unit_test(test_refused_json),    cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_refused_steps),   cmocka_unit_test(test_refused_merges),
        cmocka_unit_test(test_special_tokens),  cmocka_unit_test(test_pieces_of_the_user),
        cmocka_unit_test(test_gemma_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
