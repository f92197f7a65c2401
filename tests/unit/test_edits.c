/* Models with edited units, through the public interface: against a program in float64
 * (golden/latent), against the same edit of the weights, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/handles.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/npy.h"
#include "support/golden.h"
#include "vit/model/weights.h"
#include "vitlrp_units.h"
#include "vitlrp_words.h"

#include "support/unit.h"

enum { MAX_EDITS = 8, MAX_HEAD = 64, PIXELS = 3 * 32 * 32, CLASSES = 16 };

/* A folder of golden/latent. */
struct latent {
    const char *name;
    struct vitlrp_model *model;
    struct vitlrp_model_info info;
    json_t *expected;
    float *input;
    size_t pixels;
    size_t head; /* outputs of one */
};

static void check(enum vitlrp_status status, const struct vitlrp_error *err) {
    if (status != VITLRP_OK) {
        fail_msg("%s", err->message);
    }
}

static void latent_path(const struct latent *latent, const char *file, char out[512]) {
    snprintf(out, 512, TEST_DATA "/golden/latent/%s/%s", latent->name, file);
}

static void open_latent(const char *name, struct latent *out) {
    char path[512];
    struct vitlrp_error err = {0};
    struct vitlrp_preprocess preprocess;
    struct vitlrp_geometry geometry;
    struct vitlrp_image *image = NULL;
    *out = (struct latent){.name = name};
    latent_path(out, "", path);
    check(vitlrp_model_open(path, NULL, &out->model, &err), &err);
    vitlrp_model_info_init(&out->info);
    vitlrp_model_describe(out->model, &out->info);
    out->pixels = 3 * (size_t) out->info.image_height * (size_t) out->info.image_width;
    out->head = (size_t) (out->info.dim / out->info.heads);
    latent_path(out, "expected.json", path);
    check(json_read_object(path, (size_t) 1 << 20, &out->expected, &err), &err);
    latent_path(out, "images/00.png", path);
    check(vitlrp_image_open(path, NULL, &image, &err), &err);
    vitlrp_model_preprocess(out->model, &preprocess);
    check(vitlrp_image_prepare(image, &preprocess, &out->input, &geometry, &err), &err);
    vitlrp_image_close(image);
}

static void close_latent(struct latent *latent) {
    vitlrp_model_close(latent->model);
    json_decref(latent->expected);
    vitlrp_free(latent->input);
}

static float *read_array(const struct latent *latent, const char *file, size_t rank, size_t count) {
    char path[256];
    snprintf(path, sizeof path, "latent/%s/%s", latent->name, file);
    return golden_read(path, rank, count);
}

/* ---- Edits as the fixtures write them ---- */

struct edit_list {
    struct vitlrp_edit edits[MAX_EDITS];
    float constants[MAX_EDITS][2 * MAX_HEAD];
    size_t count;
};

/* The fixtures' means: [blocks, neurons, kind], and [blocks, heads, kind, outputs]. */
static void fill_mean(const struct latent *latent, const struct vitlrp_unit *unit, float *out) {
    size_t depth = (size_t) latent->info.depth;
    if (unit->site == VITLRP_SITE_FC1) {
        size_t width = (size_t) latent->info.mlp_dim;
        float *means = read_array(latent, "fc1_means.npy", 3, depth * width * 2);
        size_t at = ((size_t) unit->block * width + (size_t) unit->index) * 2;
        memcpy(out, means + at, 2 * sizeof *out);
        mem_free(means);
        return;
    }
    size_t heads = (size_t) latent->info.heads;
    float *means = read_array(latent, "head_means.npy", 4, depth * heads * 2 * latent->head);
    const float *mean =
        means + ((size_t) unit->block * heads + (size_t) unit->index) * 2 * latent->head;
    for (size_t i = 0; i < 2 * latent->head; i++) {
        out[i] = mean[i % 2 * latent->head + i / 2];
    }
    mem_free(means);
}

