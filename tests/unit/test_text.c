/* Text towers as their libraries publish them (golden/words): embeddings and the relevance of
 * tokens are those of the library, in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "support/golden.h"
#include "vit/program/session.h"
#include "vit/program/text_tower.h"

#include "support/unit.h"

#define WORDS TEST_DATA "/golden/words"

enum { MAX_TOKENS = 77, MAX_PROMPTS = 4 };

static const struct words_case {
    const char *name, *weights;
    int32_t text_heads;
    enum vitlrp_activation activation;
} CASES[] = {
    {"clip-quickgelu", "huggingface", 0, VITLRP_ACTIVATION_STATED},
    {"clip-gelu", "huggingface", 0, VITLRP_ACTIVATION_STATED},
    {"clip-gelu", "open_clip", 0, VITLRP_ACTIVATION_STATED},
    {"clip-gelu", "training/epoch_3.pt", 3, VITLRP_GELU},
    {"clip-openai-w64", "openai/ViT-w64.pt", 0, VITLRP_ACTIVATION_STATED},
    {"clip-eos2", "huggingface", 0, VITLRP_ACTIVATION_STATED},
    {"clip-eos2", "open_clip", 0, VITLRP_ACTIVATION_STATED},
    {"siglip-tiny", "huggingface", 0, VITLRP_ACTIVATION_STATED},
    {"siglip-tiny", "open_clip", 0, VITLRP_ACTIVATION_STATED},
    {"siglip2-tiny", "huggingface", 0, VITLRP_ACTIVATION_STATED},
    {"clip-quickgelu", "openai/ViT-tiny.pt", 2, VITLRP_ACTIVATION_STATED},
    {"siglip-tiny-erf", "open_clip", 0, VITLRP_ACTIVATION_STATED},
};
#define CASE_COUNT (sizeof CASES / sizeof CASES[0])

static const struct vitlrp_rules ATTNLRP = {.attention = VITLRP_ATTENTION_ATTNLRP};
static const struct vitlrp_rules CP_LRP = {.attention = VITLRP_ATTENTION_CP};

/* A case that is open. */
struct fixture {
    const struct words_case *words;
    json_t *expected;
    struct vit_model *model;
    size_t width; /* of embeddings */
    struct vit_text *many, *one;
};

