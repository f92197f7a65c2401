/* Models whose attention differs from a plain one: RoPE in every form, relative position biases,
 * norms of queries and keys, differential attention. Logits and slopes are those of the float64
 * twin, the ledger closes under every rule, batches give what sessions give, and the matrices that
 * are shown are those of the passes. */
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
    DIM = 16,
    HEADS = 2,
    DEPTH = 2,
    CLASSES = 5,
    PATCHES = 6,
    MOST_TOKENS = 9,
    INPUT = 3 * 8 * 12,
    COUNT = 5
};

struct head_case {
    const char *name;
    int32_t prefix;
    struct vit_rope rope;
    bool rms, unplaced; /* unplaced: without position embeddings */
    enum slot extra[4]; /* weights that a plain model has not, 0 at the end */
};

#define EVA                                                                                        \
    { .form = VIT_ROPE_AXIAL, .theta = 10000, .reference_rows = 16, .reference_columns = 16 }
#define PE                                                                                         \
    {                                                                                              \
        .form = VIT_ROPE_AXIAL, .theta = 100, .offset = 1, .columns_first = true,                  \
        .reference_columns = 5                                                                     \
    }
#define CENTRED                                                                                    \
    { .form = VIT_ROPE_CENTRED, .theta = 100, .halves = true }

static const struct head_case CASES[] = {
    {.name = "plain", .prefix = 1},
    {.name = "EVA", .prefix = 1, .rope = EVA},
    {.name = "PE", .prefix = 1, .rope = PE},
    {.name = "DINOv3", .prefix = 3, .rope = CENTRED, .unplaced = true},
    {.name = "DINOv3's periods",
     .prefix = 2,
     .rope = CENTRED,
     .unplaced = true,
     .extra = {SLOT_ROPE_PERIODS, SLOT_PROJ_SCALE}},
    {.name = "mixed",
     .prefix = 1,
     .rope = {.form = VIT_ROPE_MIXED},
     .extra = {SLOT_ROPE_FREQUENCIES}},
    {.name = "BEiT", .prefix = 1, .unplaced = true, .extra = {SLOT_BIAS_TABLE}},
    {.name = "shared biases", .prefix = 2, .extra = {SLOT_SHARED_BIAS_TABLE}},
    {.name = "norms", .prefix = 1, .extra = {SLOT_QK_NORM_WEIGHT, SLOT_QK_NORM_BIAS}},
    {.name = "RMS norms and RoPE",
     .prefix = 1,
     .rope = CENTRED,
     .rms = true,
     .extra = {SLOT_QK_NORM_WEIGHT}},
    {.name = "norms, RoPE, biases",
     .prefix = 1,
     .rope = PE,
     .extra = {SLOT_QK_NORM_WEIGHT, SLOT_QK_NORM_BIAS, SLOT_BIAS_TABLE}},
    {.name = "differential", .prefix = 1, .extra = {SLOT_LAMBDAS, SLOT_SUB_NORM_WEIGHT}},
};

enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

static struct vit_config config_of(const struct head_case *form) {
    struct vit_config config = {.image_height = 8,
                                .image_width = 12,
                                .patch_height = 4,
                                .patch_width = 4,
                                .grid_height = 2,
                                .grid_width = 3,
                                .prefix = form->prefix,
                                .registers = form->prefix - 1,
                                .dim = DIM,
                                .depth = DEPTH,
                                .heads = HEADS,
                                .mlp_dim = 10,
                                .classes = CLASSES,
                                .layer_norm_eps = 1e-5F,
                                .rms = form->rms,
                                .rope = form->rope};
    for (size_t i = 0; form->extra[i] != 0; i++) {
        config.unusual |= slot_unusual(form->extra[i], true);
    }
    config.unusual |= form->unplaced ? slot_unusual(SLOT_POSITION, false) : 0;
    return config;
}

/* Random models have vectors so faint that a forgotten one would not show. */
static void strengthen(const struct vit_model *model) {
    struct test_random random = {17};
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&model->config, slot);
        bool matrix = slot_start(slot) == START_MATRIX || slot_start(slot) == START_BRANCH;
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            float *values = slot_data(model, slot, block);
            for (size_t i = 0; i < size.rows * size.columns && !matrix; i++) {
                values[i] = slot_neutral(slot) + 0.5F * (float) test_uniform(&random);
            }
        }
    }
}

static struct vit_model *make_model(const struct head_case *form) {
    const struct vit_config config = config_of(form);
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_model_random(&config, 8, &model, &err), VITLRP_OK);
    strengthen(model);
    return model;
}

static struct vit_session *open_session(const struct vit_model *model, bool maps) {
    const struct vit_session_options options = {
        .threads = 1, .backend = "auto", .attention_maps = maps};
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    return session;
}

/* A model, its session and an input that has gone through it. */
struct bench {
    struct vit_model *model;
    struct vit_session *session;
    float *input;
    float logits[CLASSES];
};

