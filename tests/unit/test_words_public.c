/* Image towers with ready-made embeddings of texts, through the public interface: small models that
 * the libraries of each layout wrote (golden/words). Logits, probabilities and relevance are those
 * of the libraries' own code in float64, and the containers of one model give the same bits. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/npy.h"
#include "base/words.h"
#include "support/golden.h"
#include "vitlrp_words.h"

#include "support/unit.h"

#define WORDS TEST_DATA "/golden/words"
#define SMALL TEST_DATA "/golden/text/small/tokenizer.json"

enum { MOST_TEXTS = 8, MOST_LINES = 256 };

static const char *const FOLDERS[] = {"clip-quickgelu",  "clip-gelu",   "clip-openai-w64",
                                      "clip-eos2",       "clip-vision", "siglip-tiny",
                                      "siglip-tiny-erf", "siglip2-tiny"};

/* A folder: its texts, and what it should give. */
struct folder {
    const char *name;
    json_t *expected;
    float *rows; /* [count, width] */
    size_t count, width;
    float logits[MOST_TEXTS]; /* of the first model of the folder */
};

static float *read_rows(const char *folder, const char *file, size_t shape[2]) {
    char path[512];
    float *rows = NULL;
    struct vitlrp_error err = {0};
    snprintf(path, sizeof path, WORDS "/%s/%s", folder, file);
    if (npy_read_float32(path, (size_t) 1 << 20, 2, shape, &rows, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return rows;
}

static void folder_open(const char *name, struct folder *out) {
    char path[512];
    size_t shape[2];
    struct vitlrp_error err = {0};
    *out = (struct folder){.name = name};
    snprintf(path, sizeof path, WORDS "/%s/relevance.json", name);
    if (json_read_object(path, (size_t) 1 << 20, &out->expected, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    out->rows = read_rows(name, "text_embeddings.npy", shape);
    out->count = shape[0];
    out->width = shape[1];
    assert_int_equal(out->count, json_array_size(json_object_get(out->expected, "logits")));
}

static void folder_close(struct folder *folder) {
    json_decref(folder->expected);
    mem_free(folder->rows);
}

static double number_of(const json_t *object, const char *key, size_t index) {
    return json_number_value(json_array_get(json_object_get(object, key), index));
}

/* Of a model of its list, where its files leave that open. */
static enum vitlrp_activation activation_of(const json_t *entry) {
    const char *word = json_get_string(entry, "activation");
    return word == NULL ? VITLRP_ACTIVATION_STATED
                        : (enum vitlrp_activation) word_find(WORDS_ACTIVATION, word);
}

/* One of its models, with the options that its files leave open. */
static struct vitlrp_model *open_encoder(const struct folder *folder, const json_t *entry) {
    char path[512];
    struct vitlrp_model_options options;
    struct vitlrp_model *model = NULL;
    struct vitlrp_error err = {0};
    vitlrp_model_options_init(&options);
    options.heads = (int32_t) json_integer_value(json_object_get(entry, "heads"));
    options.activation = activation_of(entry);
    snprintf(path, sizeof path, WORDS "/%s/%s", folder->name, json_get_string(entry, "path"));
    if (vitlrp_model_open(path, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s: %s", folder->name, err.message);
    }
    return model;
}

static struct vitlrp_model_info info_of(const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return info;
}

static struct vitlrp_model *open_prompts(const struct folder *folder, const json_t *entry) {
    struct vitlrp_model *encoder = open_encoder(folder, entry);
    struct vitlrp_model *prompts = NULL;
    struct vitlrp_error err = {0};
    struct vitlrp_model_info info = info_of(encoder);
    assert_int_equal(info.kind, VITLRP_MODEL_IMAGE_TEXT);
    assert_int_equal(info.embed_dim, folder->width);
    if (vitlrp_model_with_embeddings(encoder, folder->rows, NULL, folder->count, &prompts, &err) !=
        VITLRP_OK) {
        fail_msg("%s: %s", folder->name, err.message);
    }
    vitlrp_model_close(encoder);
    return prompts;
}

static void check_info(const struct folder *folder, const struct vitlrp_model *model) {
    struct vitlrp_model_info info = info_of(model);
    double scale = json_number_value(json_object_get(folder->expected, "logit_scale"));
    double bias = json_number_value(json_object_get(folder->expected, "logit_bias"));
    const char *kind = word_of(WORDS_PROBABILITY, info.probability);
    assert_int_equal(info.kind, VITLRP_MODEL_PROMPTS);
    assert_int_equal(info.embed_dim, folder->width);
    assert_int_equal(info.classes, folder->count);
    assert_true(fabs(info.logit_scale - scale) < 1e-6 * scale && info.logit_bias == bias);
    assert_string_equal(kind, json_get_string(folder->expected, "probability"));
}

/* A session on the model, and its forward pass over the folder's input. */
struct pass {
    const struct folder *folder;
    const struct vitlrp_model *model;
    struct vitlrp_session *session;
    size_t pixels;
    float logits[MOST_TEXTS];
};

static void pass_open(const struct folder *folder, const struct vitlrp_model *model,
                      struct pass *out) {
    char path[256];
    struct vitlrp_session_options options;
    struct vitlrp_error err = {0};
    struct vitlrp_model_info info = info_of(model);
    *out = (struct pass){.folder = folder, .model = model};
    out->pixels = 3 * (size_t) info.image_height * (size_t) info.image_width;
    vitlrp_session_options_init(&options);
    options.methods = "attnlrp,cp-lrp,attnlrp-eps,input-x-gradient";
    snprintf(path, sizeof path, "words/%s/input.npy", folder->name);
    float *input = golden_read(path, 3, out->pixels);
    assert_int_equal(vitlrp_session_open(model, &options, &out->session, &err), VITLRP_OK);
    assert_int_equal(vitlrp_session_forward(out->session, input, out->logits, &err), VITLRP_OK);
    mem_free(input);
}

static void check_logits(const struct pass *pass) {
    const struct folder *folder = pass->folder;
    double probabilities[MOST_TEXTS];
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_model_probabilities(pass->model, pass->logits, probabilities, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < folder->count; i++) {
        double logit = number_of(folder->expected, "logits", i);
        double likely = number_of(folder->expected, "probabilities", i);
        if (!(fabs((double) pass->logits[i] - logit) <= 1e-5 * fmax(1.0, fabs(logit))) ||
            !(fabs(probabilities[i] - likely) <= 1e-4 * likely + 1e-12)) {
            fail_msg("%s: logit %zu is %.9g, not %.9g", folder->name, i, (double) pass->logits[i],
                     logit);
        }
    }
}

/* As it leaves the model. */
static void check_embedding(const struct pass *pass) {
    char path[256];
    struct vitlrp_error err = {0};
    size_t width = pass->folder->width;
    float *embedding = mem_calloc(width, sizeof *embedding);
    snprintf(path, sizeof path, "words/%s/image_embedding.npy", pass->folder->name);
    float *wanted = golden_read(path, 1, width);
    assert_int_equal(vitlrp_session_embedding(pass->session, embedding, &err), VITLRP_OK);
    assert_true(relative_error(embedding, wanted, width) < 1e-5);
    mem_free(embedding);
    mem_free(wanted);
}

static size_t targets_of(const json_t *entry, struct vitlrp_target targets[MOST_TEXTS]) {
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(json_object_get(entry, "weights")); i++) {
        float weight = (float) number_of(entry, "weights", i);
        if (weight != 0.0F) {
            targets[count++] = (struct vitlrp_target){(int32_t) i, weight};
        }
    }
    return count;
}

static void check_ledger(const struct pass *pass, const char *name,
                         const struct vitlrp_relevance *relevance) {
    double total = relevance->sum;
    for (size_t i = 0; i < vitlrp_ledger_length(pass->model); i++) {
        total += relevance->ledger[i].absorbed;
    }
    if (!(fabs(total - relevance->explained) <= 1e-4 * fmax(1.0, fabs(relevance->explained)))) {
        fail_msg("%s: %s: the ledger sums to %.9g, not %.9g", pass->folder->name, name, total,
                 relevance->explained);
    }
}

static void check_case(const struct pass *pass, const char *name, const json_t *entry) {
    char path[256];
    struct vitlrp_target targets[MOST_TEXTS];
    struct vitlrp_ledger_entry ledger[MOST_LINES];
    struct vitlrp_method_options method;
    struct vitlrp_relevance relevance;
    struct vitlrp_error err = {0};
    const char *preset = json_get_string(entry, "method");
    const json_t *gamma = json_object_get(entry, "gamma_head");
    bool has_ledger = strcmp(preset, "input-x-gradient") != 0;
    size_t count = targets_of(entry, targets);
    assert_true(vitlrp_ledger_length(pass->model) <= MOST_LINES);
    assert_int_equal(vitlrp_method_options_init_sized(&method, sizeof method, preset, &err),
                     VITLRP_OK);
    if (gamma != NULL) {
        method.rules.gamma[VITLRP_ROLE_HEAD] = (float) json_number_value(gamma);
    }
    vitlrp_relevance_init(&relevance);
    relevance.pixels = mem_calloc(pass->pixels, sizeof *relevance.pixels);
    relevance.ledger = has_ledger ? ledger : NULL;
    if (vitlrp_session_attribute(pass->session, targets, count, &method, &relevance, &err) !=
        VITLRP_OK) {
        fail_msg("%s: %s: %s", pass->folder->name, name, err.message);
    }
    snprintf(path, sizeof path, "words/%s/relevance_%s.npy", pass->folder->name, name);
    float *wanted = golden_read(path, 3, pass->pixels);
    double error = relative_error(relevance.pixels, wanted, pass->pixels);
    if (!(error <= 1e-4)) {
        fail_msg("%s: %s: relative error %g", pass->folder->name, name, error);
    }
    if (has_ledger) {
        check_ledger(pass, name, &relevance);
    }
    mem_free(relevance.pixels);
    mem_free(wanted);
}

/* ---- Prompts ---- */

/* Which tokenizer a folder's archive does without. */
static const struct prompted {
    const char *folder;
    size_t model; /* of relevance.json */
    const char *tokenizer, *cleaning;
    int32_t text_heads;
} PROMPTED[] = {
    {"clip-quickgelu", 0, NULL, NULL, 0}, /* the built-in one */
    {"clip-quickgelu", 1, NULL, NULL, 2},
    {"clip-gelu", 0, SMALL, NULL, 0},
    {"clip-gelu", 1, SMALL, NULL, 0},
    {"clip-gelu", 2, SMALL, NULL, 3},
    {"clip-openai-w64", 0, WORDS "/clip-eos2/huggingface/merges.txt", NULL, 0},
    {"clip-eos2", 0, NULL, NULL, 0},
    {"clip-eos2", 1, WORDS "/clip-eos2/huggingface/merges.txt", NULL, 0},
    {"siglip-tiny", 0, NULL, NULL, 0},
    {"siglip-tiny", 1, NULL, "siglip", 0}, /* whose own makes two words of x_y */
    {"siglip-tiny-erf", 0, WORDS "/siglip-tiny/open_clip/tokenizer.json", "siglip", 0},
    {"siglip2-tiny", 0, NULL, NULL, 0},
    {"siglip2-tiny", 0, WORDS "/siglip2-tiny/tokenizers/tokenizer.json", NULL, 0},
};

static json_t *read_prompts(const char *folder, struct vitlrp_prompt prompts[MOST_TEXTS],
                            size_t *count) {
    char path[512];
    json_t *expected = NULL;
    struct vitlrp_error err = {0};
    snprintf(path, sizeof path, WORDS "/%s/expected.json", folder);
    assert_int_equal(json_read_object(path, (size_t) 1 << 20, &expected, &err), VITLRP_OK);
    const json_t *list = json_object_get(expected, "prompts");
    *count = json_array_size(list);
    assert_in_range(*count, 1, MOST_TEXTS);
    for (size_t i = 0; i < *count; i++) {
        prompts[i] = (struct vitlrp_prompt){.text = json_string_value(json_array_get(list, i))};
    }
    return expected;
}

static void check_prompted(const struct prompted *prompted) {
    struct folder folder;
    struct pass pass;
    struct vitlrp_prompt prompts[MOST_TEXTS];
    struct vitlrp_text_options options;
    struct vitlrp_model *model = NULL;
    struct vitlrp_class found;
    struct vitlrp_error err = {0};
    size_t count;
    folder_open(prompted->folder, &folder);
    json_t *expected = read_prompts(prompted->folder, prompts, &count);
    const json_t *entry =
        json_array_get(json_object_get(folder.expected, "models"), prompted->model);
    struct vitlrp_model *encoder = open_encoder(&folder, entry);
    vitlrp_text_options_init(&options);
    options.heads = prompted->text_heads;
    options.activation = prompted->text_heads > 0 ? activation_of(entry) : VITLRP_ACTIVATION_STATED;
    options.tokenizer = prompted->tokenizer;
    options.cleaning = prompted->cleaning;
    if (vitlrp_model_with_texts(encoder, prompts, count, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s: %s", folder.name, err.message);
    }
    vitlrp_model_close(encoder);
    assert_int_equal(vitlrp_model_class(model, 0, &found, &err), VITLRP_OK);
    assert_string_equal(found.label, "a red bus");
    check_info(&folder, model);
    pass_open(&folder, model, &pass);
    check_logits(&pass);
    check_case(&pass, "attnlrp",
               json_object_get(json_object_get(folder.expected, "cases"), "attnlrp"));
    vitlrp_session_close(pass.session);
    vitlrp_model_close(model);
    json_decref(expected);
    folder_close(&folder);
}

static void test_prompts(void **unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof PROMPTED / sizeof PROMPTED[0]; i++) {
        check_prompted(&PROMPTED[i]);
    }
}

static void check_model(struct folder *folder, size_t index) {
    const json_t *entry = json_array_get(json_object_get(folder->expected, "models"), index);
    struct vitlrp_model *model = open_prompts(folder, entry);
    struct pass pass;
    const char *name;
    json_t *one;
    check_info(folder, model);
    pass_open(folder, model, &pass);
    check_logits(&pass);
    check_embedding(&pass);
    if (index == 0) {
        memcpy(folder->logits, pass.logits, sizeof pass.logits);
    }
    json_object_foreach(json_object_get(folder->expected, "cases"), name, one) {
        check_case(&pass, name, one);
    }
    assert_memory_equal(folder->logits, pass.logits, sizeof pass.logits);
    vitlrp_session_close(pass.session);
    vitlrp_model_close(model);
}

static void test_zoo(void **unused) {
    (void) unused;
    for (size_t i = 0; i < sizeof FOLDERS / sizeof FOLDERS[0]; i++) {
        struct folder folder;
        folder_open(FOLDERS[i], &folder);
        size_t models = json_array_size(json_object_get(folder.expected, "models"));
        for (size_t k = 0; k < models; k++) {
            check_model(&folder, k);
        }
        folder_close(&folder);
    }
}

/* ---- Texts ---- */

static struct vitlrp_model *first_encoder(struct folder *folder, const char *name) {
    folder_open(name, folder);
    return open_encoder(folder, json_array_get(json_object_get(folder->expected, "models"), 0));
}

/* Rows of unit length in 16 bits say the same, in their precision. */
static void test_length_of_rows(void **unused) {
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "clip-vision");
    struct vitlrp_model *prompts = NULL;
    struct vitlrp_error err = {0};
    struct pass pass;
    size_t shape[2];
    float *rows = read_rows("clip-vision", "text_embeddings_f16_unit.npy", shape);
    (void) unused;
    assert_int_equal(vitlrp_model_with_embeddings(encoder, rows, NULL, shape[0], &prompts, &err),
                     VITLRP_OK);
    pass_open(&folder, prompts, &pass);
    for (size_t i = 0; i < folder.count; i++) {
        assert_true(fabs((double) pass.logits[i] - number_of(folder.expected, "logits", i)) < 0.1);
    }
    vitlrp_session_close(pass.session);
    vitlrp_model_close(prompts);
    vitlrp_model_close(encoder);
    mem_free(rows);
    folder_close(&folder);
}

static void test_names(void **unused) {
    const char *const names[] = {"a red bus", NULL, "a street, wet", "1", "a\nb"};
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "clip-vision");
    struct vitlrp_model *prompts = NULL;
    struct vitlrp_error err = {0};
    struct vitlrp_class found;
    (void) unused;
    assert_int_equal(
        vitlrp_model_with_embeddings(encoder, folder.rows, names, folder.count, &prompts, &err),
        VITLRP_OK);
    assert_int_equal(vitlrp_model_class(prompts, 1, &found, &err), VITLRP_OK);
    assert_string_equal(found.label, "");
    assert_int_equal(vitlrp_model_find_class(prompts, "A Red Bus", &found, &err), VITLRP_OK);
    assert_int_equal(found.output, 0);
    assert_int_equal(vitlrp_model_find_class(prompts, "1", &found, &err), VITLRP_OK);
    assert_int_equal(found.output, 3);
    assert_int_equal(vitlrp_model_class(prompts, 4, &found, &err), VITLRP_OK);
    assert_null(strchr(found.label, '\n'));
    vitlrp_model_close(prompts);
    vitlrp_model_close(encoder);
    folder_close(&folder);
}

/* What the caller states goes before the file's tensors. */
static void test_stated_scale(void **unused) {
    char path[512];
    struct folder folder;
    struct vitlrp_model_options options;
    struct vitlrp_model *encoder = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    folder_open("siglip-tiny", &folder);
    snprintf(path, sizeof path, WORDS "/siglip-tiny/huggingface");
    vitlrp_model_options_init(&options);
    options.logit_scale = 7.0;
    options.logit_bias = 0.0;
    assert_int_equal(vitlrp_model_open(path, &options, &encoder, &err), VITLRP_OK);
    assert_true(info_of(encoder).logit_scale == 7.0 && info_of(encoder).logit_bias == 0.0);
    vitlrp_model_close(encoder);
    options.logit_scale = -1.0;
    assert_int_equal(vitlrp_model_open(path, &options, &encoder, &err), VITLRP_USAGE);
    options.logit_scale = 0.0;
    options.logit_bias = INFINITY;
    assert_int_equal(vitlrp_model_open(path, &options, &encoder, &err), VITLRP_USAGE);
    options.logit_bias = 1.0;
    assert_int_equal(vitlrp_model_open_builtin(&options, &encoder, &err), VITLRP_USAGE);
    assert_non_null(strstr(err.message, "has a head of classes"));
    folder_close(&folder);
}

static void test_refused(void **unused) {
    const float row[4096] = {1.0F};
    float embedding[1];
    struct vitlrp_model *classifier = NULL;
    struct vitlrp_model *prompts = NULL;
    struct vitlrp_session *session = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(vitlrp_model_open_builtin(NULL, &classifier, &err), VITLRP_OK);
    assert_int_equal(info_of(classifier).kind, VITLRP_MODEL_IMAGE);
    assert_int_equal(info_of(classifier).embed_dim, 0);
    assert_int_equal(vitlrp_model_with_embeddings(classifier, row, NULL, 1, &prompts, &err),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_session_open(classifier, NULL, &session, &err), VITLRP_OK);
    assert_int_equal(vitlrp_session_embedding(session, embedding, &err), VITLRP_USAGE);
    vitlrp_session_close(session);
    vitlrp_model_close(classifier);
}

/* Records name the texts' embeddings, and what makes logits of cosines. */
static void test_configuration(void **unused) {
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "siglip-tiny");
    struct vitlrp_model *prompts = NULL;
    struct vitlrp_error err = {0};
    char *text = NULL;
    size_t size = 0;
    (void) unused;
    assert_int_equal(
        vitlrp_model_with_embeddings(encoder, folder.rows, NULL, folder.count, &prompts, &err),
        VITLRP_OK);
    assert_int_equal(vitlrp_model_configuration(prompts, &text, &size, &err), VITLRP_OK);
    assert_non_null(strstr(text, "\"text_embeddings\""));
    assert_non_null(strstr(text, "\"logit_scale\""));
    assert_non_null(strstr(text, "\"logit_bias\""));
    vitlrp_free(text);
    vitlrp_model_close(prompts);
    vitlrp_model_close(encoder);
    folder_close(&folder);
}

/* A class of several prompts is the mean of their unit vectors. */
static void test_prompts_of_one_name(void **unused) {
    static const char *const NAMES[] = {"bus", "other", "bus", "other"};
    static const size_t CLASSES[] = {0, 1, 0, 1};
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "siglip-tiny");
    struct vitlrp_model *models[2] = {NULL, NULL};
    struct vitlrp_prompt prompts[MOST_TEXTS];
    struct vitlrp_error err = {0};
    struct pass passes[2];
    size_t count;
    float *rows = mem_calloc(2 * folder.width, sizeof *rows);
    json_t *expected = read_prompts("siglip-tiny", prompts, &count);
    (void) unused;
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        double squares = 0.0;
        const float *row = folder.rows + i * folder.width;
        prompts[i].name = NAMES[i];
        for (size_t d = 0; d < folder.width; d++) {
            squares += (double) row[d] * row[d];
        }
        for (size_t d = 0; d < folder.width; d++) {
            rows[CLASSES[i] * folder.width + d] += (float) (row[d] / sqrt(squares));
        }
    }
    assert_int_equal(vitlrp_model_with_embeddings(encoder, rows, NULL, 2, &models[0], &err),
                     VITLRP_OK);
    assert_int_equal(vitlrp_model_with_texts(encoder, prompts, count, NULL, &models[1], &err),
                     VITLRP_OK);
    assert_int_equal(info_of(models[1]).classes, 2);
    for (size_t i = 0; i < 2; i++) {
        pass_open(&folder, models[i], &passes[i]);
        vitlrp_session_close(passes[i].session);
        vitlrp_model_close(models[i]);
    }
    assert_true(relative_error(passes[1].logits, passes[0].logits, 2) < 1e-5);
    mem_free(rows);
    json_decref(expected);
    vitlrp_model_close(encoder);
    folder_close(&folder);
}