static struct vit_model *load(const struct words_case *words) {
    char path[512];
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    const struct vit_load_options options = {
        .text = true, .text_heads = words->text_heads, .activation = words->activation};
    snprintf(path, sizeof path, WORDS "/%s/%s", words->name, words->weights);
    if (vit_model_load(path, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return model;
}

static struct vit_text *open_text(const struct vit_model *model, size_t threads, bool keeps) {
    const struct vit_text_options options = {
        .threads = threads, .keeps = keeps, .backend = "openblas"};
    struct vit_text *text = NULL;
    struct vitlrp_error err = {0};
    if (vit_text_open(model, &options, &text, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return text;
}

static void open_case(const struct words_case *words, struct fixture *out) {
    char path[512];
    struct vitlrp_error err = {0};
    *out = (struct fixture){.words = words, .model = load(words)};
    snprintf(path, sizeof path, WORDS "/%s/expected.json", words->name);
    if (json_read_object(path, 1 << 20, &out->expected, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    out->width = (size_t) out->model->config.classes;
    out->many = open_text(out->model, 1, false);
    out->one = open_text(out->model, 1, true);
}

static void close_case(struct fixture *fixture) {
    vit_text_close(fixture->many);
    vit_text_close(fixture->one);
    vit_model_free(fixture->model);
    json_decref(fixture->expected);
}

static struct vit_ids read_ids(const json_t *list, int32_t ids[MAX_TOKENS]) {
    size_t count = json_array_size(list);
    assert_true(count >= 2 && count <= MAX_TOKENS);
    for (size_t i = 0; i < count; i++) {
        ids[i] = (int32_t) json_integer_value(json_array_get(list, i));
    }
    return (struct vit_ids){ids, count};
}

static float *read_rows(const struct fixture *fixture, const char *file, size_t rows) {
    char path[256];
    snprintf(path, sizeof path, "words/%s/%s", fixture->words->name, file);
    return golden_read(path, rows == 0 ? 1 : 2, (rows == 0 ? 1 : rows) * fixture->width);
}

static void forward(struct vit_text *text, const struct vit_ids *texts, size_t count, float *out) {
    struct vitlrp_error err = {0};
    if (vit_text_forward(text, texts, count, out, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
}

static void check_near(const struct fixture *fixture, const char *what, const float *found,
                       const float *wanted, size_t count, double tolerance) {
    double error = relative_error(found, wanted, count);
    if (!(error <= tolerance)) {
        fail_msg("%s/%s: %s off by %g", fixture->words->name, fixture->words->weights, what, error);
    }
}

/* All prompts in one pass, and each alone in a session that keeps it. */
static void check_prompts(struct fixture *fixture) {
    int32_t ids[MAX_PROMPTS][MAX_TOKENS];
    struct vit_ids texts[MAX_PROMPTS];
    const json_t *list = json_object_get(fixture->expected, "token_ids");
    size_t count = json_array_size(list);
    size_t width = fixture->width;
    float *wanted = read_rows(fixture, "text_embeddings.npy", count);
    float *found = mem_calloc(count * width, sizeof *found);
    float *alone = mem_calloc(width, sizeof *alone);
    for (size_t i = 0; i < count; i++) {
        texts[i] = read_ids(json_array_get(list, i), ids[i]);
    }
    forward(fixture->many, texts, count, found);
    for (size_t i = 0; i < count; i++) {
        forward(fixture->one, &texts[i], 1, alone);
        check_near(fixture, "a prompt of several", found + i * width, wanted + i * width, width,
                   1e-5);
        check_near(fixture, "a prompt alone", alone, wanted + i * width, width, 1e-5);
    }
    mem_free(alone);
    mem_free(found);
    mem_free(wanted);
}

static void check_long_prompt(struct fixture *fixture) {
    int32_t ids[MAX_TOKENS];
    const json_t *prompt = json_object_get(fixture->expected, "long_prompt");
    if (prompt == NULL) {
        return;
    }
    const struct vit_ids text = read_ids(json_object_get(prompt, "token_ids"), ids);
    float *wanted = read_rows(fixture, "long_embedding.npy", 0);
    float *found = mem_calloc(fixture->width, sizeof *found);
    forward(fixture->many, &text, 1, found);
    check_near(fixture, "the long prompt", found, wanted, fixture->width, 1e-5);
    mem_free(found);
    mem_free(wanted);
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) a[i] * b[i];
    }
    return sum;
}

static double cosine(const float *a, const float *b, size_t count) {
    return dot(a, b, count) / sqrt(dot(a, a, count) * dot(b, b, count));
}

static double number(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static void check_empty_prompt(struct fixture *fixture) {
    int32_t ids[MAX_TOKENS];
    const json_t *empty = json_object_get(fixture->expected, "empty");
    const struct vit_ids text = read_ids(json_object_get(empty, "token_ids"), ids);
    float *image = read_rows(fixture, "image_embedding.npy", 0);
    float *found = mem_calloc(fixture->width, sizeof *found);
    forward(fixture->one, &text, 1, found);
    double difference = cosine(found, image, fixture->width) - number(empty, "cosine");
    if (!(fabs(difference) <= 1e-6)) {
        fail_msg("%s: the empty prompt's cosine is off by %g", fixture->words->name, difference);
    }
    mem_free(found);
    mem_free(image);
}

static void test_embeddings(void **state) {
    (void) state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fixture fixture;
        open_case(&CASES[i], &fixture);
        check_prompts(&fixture);
        check_long_prompt(&fixture);
        check_empty_prompt(&fixture);
        close_case(&fixture);
    }
}

/* ---- Bits ---- */

/* The prompts' embeddings, in one pass. Owned: mem_free. */
static float *embeddings_of(const struct fixture *fixture, struct vit_text *text, size_t *count) {
    int32_t ids[MAX_PROMPTS][MAX_TOKENS];
    struct vit_ids texts[MAX_PROMPTS];
    const json_t *list = json_object_get(fixture->expected, "token_ids");
    size_t prompts = json_array_size(list);
    float *out = mem_calloc(prompts * fixture->width, sizeof *out);
    for (size_t i = 0; i < prompts; i++) {
        texts[i] = read_ids(json_array_get(list, i), ids[i]);
    }
    forward(text, texts, prompts, out);
    *count = prompts * fixture->width;
    return out;
}

/* Names of another library around the same weights. */
static void test_namings(void **state) {
    static const size_t PAIRS[][2] = {{0, 10}, {1, 2}, {2, 3}, {5, 6}, {7, 8}};
    (void) state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof PAIRS[0]; i++) {
        struct fixture one;
        struct fixture other;
        size_t count;
        open_case(&CASES[PAIRS[i][0]], &one);
        open_case(&CASES[PAIRS[i][1]], &other);
        float *first = embeddings_of(&one, one.many, &count);
        float *second = embeddings_of(&other, other.many, &count);
        assert_memory_equal(first, second, count * sizeof *first);
        mem_free(second);
        mem_free(first);
        close_case(&other);
        close_case(&one);
    }
}

/* Rows that are read from the file, and a table among the weights, as of a model in memory. */
static void test_table(void **state) {
    static const char *const FILES[] = {"model.safetensors", "config.json"};
    struct bytes bytes[2] = {{0}};
    char path[512];
    char config[4096] = "";
    struct vit_load_options options = {.text = true, .config = config};
    struct vitlrp_error err = {0};
    struct fixture filed;
    struct fixture held;
    size_t count;
    (void) state;
    open_case(&CASES[1], &filed);
    held = filed;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, WORDS "/clip-gelu/huggingface/%s", FILES[i]);
        assert_int_equal(file_read(path, 1 << 20, &bytes[i], &err), VITLRP_OK);
    }
    assert_true(bytes[1].size < sizeof config);
    memcpy(config, bytes[1].data, bytes[1].size);
    assert_int_equal(
        vit_model_load_memory(bytes[0].data, bytes[0].size, "memory", &options, &held.model, &err),
        VITLRP_OK);
    assert_non_null(filed.model->words);
    assert_null(held.model->words);
    assert_int_equal(filed.model->parameters, held.model->parameters);
    held.many = open_text(held.model, 1, false);
    float *first = embeddings_of(&filed, filed.many, &count);
    float *second = embeddings_of(&held, held.many, &count);
    assert_memory_equal(first, second, count * sizeof *first);
    mem_free(second);
    mem_free(first);
    vit_text_close(held.many);
    vit_model_free(held.model);
    close_case(&filed);
    bytes_free(&bytes[1]);
    bytes_free(&bytes[0]);
}

static void test_threads(void **state) {
    (void) state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fixture fixture;
        size_t count;
        open_case(&CASES[i], &fixture);
        struct vit_text *three = open_text(fixture.model, 3, false);
        float *first = embeddings_of(&fixture, fixture.many, &count);
        float *second = embeddings_of(&fixture, three, &count);
        assert_memory_equal(first, second, count * sizeof *first);
        mem_free(second);
        mem_free(first);
        vit_text_close(three);
        close_case(&fixture);
    }
}

/* CLIP's padding is behind the token that is read; SigLIP reads it. */
static void test_padding(void **state) {
    int32_t ids[MAX_TOKENS] = {0};
    int32_t padded[MAX_TOKENS] = {0};
    (void) state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fixture fixture;
        open_case(&CASES[i], &fixture);
        const json_t *list = json_object_get(fixture.expected, "token_ids");
        struct vit_ids text = read_ids(json_array_get(list, 0), ids);
        bool causal = fixture.model->config.causal;
        size_t context = (size_t) fixture.model->config.grid_width;
        float *plain = mem_calloc(2 * fixture.width, sizeof *plain);
        memcpy(padded, ids, text.count * sizeof *ids);
        for (size_t k = causal ? text.count : context - 2; k < context; k++) {
            padded[k] = 7;
        }
        forward(fixture.one, &text, 1, plain);
        forward(fixture.one, &(struct vit_ids){padded, context}, 1, plain + fixture.width);
        bool same = memcmp(plain, plain + fixture.width, fixture.width * sizeof *plain) == 0;
        assert_int_equal(same, causal);
        mem_free(plain);
        close_case(&fixture);
    }
}

/* More texts than one pass takes, each as in a pass of its own up to rounding. */
static void test_many_texts(void **state) {
    enum { TEXTS = 300 };
    static int32_t ids[TEXTS][MAX_TOKENS];
    static struct vit_ids texts[TEXTS];
    struct test_random random = {3};
    struct fixture fixture;
    (void) state;
    open_case(&CASES[1], &fixture);
    for (size_t i = 0; i < TEXTS; i++) {
        texts[i] = (struct vit_ids){ids[i], 2 + test_below(&random, MAX_TOKENS - 1)};
        for (size_t k = 0; k + 1 < texts[i].count; k++) {
            ids[i][k] = (int32_t) test_below(&random, 1500);
        }
        ids[i][texts[i].count - 1] = 1513;
    }
    float *many = mem_calloc((TEXTS + 1) * fixture.width, sizeof *many);
    float *alone = many + TEXTS * fixture.width;
    forward(fixture.many, texts, TEXTS, many);
    for (size_t i = 0; i < TEXTS; i++) {
        forward(fixture.one, &texts[i], 1, alone);
        check_near(&fixture, "a text of many", many + i * fixture.width, alone, fixture.width,
                   1e-5);
    }
    mem_free(many);
    close_case(&fixture);
}

/* ---- What is refused ---- */

static void check_refused(const struct fixture *fixture, const int32_t *ids, size_t count,
                          enum vitlrp_status status, const char *message) {
    struct vitlrp_error err = {0};
    float *out = mem_calloc(fixture->width, sizeof *out);
    const struct vit_ids text = {ids, count};
    assert_int_equal(vit_text_forward(fixture->many, &text, 1, out, &err), status);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    }
    mem_free(out);
}

