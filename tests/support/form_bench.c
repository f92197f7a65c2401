#include "support/form_bench.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/naive_vit.h"
#include "vit/model/edited_model.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"

#include "support/unit.h"

enum { COUNT = 5 }; /* versions of an input in a batch */

static const struct vitlrp_target TARGET = {1, 1.0F};

struct vit_config form_config(void) {
    return (struct vit_config){.image_height = 8,
                               .image_width = 12,
                               .patch_height = 4,
                               .patch_width = 4,
                               .grid_height = 2,
                               .grid_width = 3,
                               .prefix = 1,
                               .depth = FORM_DEPTH,
                               .mlp_dim = 10,
                               .classes = FORM_CLASSES,
                               .layer_norm_eps = 1e-5F};
}

static void strengthen(const struct vit_model *model, float strength) {
    struct test_random random = {17};
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&model->config, slot);
        bool matrix = slot_start(slot) == START_MATRIX || slot_start(slot) == START_BRANCH;
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            float *values = slot_data(model, slot, block);
            for (size_t i = 0; i < size.rows * size.columns && !matrix; i++) {
                values[i] = slot_neutral(slot) + strength * (float) test_uniform(&random);
            }
        }
    }
}

struct vit_model *form_model(const struct form *form) {
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_model_random(&form->config, 8, &model, &err), VITLRP_OK);
    strengthen(model, form->strength);
    if (form->edits == NULL) {
        return model;
    }
    struct vit_model *edited = NULL;
    assert_int_equal(vit_model_edited(model, form->edits, form->edit_count, &edited, &err),
                     VITLRP_OK);
    vit_model_free(model); /* the other one holds it */
    return edited;
}

struct form_bench form_bench_open(const struct form *form) {
    const struct vit_session_options options = {.threads = 1,
                                                .backend = "auto",
                                                .keep_all_tokens = form->all_tokens,
                                                .keep_totals = true,
                                                .attention_maps = form->maps};
    struct test_random random = {9};
    struct vitlrp_error err = {0};
    struct form_bench bench = {
        .form = form, .model = form_model(form), .input = random_floats(&random, FORM_INPUT, 2.0)};
    assert_int_equal(vit_session_open(bench.model, &options, &bench.session, &err), VITLRP_OK);
    assert_int_equal(vit_forward(bench.session, bench.input, bench.logits, &err), VITLRP_OK);
    return bench;
}

void form_bench_close(struct form_bench *bench) {
    vit_session_close(bench->session);
    vit_model_free(bench->model);
    mem_free(bench->input);
}

void form_relevance(const struct form_bench *bench, const struct vitlrp_rules *rules,
                    struct vit_relevance *out) {
    struct vitlrp_error err = {0};
    assert_int_equal(vit_relevance(bench->session, &TARGET, 1, rules, out, &err), VITLRP_OK);
}

/* ---- Logits and slopes ---- */

static void twin_logits(const struct form_bench *bench, const float *input,
                        double logits[FORM_CLASSES]) {
    naive_vit(bench->model, input, (struct naive_nudge){.block = -1}, FORM_DEPTH - 1, logits);
}

double form_twin_logit(const struct form_bench *bench, const float *input, size_t output) {
    double logits[FORM_CLASSES];
    twin_logits(bench, input, logits);
    return logits[output];
}

void form_check_slope(const struct form_bench *bench, double slope, double expected) {
    if (!(fabs(slope - expected) < 1e-4 * fabs(expected) + 1e-5)) {
        fail_msg("%s: the slope is %.9g, by differences %.9g", bench->form->name, slope, expected);
    }
}

static double twin_slope(const struct form_bench *bench, const float *direction) {
    const float step = 1.0F / 512.0F;
    float moved[FORM_INPUT];
    double slope = 0.0;
    for (int side = -1; side <= 1; side += 2) {
        for (size_t i = 0; i < FORM_INPUT; i++) {
            moved[i] = bench->input[i] + (float) side * step * direction[i];
        }
        slope += side * form_twin_logit(bench, moved, 1);
    }
    return slope / (2.0 * (double) step);
}

void form_check_twin(const struct form *form) {
    struct form_bench bench = form_bench_open(form);
    struct test_random random = {11};
    double expected[FORM_CLASSES];
    float g[FORM_INPUT];
    double slope = 0.0;
    float *direction = random_floats(&random, FORM_INPUT, 1.0);
    struct vit_relevance relevance = {.input_g = g};
    twin_logits(&bench, bench.input, expected);
    assert_close(bench.logits, expected, FORM_CLASSES, form->name);
    form_relevance(&bench, NULL, &relevance);
    for (size_t i = 0; i < FORM_INPUT; i++) {
        slope += (double) g[i] * direction[i];
    }
    form_check_slope(&bench, slope, twin_slope(&bench, direction));
    mem_free(direction);
    form_bench_close(&bench);
}

/* ---- The ledger ---- */