static void read_edit(const struct latent *latent, const char *text, struct edit_list *list) {
    struct vitlrp_edit *edit = &list->edits[list->count];
    float *constant = list->constants[list->count++];
    struct vitlrp_error err = {0};
    char unit[VITLRP_UNIT_NAME];
    const char *sign = strchr(text, '=');
    bool sets = sign[-1] == ':';
    size_t length = (size_t) (sign - text) - (sets ? 1 : 0);
    snprintf(unit, sizeof unit, "%.*s", (int) length, text);
    bool all = unit[length - 1] == '*';
    unit[length - 1] = all ? '0' : unit[length - 1];
    *edit = (struct vitlrp_edit){.factor = 0.0F};
    check(vitlrp_unit_parse(unit, &edit->unit, &err), &err);
    edit->unit.index = all ? -1 : edit->unit.index;
    if (strcmp(sign + 1, "mean") == 0) {
        fill_mean(latent, &edit->unit, constant);
        edit->constant = constant;
    } else if (sets) {
        for (size_t i = 0; i < 2 * MAX_HEAD; i++) {
            constant[i] = strtof(sign + 1, NULL);
        }
        edit->constant = constant;
    } else {
        edit->factor = strtof(sign + 1, NULL);
    }
}

static struct vitlrp_model *edited(const struct vitlrp_model *model, const struct edit_list *list) {
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    check(vitlrp_model_with_edits(model, list->edits, list->count, &made, &err), &err);
    return made;
}

/* ---- What a model makes of an input ---- */

struct outcome {
    float logits[CLASSES], pixels[PIXELS];
    double absorbed, by_edits, explained, sum;
};

static void explain_by(struct vitlrp_session *session, const struct vitlrp_model *model,
                       const char *method, int32_t target, struct outcome *out) {
    struct vitlrp_error err = {0};
    struct vitlrp_method_options options;
    struct vitlrp_relevance relevance;
    const struct vitlrp_target class_target = {target, 1.0F};
    size_t lines = vitlrp_ledger_length(model);
    check(vitlrp_method_options_init(&options, method, &err), &err);
    vitlrp_relevance_init(&relevance);
    relevance.pixels = out->pixels;
    relevance.ledger = mem_calloc(lines, sizeof *relevance.ledger);
    check(vitlrp_session_attribute(session, &class_target, 1, &options, &relevance, &err), &err);
    out->absorbed = 0.0;
    out->by_edits = 0.0;
    for (size_t i = 0; i < lines; i++) {
        bool of_edit = strcmp(relevance.ledger[i].kind, "edit") == 0;
        out->absorbed += relevance.ledger[i].absorbed;
        out->by_edits += of_edit ? relevance.ledger[i].absorbed : 0.0;
    }
    out->explained = relevance.explained;
    out->sum = relevance.sum;
    mem_free(relevance.ledger);
}

static struct vitlrp_session *open_session(const struct vitlrp_model *model) {
    struct vitlrp_error err = {0};
    struct vitlrp_session_options options;
    struct vitlrp_session *session = NULL;
    vitlrp_session_options_init(&options);
    options.threads = 1;
    check(vitlrp_session_open(model, &options, &session, &err), &err);
    return session;
}

static void explain(const struct vitlrp_model *model, const float *input, const char *method,
                    int32_t target, struct outcome *out) {
    struct vitlrp_error err = {0};
    struct vitlrp_session *session = open_session(model);
    check(vitlrp_session_forward(session, input, out->logits, &err), &err);
    explain_by(session, model, method, target, out);
    vitlrp_session_close(session);
}

/* ---- Against the fixtures ---- */

static void sum_channels(const struct latent *latent, const float *map, float *out) {
    size_t area = latent->pixels / 3;
    for (size_t i = 0; i < area; i++) {
        out[i] = map[i] + map[area + i] + map[2 * area + i];
    }
}

static double map_error(const struct latent *latent, const float *map, const float *wanted) {
    float sums[2][PIXELS];
    sum_channels(latent, map, sums[0]);
    sum_channels(latent, wanted, sums[1]);
    return relative_error(sums[0], sums[1], latent->pixels / 3);
}