static void test_refused_texts(void **state) {
    static const int32_t IDS[MAX_TOKENS + 1] = {1512, 320, 1514};
    static const int32_t NEGATIVE[] = {1512, -1, 1513};
    static const int32_t ENDLESS[] = {1512, 320};
    struct fixture fixture;
    (void) state;
    open_case(&CASES[1], &fixture);
    check_refused(&fixture, IDS, 0, VITLRP_MISMATCH, "a text of 0 tokens: the model takes 1 to 77");
    check_refused(&fixture, IDS, 78, VITLRP_MISMATCH, "a text of 78 tokens");
    check_refused(&fixture, IDS, 3, VITLRP_MISMATCH, "id 1514: the model has 1514 tokens");
    check_refused(&fixture, NEGATIVE, 3, VITLRP_MISMATCH, "id -1");
    check_refused(&fixture, ENDLESS, 2, VITLRP_MISMATCH, "without the token 1513");
    struct vit_text_relevance relevance = {0};
    const float seed[64] = {0};
    assert_int_equal(vit_text_relevance(fixture.one, seed, NULL, &relevance, NULL), VITLRP_USAGE);
    close_case(&fixture);
    open_case(&CASES[7], &fixture);
    check_refused(&fixture, ENDLESS, 2, VITLRP_USAGE, "it takes 64");
    close_case(&fixture);
}

