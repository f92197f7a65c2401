/* Models whose blocks differ from a plain one: RMSNorm, gates, norms inside branches or behind
 * them, branches side by side, no biases; and their units edited. Logits and slopes are those of
 * the float64 twin, the ledger closes under every rule, and batches give what sessions give. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/form_bench.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 12, MLP = 10, TOKENS = 1 + FORM_PATCHES };

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

/* In both blocks, constants that differ by the kind of token, a whole layer, and part of a head. */
static const float CONSTANTS[2] = {0.7F, -0.4F};
static const float HEAD_CONSTANTS[2 * (DIM / 3)] = {0.5F,  -0.5F, 0.1F, 0.3F,
                                                    -0.6F, 0.2F,  0.0F, 0.4F};
static const struct vitlrp_edit EDITS[] = {
    {{VITLRP_SITE_FC1, 0, 3}, 0.0F, CONSTANTS},
    {{VITLRP_SITE_FC1, 0, 5}, -1.5F, NULL},
    {{VITLRP_SITE_HEAD, 0, 1}, 2.0F, HEAD_CONSTANTS},
    {{VITLRP_SITE_HEAD, 1, 2}, 0.5F, HEAD_CONSTANTS},
    {{VITLRP_SITE_HEAD, 1, 0}, 0.0F, NULL},
    {{VITLRP_SITE_FC1, 1, -1}, 0.75F, CONSTANTS},
};

static struct form edited(struct form form) {
    form.edits = EDITS;
    form.edit_count = sizeof EDITS / sizeof EDITS[0];
    return form;
}

static struct form form_of(const struct form_case *kind) {
    struct vit_config config = form_config();
    config.dim = DIM;
    config.heads = 3;
    config.gated = kind->gated;
    config.rms = kind->rms;
    config.form = kind->form;
    config.activation = kind->activation;
    for (size_t i = 0; kind->extra[i] != 0; i++) {
        config.unusual |= slot_unusual(kind->extra[i], true);
    }
    for (size_t i = 0; kind->unbiased && i < sizeof BIASES / sizeof BIASES[0]; i++) {
        config.unusual |= slot_unusual(BIASES[i], false);
    }
    if (kind->form == VIT_BLOCK_PARALLEL) {
        config.unusual |= slot_unusual(SLOT_NORM2_WEIGHT, false);
        config.unusual |= slot_unusual(SLOT_NORM2_BIAS, false);
    }
    return (struct form){.name = kind->name, .config = config, .strength = 0.3F};
}

static void test_against_the_twin(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_twin(&form);
        struct form other = edited(form);
        form_check_twin(&other);
        form.all_tokens = true;
        other.all_tokens = true;
        form_check_twin(&form);
        form_check_twin(&other);
    }
}

/* Only what has a shift, a bias or softmax's expansion absorbs under the plain rules. */
static void see_ledger(const struct form_bench *bench, const struct vitlrp_rules *rules,
                       const struct vitlrp_ledger_entry *ledger, size_t lines) {
    for (size_t i = 0; i < lines && bench->model->config.rms && rules->epsilon == 0.0F; i++) {
        if (strstr(ledger[i].kind, "norm") != NULL) {
            assert_true(fabs(ledger[i].absorbed) < 1e-5);
        }
    }
}

static void test_ledger_closes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        struct form other = edited(form);
        form_check_ledger(&form, see_ledger);
        form_check_ledger(&other, see_ledger);
    }
}

static void test_batches(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        struct form other = edited(form);
        form_check_batches(&form);
        form_check_batches(&other);
    }
}

/* ---- What observers see ---- */

/* The slope of a logit where the weights of some slots in the last block grow together. */
static double slope_of_slots(const struct form_bench *bench, const enum slot slots[2]) {
    const float step = 1.0F / 256.0F;
    double logits[2];
    for (int side = 0; side < 2; side++) {
        float factor = side == 0 ? 1.0F - step : 1.0F + step;
        for (size_t k = 0; k < 2; k++) {
            float *values = slot_data(bench->model, slots[k], FORM_DEPTH - 1);
            for (size_t i = 0; i < DIM; i++) {
                values[i] *= factor;
            }
        }
        logits[side] = form_twin_logit(bench, bench->input, 1);
        for (size_t k = 0; k < 2; k++) {
            float *values = slot_data(bench->model, slots[k], FORM_DEPTH - 1);
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
        float value[TOKENS * DIM];
        float g[TOKENS * DIM];
        struct form form = form_of(&CASES[i]);
        struct form_bench bench = form_bench_open(&form);
        struct vit_relevance relevance = {.norm1 = value, .norm1_g = g};
        form_relevance(&bench, NULL, &relevance);
        double slope = 0.0;
        for (size_t k = 0; k < TOKENS * DIM; k++) {
            slope += (double) value[k] * g[k];
        }
        form_check_slope(&bench, slope, slope_of_slots(&bench, NORM1));
        form_bench_close(&bench);
    }
}

/* Hidden neurons are what the activation or the gate gives, though a norm stands before fc2: to
 * that norm their size is all the same, so that the logit has no slope along them. */
static void test_neurons_before_the_norm(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        float neurons[TOKENS * MLP];
        struct form form = form_of(&CASES[i]);
        struct form_bench bench = form_bench_open(&form);
        struct vit_relevance relevance = {.neurons = neurons, .neurons_block = FORM_DEPTH - 1};
        form_relevance(&bench, NULL, &relevance);
        double slope = 0.0;
        double size = 0.0;
        for (size_t k = 0; k < TOKENS * MLP; k++) {
            slope += neurons[k];
            size += fabs(neurons[k]);
        }
        bool normed = slot_repeats(&form.config, SLOT_MLP_NORM_WEIGHT) > 0;
        assert_true(size > 1e-3);
        assert_true(!normed || form.config.rms || fabs(slope) < 1e-2 * size);
        form_bench_close(&bench);
    }
}

/* ---- Attention matrices ---- */

struct shown {
    size_t blocks, rows;
};

/* A row adds up to 1. */
static void see_rows(void *user, const struct vit_attention_view *view) {
    struct shown *shown = user;
    shown->blocks++;
    shown->rows += view->rows;
    for (size_t r = 0; r < view->heads * view->rows; r++) {
        double sum = 0.0;
        for (size_t t = 0; t < view->tokens; t++) {
            sum += view->a[r * view->tokens + t];
        }
        assert_true(fabs(sum - 1.0) < 1e-5);
    }
}

/* Queries that the last block left out are made where somebody looks. */
static void test_attention_is_shown(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        struct shown shown = {0};
        const struct vit_attention_visitor visitor = {see_rows, &shown};
        struct form form = form_of(&CASES[i]);
        form.maps = true;
        struct form_bench bench = form_bench_open(&form);
        assert_int_equal(vit_visit_attention(bench.session, &visitor, &err), VITLRP_OK);
        assert_true(shown.blocks == FORM_DEPTH && shown.rows == FORM_DEPTH * TOKENS);
        for (int32_t block = 0; block < FORM_DEPTH; block++) {
            assert_int_equal(vit_block_gradient(bench.session, block, &target, 1, &visitor, &err),
                             VITLRP_OK);
        }
        assert_true(shown.rows == FORM_DEPTH * TOKENS + FORM_DEPTH);
        form_bench_close(&bench);
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