static struct bench bench_open(const struct head_case *form, bool maps) {
    struct test_random random = {9};
    struct vitlrp_error err = {0};
    struct bench bench = {.model = make_model(form), .input = random_floats(&random, INPUT, 2.0)};
    bench.session = open_session(bench.model, maps);
    assert_int_equal(vit_forward(bench.session, bench.input, bench.logits, &err), VITLRP_OK);
    return bench;
}

static void bench_close(struct bench *bench) {
    vit_session_close(bench->session);
    vit_model_free(bench->model);
    mem_free(bench->input);
}

/* ---- Logits and slopes ---- */

static double naive_slope(const struct bench *bench, const float *direction) {
    const float step = 1.0F / 512.0F;
    float moved[INPUT];
    double slope = 0.0;
    for (int side = -1; side <= 1; side += 2) {
        double logits[CLASSES];
        for (size_t i = 0; i < INPUT; i++) {
            moved[i] = bench->input[i] + (float) side * step * direction[i];
        }
        naive_vit(bench->model, moved, (struct naive_nudge){.block = -1}, DEPTH - 1, logits);
        slope += side * logits[1];
    }
    return slope / (2.0 * (double) step);
}

static void test_against_the_twin(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct bench bench = bench_open(&CASES[i], false);
        struct test_random random = {11};
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        double expected[CLASSES];
        float g[INPUT];
        double slope = 0.0;
        float *direction = random_floats(&random, INPUT, 1.0);
        struct vit_relevance relevance = {.input_g = g};
        naive_vit(bench.model, bench.input, (struct naive_nudge){.block = -1}, DEPTH - 1, expected);
        assert_close(bench.logits, expected, CLASSES, CASES[i].name);
        assert_int_equal(vit_relevance(bench.session, &target, 1, NULL, &relevance, &err),
                         VITLRP_OK);
        for (size_t k = 0; k < INPUT; k++) {
            slope += (double) g[k] * direction[k];
        }
        double wanted = naive_slope(&bench, direction);
        if (!(fabs(slope - wanted) < 1e-4 * fabs(wanted) + 1e-5)) {
            fail_msg("%s: the slope is %.9g, by differences %.9g", CASES[i].name, slope, wanted);
        }
        mem_free(direction);
        bench_close(&bench);
    }
}

/* ---- The ledger ---- */

static const struct vitlrp_rules RULES[] = {
    {.attention = VITLRP_ATTENTION_ATTNLRP},
    {.attention = VITLRP_ATTENTION_CP, .gamma = {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .gamma = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F}},
    {.attention = VITLRP_ATTENTION_ATTNLRP, .epsilon = 0.01F},
};

static void check_ledger(const struct head_case *form, const struct bench *bench,
                         const struct vitlrp_rules *rules) {
    struct vitlrp_error err = {0};
    const struct vitlrp_target target = {1, 1.0F};
    size_t lines = vit_ledger_length(bench->model);
    struct vitlrp_ledger_entry *ledger = mem_calloc(lines, sizeof *ledger);
    struct vit_relevance relevance = {.ledger = ledger};
    size_t biases = 0;
    assert_int_equal(vit_relevance(bench->session, &target, 1, rules, &relevance, &err), VITLRP_OK);
    double total = relevance.sum;
    for (size_t i = 0; i < lines; i++) {
        assert_non_null(ledger[i].kind);
        total += ledger[i].absorbed;
        biases += strcmp(ledger[i].kind, "attention bias") == 0 ? 1 : 0;
    }
    bool biased = slot_repeats(&bench->model->config, SLOT_BIAS_TABLE) > 0 ||
                  slot_repeats(&bench->model->config, SLOT_SHARED_BIAS_TABLE) > 0;
    assert_int_equal(biases, biased ? DEPTH : 0);
    if (!(fabs(total - relevance.explained) <= 1e-4 * fmax(1.0, fabs(relevance.explained)))) {
        fail_msg("%s: the ledger sums to %.9g, not %.9g", form->name, total, relevance.explained);
    }
    mem_free(ledger);
}

static void test_ledger_closes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct bench bench = bench_open(&CASES[i], false);
        for (size_t r = 0; r < sizeof RULES / sizeof RULES[0]; r++) {
            check_ledger(&CASES[i], &bench, &RULES[r]);
        }
        bench_close(&bench);
    }
}

/* ---- Batches ---- */

/* Versions of an input in which the masked patches are another's. */
static void mix(const float *inputs, const uint8_t *masks, float *mixed) {
    for (size_t i = 0; i < COUNT * INPUT; i++) {
        size_t pixel = i % INPUT;
        size_t patch = pixel / 12 % 8 / 4 * 3 + pixel % 12 / 4;
        bool replaced = masks[i / INPUT * PATCHES + patch] != 0;
        mixed[i] = inputs[(replaced ? INPUT : 0) + pixel];
    }
}