static void check_load(const char *path, const struct vit_load_options *options,
                       enum vitlrp_status status, const char *message) {
    char full[512];
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    snprintf(full, sizeof full, TEST_DATA "/golden/%s", path);
    assert_int_equal(vit_model_load(full, options, &model, &err), status);
    assert_null(model);
    if (strstr(err.message, message) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, message);
    }
}

/* What no file states, and files without a text tower. */
static void test_refused_models(void **state) {
    const struct vit_load_options text = {.text = true};
    const struct vit_load_options heads = {.text = true, .text_heads = 3};
    const struct vit_load_options odd = {.text = true, .text_heads = 5, .activation = VITLRP_GELU};
    (void) state;
    check_load("words/clip-gelu/training/epoch_3.pt", &text, VITLRP_MISMATCH,
               "does not state the number of attention heads");
    check_load("words/clip-gelu/training/epoch_3.pt", &heads, VITLRP_MISMATCH,
               "nothing states the activation");
    check_load("words/clip-gelu/training/epoch_3.pt", &odd, VITLRP_MISMATCH,
               "5 attention heads do not divide dim 24");
    check_load("zoo/hf-clip-vision-projection/model", &text, VITLRP_UNSUPPORTED,
               "holds no text tower");
    check_load("zoo/hf-vit/model", &text, VITLRP_UNSUPPORTED, "holds no text tower of CLIP's");
}

