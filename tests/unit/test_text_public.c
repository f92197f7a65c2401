/* Words of texts through the public interface: small models that the libraries of each layout wrote
 * (golden/words). What tokens and words hold of a score is that of the libraries' own code in
 * float64, all of the score is somewhere, and maps of words are those of the fixtures and add up to
 * the map of their text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "support/golden.h"
#include "vitlrp_words.h"

#include "support/unit.h"

#define WORDS TEST_DATA "/golden/words"

enum { MOST_PROMPTS = 8, MOST_TOKENS = 128, MOST_LINES = 256 };

/* With the tokenizer that an archive does without. */
static const struct words_case {
    const char *folder, *model, *tokenizer;
} CASES[] = {
    {"clip-quickgelu", "huggingface", NULL}, /* the built-in one */
    {"clip-openai-w64", "openai/ViT-w64.pt", WORDS "/clip-eos2/huggingface/merges.txt"},
    {"clip-eos2", "huggingface", NULL},
    {"siglip-tiny", "huggingface", NULL},
    {"siglip2-tiny", "huggingface", NULL},
};
#define CASE_COUNT (sizeof CASES / sizeof CASES[0])

/* A case that is open, with the forward pass of its image. */
struct fixture {
    const struct words_case *words;
    json_t *expected;
    struct vitlrp_model *encoder, *model;
    struct vitlrp_session *session;
    struct vitlrp_model_info info;
    float *input, *embedding;
    float logits[MOST_PROMPTS];
    struct vitlrp_text *text;
    struct vitlrp_text_info text_info;
};

static void *sound(void *pointer) {
    assert_non_null(pointer);
    return pointer;
}

static void check(enum vitlrp_status status, const struct vitlrp_error *err) {
    if (status != VITLRP_OK) {
        fail_msg("%s", err->message);
    }
}

static struct vitlrp_session *open_session(const struct fixture *fixture,
                                           const struct vitlrp_model *model, float *logits) {
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    struct vitlrp_error err = {0};
    vitlrp_session_options_init(&options);
    options.methods = "attnlrp,cp-lrp";
    options.attributions = MOST_TOKENS;
    check(vitlrp_session_open(model, &options, &session, &err), &err);
    check(vitlrp_session_forward(session, fixture->input, logits, &err), &err);
    return session;
}

static void make_texts(struct fixture *fixture) {
    struct vitlrp_prompt prompts[MOST_PROMPTS] = {{0}};
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    const json_t *list = json_object_get(fixture->expected, "prompts");
    size_t count = json_array_size(list);
    assert_in_range(count, 1, MOST_PROMPTS);
    for (size_t i = 0; i < count; i++) {
        prompts[i].text = json_string_value(json_array_get(list, i));
    }
    vitlrp_text_options_init(&options);
    options.tokenizer = fixture->words->tokenizer;
    check(
        vitlrp_model_with_texts(fixture->encoder, prompts, count, &options, &fixture->model, &err),
        &err);
}

static void fixture_open(const struct words_case *words, struct fixture *out) {
    char path[512];
    struct vitlrp_error err = {0};
    *out = (struct fixture){.words = words};
    snprintf(path, sizeof path, WORDS "/%s/expected.json", words->folder);
    check(json_read_object(path, (size_t) 1 << 20, &out->expected, &err), &err);
    snprintf(path, sizeof path, WORDS "/%s/%s", words->folder, words->model);
    check(vitlrp_model_open(path, NULL, &out->encoder, &err), &err);
    make_texts(out);
    vitlrp_model_info_init(&out->info);
    vitlrp_model_describe(out->model, &out->info);
    snprintf(path, sizeof path, "words/%s/input.npy", words->folder);
    out->input =
        golden_read(path, 3, 3 * (size_t) out->info.image_height * (size_t) out->info.image_width);
    out->session = open_session(out, out->model, out->logits);
    out->embedding = sound(mem_calloc((size_t) out->info.embed_dim, sizeof *out->embedding));
    check(vitlrp_session_embedding(out->session, out->embedding, &err), &err);
    vitlrp_text_info_init(&out->text_info);
}

