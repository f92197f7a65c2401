/* Texts -> ids by CLIP's tokenizer: those of open_clip and of Hugging Face for 2,000 texts
 * (golden/text/README.md), in every kind of file; and files and texts that are refused. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "text/bpe.h"
#include "text/bpe_files.h"
#include "text/tokenizer.h"
#include "text/unpack.h"

#include "support/unit.h"

#define GOLDEN TEST_DATA "/golden/text/"

extern const unsigned char clip_merges[];
extern const unsigned char clip_merges_end[];

static struct tokenizer *builtin; /* opened once */

/* A file, terminated. */
static struct text read_file(const char *path) {
    struct bytes bytes = {0};
    struct vitlrp_error err;
    if (file_read(path, TOKENIZER_MAX_FILE, &bytes, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    struct text text = {.limit = 1 << 24};
    text_append(&text, (const char *) bytes.data, bytes.size);
    bytes_free(&bytes);
    return text;
}

/* The built-in merges as lines. */
static struct text merge_lines(void) {
    struct text text = {.limit = 1 << 24};
    assert_int_equal(unpack(clip_merges, (size_t) (clip_merges_end - clip_merges), &text, NULL),
                     VITLRP_OK);
    return text;
}

static struct tokenizer *open_data(const void *data, size_t size, const void *ids,
                                   size_t ids_size) {
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    struct tokenizer_file file = {data, size, ids, ids_size};
    if (tokenizer_open_bytes(&file, &tokenizer, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return tokenizer;
}

static void refuse(const void *data, size_t size, const char *ids, enum vitlrp_status status,
                   const char *word) {
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    struct tokenizer_file file = {data, size, ids, ids == NULL ? 0 : strlen(ids)};
    assert_int_equal(tokenizer_open_bytes(&file, &tokenizer, &err), status);
    if (strstr(err.message, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, err.message);
    }
}

static struct tokens encode(const struct tokenizer *tokenizer, const char *text,
                            struct tokenize_options options) {
    struct tokens tokens;
    struct vitlrp_error err;
    if (tokenizer_encode(tokenizer, text, strlen(text), &options, &tokens, &err) != VITLRP_OK) {
        fail_msg("%s: %s", text, err.message);
    }
    return tokens;
}

/* The ids, start and end among them, as numbers with blanks between them. */
static void expect_ids(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                       const char *text, const char *wanted) {
    struct tokens tokens = encode(tokenizer, text, (struct tokenize_options){cleaning, 77, 0, 0});
    struct text found = {.limit = 1 << 16};
    for (size_t i = 0; i < tokens.count; i++) {
        text_printf(&found, "%s%d", i == 0 ? "" : " ", tokens.items[i].id);
    }
    if (strcmp(found.data, wanted) != 0) {
        fail_msg("%s: %s, not %s", text, found.data, wanted);
    }
    text_free(&found);
    tokens_free(&tokens);
}

static void expect_list(const struct tokenizer *tokenizer, enum text_cleaning cleaning,
                        const json_t *text, const json_t *ids) {
    struct tokens tokens;
    struct vitlrp_error err;
    struct tokenize_options options = {.cleaning = cleaning, .context = 77};
    if (tokenizer_encode(tokenizer, json_string_value(text), json_string_length(text), &options,
                         &tokens, &err) != VITLRP_OK) {
        fail_msg("%s: %s", json_string_value(text), err.message);
    }
    bool is_equal = tokens.count == json_array_size(ids);
    for (size_t i = 0; i < tokens.count && is_equal; i++) {
        is_equal = tokens.items[i].id == json_integer_value(json_array_get(ids, i));
    }
    if (!is_equal) {
        fail_msg("%s: other ids (%s)", json_string_value(text), text_cleaning_name(cleaning));
    }
    tokens_free(&tokens);
}

static size_t expect_all(const struct tokenizer *tokenizer) {
    struct text packed = read_file(GOLDEN "tokens.jsonl.gz");
    struct text lines = {.limit = 1 << 22};
    assert_int_equal(unpack(packed.data, packed.length, &lines, NULL), VITLRP_OK);
    text_free(&packed);
    size_t count = 0;
    for (char *line = lines.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        json_t *row = json_loadb(line, (size_t) (end - line), JSON_ALLOW_NUL, NULL);
        const json_t *text = json_object_get(row, "text");
        expect_list(tokenizer, TEXT_CLEANING_FULL, text, json_object_get(row, "full"));
        expect_list(tokenizer, TEXT_CLEANING_NFC, text, json_object_get(row, "nfc"));
        json_decref(row);
        count++;
    }
    text_free(&lines);
    return count;
}

static void test_two_thousand_texts(void **state) {
    (void) state;
    assert_int_equal(expect_all(builtin), 2000);
}

static void test_known_ids(void **state) {
    (void) state;
    static const struct {
        const char *text, *ids;
    } ROWS[] = {
        {"", "49406 49407"},
        {" \t", "49406 49407"},
        {"hello world", "49406 3306 1002 49407"},
        {"You should've done this", "49406 592 1535 1200 1700 589 49407"},
        {"A 'll 11p223RF\xE2\x98\x86ho!!to? of a cat",
         "49406 320 1342 272 272 335 273 273 274 16368 13439 2971 748 531 286 539 320 2368 49407"},
        {"x_y-z 3.14", "49406 343 318 344 268 345 274 269 272 275 49407"},
        {"\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", "49406 39121 44353 34002 508 49407"},
        {"\xF0\x9F\x98\x80\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9",
         "49406 12832 25023 964 358 49407"},
        {"!'s ''s", "49406 13222 338 8445 338 49407"},
        {"12\xC2\xBD\xE2\x85\xB7", "49406 272 273 33613 158 227 371 49407"},
        {"abacus affenpinscher", "49406 596 33710 702 5509 2629 21299 49407"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        expect_ids(builtin, TEXT_CLEANING_FULL, ROWS[i].text, ROWS[i].ids);
    }
    expect_ids(builtin, TEXT_CLEANING_FULL, "Don\xE2\x80\x99t", "49406 847 713 49407");
    expect_ids(builtin, TEXT_CLEANING_NFC, "Don\xE2\x80\x99t", "49406 847 728 503 339 49407");
    expect_ids(builtin, TEXT_CLEANING_NONE, "e\xCC\x81", "49406 324 136 479 49407");
    expect_ids(builtin, TEXT_CLEANING_FULL, "\xCD\x85", "49406 49407");
    expect_ids(builtin, TEXT_CLEANING_NFC, "\xCD\x85", "49406 137 483 49407");
    /* Capitals are there only where nothing is cleaned; OpenAI's expression ignores case. */
    expect_ids(builtin, TEXT_CLEANING_NONE, "it'S'\xC5\xBF", "49406 585 6 306 6 129 379 49407");
}

/* Words, bytes, and what was cut. */
static void test_places(void **state) {
    (void) state;
    const char *text = " An abacus, don't";
    struct tokens tokens = encode(builtin, text, (struct tokenize_options){.context = 8});
    assert_string_equal(tokens.text, "an abacus, don't");
    assert_int_equal(tokens.count, 8);
    assert_int_equal(tokens.cut, 0);
    assert_int_equal(tokens.kept, tokens.length);
    assert_int_equal(tokens.words, 5);
    static const struct token WANTED[] = {{49406, -1, 0, 0}, {550, 0, 0, 2},   {596, 1, 3, 5},
                                          {33710, 1, 5, 9},  {267, 2, 9, 10},  {847, 3, 11, 14},
                                          {713, 4, 14, 16},  {49407, -1, 0, 0}};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(tokens.items[i].id, WANTED[i].id);
        assert_int_equal(tokens.items[i].word, WANTED[i].word);
        assert_int_equal(tokens.items[i].begin, WANTED[i].begin);
        assert_int_equal(tokens.items[i].end, WANTED[i].end);
    }
    tokens_free(&tokens);
    tokens = encode(builtin, text, (struct tokenize_options){.context = 4});
    assert_int_equal(tokens.count, 4);
    assert_int_equal(tokens.items[3].id, 49407);
    assert_int_equal(tokens.cut, 4);
    assert_int_equal(tokens.kept, 5); /* "an ab" */
    assert_int_equal(tokens.words, 2);
    tokens_free(&tokens);
    tokens = encode(builtin, text, (struct tokenize_options){.context = 2});
    assert_int_equal(tokens.count, 2);
    assert_int_equal(tokens.words, 0);
    assert_int_equal(tokens.kept, 0);
    tokens_free(&tokens);
}

static void test_token_text(void **state) {
    (void) state;
    static const struct {
        int32_t id;
        const char *text;
    } ROWS[] = {{49406, "[start]"},  {49407, "[end]"}, {0, "!"},         {256, "!</w>"},
                {188, ""},           {-1, ""},         {49408, ""},      {320, "a</w>"},
                {33710, "acus</w>"}, {227, "\x85"},    {483, "\x85</w>"}};
    struct text out = {.limit = 100};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        text_free(&out);
        out.limit = 100;
        tokenizer_token_text(builtin, ROWS[i].id, &out);
        assert_string_equal(out.data == NULL ? "" : out.data, ROWS[i].text);
    }
    text_free(&out);
}

static void test_describe(void **state) {
    (void) state;
    struct tokenizer_info info = tokenizer_describe(builtin);
    assert_string_equal(info.kind, "clip-bpe");
    assert_int_equal(info.vocabulary, 49408);
    assert_int_equal(info.start, 49406);
    assert_int_equal(info.end, 49407);
    assert_int_equal(info.merges, 48894);
    assert_int_equal(info.added, 0);
    assert_true(info.is_built_in);
    tokenizer_close(NULL);
}

/* A symbol's spelling in vocab.json, and its bytes, of all bytes. */
static void test_alphabet(void **state) {
    (void) state;
    struct bpe *bpe = NULL;
    struct bpe_list list = {0};
    struct text key = {.limit = 10};
    struct text bytes = {.limit = 10};
    bool is_seen[256] = {false};
    assert_int_equal(bpe_make(&list, &bpe, NULL), VITLRP_OK);
    for (size_t i = 0; i < 256; i++) {
        key.length = bytes.length = 0;
        bpe_append_text(bpe, i, &bytes);
        bpe_append_key(bpe, i, &key);
        assert_int_equal(bytes.length, 1);
        assert_false(is_seen[(unsigned char) bytes.data[0]]);
        is_seen[(unsigned char) bytes.data[0]] = true;
        assert_true(text_is_utf8(key.data, key.length));
    }
    key.length = 0;
    bpe_append_key(bpe, 188, &key); /* byte 0 */
    assert_string_equal(key.data, "\xC4\x80");
    key.length = 0;
    bpe_append_key(bpe, 255 + 256, &key); /* byte 173 */
    assert_string_equal(key.data, "\xC5\x83</w>");
    text_free(&key);
    text_free(&bytes);
    bpe_free(bpe);
}

static void test_lines(void **state) {
    (void) state;
    struct text lines = merge_lines();
    struct tokenizer *tokenizer = open_data(lines.data, lines.length, NULL, 0);
    assert_int_equal(tokenizer_describe(tokenizer).vocabulary, 49408);
    assert_false(tokenizer_describe(tokenizer).is_built_in);
    assert_int_equal(expect_all(tokenizer), 2000);
    tokenizer_close(tokenizer);
    text_free(&lines);
}

/* OpenAI's file: a name in the first line, more merges than are used, gzip. */
static void test_openai_file(void **state) {
    (void) state;
    struct text lines = merge_lines();
    struct text file = {.limit = 1 << 22};
    text_append_string(&file, "\"bpe_simple_vocab_16e6.txt#version: 0.2\n");
    text_append(&file, lines.data, lines.length);
    text_append_string(&file, "no merge of CLIP\n");
    unsigned char *packed = mem_calloc(1 << 20, 1);
    z_stream stream = {.next_in = (unsigned char *) file.data,
                       .avail_in = (unsigned) file.length,
                       .next_out = packed,
                       .avail_out = 1 << 20};
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t size = stream.total_out;
    deflateEnd(&stream);
    struct tokenizer *tokenizer = open_data(packed, size, NULL, 0);
    assert_int_equal(tokenizer_describe(tokenizer).merges, 48894);
    expect_ids(tokenizer, TEXT_CLEANING_FULL, "a photo of a fox",
               "49406 320 1125 539 320 3240 49407");
    tokenizer_close(tokenizer);
    refuse(packed, size - 1, NULL, VITLRP_FORMAT, "not complete");
    packed[size / 2] ^= 0x40;
    refuse(packed, size, NULL, VITLRP_FORMAT, "");
    mem_free(packed);
    text_free(&file);
    text_free(&lines);
}

static void test_small_files(void **state) {
    (void) state;
    static const char *const PATHS[] = {"small/merges.txt", "small/tokenizer.json", "small"};
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        struct tokenizer *tokenizer = NULL;
        struct vitlrp_error err;
        snprintf(path, sizeof path, "%s%s", GOLDEN, PATHS[i]);
        if (tokenizer_open(path, &tokenizer, &err) != VITLRP_OK) {
            fail_msg("%s", err.message);
        }
        assert_int_equal(tokenizer_describe(tokenizer).vocabulary, 1514);
        assert_int_equal(tokenizer_describe(tokenizer).end, 1513);
        expect_ids(tokenizer, TEXT_CLEANING_FULL, "a street", "1512 320 1079 875 1513");
        expect_ids(tokenizer, TEXT_CLEANING_NFC, "a photo of two goldfish in a bowl",
                   "1512 320 1125 539 1237 70 562 67 69 1061 530 320 647 86 331 1513");
        tokenizer_close(tokenizer);
    }
}

/* Ids that are not the merges' order: they are the vocabulary's. */
static void test_other_ids(void **state) {
    (void) state;
    struct text merges = read_file(GOLDEN "small/merges.txt");
    struct text ids = read_file(GOLDEN "small/vocab.json");
    json_t *vocabulary = NULL;
    assert_int_equal(json_parse_object(ids.data, ids.length, &vocabulary, NULL), VITLRP_OK);
    const char *key;
    json_t *value;
    json_object_foreach(vocabulary, key, value) {
        json_integer_set(value, 1514 - json_integer_value(value));
    }
    json_object_set_new(vocabulary, "<|startoftext|>", json_integer(0));
    json_object_set_new(vocabulary, "never made", json_integer(2));
    char *text = json_dumps(vocabulary, 0);
    struct tokenizer *tokenizer = open_data(merges.data, merges.length, text, strlen(text));
    assert_int_equal(tokenizer_describe(tokenizer).vocabulary, 1515);
    assert_int_equal(tokenizer_describe(tokenizer).added, 1);
    expect_ids(tokenizer, TEXT_CLEANING_FULL, "a street", "0 1194 435 639 1");
    struct text out = {.limit = 100};
    tokenizer_token_text(tokenizer, 435, &out);
    tokenizer_token_text(tokenizer, 2, &out);
    assert_string_equal(out.data, "stre[unused]");
    text_free(&out);
    tokenizer_close(tokenizer);
    free(text);
    json_decref(vocabulary);
    text_free(&merges);
    text_free(&ids);
}

static void test_refused_vocabularies(void **state) {
    (void) state;
    struct text merges = read_file(GOLDEN "small/merges.txt");
    struct text ids = read_file(GOLDEN "small/vocab.json");
    static const struct {
        const char *from, *to, *word;
    } EDITS[] = {
        {"\"stre\":1079", "\"strx\": 1079", "\"stre\""},
        {"\"stre\":1079", "\"stre\":1080", "no id"},
        {"\"stre\":1079", "\"stre\":9999", "\"stre\""},
        {"\"stre\":1079", "\"stre\":-1", "\"stre\""},
        {"\"stre\":1079", "\"stre\":\"1\"", "\"stre\""},
        {"<|endoftext|>", "<|end|>", "<|endoftext|>"},
        {"\"stre\":1079,", "", "too few"},
    };
    refuse(merges.data, merges.length, "{}", VITLRP_MISMATCH, "too few for 1000 merges");
    refuse(merges.data, merges.length, "[", VITLRP_FORMAT, "JSON");
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        struct text text = {.limit = 1 << 20};
        const char *at = strstr(ids.data, EDITS[i].from);
        assert_non_null(at);
        text_append(&text, ids.data, (size_t) (at - ids.data));
        text_append_string(&text, EDITS[i].to);
        at += strlen(EDITS[i].from);
        text_append(&text, at, ids.length - (size_t) (at - ids.data));
        refuse(merges.data, merges.length, text.data, VITLRP_MISMATCH, EDITS[i].word);
        text_free(&text);
    }
    text_free(&merges);
    text_free(&ids);
}

static void test_refused_merges(void **state) {
    (void) state;
    static const struct {
        const char *lines;
        enum vitlrp_status status;
        const char *word;
    } FILES[] = {
        {"#version: 0.2\na b\na b\n", VITLRP_FORMAT, "merges 1 and 2 make the same token"},
        {"#version: 0.2\na b\nb c\na bc\nab c\n", VITLRP_FORMAT, "the same token"},
        {"#version: 0.2\nabc d\n", VITLRP_FORMAT, "merge 1 has a part"},
        {"a b\nabab c\nab ab\n", VITLRP_FORMAT, "merge 2 has a part"}, /* in the wrong order */
        {"a b\na\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"a b\na b c\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"a b\na</w> b\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"a b\na </w>\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"a b\na \xE2\x98\x86\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"a b\na \xC2\x80\n", VITLRP_FORMAT, "merge 2 is not two parts"}, /* \x80 is U+0122 */
        {"a b\na \xFF\n", VITLRP_FORMAT, "merge 2 is not two parts"},
        {"", VITLRP_UNSUPPORTED, "no tokenizer"},
        {"\n", VITLRP_UNSUPPORTED, "no tokenizer"},
        {"word\n", VITLRP_UNSUPPORTED, "no tokenizer"},
        {"{}", VITLRP_UNSUPPORTED, "no tokenizer"},
        {"{\"a\": 1", VITLRP_FORMAT, "JSON"},
        {"\x1F\x8B\x08", VITLRP_FORMAT, "compressed"},
    };
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        refuse(FILES[i].lines, strlen(FILES[i].lines), NULL, FILES[i].status, FILES[i].word);
    }
    struct tokenizer *none = open_data("#version: 0.2\r\na b\r\n\r\n", 20, NULL, 0);
    assert_int_equal(tokenizer_describe(none).vocabulary, 515);
    tokenizer_close(none);
}

/* A token of too many bytes, by merges that each double it. */
static void test_long_tokens(void **state) {
    (void) state;
    struct text lines = {.limit = 1 << 20};
    for (size_t length = 1; length < 2048; length *= 2) {
        for (size_t i = 0; i < 2 * length; i++) {
            text_append_string(&lines, i == length ? " a" : "a");
        }
        text_append_string(&lines, "\n");
    }
    refuse(lines.data, lines.length, NULL, VITLRP_FORMAT, "merge 11 is not two parts of 1 to 1024");
    text_free(&lines);
}

static void test_refused_json(void **state) {
    (void) state;
    struct text file = read_file(GOLDEN "small/tokenizer.json");
    static const struct {
        const char *from, *to, *word;
    } EDITS[] = {
        {"\"byte_fallback\": false", "\"byte_fallback\": true", "model.byte_fallback"},
        {"\"ignore_merges\": false", "\"ignore_merges\": true", "model.ignore_merges"},
        {"\"dropout\": null", "\"dropout\": 0.1", "model.dropout"},
        {"\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "model.type"},
        {"\"type\": \"NFC\"", "\"type\": \"NFKC\"", "normalizer"},
        {"\"type\": \"Lowercase\"", "\"type\": \"Strip\"", "normalizer"},
        {"[\\\\p{N}]", "[\\\\p{N}]+", "pre_tokenizer"},
        {"\"invert\": true", "\"invert\": false", "pre_tokenizer"},
        {"\"content\": \"<|endoftext|>\"", "\"content\": \"<pad>\"", "added_tokens has \"<pad>\""},
        {"\"merges\"", "\"merged\"", "model.merges"},
        {"\"cls\"", "\"class\"", "post_processor"},
        {"\"post_processor\"", "\"after\"", "post_processor"},
        {"\"RobertaProcessing\"", "\"BertProcessing\"", "post_processor"},
        {"\"truncation\": null", "\"truncation\": {\"direction\": \"Left\"}",
         "truncation in front"},
        {"\"end_of_word_suffix\": \"</w>\"", "\"end_of_word_suffix\": \"\"", "no tokenizer"},
    };
    for (size_t i = 0; i < sizeof EDITS / sizeof *EDITS; i++) {
        struct text text = {.limit = 1 << 20};
        const char *at = strstr(file.data, EDITS[i].from);
        if (at == NULL) {
            fail_msg("the file has no %s", EDITS[i].from);
        }
        text_append(&text, file.data, (size_t) (at - file.data));
        text_append_string(&text, EDITS[i].to);
        text_append_string(&text, at + strlen(EDITS[i].from));
        refuse(text.data, text.length, NULL,
               strcmp(EDITS[i].word, "model.merges") == 0 ? VITLRP_FORMAT : VITLRP_UNSUPPORTED,
               EDITS[i].word);
        text_free(&text);
    }
    text_free(&file);
}

static void refuse_text(const char *text, size_t length, struct tokenize_options options,
                        enum vitlrp_status status, const char *word) {
    struct tokens tokens;
    struct vitlrp_error err;
    assert_int_equal(tokenizer_encode(builtin, text, length, &options, &tokens, &err), status);
    if (strstr(err.message, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, err.message);
    }
    assert_null(tokens.items);
    assert_null(tokens.text);
}

static void test_refused_texts(void **state) {
    (void) state;
    struct tokenize_options plain = {.context = 77};
    static const char *const SPECIAL[] = {"a <|endoftext|>", "<|StartOfText|>", "<start_of_text>b",
                                          "&lt;|endoftext|&gt;", "<END_OF_TEXT>"};
    for (size_t i = 0; i < sizeof SPECIAL / sizeof *SPECIAL; i++) {
        refuse_text(SPECIAL[i], strlen(SPECIAL[i]), plain, VITLRP_USAGE, "token of its own");
    }
    refuse_text("a\xC3", 2, plain, VITLRP_USAGE, "UTF-8");
    refuse_text("\xED\xA0\x80", 3, plain, VITLRP_USAGE, "UTF-8");
    refuse_text("abcde", 5, (struct tokenize_options){.max_bytes = 4}, VITLRP_LIMIT, "5 bytes");
    refuse_text("a", 1, (struct tokenize_options){.context = 1}, VITLRP_USAGE, "context");
    refuse_text("a", 1, (struct tokenize_options){.context = 9, .pads = true}, VITLRP_USAGE,
                "context");
    refuse_text("a", 1, (struct tokenize_options){.cleaning = TEXT_CLEANINGS}, VITLRP_USAGE,
                "cleaning");
}

/* A word of a million bytes: n log n. The naive way, a pass over it for each merge, takes an hour.
 */
static void test_long_word(void **state) {
    (void) state;
    char *text = mem_calloc(TOKENIZER_MAX_TEXT + 1, 1);
    memset(text, 'a', TOKENIZER_MAX_TEXT);
    struct tokens tokens = encode(builtin, text, (struct tokenize_options){0});
    assert_true(tokens.count > 1000);
    assert_int_equal(tokens.words, 1);
    size_t at = 0;
    for (size_t i = 1; i + 1 < tokens.count; i++) {
        assert_int_equal(tokens.items[i].begin, at);
        at = tokens.items[i].end;
    }
    assert_int_equal(at, TOKENIZER_MAX_TEXT);
    tokens_free(&tokens);
    text[TOKENIZER_MAX_TEXT] = 'a';
    refuse_text(text, TOKENIZER_MAX_TEXT + 1, (struct tokenize_options){0}, VITLRP_LIMIT, "bytes");
    text[200] = '\0';
    tokens = encode(builtin, text, (struct tokenize_options){0});
    assert_int_equal(tokens.count, 26 + 2);
    tokens_free(&tokens);
    mem_free(text);
}

static void test_paths(void **state) {
    (void) state;
    struct tokenizer *tokenizer = NULL;
    struct vitlrp_error err;
    assert_int_equal(tokenizer_open(GOLDEN "none.txt", &tokenizer, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "none.txt"));
    assert_int_equal(tokenizer_open(TEST_DATA "/golden", &tokenizer, &err), VITLRP_IO);
    assert_non_null(strstr(err.message, "the folder has no tokenizer"));
    assert_int_equal(tokenizer_open(GOLDEN "small/vocab.json", &tokenizer, &err),
                     VITLRP_UNSUPPORTED);
    assert_non_null(strstr(err.message, "vocab.json: "));
}

static int open_builtin(void **state) {
    (void) state;
    return tokenizer_open_builtin(&builtin, NULL) == VITLRP_OK ? 0 : 1;
}

static int close_builtin(void **state) {
    (void) state;
    tokenizer_close(builtin);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_thousand_texts),
        cmocka_unit_test(test_known_ids),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_token_text),
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_alphabet),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_openai_file),
        cmocka_unit_test(test_small_files),
        cmocka_unit_test(test_other_ids),
        cmocka_unit_test(test_refused_vocabularies),
        cmocka_unit_test(test_refused_merges),
        cmocka_unit_test(test_long_tokens),
        cmocka_unit_test(test_refused_json),
        cmocka_unit_test(test_refused_texts),
        cmocka_unit_test(test_long_word),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, open_builtin, close_builtin);
}