static void check_case(const struct latent *latent, const char *name, const json_t *fixture) {
    char file[128];
    struct edit_list list = {.count = 0};
    struct outcome outcome;
    const json_t *texts = json_object_get(fixture, "edits");
    for (size_t i = 0; i < json_array_size(texts); i++) {
        read_edit(latent, json_string_value(json_array_get(texts, i)), &list);
    }
    int32_t target = (int32_t) json_integer_value(json_object_get(fixture, "class_"));
    struct vitlrp_model *model = edited(latent->model, &list);
    explain(model, latent->input, "attnlrp", target, &outcome);
    size_t classes = (size_t) latent->info.classes;
    snprintf(file, sizeof file, "edit_%s_logits.npy", name);
    float *logits = read_array(latent, file, 1, classes);
    snprintf(file, sizeof file, "edit_%s_pixels.npy", name);
    float *pixels = read_array(latent, file, 3, latent->pixels);
    double absorbed = json_number_value(json_object_get(fixture, "absorbed_by_edit"));
    double off = largest_difference(outcome.logits, logits, classes);
    double error = map_error(latent, outcome.pixels, pixels);
    double open = outcome.explained - outcome.sum - outcome.absorbed;
    if (!(off <= 1e-5) || !(error <= 1e-4) || !(fabs(outcome.by_edits - absorbed) <= 1e-5) ||
        !(fabs(open) <= 1e-4)) {
        fail_msg("%s: %s: logits off by %g, the map by %g, edits hold %g, not %g, and the ledger "
                 "is open by %g",
                 latent->name, name, off, error, outcome.by_edits, absorbed, open);
    }
    mem_free(pixels);
    mem_free(logits);
    vitlrp_model_close(model);
}

static void fixtures_are_met(void **state) {
    static const char *const NAMES[] = {"latent-vit", "latent-registers"};
    (void) state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct latent latent;
        const char *name;
        json_t *fixture;
        open_latent(NAMES[i], &latent);
        json_t *fixtures = json_object_get(latent.expected, "edits");
        assert_int_equal(json_object_size(fixtures), 11);
        json_object_foreach(fixtures, name, fixture) {
            check_case(&latent, name, fixture);
        }
        close_latent(&latent);
    }
}

/* ---- Against edited weights ---- */

/* Multiplies the columns [first, first + count) of a block's layer. */
static void scale_columns(const struct vitlrp_model *model, enum slot slot, size_t block,
                          size_t first, size_t count, float factor) {
    struct slot_size size = slot_size(&model->vit->config, slot);
    float *weight = slot_data(model->vit, slot, block);
    for (size_t r = 0; r < size.rows; r++) {
        for (size_t c = first; c < first + count; c++) {
            weight[r * size.columns + c] *= factor;
        }
    }
}

static void same_by_method(const struct latent *latent, const struct vitlrp_model *models[2],
                           const char *method, enum vitlrp_precision precision) {
    struct outcome outcomes[2];
    const struct vitlrp_target target = {0, 1.0F};
    struct vitlrp_error err = {0};
    for (size_t i = 0; i < 2; i++) {
        struct vitlrp_session_options options;
        struct vitlrp_method_options how;
        struct vitlrp_relevance relevance;
        struct vitlrp_session *session = NULL;
        vitlrp_session_options_init(&options);
        options.methods = method;
        options.precision = precision;
        options.keep_all_tokens = precision == VITLRP_PRECISION_FP32;
        check(vitlrp_session_open(models[i], &options, &session, &err), &err);
        check(vitlrp_session_forward(session, latent->input, outcomes[i].logits, &err), &err);
        check(vitlrp_method_options_init(&how, method, &err), &err);
        vitlrp_relevance_init(&relevance);
        relevance.patches = outcomes[i].pixels;
        check(vitlrp_session_attribute(session, &target, 1, &how, &relevance, &err), &err);
        vitlrp_session_close(session);
    }
    double most = precision == VITLRP_PRECISION_FP32 ? 1e-5 : 2e-2;
    size_t patches = latent->info.image_height == 32 ? 16 : 9;
    double off =
        largest_difference(outcomes[0].logits, outcomes[1].logits, (size_t) latent->info.classes);
    double error = relative_error(outcomes[0].pixels, outcomes[1].pixels, patches);
    if (!(off <= most) || !(error <= most)) {
        fail_msg("%s: logits off by %g, the map by %g", method, off, error);
    }
}