/* ---- Configurations ---- */

#define HEADS "\"num_attention_heads\": 3, \"eos_token_id\": 1513"

/* What a configuration says of the text tower of clip-gelu, and what comes of it. */
static const struct {
    const char *folder, *config;
    enum vitlrp_status status;
    const char *message;
} CONFIGURATIONS[] = {
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {" HEADS "}}", VITLRP_OK, ""},
    {"huggingface", "{\"model_type\": \"bert\"}", VITLRP_UNSUPPORTED, "model_type bert"},
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"rope\": 1}}",
     VITLRP_UNSUPPORTED, "text_config: nothing is known of the key \"rope\""},
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"hidden_size\": 32}}",
     VITLRP_MISMATCH, "width: 32 (config.json, text_config, hidden_size), but 24"},
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"vocab_size\": 9}}",
     VITLRP_MISMATCH, "tokens of the vocabulary: 9"},
    {"huggingface",
     "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"max_position_embeddings\": 9}}",
     VITLRP_MISMATCH, "tokens of a text, at most: 9"},
    {"huggingface",
     "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"num_hidden_layers\": 9}}",
     VITLRP_MISMATCH, ": 9 (config.json, text_config, num_hidden_layers), but "},
    {"huggingface",
     "{\"model_type\": \"clip\", \"text_config\": {" HEADS ", \"intermediate_size\": 9}}",
     VITLRP_MISMATCH, ": 9 (config.json, text_config, intermediate_size), but "},
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {\"num_attention_heads\": 3}}",
     VITLRP_MISMATCH, "ends a text has the id 49407"},
    {"huggingface", "{\"model_type\": \"clip\", \"text_config\": {\"eos_token_id\": \"x\"}}",
     VITLRP_MISMATCH, "eos_token_id"},
    {"huggingface",
     "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 32}, "
     "\"text_config_dict\": {" HEADS "}}",
     VITLRP_OK, ""},
    {"open_clip", "{\"model_cfg\": {\"text_cfg\": {\"heads\": 3}}}", VITLRP_OK, ""},
    {"open_clip", "{\"model_cfg\": {\"text_cfg\": {\"heads\": 3, \"embed_cls\": true}}}",
     VITLRP_UNSUPPORTED, "\"embed_cls\" is not supported"},
    {"open_clip", "{\"model_cfg\": {\"text_cfg\": {\"hf_model_name\": \"roberta-base\"}}}",
     VITLRP_UNSUPPORTED, "text_cfg: nothing is known of the key \"hf_model_name\""},
    {"open_clip", "{\"model_cfg\": {\"text_cfg\": {\"heads\": 3, \"pool_type\": \"first\"}}}",
     VITLRP_UNSUPPORTED, "\"pool_type\" is first"},
};