static void keep_line(void *user, int level, const char *line) {
    if (level == 1) {
        snprintf(user, 512, "%s", line);
    }
}

/* What the context has no room for is said, with the words that are lost. */
static void test_long_prompt(void **unused) {
    char line[512] = "";
    char text[1024] = "";
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "clip-quickgelu");
    struct vitlrp_model *model = NULL;
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t i = 0; i < 75; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "bus ");
    }
    vitlrp_text_options_init(&options);
    options.log.write = keep_line;
    options.log.user = line;
    struct vitlrp_prompt prompt = {.text = text};
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_OK);
    assert_string_equal(line, "");
    vitlrp_model_close(model);
    snprintf(text + strlen(text), sizeof text - strlen(text), "at the station");
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, &options, &model, &err),
                     VITLRP_OK);
    assert_string_equal(line, "a text is cut: the model reads 77 tokens, and 3 have no room: "
                              "'at the station'");
    vitlrp_model_close(model);
    vitlrp_model_close(encoder);
    folder_close(&folder);
}

/* One prompt, with the options; the failure's message has the words. */
static void check_refused(const struct vitlrp_model *encoder, const char *text,
                          const struct vitlrp_text_options *options, enum vitlrp_status wanted,
                          const char *words) {
    const struct vitlrp_prompt prompt = {.text = text};
    struct vitlrp_model *model = NULL;
    struct vitlrp_error err = {0};
    if (vitlrp_model_with_texts(encoder, &prompt, 1, options, &model, &err) != wanted ||
        strstr(err.message, words) == NULL || model != NULL) {
        fail_msg("'%s' instead of '%s'", err.message, words);
    }
}

