/* Small models of every family, as their libraries publish them (golden/zoo): logits and relevance
 * are those of the libraries' own code in float64. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/npy.h"
#include "support/golden.h"
#include "vit/methods/method.h"

#include "support/unit.h"

#define ZOO TEST_DATA "/golden/zoo"

struct zoo_case {
    const char *name;
    json_t *expected;
    int32_t height, width;
    int32_t channels;
    size_t outputs, target;
};

static size_t input_count(const struct zoo_case *zoo) {
    return (size_t) zoo->channels * (size_t) zoo->height * (size_t) zoo->width;
}

static int32_t whole_at(const json_t *array, size_t index) {
    return (int32_t) json_integer_value(json_array_get(array, index));
}

static void open_case(const char *name, struct zoo_case *out) {
    char path[512];
    struct vitlrp_error err = {0};
    *out = (struct zoo_case){.name = name};
    snprintf(path, sizeof path, ZOO "/%s/expected.json", name);
    if (json_read_object(path, (size_t) 1 << 20, &out->expected, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    const json_t *shape = json_object_get(out->expected, "input_shape");
    out->channels = whole_at(shape, 0);
    out->height = whole_at(shape, 1);
    out->width = whole_at(shape, 2);
    out->outputs = json_array_size(json_object_get(out->expected, "logits"));
    out->target = (size_t) json_integer_value(json_object_get(out->expected, "target"));
}

/* The options that the files leave open, as the command would be told. */
static void read_options(const struct zoo_case *zoo, char head[512],
                         struct vit_load_options *options) {
    const json_t *words = json_object_get(zoo->expected, "options");
    for (size_t i = 0; i + 1 < json_array_size(words); i += 2) {
        const char *value = json_string_value(json_array_get(words, i + 1));
        if (strcmp(json_string_value(json_array_get(words, i)), "--heads") == 0) {
            options->heads = (int32_t) strtol(value, NULL, 10);
        } else if (strcmp(json_string_value(json_array_get(words, i)), "--head") == 0) {
            snprintf(head, 512, ZOO "/%s/%s", zoo->name, value);
            options->head = head;
        } else {
            fail_msg("%s: an option that is not known", zoo->name);
        }
    }
}