static void test_configurations(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof CONFIGURATIONS / sizeof CONFIGURATIONS[0]; i++) {
        bool is_open_clip = strcmp(CONFIGURATIONS[i].folder, "open_clip") == 0;
        char path[512];
        struct bytes bytes = {0};
        struct vit_model *model = NULL;
        struct vitlrp_error err = {0};
        const struct vit_load_options options = {.text = true, .config = CONFIGURATIONS[i].config};
        snprintf(path, sizeof path, WORDS "/clip-gelu/%s/%s", CONFIGURATIONS[i].folder,
                 is_open_clip ? "open_clip_model.safetensors" : "model.safetensors");
        assert_int_equal(file_read(path, 1 << 20, &bytes, &err), VITLRP_OK);
        enum vitlrp_status status =
            vit_model_load_memory(bytes.data, bytes.size, "memory", &options, &model, &err);
        if (status != CONFIGURATIONS[i].status ||
            strstr(err.message, CONFIGURATIONS[i].message) == NULL) {
            fail_msg("%s: %d, %s", CONFIGURATIONS[i].config, (int) status, err.message);
        }
        vit_model_free(model);
        bytes_free(&bytes);
    }
}

/* ---- Words ---- */

/* G of the embedding v for the score s - b = scale <u, v> / (|u| |v|), the image constant. */
static void make_seed(const struct fixture *fixture, const float *v, float *seed) {
    size_t width = fixture->width;
    float *u = read_rows(fixture, "image_embedding.npy", 0);
    double scale =
        number(fixture->expected, "logit_scale") / sqrt(dot(u, u, width) * dot(v, v, width));
    for (size_t d = 0; d < width; d++) {
        seed[d] = (float) (scale * u[d]);
    }
    mem_free(u);
}

static void check_tokens(const struct fixture *fixture, const char *what, const float *found,
                         const json_t *wanted) {
    float numbers[MAX_TOKENS];
    size_t count = json_array_size(wanted);
    assert_true(count > 0 && count <= MAX_TOKENS);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (float) json_number_value(json_array_get(wanted, i));
    }
    check_near(fixture, what, found, numbers, count, 1e-4);
}

static void relevance_of(struct fixture *fixture, const float *seed,
                         const struct vitlrp_rules *rules, struct vit_text_relevance *relevance) {
    struct vitlrp_error err = {0};
    if (vit_text_relevance(fixture->one, seed, rules, relevance, &err) != VITLRP_OK) {
        fail_msg("%s: %s", fixture->words->name, err.message);
    }
}

static void check_sum(const struct fixture *fixture, const char *what, double found, double wanted,
                      double scale) {
    if (!(fabs(found - wanted) <= 1e-5 * fmax(1.0, fabs(scale)))) {
        fail_msg("%s/%s: %s is %.9g instead of %.9g", fixture->words->name, fixture->words->weights,
                 what, found, wanted);
    }
}

/* Tokens, positions, and that all of the score is somewhere. */
static void check_attnlrp(struct fixture *fixture, const float *seed, const json_t *words,
                          double score) {
    float tokens[MAX_TOKENS];
    float positions[MAX_TOKENS];
    const json_t *wanted = json_object_get(words, "attnlrp");
    size_t lines = vit_ledger_length(fixture->model);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    struct vit_text_relevance relevance = {
        .tokens = tokens, .positions = positions, .ledger = ledger};
    relevance_of(fixture, seed, &ATTNLRP, &relevance);
    double absorbed = 0.0;
    double kept = 0.0;
    for (size_t i = 0; i < lines; i++) {
        absorbed += ledger[i].absorbed;
        kept += strcmp(ledger[i].kind, "position") == 0 ? ledger[i].absorbed : 0.0;
    }
    double sum = 0.0;
    for (size_t i = 0; i < json_array_size(json_object_get(wanted, "positions")); i++) {
        sum += positions[i];
    }
    check_tokens(fixture, "relevance of tokens", tokens, json_object_get(wanted, "tokens"));
    check_tokens(fixture, "relevance of positions", positions,
                 json_object_get(wanted, "positions"));
    check_sum(fixture, "what is explained", relevance.explained, score, score);
    check_sum(fixture, "the sum of tokens", relevance.sum, number(wanted, "sum"), score);
    check_sum(fixture, "what is absorbed", absorbed, number(wanted, "absorbed"), score);
    check_sum(fixture, "tokens and what is absorbed", relevance.sum + absorbed, score, score);
    check_sum(fixture, "what positions keep", kept, sum, score);
    mem_free(ledger);
}