static const struct vitlrp_rules RULES[] = {
    {.attention = VITLRP_ATTENTION_ATTNLRP},
    {.attention = VITLRP_ATTENTION_CP, .gamma = {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .gamma = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .epsilon = 0.01F},
    {.attention = VITLRP_ATTENTION_SHARE, .gamma = {0.25F}, .attention_share = 0.3F},
};

static void check_ledger(const struct form_bench *bench, const struct vitlrp_rules *rules,
                         form_ledger_visit *visit) {
    size_t lines = vit_ledger_length(bench->model);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    struct vit_relevance relevance = {.ledger = ledger};
    form_relevance(bench, rules, &relevance);
    double total = relevance.sum;
    for (size_t i = 0; i < lines; i++) {
        assert_non_null(ledger[i].kind);
        total += ledger[i].absorbed;
    }
    if (!(fabs(total - relevance.explained) <= 1e-4 * fmax(1.0, fabs(relevance.explained)))) {
        fail_msg("%s: the ledger sums to %.9g, not %.9g", bench->form->name, total,
                 relevance.explained);
    }
    visit(bench, rules, ledger, lines);
    mem_free(ledger);
}

void form_check_ledger(const struct form *form, form_ledger_visit *visit) {
    struct form_bench bench = form_bench_open(form);
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        check_ledger(&bench, &RULES[i], visit);
    }
    form_bench_close(&bench);
}

/* ---- Batches ---- */

/* Pixel of [3, 8, 12] to the patch that it is in. */
static size_t patch_of(size_t pixel) {
    return pixel / 12 % 8 / 4 * 3 + pixel % 12 / 4;
}

/* Versions of an input in which the masked patches are another's, as pixels. */
static void mix(const float *inputs, const uint8_t *masks, float *mixed) {
    for (size_t i = 0; i < COUNT * FORM_INPUT; i++) {
        size_t pixel = i % FORM_INPUT;
        bool replaced = masks[i / FORM_INPUT * FORM_PATCHES + patch_of(pixel)] != 0;
        mixed[i] = inputs[(replaced ? FORM_INPUT : 0) + pixel];
    }
}

static void compare_batch(const struct form_bench *bench, const struct vit_mixture *mixture,
                          const float *mixed) {
    const struct vit_batch_options options = {
        .threads = 1, .capacity = COUNT - 2, .backend = "auto"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    float expected[COUNT * FORM_CLASSES];
    float logits[COUNT * FORM_CLASSES];
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(
            vit_forward(bench->session, mixed + i * FORM_INPUT, expected + i * FORM_CLASSES, &err),
            VITLRP_OK);
    }
    assert_int_equal(vit_batch_open(bench->model, &options, &batch, &err), VITLRP_OK);
    assert_int_equal(vit_batch_forward(batch, COUNT, mixed, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * FORM_CLASSES) < 1e-5);
    assert_int_equal(vit_batch_forward_mixed(batch, mixture, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * FORM_CLASSES) < 1e-5);
    vit_batch_close(batch);
}

enum { MOST_PREFIX = 8 };

/* Without each of the patches, and without some others too from the second on, by the twin that
 * leaves their tokens out. */
static void check_drops(const struct form_bench *bench) {
    const struct vit_batch_options options = {
        .threads = 1, .capacity = FORM_PATCHES - 2, .backend = "auto"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    size_t prefix = (size_t) bench->form->config.prefix;
    uint8_t absent[FORM_PATCHES][FORM_PATCHES] = {0};
    float logits[FORM_PATCHES * FORM_CLASSES];
    for (size_t p = 0; p < FORM_PATCHES; p++) {
        for (size_t q = 0; q <= p && q + 1 < FORM_PATCHES; q++) {
            absent[p][(5 * q + FORM_PATCHES - 1 - p) % FORM_PATCHES] = 1;
        }
    }
    assert_int_equal(vit_batch_open(bench->model, &options, &batch, &err), VITLRP_OK);
    assert_int_equal(
        vit_batch_forward_without(batch, bench->input, absent[0], FORM_PATCHES, logits, &err),
        VITLRP_OK);
    for (size_t p = 0; p < FORM_PATCHES; p++) {
        double expected[FORM_CLASSES];
        uint8_t tokens[FORM_PATCHES + MOST_PREFIX] = {0};
        const struct naive_nudge gone = {.block = -1, .absent = tokens};
        memcpy(tokens + prefix, absent[p], FORM_PATCHES);
        naive_vit(bench->model, bench->input, gone, FORM_DEPTH - 1, expected);
        assert_close(logits + p * FORM_CLASSES, expected, FORM_CLASSES, bench->form->name);
    }
    vit_batch_close(batch);
}

void form_check_batches(const struct form *form) {
    struct form_bench bench = form_bench_open(form);
    struct test_random random = {5};
    uint8_t masks[COUNT * FORM_PATCHES];
    float *inputs = random_floats(&random, (size_t) 2 * FORM_INPUT, 2.0);
    float *mixed = floats((size_t) COUNT * FORM_INPUT);
    for (size_t i = 0; i < sizeof masks; i++) {
        masks[i] = (uint8_t) test_below(&random, 2);
    }
    mix(inputs, masks, mixed);
    const struct vit_mixture mixture = {
        .original = inputs, .replacement = inputs + FORM_INPUT, .masks = masks, .count = COUNT};
    compare_batch(&bench, &mixture, mixed);
    check_drops(&bench);
    mem_free(inputs);
    mem_free(mixed);
    form_bench_close(&bench);
}