static void fixture_close(struct fixture *fixture) {
    vitlrp_session_close(fixture->session);
    vitlrp_model_close(fixture->model);
    vitlrp_model_close(fixture->encoder);
    json_decref(fixture->expected);
    mem_free(fixture->input);
    mem_free(fixture->embedding);
}

static void text_open(struct fixture *fixture, int32_t prompt) {
    struct vitlrp_error err = {0};
    check(vitlrp_text_open(fixture->model, prompt, NULL, &fixture->text, &err), &err);
    vitlrp_text_describe(fixture->text, &fixture->text_info);
    assert_in_range(fixture->text_info.tokens, 1, MOST_TOKENS);
    assert_in_range(fixture->text_info.ledger, 1, MOST_LINES);
}

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static void check_number(const struct fixture *fixture, const char *what, double found,
                         double wanted, double tolerance) {
    if (!(fabs(found - wanted) <= tolerance * fmax(1.0, fabs(wanted)))) {
        fail_msg("%s: %s is %.9g, not %.9g", fixture->words->folder, what, found, wanted);
    }
}

static void check_values(const struct fixture *fixture, const char *what, const float *found,
                         const json_t *wanted, size_t count) {
    float numbers[MOST_TOKENS];
    assert_int_equal(json_array_size(wanted), count);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float) json_number_value(json_array_get(wanted, i));
    }
    double error = relative_error(found, numbers, count);
    if (!(error <= 1e-4)) {
        fail_msg("%s: %s off by %g", fixture->words->folder, what, error);
    }
}

/* ---- Relevance ---- */

static void check_parts(const struct fixture *fixture, int32_t prompt, const json_t *words) {
    struct vitlrp_error err = {0};
    const json_t *ids =
        json_array_get(json_object_get(fixture->expected, "token_ids"), (size_t) prompt);
    const json_t *lists = json_object_get(words, "words");
    assert_int_equal(fixture->text_info.tokens, json_array_size(ids));
    assert_int_equal(fixture->text_info.words, json_array_size(lists));
    for (size_t i = 0; i < fixture->text_info.words; i++) {
        struct vitlrp_word word;
        const json_t *list = json_array_get(lists, i);
        check(vitlrp_text_word(fixture->text, i, &word, &err), &err);
        assert_int_equal(word.tokens, json_array_size(list));
        assert_int_equal(word.first, json_integer_value(json_array_get(list, 0)));
        for (int32_t k = 0; k < word.tokens; k++) {
            struct vitlrp_token token;
            size_t place = (size_t) (word.first + k);
            check(vitlrp_text_token(fixture->text, place, &token, &err), &err);
            assert_int_equal(token.word, i);
            assert_int_equal(token.id, json_integer_value(json_array_get(ids, place)));
        }
    }
}

/* All of the score is somewhere: tokens + ledger = logit - bias. */
static void check_sums(const struct fixture *fixture, double logit,
                       const struct vitlrp_text_relevance *relevance) {
    double total = relevance->sum;
    double tokens = 0.0;
    double words = 0.0;
    double score = logit - fixture->info.logit_bias;
    for (size_t i = 0; i < fixture->text_info.ledger; i++) {
        total += relevance->ledger[i].absorbed;
    }
    for (size_t i = 0; i < fixture->text_info.tokens; i++) {
        tokens += (double) relevance->tokens[i];
    }
    for (size_t i = 0; i < fixture->text_info.words; i++) {
        words += (double) relevance->words[i];
    }
    check_number(fixture, "tokens and what is absorbed", total, score, 1e-5);
    check_number(fixture, "what is explained", relevance->explained, score, 1e-5);
    check_number(fixture, "the sum of the tokens", tokens, relevance->sum, 1e-5);
    check_number(fixture, "the sum of the words", words, relevance->sum, 1e-5);
}