/* Which word every token belongs to, by the lists of their places. */
static size_t read_words(const json_t *lists, int32_t of_token[MAX_TOKENS]) {
    size_t count = json_array_size(lists);
    for (size_t word = 0; word < count; word++) {
        const json_t *list = json_array_get(lists, word);
        for (size_t i = 0; i < json_array_size(list); i++) {
            of_token[json_integer_value(json_array_get(list, i))] = (int32_t) word;
        }
    }
    return count;
}

/* Rows of words, and that each is the relevance of its tokens for any seed. */
static void check_rows(struct fixture *fixture, size_t prompt, size_t count, const json_t *words,
                       const float *seed) {
    char file[64];
    int32_t of_token[MAX_TOKENS];
    float tokens[MAX_TOKENS];
    struct vitlrp_error err = {0};
    struct vit_text_relevance relevance = {.tokens = tokens};
    const json_t *lists = json_object_get(words, "words");
    const struct vit_words of = {of_token, read_words(lists, of_token)};
    const struct vitlrp_rules *rules[] = {&ATTNLRP, &CP_LRP};
    float *rows = mem_calloc(of.count * fixture->width, sizeof *rows);
    snprintf(file, sizeof file, "word_rows_%zu.npy", prompt);
    float *wanted = read_rows(fixture, file, of.count);
    for (size_t rule = 0; rule < 2; rule++) {
        if (vit_text_words(fixture->one, &of, rules[rule], rows, &err) != VITLRP_OK) {
            fail_msg("%s: %s", fixture->words->name, err.message);
        }
        if (rule == 0) {
            check_near(fixture, "rows of words", rows, wanted, of.count * fixture->width, 1e-5);
        }
        relevance_of(fixture, seed, rules[rule], &relevance);
        for (size_t word = 0; word < of.count; word++) {
            double sum = 0.0;
            for (size_t i = 0; i < count; i++) {
                sum += of_token[i] == (int32_t) word ? tokens[i] : 0.0F;
            }
            check_sum(fixture, "a word by its row",
                      dot(rows + word * fixture->width, seed, fixture->width), sum, 1.0);
        }
    }
    mem_free(wanted);
    mem_free(rows);
}

static void check_words(struct fixture *fixture, size_t prompt, const json_t *words) {
    int32_t ids[MAX_TOKENS];
    float tokens[MAX_TOKENS];
    const json_t *list = json_object_get(fixture->expected, "token_ids");
    const struct vit_ids text = read_ids(json_array_get(list, prompt), ids);
    double score = number(words, "explained"); /* without the bias of the score */
    float *v = mem_calloc(fixture->width, sizeof *v);
    float *seed = mem_calloc(fixture->width, sizeof *seed);
    struct vit_text_relevance relevance = {.tokens = tokens};
    forward(fixture->one, &text, 1, v);
    make_seed(fixture, v, seed);
    check_attnlrp(fixture, seed, words, score);
    check_rows(fixture, prompt, text.count, words, seed);
    relevance_of(fixture, seed, &CP_LRP, &relevance);
    check_tokens(fixture, "CP-LRP of tokens", tokens,
                 json_object_get(json_object_get(words, "cp-lrp"), "tokens"));
    relevance_of(fixture, seed, NULL, &relevance);
    check_tokens(fixture, "input times gradient", tokens, json_object_get(words, "gradient"));
    mem_free(seed);
    mem_free(v);
}