static void check_batch(const struct head_case *form) {
    struct bench bench = bench_open(form, false);
    struct test_random random = {5};
    const struct vit_batch_options options = {
        .threads = 1, .capacity = COUNT - 2, .backend = "auto"};
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    uint8_t masks[COUNT * PATCHES];
    float *inputs = random_floats(&random, 2 * INPUT, 2.0);
    float *mixed = floats(COUNT * INPUT);
    for (size_t i = 0; i < COUNT * PATCHES; i++) {
        masks[i] = (uint8_t) test_below(&random, 2);
    }
    mix(inputs, masks, mixed);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(
            vit_forward(bench.session, mixed + i * INPUT, expected + i * CLASSES, &err), VITLRP_OK);
    }
    assert_int_equal(vit_batch_open(bench.model, &options, &batch, &err), VITLRP_OK);
    assert_int_equal(vit_batch_forward(batch, COUNT, mixed, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
    const struct vit_mixture mixture = {
        .original = inputs, .replacement = inputs + INPUT, .masks = masks, .count = COUNT};
    assert_int_equal(vit_batch_forward_mixed(batch, &mixture, logits, &err), VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
    vit_batch_close(batch);
    mem_free(inputs);
    mem_free(mixed);
    bench_close(&bench);
}

static void test_batches(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        check_batch(&CASES[i]);
    }
}

/* ---- Attention matrices ---- */

/* Of all blocks; rows that are not shown stay as they were. */
struct shown {
    float a[DEPTH][HEADS][MOST_TOKENS * MOST_TOKENS];
    float g[DEPTH][HEADS][MOST_TOKENS * MOST_TOKENS];
};

static void show(void *user, const struct vit_attention_view *view) {
    struct shown *shown = user;
    size_t count = view->rows * view->tokens;
    for (size_t h = 0; h < view->heads; h++) {
        memcpy(shown->a[view->block][h], view->a + h * count, count * sizeof(float));
        if (view->g_a != NULL) {
            memcpy(shown->g[view->block][h], view->g_a + h * count, count * sizeof(float));
        }
    }
}

static void check_rows(const struct shown *x, const struct shown *y, size_t block, size_t count) {
    for (size_t h = 0; h < HEADS; h++) {
        assert_true(largest_difference(x->a[block][h], y->a[block][h], count) < 1e-6);
    }
}

/* Matrices that are shown alone are those of a backward pass; so are those of one block, and their
 * gradient in the last one. Looking changes nothing about what comes after. */
static void test_attention_is_shown(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct bench bench = bench_open(&CASES[i], true);
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        size_t tokens = (size_t) CASES[i].prefix + PATCHES;
        struct shown alone = {0};
        struct shown backward = {0};
        struct shown single = {0};
        const struct vit_attention_visitor visitors[] = {
            {show, &alone}, {show, &backward}, {show, &single}};
        float before[INPUT];
        float after[INPUT];
        struct vit_relevance relevance = {.input_g = before};
        assert_int_equal(vit_relevance(bench.session, &target, 1, NULL, &relevance, &err),
                         VITLRP_OK);
        assert_int_equal(vit_visit_attention(bench.session, &visitors[0], &err), VITLRP_OK);
        relevance = (struct vit_relevance){.input_g = after, .visitor = visitors[1]};
        assert_int_equal(vit_relevance(bench.session, &target, 1, NULL, &relevance, &err),
                         VITLRP_OK);
        assert_memory_equal(before, after, sizeof before);
        for (size_t block = 0; block < DEPTH; block++) {
            bool last = block + 1 == DEPTH;
            assert_int_equal(
                vit_block_gradient(bench.session, (int32_t) block, &target, 1, &visitors[2], &err),
                VITLRP_OK);
            check_rows(&alone, &backward, block, last ? tokens : tokens * tokens);
            check_rows(&alone, &single, block, tokens);
        }
        for (size_t h = 0; h < HEADS; h++) {
            assert_true(largest_difference(single.g[DEPTH - 1][h], backward.g[DEPTH - 1][h],
                                           tokens) < 1e-6);
        }
        bench_close(&bench);
    }
}

/* Tables of relative positions are for one grid; angles are computed for any. */
static void test_other_sizes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct vit_model *model = make_model(&CASES[i]);
        const struct vit_session_options options = {
            .threads = 1, .backend = "auto", .input_height = 16, .input_width = 8};
        struct vit_session *session = NULL;
        struct vitlrp_error err = {0};
        bool biased = slot_repeats(&model->config, SLOT_BIAS_TABLE) > 0 ||
                      slot_repeats(&model->config, SLOT_SHARED_BIAS_TABLE) > 0;
        enum vitlrp_status status = vit_session_open(model, &options, &session, &err);
        assert_int_equal(status, biased ? VITLRP_UNSUPPORTED : VITLRP_OK);
        assert_true(!biased || strstr(err.message, "relative position biases") != NULL);
        vit_session_close(session);
        vit_model_free(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_twin), cmocka_unit_test(test_ledger_closes),
        cmocka_unit_test(test_batches),          cmocka_unit_test(test_attention_is_shown),
        cmocka_unit_test(test_other_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
