/* Models with edited units, through the public interface: against a program in float64
 * (golden/latent), against the same edit of the weights, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/npy.h"
#include "support/golden.h"
#include "vitlrp_units.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_are_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