static void test_refused_prompts(void **unused) {
    struct folder folder;
    struct vitlrp_model *encoder = first_encoder(&folder, "clip-quickgelu");
    struct vitlrp_model *classifier = NULL;
    struct vitlrp_model *texts = NULL;
    struct vitlrp_text_options options;
    struct vitlrp_error err = {0};
    const struct vitlrp_prompt prompt = {.text = "a bus"};
    (void) unused;
    vitlrp_text_options_init(&options);
    check_refused(encoder, "a \xFF bus", NULL, VITLRP_USAGE, "UTF-8");
    check_refused(encoder, NULL, NULL, VITLRP_USAGE, "NULL");
    check_refused(encoder, "<|endoftext|>", NULL, VITLRP_USAGE, "a token of its own");
    options.cleaning = "soap";
    check_refused(encoder, "a bus", &options, VITLRP_USAGE, "'soap'");
    options.cleaning = NULL;
    options.tokenizer = WORDS "/clip-eos2/huggingface/merges.txt";
    check_refused(encoder, "a bus", &options, VITLRP_MISMATCH,
                  "49408 tokens, and the tokenizer 814");
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 0, NULL, &texts, &err),
                     VITLRP_USAGE);
    assert_int_equal(vitlrp_model_with_texts(encoder, &prompt, 1, NULL, &texts, &err), VITLRP_OK);
    check_refused(texts, "a bus", NULL, VITLRP_USAGE, "its texts are given");
    assert_int_equal(vitlrp_model_open_builtin(NULL, &classifier, &err), VITLRP_OK);
    check_refused(classifier, "a bus", NULL, VITLRP_USAGE, "has no text tower");
    vitlrp_model_close(classifier);
    vitlrp_model_close(texts);
    vitlrp_model_close(encoder);
    folder_close(&folder);
    encoder = first_encoder(&folder, "clip-vision");
    check_refused(encoder, "a bus", NULL, VITLRP_UNSUPPORTED, "no text tower");
    vitlrp_model_close(encoder);
    folder_close(&folder);
    encoder = first_encoder(&folder, "clip-openai-w64");
    check_refused(encoder, "a bus", NULL, VITLRP_UNSUPPORTED, "814 tokens is not CLIP's of 49408");
    vitlrp_model_close(encoder);
    folder_close(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zoo),         cmocka_unit_test(test_length_of_rows),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_stated_scale),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_configuration),
        cmocka_unit_test(test_prompts),     cmocka_unit_test(test_prompts_of_one_name),
        cmocka_unit_test(test_long_prompt), cmocka_unit_test(test_refused_prompts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