static void check_relevance(const struct fixture *fixture, int32_t prompt, const json_t *words) {
    static const struct vitlrp_rules CP_LRP = {.attention = VITLRP_ATTENTION_CP};
    float tokens[MOST_TOKENS];
    float parts[MOST_TOKENS];
    struct vitlrp_ledger_entry ledger[MOST_LINES];
    struct vitlrp_text_relevance relevance;
    struct vitlrp_error err = {0};
    const json_t *attnlrp = json_object_get(words, "attnlrp");
    const json_t *cp_lrp = json_object_get(words, "cp-lrp");
    vitlrp_text_relevance_init(&relevance);
    relevance.tokens = tokens;
    relevance.words = parts;
    relevance.ledger = ledger;
    check(vitlrp_text_explain(fixture->text, fixture->embedding, NULL, &relevance, &err), &err);
    check_values(fixture, "tokens", tokens, json_object_get(attnlrp, "tokens"),
                 fixture->text_info.tokens);
    check_values(fixture, "words", parts, json_object_get(attnlrp, "words"),
                 fixture->text_info.words);
    check_number(fixture, "the sum", relevance.sum, number(attnlrp, "sum"), 1e-5);
    check_sums(fixture, (double) fixture->logits[prompt], &relevance);
    check(vitlrp_text_explain(fixture->text, fixture->embedding, &CP_LRP, &relevance, &err), &err);
    check_values(fixture, "CP-LRP of tokens", tokens, json_object_get(cp_lrp, "tokens"),
                 fixture->text_info.tokens);
    check_sums(fixture, (double) fixture->logits[prompt], &relevance);
}

/* Arrays that are not there are skipped. */
static void check_skipped(const struct fixture *fixture, const json_t *words) {
    struct vitlrp_text_relevance relevance;
    struct vitlrp_error err = {0};
    vitlrp_text_relevance_init(&relevance);
    check(vitlrp_text_explain(fixture->text, fixture->embedding, NULL, &relevance, &err), &err);
    check_number(fixture, "the sum alone", relevance.sum,
                 number(json_object_get(words, "attnlrp"), "sum"), 1e-5);
}

static void for_every_prompt(void (*look)(struct fixture *, int32_t, const json_t *)) {
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fixture fixture;
        const char *prompt;
        json_t *words;
        fixture_open(&CASES[i], &fixture);
        json_object_foreach(json_object_get(fixture.expected, "words"), prompt, words) {
            int32_t output = (int32_t) strtol(prompt, NULL, 10);
            text_open(&fixture, output);
            look(&fixture, output, words);
            vitlrp_text_close(fixture.text);
        }
        fixture_close(&fixture);
    }
}

static void look_at_relevance(struct fixture *fixture, int32_t prompt, const json_t *words) {
    check_parts(fixture, prompt, words);
    check_relevance(fixture, prompt, words);
    check_skipped(fixture, words);
}

static void test_relevance(void **unused) {
    (void) unused;
    for_every_prompt(look_at_relevance);
}

/* ---- Maps of words ---- */

struct maps {
    float *values; /* [count, patches] */
    size_t count, patches;
};

/* Of all outputs of a model, with the head's gamma 0. */
static struct maps maps_of(const struct fixture *fixture, const struct vitlrp_model *model,
                           int32_t first, size_t count) {
    struct vitlrp_error err = {0};
    struct vitlrp_session_info info;
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    struct vitlrp_session *session = open_session(fixture, model, NULL);
    vitlrp_session_info_init(&info);
    vitlrp_session_describe(session, &info);
    check(vitlrp_method_options_init_sized(&method, sizeof method, "attnlrp", &err), &err);
    method.rules.gamma[VITLRP_ROLE_HEAD] = 0.0F;
    size_t patches = (size_t) info.grid_height * (size_t) info.grid_width;
    struct maps maps = {sound(mem_calloc(count, patches * sizeof(float))), count, patches};
    for (size_t i = 0; i < count; i++) {
        const struct vitlrp_target target = {first + (int32_t) i, 1.0F};
        vitlrp_relevance_init(&relevance);
        relevance.patches = maps.values + i * patches;
        check(vitlrp_session_attribute(session, &target, 1, &method, &relevance, &err), &err);
    }
    vitlrp_session_close(session);
    return maps;
}