static void test_words(void **state) {
    (void) state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct fixture fixture;
        const char *prompt;
        json_t *words;
        open_case(&CASES[i], &fixture);
        json_object_foreach(json_object_get(fixture.expected, "words"), prompt, words) {
            check_words(&fixture, (size_t) strtoul(prompt, NULL, 10), words);
        }
        close_case(&fixture);
    }
}

/* Every token a word, in more than one pass of changes; a token may belong to none. */
static void test_many_words(void **state) {
    int32_t ids[MAX_TOKENS];
    int32_t of_token[MAX_TOKENS];
    float tokens[MAX_TOKENS];
    struct vitlrp_error err = {0};
    struct fixture fixture;
    (void) state;
    open_case(&CASES[1], &fixture);
    const json_t *prompt = json_object_get(fixture.expected, "long_prompt");
    const struct vit_ids text = read_ids(json_object_get(prompt, "token_ids"), ids);
    const struct vit_words words = {of_token, text.count};
    struct vit_text_relevance relevance = {.tokens = tokens};
    float *v = mem_calloc((text.count + 1) * fixture.width, sizeof *v);
    float *seed = mem_calloc(fixture.width, sizeof *seed);
    float *rows = v + fixture.width;
    for (size_t i = 0; i < text.count; i++) {
        of_token[i] = i == 3 ? -1 : (int32_t) i;
    }
    forward(fixture.one, &text, 1, v);
    make_seed(&fixture, v, seed);
    assert_int_equal(vit_text_words(fixture.one, &words, &ATTNLRP, rows, &err), VITLRP_OK);
    relevance_of(&fixture, seed, &ATTNLRP, &relevance);
    for (size_t i = 0; i < text.count; i++) {
        check_sum(&fixture, "a token by its row",
                  dot(rows + i * fixture.width, seed, fixture.width), i == 3 ? 0.0 : tokens[i],
                  1.0);
    }
    mem_free(seed);
    mem_free(v);
    close_case(&fixture);
}

static void test_refused_words(void **state) {
    static const int32_t IDS[] = {1512, 320, 1513};
    static const int32_t OF_TOKEN[] = {0, 1, 2};
    struct vitlrp_rules gamma = ATTNLRP;
    struct fixture fixture;
    float *rows;
    (void) state;
    open_case(&CASES[1], &fixture);
    gamma.gamma[VITLRP_ROLE_FC1] = 0.05F;
    rows = mem_calloc(3 * fixture.width, sizeof *rows);
    const struct vit_words words = {OF_TOKEN, 3};
    const struct vit_words few = {OF_TOKEN, 2};
    assert_int_equal(vit_text_words(fixture.one, &words, &ATTNLRP, rows, NULL), VITLRP_USAGE);
    forward(fixture.one, &(struct vit_ids){IDS, 3}, 1, rows);
    assert_int_equal(vit_text_words(fixture.one, &words, &ATTNLRP, rows, NULL), VITLRP_OK);
    assert_int_equal(vit_text_words(fixture.one, &words, &gamma, rows, NULL), VITLRP_USAGE);
    assert_int_equal(vit_text_words(fixture.one, &words, NULL, rows, NULL), VITLRP_USAGE);
    assert_int_equal(vit_text_words(fixture.one, &few, &ATTNLRP, rows, NULL), VITLRP_USAGE);
    mem_free(rows);
    close_case(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embeddings),     cmocka_unit_test(test_words),
        cmocka_unit_test(test_configurations), cmocka_unit_test(test_many_words),
        cmocka_unit_test(test_refused_words),  cmocka_unit_test(test_namings),
        cmocka_unit_test(test_table),          cmocka_unit_test(test_threads),
        cmocka_unit_test(test_padding),        cmocka_unit_test(test_many_texts),
        cmocka_unit_test(test_refused_texts),  cmocka_unit_test(test_refused_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
