/* Models whose blocks differ from a plain one: RMSNorm, gates, norms inside branches or behind
 * them, branches side by side, no biases. Logits and slopes are those of the float64 twin, the
 * ledger closes under every rule, and batches give what sessions give. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/naive_vit.h"
#include "vit/model/weights.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum {
    DIM = 12,
    DEPTH = 2,
    MLP = 10,
    CLASSES = 5,
    TOKENS = 7,
    PATCHES = 6,
    INPUT = 3 * 8 * 12,
    COUNT = 5
};

struct form_case {
    const char *name;
    enum vit_block_form form;
    enum vit_activation activation;
    bool gated, rms, unbiased;
    enum slot extra[7]; /* weights that a plain model has not, 0 at the end */
};

#define SUB_NORMS                                                                                  \
    SLOT_ATTENTION_NORM_WEIGHT, SLOT_ATTENTION_NORM_BIAS, SLOT_MLP_NORM_WEIGHT, SLOT_MLP_NORM_BIAS
#define SCALES SLOT_PROJ_SCALE, SLOT_FC2_SCALE

static const struct form_case CASES[] = {
    {.name = "plain"},
    {.name = "gated", .activation = VIT_SILU, .gated = true, .extra = {SCALES}},
    {.name = "gated gelu", .gated = true},
    {.name = "silu alone", .activation = VIT_SILU},
    {.name = "aimv2",
     .activation = VIT_SILU,
     .gated = true,
     .rms = true,
     .unbiased = true,
     .extra = {SLOT_EMBED_NORM_WEIGHT}},
    {.name = "layer norms without shifts", .unbiased = true, .extra = {SLOT_MLP_NORM_WEIGHT}},
    {.name = "sub-norms", .activation = VIT_SILU, .gated = true, .extra = {SUB_NORMS, SCALES}},
    {.name = "MLP norm", .extra = {SLOT_MLP_NORM_WEIGHT, SLOT_MLP_NORM_BIAS}},
    {.name = "embedding norm", .extra = {SLOT_EMBED_NORM_WEIGHT, SLOT_EMBED_NORM_BIAS}},
    {.name = "post-norm", .form = VIT_BLOCK_POST_NORM},
    {.name = "post-norm, gated, sub-norms",
     .form = VIT_BLOCK_POST_NORM,
     .activation = VIT_SILU,
     .gated = true,
     .extra = {SUB_NORMS}},
    {.name = "parallel", .form = VIT_BLOCK_PARALLEL},
    {.name = "parallel, scaled", .form = VIT_BLOCK_PARALLEL, .extra = {SLOT_PROJ_SCALE}},
    {.name = "parallel, gated, sub-norms",
     .form = VIT_BLOCK_PARALLEL,
     .activation = VIT_SILU,
     .gated = true,
     .extra = {SUB_NORMS}},
};

enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

/* Every vector of a layer or norm that is not a gain. */
static const enum slot BIASES[] = {SLOT_NORM1_BIAS, SLOT_QKV_BIAS, SLOT_PROJ_BIAS, SLOT_NORM2_BIAS,
                                   SLOT_FC1_BIAS,   SLOT_FC2_BIAS, SLOT_NORM_BIAS};

static struct vit_config config_of(const struct form_case *form) {
    struct vit_config config = {.image_height = 8,
                                .image_width = 12,
                                .patch_height = 4,
                                .patch_width = 4,
                                .grid_height = 2,
                                .grid_width = 3,
                                .prefix = 1,
                                .dim = DIM,
                                .depth = DEPTH,
                                .heads = 3,
                                .mlp_dim = MLP,
                                .classes = CLASSES,
                                .layer_norm_eps = 1e-5F,
                                .gated = form->gated,
                                .rms = form->rms,
                                .form = form->form,
                                .activation = form->activation};
    for (size_t i = 0; form->extra[i] != 0; i++) {
        config.unusual |= slot_unusual(form->extra[i], true);
    }
    for (size_t i = 0; form->unbiased && i < sizeof BIASES / sizeof BIASES[0]; i++) {
        config.unusual |= slot_unusual(BIASES[i], false);
    }
    if (form->form == VIT_BLOCK_PARALLEL) {
        config.unusual |= slot_unusual(SLOT_NORM2_WEIGHT, false);
        config.unusual |= slot_unusual(SLOT_NORM2_BIAS, false);
    }
    return config;
}