static void check_maps(const struct fixture *fixture, int32_t prompt, const struct maps *maps) {
    char path[256];
    struct maps whole = maps_of(fixture, fixture->model, prompt, 1);
    float *sum = sound(mem_calloc(maps->patches, sizeof *sum));
    snprintf(path, sizeof path, "words/%s/word_maps_%d.npy", fixture->words->folder, prompt);
    float *wanted = golden_read(path, 3, maps->count * maps->patches);
    for (size_t i = 0; i < maps->patches; i++) {
        double total = 0.0;
        for (size_t k = 0; k < maps->count; k++) {
            total += (double) maps->values[k * maps->patches + i];
        }
        sum[i] = (float) total;
    }
    check_number(fixture, "the error of maps of words",
                 relative_error(maps->values, wanted, maps->count * maps->patches), 0.0, 1e-4);
    check_number(fixture, "the error of their sum",
                 relative_error(sum, whole.values, maps->patches), 0.0, 1e-5);
    mem_free(sum);
    mem_free(wanted);
    mem_free(whole.values);
}

/* Outputs are the words' relevance, and what is left of the score. */
static void check_outputs(const struct fixture *fixture, const struct vitlrp_model *model,
                          int32_t prompt) {
    float outputs[MOST_TOKENS];
    float words[MOST_TOKENS];
    struct vitlrp_text_relevance relevance;
    struct vitlrp_error err = {0};
    double sum = 0.0;
    size_t count = fixture->text_info.words;
    vitlrp_session_close(open_session(fixture, model, outputs));
    vitlrp_text_relevance_init(&relevance);
    relevance.words = words;
    check(vitlrp_text_explain(fixture->text, fixture->embedding, NULL, &relevance, &err), &err);
    for (size_t i = 0; i < count; i++) {
        check_number(fixture, "a word's output", (double) outputs[i], (double) words[i], 1e-5);
    }
    for (size_t i = 0; i <= count; i++) {
        sum += (double) outputs[i];
    }
    check_number(fixture, "the sum of the outputs", sum,
                 (double) fixture->logits[prompt] - fixture->info.logit_bias, 1e-5);
}

static void look_at_maps(struct fixture *fixture, int32_t prompt, const json_t *words) {
    struct vitlrp_error err = {0};
    struct vitlrp_model *model = NULL;
    struct vitlrp_model_info info;
    struct vitlrp_class found;
    (void) words;
    check(vitlrp_model_with_words(fixture->model, prompt, NULL, NULL, &model, &err), &err);
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    assert_int_equal(info.classes, fixture->text_info.words + 1);
    assert_int_equal(info.probability, VITLRP_PROBABILITY_NONE);
    assert_int_equal(info.kind, VITLRP_MODEL_PROMPTS);
    assert_true(info.logit_bias == 0.0 && info.logit_scale == fixture->info.logit_scale);
    check(vitlrp_model_class(model, info.classes - 1, &found, &err), &err);
    assert_string_equal(found.label, "[rest]");
    check_outputs(fixture, model, prompt);
    struct maps maps = maps_of(fixture, model, 0, fixture->text_info.words + 1);
    check_maps(fixture, prompt, &maps);
    mem_free(maps.values);
    vitlrp_model_close(model);
}

static void test_maps(void **unused) {
    (void) unused;
    for_every_prompt(look_at_maps);
}

/* ---- One text ---- */

/* Replaces the model of a fixture by one of these prompts. */
static void use_prompts(struct fixture *fixture, const struct vitlrp_prompt *prompts,
                        size_t count) {
    struct vitlrp_error err = {0};
    vitlrp_model_close(fixture->model);
    fixture->model = NULL;
    check(vitlrp_model_with_texts(fixture->encoder, prompts, count, NULL, &fixture->model, &err),
          &err);
}

static void check_word(const struct fixture *fixture, size_t number, const char *wanted,
                       int32_t tokens, int32_t is_special) {
    struct vitlrp_word word;
    struct vitlrp_error err = {0};
    check(vitlrp_text_word(fixture->text, number, &word, &err), &err);
    assert_string_equal(word.text, wanted);
    assert_int_equal(word.tokens, tokens);
    assert_int_equal(word.is_special, is_special);
}