/* A factor is one of a column of fc2 or of some columns of proj, for every method. */
static void factors_are_those_of_weights(void **state) {
    static const char *const METHODS[] = {
        "attnlrp",   "attnlrp-eps",    "cp-lrp", "input-x-gradient",
        "occlusion", "attnlrp-masked", "rise",   "rollout"};
    (void) state;
    struct latent latent;
    struct latent other;
    struct edit_list list = {.count = 0};
    open_latent("latent-vit", &latent);
    open_latent("latent-vit", &other);
    read_edit(&latent, "2:fc1:51=-2", &list);
    read_edit(&latent, "1:head:2=0", &list);
    read_edit(&latent, "0:fc1:159=3", &list);
    read_edit(&latent, "2:head:0=1.5", &list);
    scale_columns(other.model, SLOT_FC2_WEIGHT, 2, 51, 1, -2.0F);
    scale_columns(other.model, SLOT_PROJ_WEIGHT, 1, 2 * latent.head, latent.head, 0.0F);
    scale_columns(other.model, SLOT_FC2_WEIGHT, 0, 159, 1, 3.0F);
    scale_columns(other.model, SLOT_PROJ_WEIGHT, 2, 0, latent.head, 1.5F);
    struct vitlrp_model *model = edited(latent.model, &list);
    const struct vitlrp_model *models[2] = {model, other.model};
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        same_by_method(&latent, models, METHODS[i], VITLRP_PRECISION_FP32);
    }
    same_by_method(&latent, models, "attnlrp", VITLRP_PRECISION_BF16);
    vitlrp_model_close(model);
    close_latent(&other);
    close_latent(&latent);
}

/* What changes nothing costs nothing: the same operations, and so the same bits. */
static void factor_of_one_changes_nothing(void **state) {
    (void) state;
    struct latent latent;
    struct edit_list list = {.count = 0};
    struct outcome outcomes[2];
    open_latent("latent-registers", &latent);
    read_edit(&latent, "1:fc1:*=1", &list);
    read_edit(&latent, "0:head:1=1", &list);
    struct vitlrp_model *model = edited(latent.model, &list);
    assert_int_equal(vitlrp_ledger_length(model), vitlrp_ledger_length(latent.model));
    explain(latent.model, latent.input, "attnlrp", 2, &outcomes[0]);
    explain(model, latent.input, "attnlrp", 2, &outcomes[1]);
    assert_memory_equal(outcomes[0].logits, outcomes[1].logits,
                        (size_t) latent.info.classes * sizeof(float));
    assert_memory_equal(outcomes[0].pixels, outcomes[1].pixels, latent.pixels * sizeof(float));
    vitlrp_model_close(model);
    close_latent(&latent);
}

/* ---- What it is called ---- */

static char *configuration(const struct vitlrp_model *model) {
    char *data = NULL;
    size_t size = 0;
    struct vitlrp_error err = {0};
    check(vitlrp_model_configuration(model, &data, &size, &err), &err);
    return data;
}

static void names_are_sorted(void **state) {
    static const char *const TEXTS[] = {"2:fc1:51:=-0.2", "1:head:1=0.5", "0:fc1:159=0",
                                        "0:fc1:114=2",    "1:fc1:*=-0",   "1:head:0=mean"};
    static const char WANTED[] = "{\"edits\":[\"0:fc1:114=2\",\"0:fc1:159=0\",\"1:fc1:*=0\",{"
                                 "\"unit\":\"1:head:0\",\"factor\":0.0,\"constant\":[[";
    static const char REST[] = "]]},\"1:head:1=0.5\",\"2:fc1:51:=-0.2\"],";
    enum { COUNT = sizeof TEXTS / sizeof TEXTS[0] };
    (void) state;
    struct latent latent;
    struct edit_list lists[2] = {{.count = 0}, {.count = 0}};
    char *texts[3];
    open_latent("latent-vit", &latent);
    for (size_t i = 0; i < COUNT; i++) {
        read_edit(&latent, TEXTS[i], &lists[0]);
        read_edit(&latent, TEXTS[COUNT - 1 - i], &lists[1]);
    }
    for (size_t i = 0; i < 2; i++) {
        struct vitlrp_model *model = edited(latent.model, &lists[i]);
        texts[i] = configuration(model);
        vitlrp_model_close(model);
    }
    texts[2] = configuration(latent.model);
    assert_string_equal(texts[0], texts[1]);
    assert_memory_equal(texts[0], WANTED, sizeof WANTED - 1);
    const char *rest = strstr(texts[0], REST);
    assert_non_null(rest);
    assert_string_equal(rest + sizeof REST - 1, texts[2] + 1);
    for (size_t i = 0; i < 3; i++) {
        vitlrp_free(texts[i]);
    }
    close_latent(&latent);
}