/* Random models have vectors so faint that a forgotten one would not show. */
static void strengthen(const struct vit_model *model) {
    struct test_random random = {17};
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&model->config, slot);
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            float *values = slot_data(model, slot, block);
            for (size_t i = 0; i < size.columns && size.rows == 1; i++) {
                values[i] = slot_neutral(slot) + 0.3F * (float) test_uniform(&random);
            }
        }
    }
}

static struct vit_model *make_model(const struct form_case *form) {
    const struct vit_config config = config_of(form);
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_model_random(&config, 8, &model, &err), VITLRP_OK);
    strengthen(model);
    return model;
}

static struct vit_session *open_session(const struct vit_model *model, bool all, bool maps) {
    const struct vit_session_options options = {.threads = 1,
                                                .backend = "auto",
                                                .keep_all_tokens = all,
                                                .keep_totals = true,
                                                .attention_maps = maps};
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    return session;
}

static double naive_logit(const struct vit_model *model, const float *input, int32_t output) {
    double logits[CLASSES];
    naive_vit(model, input, (struct naive_nudge){.block = -1}, DEPTH - 1, logits);
    return logits[output];
}

static void check_slope(const char *name, double slope, double expected) {
    if (!(fabs(slope - expected) < 1e-4 * fabs(expected) + 1e-5)) {
        fail_msg("%s: the slope is %.9g, by differences %.9g", name, slope, expected);
    }
}

/* ---- Logits and slopes ---- */

static double naive_slope(const struct vit_model *model, const float *input,
                          const float *direction) {
    const float step = 1.0F / 512.0F;
    float *moved = floats(INPUT);
    double logits[2];
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < INPUT; i++) {
            moved[i] = input[i] + (side == 0 ? -step : step) * direction[i];
        }
        logits[side] = naive_logit(model, moved, 1);
    }
    mem_free(moved);
    return (logits[1] - logits[0]) / (2.0 * (double) step);
}

static void check_twin(const struct form_case *form, bool all_tokens) {
    struct test_random random = {9};
    const struct vitlrp_target target = {1, 1.0F};
    struct vitlrp_error err = {0};
    double expected[CLASSES];
    float logits[CLASSES];
    float g[INPUT];
    float *input = random_floats(&random, INPUT, 2.0);
    float *direction = random_floats(&random, INPUT, 1.0);
    struct vit_model *model = make_model(form);
    struct vit_session *session = open_session(model, all_tokens, false);
    struct vit_relevance relevance = {.input_g = g};
    naive_vit(model, input, (struct naive_nudge){.block = -1}, DEPTH - 1, expected);
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_OK);
    assert_close(logits, expected, CLASSES, form->name);
    assert_int_equal(vit_relevance(session, &target, 1, NULL, &relevance, &err), VITLRP_OK);
    double slope = 0.0;
    for (size_t i = 0; i < INPUT; i++) {
        slope += (double) g[i] * direction[i];
    }
    check_slope(form->name, slope, naive_slope(model, input, direction));
    vit_session_close(session);
    vit_model_free(model);
    mem_free(input);
    mem_free(direction);
}

static void test_against_the_twin(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        check_twin(&CASES[i], false);
        check_twin(&CASES[i], true);
    }
}

/* ---- The ledger ---- */