static void check_piece(const struct fixture *fixture, size_t number, const char *wanted) {
    struct vitlrp_token token;
    struct vitlrp_error err = {0};
    check(vitlrp_text_token(fixture->text, number, &token, &err), &err);
    assert_string_equal(token.piece, wanted);
}

/* Words of several tokens, of a language without blanks, twice the same, and none. */
static void test_words(void **unused) {
    static const struct vitlrp_prompt PROMPTS[] = {{.text = "Affenpinscher: the dog & the cat"},
                                                   {.text = "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"},
                                                   {.text = " "}};
    struct fixture fixture;
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    use_prompts(&fixture, PROMPTS, 3);
    text_open(&fixture, 0);
    assert_string_equal(fixture.text_info.text, "affenpinscher: the dog & the cat");
    check_word(&fixture, 0, "[start]", 1, 1);
    check_word(&fixture, 1, "affenpinscher", 4, 0);
    check_word(&fixture, 2, ":", 1, 0);
    check_word(&fixture, 7, "cat", 1, 0);
    check_word(&fixture, 8, "[end]", 1, 1);
    check_piece(&fixture, 0, "[start]");
    check_piece(&fixture, 1, "af");
    check_piece(&fixture, 10, "cat</w>");
    assert_int_equal(fixture.text_info.words, 9);
    vitlrp_text_close(fixture.text);
    text_open(&fixture, 1);
    check_word(&fixture, 1, "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 4, 0);
    assert_int_equal(fixture.text_info.words, 3);
    vitlrp_text_close(fixture.text);
    text_open(&fixture, 2);
    check_word(&fixture, 0, "[start]", 1, 1);
    check_word(&fixture, 1, "[end]", 1, 1);
    assert_int_equal(fixture.text_info.words, 2);
    vitlrp_text_close(fixture.text);
    fixture_close(&fixture);
    fixture_open(&CASES[3], &fixture); /* whose pieces begin with a blank */
    text_open(&fixture, 2);
    check_word(&fixture, 1, "na\xC3\xAFve", 3, 0);
    check_piece(&fixture, 1, "\xE2\x96\x81na");
    vitlrp_text_close(fixture.text);
    fixture_close(&fixture);
}

static void check_label(const struct vitlrp_model *model, int32_t output, const char *wanted) {
    struct vitlrp_class found;
    struct vitlrp_error err = {0};
    check(vitlrp_model_class(model, output, &found, &err), &err);
    assert_string_equal(found.label, wanted);
}

static void test_labels(void **unused) {
    static const struct vitlrp_prompt PROMPT = {.text = "the dog, the cat"};
    struct fixture fixture;
    struct vitlrp_model *words = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    use_prompts(&fixture, &PROMPT, 1);
    check(vitlrp_model_with_words(fixture.model, 0, NULL, NULL, &words, &err), &err);
    check_label(words, 0, "[start]");
    check_label(words, 1, "the#1");
    check_label(words, 2, "dog");
    check_label(words, 3, ",");
    check_label(words, 4, "the#2");
    check_label(words, 5, "cat");
    check_label(words, 6, "[end]");
    check_label(words, 7, "[rest]");
    vitlrp_model_close(words);
    fixture_close(&fixture);
}

/* ---- The tower that is kept ---- */

/* How many files a call has asked for. */
static enum vitlrp_status count_file(void *user, const char *path, struct vitlrp_error *err) {
    size_t *files = user;
    (void) path;
    (void) err;
    (*files)++;
    return VITLRP_OK;
}

static struct vitlrp_text_options counting(size_t *files, int32_t keep_tower) {
    struct vitlrp_text_options options;
    vitlrp_text_options_init(&options);
    options.inputs = (struct vitlrp_inputs){count_file, files};
    options.keep_tower = keep_tower;
    return options;
}

static void take_tokens(struct fixture *fixture, float *tokens) {
    struct vitlrp_text_relevance relevance;
    struct vitlrp_error err = {0};
    vitlrp_text_relevance_init(&relevance);
    relevance.tokens = tokens;
    check(vitlrp_text_explain(fixture->text, fixture->embedding, NULL, &relevance, &err), &err);
}

/* A text of a model that keeps its tower opens no file, outlives the model, and has the same bits.
 */
static void test_kept_tower(void **unused) {
    static const struct vitlrp_prompt PROMPT = {.text = "the dog, the cat"};
    struct vitlrp_error err = {0};
    float tokens[2][MOST_TOKENS] = {{0}};
    (void) unused;
    for (int32_t keep = 0; keep <= 1; keep++) {
        struct fixture fixture;
        struct vitlrp_model *words = NULL;
        size_t files = 0;
        const struct vitlrp_text_options options = counting(&files, keep);
        fixture_open(&CASES[2], &fixture);
        vitlrp_model_close(fixture.model);
        check(vitlrp_model_with_texts(fixture.encoder, &PROMPT, 1, &options, &fixture.model, &err),
              &err);
        assert_true(files > 0);
        files = 0;
        check(vitlrp_text_open(fixture.model, 0, &options, &fixture.text, &err), &err);
        check(vitlrp_model_with_words(fixture.model, 0, &options, NULL, &words, &err), &err);
        assert_int_equal(files > 0, keep == 0);
        vitlrp_model_close(words);
        vitlrp_model_close(fixture.model);
        fixture.model = NULL;
        take_tokens(&fixture, tokens[keep]);
        vitlrp_text_close(fixture.text);
        fixture_close(&fixture);
    }
    assert_memory_equal(tokens[0], tokens[1], sizeof tokens[0]);
}

/* Tokens need no pass: a backend that is not there is found by the call that does. */
static void test_tokens_alone(void **unused) {
    struct fixture fixture;
    struct vitlrp_text_options options;
    struct vitlrp_text_relevance relevance;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    vitlrp_text_options_init(&options);
    options.backend = "none of them";
    check(vitlrp_text_open(fixture.model, 0, &options, &fixture.text, &err), &err);
    check_word(&fixture, 0, "[start]", 1, 1);
    vitlrp_text_relevance_init(&relevance);
    assert_int_equal(vitlrp_text_explain(fixture.text, fixture.embedding, NULL, &relevance, &err),
                     VITLRP_UNSUPPORTED);
    vitlrp_text_close(fixture.text);
    fixture_close(&fixture);
}

/* ---- What is refused ---- */

static void check_refused(const struct vitlrp_model *model, int32_t output, const char *words) {
    struct vitlrp_text *text = NULL;
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    if (vitlrp_text_open(model, output, NULL, &text, &err) != VITLRP_USAGE ||
        strstr(err.message, words) == NULL || text != NULL) {
        fail_msg("'%s' instead of '%s'", err.message, words);
    }
    assert_int_equal(vitlrp_model_with_words(model, output, NULL, NULL, &made, &err), VITLRP_USAGE);
    assert_null(made);
}

static void test_refused_models(void **unused) {
    static const struct vitlrp_prompt PROMPTS[] = {
        {"bus", "a red bus"}, {"bus", "a blue bus"}, {"same", "a street"}, {"same", "a street"}};
    struct fixture fixture;
    struct vitlrp_model *other = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    use_prompts(&fixture, PROMPTS, 4);
    check_refused(fixture.model, 0, "class 0 is the mean of several texts");
    check_refused(fixture.model, 2, "output 2 is out of range: the model has 2 classes");
    check_refused(fixture.model, -1, "output -1 is out of range");
    check_refused(fixture.encoder, 0, "its outputs are none of texts");
    text_open(&fixture, 1);
    vitlrp_text_close(fixture.text);
    check(vitlrp_model_with_embeddings(fixture.encoder, fixture.embedding, NULL, 1, &other, &err),
          &err);
    check_refused(other, 0, "their embeddings were given");
    vitlrp_model_close(other);
    fixture_close(&fixture);
}

static void test_refused_options(void **unused) {
    static const int WRONG[] = {-3, 5, 1000};
    static const struct vitlrp_prompt PROMPT = {.text = "bus"};
    struct fixture fixture;
    struct vitlrp_text_options options;
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    vitlrp_text_options_init(&options);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        options.activation = (enum vitlrp_activation) WRONG[i];
        assert_int_equal(
            vitlrp_model_with_texts(fixture.encoder, &PROMPT, 1, &options, &made, &err),
            VITLRP_USAGE);
        assert_non_null(strstr(err.message, "there is no activation"));
    }
    fixture_close(&fixture);
}