static void constants_are_named(void **state) {
    static const float APART[2] = {0.05F, -1e-7F};
    static const float SAME[2] = {1.0F / 3.0F, 1.0F / 3.0F};
    static const struct vitlrp_edit EDITS[] = {{{VITLRP_SITE_FC1, 0, 1}, 0.0F, APART},
                                               {{VITLRP_SITE_FC1, 0, 2}, 2.0F, SAME}};
    static const char WANTED[] = "{\"edits\":[\"0:fc1:1:=0.05/-1e-07\",\"0:fc1:2=2:=0.33333334\"],";
    (void) state;
    struct latent latent;
    struct vitlrp_model *model = NULL;
    open_latent("latent-vit", &latent);
    assert_int_equal(vitlrp_model_with_edits(latent.model, EDITS, 2, &model, NULL), VITLRP_OK);
    char *text = configuration(model);
    assert_memory_equal(text, WANTED, sizeof WANTED - 1);
    vitlrp_free(text);
    vitlrp_model_close(model);
    close_latent(&latent);
}

/* ---- What is refused ---- */

static void refused(const struct vitlrp_model *model, const struct vitlrp_edit *edits, size_t count,
                    const char *word) {
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vitlrp_model_with_edits(model, edits, count, &made, &err), VITLRP_USAGE);
    assert_null(made);
    if (strstr(err.message, word) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", err.message, word);
    }
}

static void wrong_edits_are_refused(void **state) {
    static const float INFINITE[2] = {0.0F, INFINITY};
    static const struct vitlrp_edit WRONG[][2] = {
        {{{VITLRP_SITE_STREAM, 0, 1}, 0.0F, NULL}, {{VITLRP_SITE_FC1, 0, 0}, 0.0F, NULL}},
        {{{VITLRP_SITE_FC1, 0, 1}, 0.0F, NULL}, {{VITLRP_SITE_FC1, 0, 1}, 0.5F, NULL}},
        {{{VITLRP_SITE_HEAD, 2, 3}, 0.0F, NULL}, {{VITLRP_SITE_HEAD, 2, -1}, 0.5F, NULL}},
        {{{VITLRP_SITE_FC1, 3, 1}, 0.0F, NULL}, {{VITLRP_SITE_FC1, 0, 0}, 0.0F, NULL}},
        {{{VITLRP_SITE_FC1, 0, 0}, 0.0F, NULL}, {{VITLRP_SITE_HEAD, 0, 4}, 0.0F, NULL}},
        {{{VITLRP_SITE_FC1, 0, 0}, 0.0F, NULL}, {{VITLRP_SITE_HEAD, 0, -2}, 0.0F, NULL}},
        {{{VITLRP_SITE_FC1, 0, 0}, NAN, NULL}, {{VITLRP_SITE_FC1, 0, 1}, 0.0F, NULL}},
        {{{VITLRP_SITE_FC1, 0, 0}, 1.0F, INFINITE}, {{VITLRP_SITE_FC1, 0, 1}, 0.0F, NULL}},
        {{{(enum vitlrp_site) 7, 0, 0}, 1.0F, NULL}, {{VITLRP_SITE_FC1, 0, 1}, 0.0F, NULL}},
    };
    static const char *const WORDS[] = {"0:stream:1: neurons (fc1) and heads",
                                        "0:fc1:1 is edited twice",
                                        "2:head:3 is edited twice",
                                        "3:fc1:1: the model has blocks 0 to 2",
                                        "0:head:4: a block has units 0 to 3",
                                        "0:head:-2",
                                        "0:fc1:0: factor and constants",
                                        "0:fc1:0: factor and constants",
                                        "no site 7"};
    (void) state;
    struct latent latent;
    open_latent("latent-vit", &latent);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        refused(latent.model, WRONG[i], 2, WORDS[i]);
    }
    refused(latent.model, WRONG[0], 0, "there is no edit");
    struct edit_list list = {.count = 0};
    read_edit(&latent, "0:fc1:0=0", &list);
    struct vitlrp_model *model = edited(latent.model, &list);
    refused(model, list.edits, 1, "edited already");
    vitlrp_model_close(model);
    close_latent(&latent);
}