static const struct vitlrp_rules RULES[] = {
    {.attention = VITLRP_ATTENTION_ATTNLRP},
    {.attention = VITLRP_ATTENTION_CP, .gamma = {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .gamma = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .epsilon = 0.01F},
};

static void check_ledger(const struct form_case *form, const struct vit_model *model,
                         struct vit_session *session, const struct vitlrp_rules *rules) {
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {1, 1.0F};
    size_t lines = vit_ledger_length(model);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    struct vit_relevance relevance = {.ledger = ledger};
    assert_int_equal(vit_relevance(session, &target, 1, rules, &relevance, &err), VITLRP_OK);
    double total = relevance.sum;
    for (size_t i = 0; i < lines; i++) {
        assert_non_null(ledger[i].kind);
        total += ledger[i].absorbed;
        /* Only what has a shift, a bias or softmax's expansion absorbs under the plain rules. */
        if (form->rms && rules->epsilon == 0.0F && strstr(ledger[i].kind, "norm") != NULL) {
            assert_true(fabs(ledger[i].absorbed) < 1e-5);
        }
    }
    if (!(fabs(total - relevance.explained) <= 1e-4 * fmax(1.0, fabs(relevance.explained)))) {
        fail_msg("%s: the ledger sums to %.9g, not %.9g", form->name, total, relevance.explained);
    }
    mem_free(ledger);
}

static void test_ledger_closes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct test_random random = {3};
        struct vitlrp_error err = {0};
        float *input = random_floats(&random, INPUT, 2.0);
        struct vit_model *model = make_model(&CASES[i]);
        struct vit_session *session = open_session(model, false, false);
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        for (size_t r = 0; r < sizeof RULES / sizeof RULES[0]; r++) {
            check_ledger(&CASES[i], model, session, &RULES[r]);
        }
        vit_session_close(session);
        vit_model_free(model);
        mem_free(input);
    }
}

/* ---- Batches ---- */