/* One template makes one text of a class, two make two. */
static void test_templates(void **unused) {
    static const char *const TEMPLATES[] = {"a photo of {}", "{}"};
    static const struct vitlrp_prompt PROMPT = {.name = "bus", .text = "a red bus"};
    struct fixture fixture;
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    vitlrp_text_options_init(&options);
    options.templates = TEMPLATES;
    for (options.template_count = 1; options.template_count <= 2; options.template_count++) {
        vitlrp_model_close(fixture.model);
        fixture.model = NULL;
        check(vitlrp_model_with_texts(fixture.encoder, &PROMPT, 1, &options, &fixture.model, &err),
              &err);
        if (options.template_count == 1) {
            text_open(&fixture, 0);
            assert_string_equal(fixture.text_info.text, "a photo of a red bus");
            vitlrp_text_close(fixture.text);
        }
    }
    check_refused(fixture.model, 0, "class 0 is the mean of several texts");
    fixture_close(&fixture);
}

static void test_refused_calls(void **unused) {
    struct fixture fixture;
    struct vitlrp_text_relevance relevance;
    struct vitlrp_rules rules = {.attention = VITLRP_ATTENTION_ATTNLRP};
    struct vitlrp_model *words = NULL;
    struct vitlrp_token token;
    struct vitlrp_word word;
    struct vitlrp_error err = {0};
    (void) unused;
    fixture_open(&CASES[0], &fixture);
    text_open(&fixture, 0);
    struct vitlrp_text *text = fixture.text;
    vitlrp_text_relevance_init(&relevance);
    rules.gamma[VITLRP_ROLE_FC1] = -1.0F;
    assert_int_equal(vitlrp_text_explain(text, fixture.embedding, &rules, &relevance, &err),
                     VITLRP_USAGE);
    rules.gamma[VITLRP_ROLE_FC1] = 0.25F;
    assert_int_equal(vitlrp_text_explain(text, fixture.embedding, &rules, &relevance, &err),
                     VITLRP_OK);
    assert_int_equal(vitlrp_model_with_words(fixture.model, 0, NULL, &rules, &words, &err),
                     VITLRP_USAGE);
    memset(fixture.embedding, 0, (size_t) fixture.info.embed_dim * sizeof(float));
    assert_int_equal(vitlrp_text_explain(text, fixture.embedding, NULL, &relevance, &err),
                     VITLRP_NUMERIC);
    relevance.struct_size = 1;
    assert_int_equal(vitlrp_text_explain(text, fixture.embedding, NULL, &relevance, &err),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_text_token(text, fixture.text_info.tokens, &token, &err), VITLRP_USAGE);
    assert_int_equal(vitlrp_text_word(text, fixture.text_info.words, &word, &err), VITLRP_USAGE);
    assert_int_equal(vitlrp_text_open(NULL, 0, NULL, &text, &err), VITLRP_USAGE);
    vitlrp_text_close(fixture.text);
    vitlrp_text_close(NULL);
    vitlrp_text_describe(NULL, &fixture.text_info);
    fixture_close(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relevance),       cmocka_unit_test(test_maps),
        cmocka_unit_test(test_words),           cmocka_unit_test(test_labels),
        cmocka_unit_test(test_kept_tower),      cmocka_unit_test(test_tokens_alone),
        cmocka_unit_test(test_refused_options), cmocka_unit_test(test_refused_models),
        cmocka_unit_test(test_templates),       cmocka_unit_test(test_refused_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