/* ---- Models that are made of others ---- */

#define CLIP TEST_DATA "/golden/words/clip-quickgelu/huggingface"

static struct vitlrp_model *with_texts(const struct vitlrp_model *model) {
    static const struct vitlrp_prompt PROMPTS[] = {{NULL, "red bus"}, {NULL, "car"}};
    struct vitlrp_text_options options;
    struct vitlrp_model *made = NULL;
    struct vitlrp_error err = {0};
    vitlrp_text_options_init(&options);
    check(vitlrp_model_with_texts(model, PROMPTS, 2, &options, &made, &err), &err);
    return made;
}

/* Of the first word's share of the image's score, and the logits. */
static void see_texts(const struct vitlrp_model *model, float logits[2]) {
    struct vitlrp_error err = {0};
    struct vitlrp_model *words = NULL;
    struct vitlrp_session *session = open_session(model);
    struct vitlrp_session_info info;
    vitlrp_session_info_init(&info);
    vitlrp_session_describe(session, &info);
    float *input = golden_read("words/clip-quickgelu/input.npy", 3,
                               (size_t) 3 * (size_t) info.input_height * (size_t) info.input_width);
    check(vitlrp_session_forward(session, input, logits, &err), &err);
    vitlrp_session_close(session);
    check(vitlrp_model_with_words(model, 0, NULL, NULL, &words, &err), &err);
    float parts[CLASSES];
    session = open_session(words);
    check(vitlrp_session_forward(session, input, parts, &err), &err);
    float sum = 0.0F;
    struct vitlrp_model_info of_words;
    vitlrp_model_info_init(&of_words);
    vitlrp_model_describe(words, &of_words);
    for (int32_t i = 0; i < of_words.classes; i++) {
        sum += parts[i];
    }
    assert_true(fabsf(sum - logits[0]) < 1e-3F);
    vitlrp_session_close(session);
    vitlrp_model_close(words);
    mem_free(input);
}

static size_t text_facts_of(const struct vitlrp_model *model) {
    struct vitlrp_model_info info;
    vitlrp_model_info_init(&info);
    vitlrp_model_describe(model, &info);
    return info.text_facts;
}

/* Edits before or after the texts are one model, whose texts still have their words. */
static void texts_and_edits_come_in_any_order(void **state) {
    static const struct vitlrp_edit EDIT = {{VITLRP_SITE_FC1, 0, -1}, 0.5F, NULL};
    (void) state;
    struct vitlrp_model *models[5] = {NULL};
    struct vitlrp_error err = {0};
    struct vitlrp_class found;
    float logits[3][2];
    char *texts[2];
    check(vitlrp_model_open(CLIP, NULL, &models[0], &err), &err);
    check(vitlrp_model_with_edits(models[0], &EDIT, 1, &models[1], &err), &err);
    models[2] = with_texts(models[1]);
    models[3] = with_texts(models[0]);
    check(vitlrp_model_with_edits(models[3], &EDIT, 1, &models[4], &err), &err);
    see_texts(models[2], logits[0]);
    see_texts(models[4], logits[1]);
    see_texts(models[3], logits[2]);
    for (size_t i = 0; i < 2; i++) {
        texts[i] = configuration(models[2 + 2 * i]);
    }
    check(vitlrp_model_class(models[4], 1, &found, &err), &err);
    assert_string_equal(found.label, "car");
    assert_int_equal(text_facts_of(models[4]), text_facts_of(models[3]));
    assert_true(text_facts_of(models[4]) > 0);
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
    assert_true(fabsf(logits[0][0] - logits[2][0]) > 1e-4F);
    assert_string_equal(texts[0], texts[1]);
    assert_non_null(strstr(texts[0], "{\"edits\":[\"0:fc1:*=0.5\"],\"texts\":{"));
    for (size_t i = 0; i < 5; i++) {
        vitlrp_model_close(models[i]);
    }
    vitlrp_free(texts[0]);
    vitlrp_free(texts[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_are_met),
        cmocka_unit_test(factors_are_those_of_weights),
        cmocka_unit_test(factor_of_one_changes_nothing),
        cmocka_unit_test(names_are_sorted),
        cmocka_unit_test(constants_are_named),
        cmocka_unit_test(wrong_edits_are_refused),
        cmocka_unit_test(texts_and_edits_come_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