static struct vit_batch *open_batch(const struct vit_model *model) {
    const struct vit_batch_options options = {
        .threads = 1, .capacity = COUNT - 2, .backend = "auto"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    return batch;
}

/* Pixel of [3, height, width] to the patch that it is in. */
static size_t patch_of(size_t pixel) {
    size_t y = pixel / 12 % 8;
    size_t x = pixel % 12;
    return y / 4 * 3 + x / 4;
}

/* Versions of an input in which the masked patches are another's, as pixels. */
static void mix(const float *inputs, const uint8_t *masks, float *mixed) {
    for (size_t i = 0; i < COUNT * INPUT; i++) {
        size_t pixel = i % INPUT;
        bool replaced = masks[i / INPUT * PATCHES + patch_of(pixel)] != 0;
        mixed[i] = inputs[(replaced ? INPUT : 0) + pixel];
    }
}

static void check_batch(const struct form_case *form) {
    struct test_random random = {5};
    struct vitlrp_error err = {0};
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    uint8_t masks[COUNT * PATCHES];
    float *inputs = random_floats(&random, COUNT * INPUT, 2.0);
    float *mixed = floats(COUNT * INPUT);
    struct vit_model *model = make_model(form);
    struct vit_session *session = open_session(model, false, false);
    struct vit_batch *batch = open_batch(model);
    for (size_t i = 0; i < COUNT * PATCHES; i++) {
        masks[i] = (uint8_t) test_below(&random, 2);
    }
    mix(inputs, masks, mixed);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(vit_forward(session, mixed + i * INPUT, expected + i * CLASSES, &err),
                         VITLRP_OK);
    }
    assert_int_equal(vit_batch_forward(batch, COUNT, mixed, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
    const struct vit_mixture mixture = {
        .original = inputs, .replacement = inputs + INPUT, .masks = masks, .count = COUNT};
    assert_int_equal(vit_batch_forward_mixed(batch, &mixture, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
    vit_batch_close(batch);
    vit_session_close(session);
    vit_model_free(model);
    mem_free(inputs);
    mem_free(mixed);
}

static void test_batches(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        check_batch(&CASES[i]);
    }
}

/* ---- What observers see ---- */

/* The slope of a logit where the weights of some slots in the last block grow together. */
static double slope_of_slots(const struct vit_model *model, const float *input,
                             const enum slot slots[2]) {
    const float step = 1.0F / 256.0F;
    double logits[2];
    for (int side = 0; side < 2; side++) {
        float factor = side == 0 ? 1.0F - step : 1.0F + step;
        for (size_t k = 0; k < 2; k++) {
            float *values = slot_data(model, slots[k], DEPTH - 1);
            for (size_t i = 0; i < DIM; i++) {
                values[i] *= factor;
            }
        }
        logits[side] = naive_logit(model, input, 1);
        for (size_t k = 0; k < 2; k++) {
            float *values = slot_data(model, slots[k], DEPTH - 1);
            for (size_t i = 0; i < DIM; i++) {
                values[i] /= factor;
            }
        }
    }
    return (logits[1] - logits[0]) / (2.0 * (double) step);
}

/* G of norm1's result is that of all its readers: two in a parallel block. */
static void test_norm1_of_all_readers(void **unused) {
    static const enum slot NORM1[2] = {SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS};
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        if (CASES[i].form == VIT_BLOCK_POST_NORM || CASES[i].unbiased) {
            continue;
        }
        struct test_random random = {21};
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        float value[TOKENS * DIM];
        float g[TOKENS * DIM];
        float *input = random_floats(&random, INPUT, 2.0);
        struct vit_model *model = make_model(&CASES[i]);
        struct vit_session *session = open_session(model, false, false);
        struct vit_relevance relevance = {.norm1 = value, .norm1_g = g};
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        assert_int_equal(vit_relevance(session, &target, 1, NULL, &relevance, &err), VITLRP_OK);
        double slope = 0.0;
        for (size_t k = 0; k < TOKENS * DIM; k++) {
            slope += (double) value[k] * g[k];
        }
        check_slope(CASES[i].name, slope, slope_of_slots(model, input, NORM1));
        vit_session_close(session);
        vit_model_free(model);
        mem_free(input);
    }
}

/* Hidden neurons are what the activation or the gate gives, though a norm stands before fc2: to
 * that norm their size is all the same, so that the logit has no slope along them. */
static void test_neurons_before_the_norm(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct test_random random = {23};
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        float neurons[TOKENS * MLP];
        float *input = random_floats(&random, INPUT, 2.0);
        struct vit_model *model = make_model(&CASES[i]);
        struct vit_session *session = open_session(model, false, false);
        struct vit_relevance relevance = {.neurons = neurons, .neurons_block = DEPTH - 1};
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        assert_int_equal(vit_relevance(session, &target, 1, NULL, &relevance, &err), VITLRP_OK);
        double slope = 0.0;
        double size = 0.0;
        for (size_t k = 0; k < TOKENS * MLP; k++) {
            slope += neurons[k];
            size += fabs(neurons[k]);
        }
        bool normed = slot_repeats(&model->config, SLOT_MLP_NORM_WEIGHT) > 0;
        assert_true(size > 1e-3);
        assert_true(!normed || model->config.rms || fabs(slope) < 1e-2 * size);
        vit_session_close(session);
        vit_model_free(model);
        mem_free(input);
    }
}

/* ---- Attention matrices ---- */

struct sums {
    double worst; /* of a row's sum from 1 */
    size_t blocks, rows;
};

static void add_up(void *user, const struct vit_attention_view *view) {
    struct sums *sums = user;
    sums->blocks++;
    sums->rows += view->rows;
    for (size_t r = 0; r < view->heads * view->rows; r++) {
        double sum = 0.0;
        for (size_t t = 0; t < view->tokens; t++) {
            sum += view->a[r * view->tokens + t];
        }
        sums->worst = fmax(sums->worst, fabs(sum - 1.0));
    }
}

/* Queries that the last block left out are made where somebody looks. */
static void test_attention_is_shown(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct test_random random = {31};
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        struct sums sums = {0};
        const struct vit_attention_visitor visitor = {add_up, &sums};
        float *input = random_floats(&random, INPUT, 2.0);
        struct vit_model *model = make_model(&CASES[i]);
        struct vit_session *session = open_session(model, false, true);
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        assert_int_equal(vit_visit_attention(session, &visitor, &err), VITLRP_OK);
        assert_true(sums.blocks == DEPTH && sums.rows == DEPTH * TOKENS && sums.worst < 1e-5);
        for (int32_t block = 0; block < DEPTH; block++) {
            assert_int_equal(vit_block_gradient(session, block, &target, 1, &visitor, &err),
                             VITLRP_OK);
        }
        assert_true(sums.rows == DEPTH * TOKENS + DEPTH && sums.worst < 1e-5);
        vit_session_close(session);
        vit_model_free(model);
        mem_free(input);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_twin),
        cmocka_unit_test(test_ledger_closes),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_norm1_of_all_readers),
        cmocka_unit_test(test_neurons_before_the_norm),
        cmocka_unit_test(test_attention_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