static struct vit_model *load_case(const struct zoo_case *zoo) {
    char path[512];
    char head[512];
    struct vit_load_options options = {0};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    read_options(zoo, head, &options);
    snprintf(path, sizeof path, ZOO "/%s/%s", zoo->name, json_get_string(zoo->expected, "model"));
    if (vit_model_load(path, &options, &model, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    return model;
}

static float *read_array(const struct zoo_case *zoo, const char *file, size_t rank, size_t count) {
    char path[256];
    snprintf(path, sizeof path, "zoo/%s/%s", zoo->name, file);
    return golden_read(path, rank, count);
}

static void check_logits(const struct zoo_case *zoo, const char *what, const float *logits) {
    const json_t *wanted = json_object_get(zoo->expected, "logits");
    for (size_t i = 0; i < zoo->outputs; i++) {
        double off = fabs(logits[i] - json_number_value(json_array_get(wanted, i)));
        if (!(off <= 1e-4)) {
            fail_msg("%s: %s %zu off by %g", zoo->name, what, i, off);
        }
    }
}

/* Sums over the channels, in which the tolerance is. */
static void sum_channels(const struct zoo_case *zoo, const float *map, float *out) {
    size_t area = (size_t) zoo->height * (size_t) zoo->width;
    for (size_t i = 0; i < area; i++) {
        double sum = 0;
        for (size_t c = 0; c < (size_t) zoo->channels; c++) {
            sum += map[c * area + i];
        }
        out[i] = (float) sum;
    }
}

static double map_error(const struct zoo_case *zoo, const float *map, const char *file) {
    size_t area = (size_t) zoo->height * (size_t) zoo->width;
    float *wanted = read_array(zoo, file, 3, input_count(zoo));
    float *sums = mem_calloc(2 * area, sizeof *sums);
    sum_channels(zoo, map, sums);
    sum_channels(zoo, wanted, sums + area);
    double error = relative_error(sums, sums + area, area);
    mem_free(sums);
    mem_free(wanted);
    return error;
}

static const struct vitlrp_rules ATTNLRP = {
    VITLRP_ATTENTION_ATTNLRP, {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}, 0.0F, 0.0F};
static const struct vitlrp_rules CP_LRP = {
    VITLRP_ATTENTION_CP, {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}, 0.0F, 0.0F};

static void check_rule(const struct zoo_case *zoo, struct vit_session *session, size_t lines,
                       const struct vitlrp_rules *rules, const char *file) {
    struct vitlrp_error err = {0};
    float *map = mem_calloc(input_count(zoo), sizeof *map);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    const struct vitlrp_target target = {(int32_t) zoo->target, 1.0F};
    struct vit_relevance relevance = {.pixels = map, .ledger = ledger};
    if (vit_relevance(session, &target, 1, rules, &relevance, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    double error = map_error(zoo, map, file);
    if (!(error <= 1e-4)) {
        fail_msg("%s: %s: relative error %g", zoo->name, file, error);
    }
    double total = rules == NULL ? relevance.explained : relevance.sum;
    for (size_t i = 0; rules != NULL && i < lines; i++) {
        total += ledger[i].absorbed;
    }
    if (!(fabs(total - relevance.explained) <= 1e-4 * fmax(1, fabs(relevance.explained)))) {
        fail_msg("%s: %s: the ledger sums to %.9g, the output is %.9g", zoo->name, file, total,
                 relevance.explained);
    }
    mem_free(ledger);
    mem_free(map);
}

/* A beginning that all versions share, whatever the block and where it is cut: with no unit off the
 * logits are those of a plain pass. */
static void check_units(const struct zoo_case *zoo, struct vit_batch *batch,
                        const struct vit_model *model, const float *input, const float *logits) {
    static const enum vitlrp_site SITES[] = {VITLRP_SITE_FC1, VITLRP_SITE_HEAD};
    struct vitlrp_error err = {0};
    float *others = mem_calloc(zoo->outputs, sizeof *others);
    uint8_t *masks = mem_calloc((size_t) model->config.mlp_dim + (size_t) model->config.heads, 1);
    for (size_t i = 0; i < 2 * (size_t) model->config.depth; i++) {
        const struct vit_unit_versions versions = {
            .site = SITES[i % 2], .first_block = i / 2, .blocks = 1, .masks = masks, .count = 1};
        if (vit_batch_forward_units(batch, input, &versions, others, &err) != VITLRP_OK) {
            fail_msg("%s: %s", zoo->name, err.message);
        }
        double difference = largest_difference(others, logits, zoo->outputs);
        if (!(difference < 1e-5)) {
            fail_msg("%s: block %zu cut in two differs by %g", zoo->name, i / 2, difference);
        }
    }
    mem_free(masks);
    mem_free(others);
}

/* The evaluator's batch sums the last block's attention in another order. */
static void check_batch(const struct zoo_case *zoo, const struct vit_model *model,
                        const float *input, const float *logits) {
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    float *others = mem_calloc(zoo->outputs, sizeof *others);
    const struct vit_batch_options options = {.threads = 1,
                                              .capacity = 1,
                                              .input_height = zoo->height,
                                              .input_width = zoo->width,
                                              .backend = "openblas",
                                              .units = true};
    if (vit_batch_open(model, &options, &batch, &err) != VITLRP_OK ||
        vit_batch_forward(batch, 1, input, others, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    double difference = largest_difference(others, logits, zoo->outputs);
    if (!(difference < 1e-5)) {
        fail_msg("%s: a batch differs from a session by %g", zoo->name, difference);
    }
    check_units(zoo, batch, model, input, logits);
    vit_batch_close(batch);
    mem_free(others);
}

static bool is_zero(const float *patches, const struct vit_model *model) {
    int32_t count = model->config.grid_height * model->config.grid_width;
    for (int32_t p = 0; p < count; p++) {
        if (patches[p] != 0.0F) {
            return false;
        }
    }
    return true;
}

/* Every method gives a finite map, with few samples where it takes any. */
static void check_methods(const struct zoo_case *zoo, const struct vit_model *model,
                          const float *input) {
    const struct vit_method *methods[32];
    size_t count = vit_method_count();
    struct vit_attributor *attributor = NULL;
    struct vitlrp_error err = {0};
    float *patches = mem_calloc(input_count(zoo), sizeof *patches);
    const struct vitlrp_target target = {(int32_t) zoo->target, 1.0F};
    assert_true(count <= sizeof methods / sizeof methods[0]);
    for (size_t i = 0; i < count; i++) {
        methods[i] = vit_method_at(i);
    }
    const struct vit_attributor_options options = {.threads = 1,
                                                   .input_height = zoo->height,
                                                   .input_width = zoo->width,
                                                   .backend = "openblas",
                                                   .methods = methods,
                                                   .method_count = count};
    if (vit_attributor_open(model, &options, &attributor, &err) != VITLRP_OK ||
        vit_attributor_forward(attributor, input, NULL, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    for (size_t i = 0; i < count; i++) {
        struct vitlrp_method_options chosen;
        vit_method_defaults(methods[i], &chosen);
        chosen.samples = chosen.samples > 3 ? 3 : chosen.samples;
        const struct vit_method_request request = {.input = input,
                                                   .targets = &target,
                                                   .target_count = 1,
                                                   .options = &chosen,
                                                   .patches = patches};
        if (vit_attributor_run(attributor, methods[i], &request, &err) != VITLRP_OK) {
            fail_msg("%s: %s: %s", zoo->name, methods[i]->name, err.message);
        }
        if (strcmp(methods[i]->name, "legrad") == 0 && is_zero(patches, model)) {
            fail_msg("%s: LeGrad sees nothing", zoo->name);
        }
    }
    vit_attributor_close(attributor);
    mem_free(patches);
}

static void check_model(const struct zoo_case *zoo, const struct vit_model *model) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    float *input = read_array(zoo, "input.npy", 3, input_count(zoo));
    float *logits = mem_calloc((size_t) model->config.classes, sizeof *logits);
    const struct vit_session_options options = {.threads = 1,
                                                .input_height = zoo->height,
                                                .input_width = zoo->width,
                                                .backend = "openblas"};
    if ((size_t) model->config.classes != zoo->outputs) {
        fail_msg("%s: %d outputs instead of %zu", zoo->name, model->config.classes, zoo->outputs);
    }
    if (vit_session_open(model, &options, &session, &err) != VITLRP_OK ||
        vit_forward(session, input, logits, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    size_t lines = vit_ledger_length(model);
    check_logits(zoo, "logits", logits);
    check_rule(zoo, session, lines, &ATTNLRP, "relevance_attnlrp.npy");
    check_rule(zoo, session, lines, &CP_LRP, "relevance_cplrp.npy");
    check_rule(zoo, session, lines, NULL, "relevance_ixg.npy");
    check_batch(zoo, model, input, logits);
    check_methods(zoo, model, input);
    vit_session_close(session);
    mem_free(logits);
    mem_free(input);
}

static void check_case(const char *name) {
    struct zoo_case zoo;
    open_case(name, &zoo);
    struct vit_model *model = load_case(&zoo);
    check_model(&zoo, model);
    vit_model_free(model);
    json_decref(zoo.expected);
}

static void test_every_case(void **unused) {
    (void) unused;
    assert_int_equal(golden_each("zoo", check_case), 91);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
