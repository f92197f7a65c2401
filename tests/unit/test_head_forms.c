/* Models whose attention differs from a plain one: RoPE in every form, relative position biases,
 * norms of queries and keys, differential attention. Logits and slopes are those of the float64
 * twin, the ledger closes under every rule, batches give what sessions give, and the matrices that
 * are shown are those of the passes. */
#include <string.h>

#include "support/arrays.h"
#include "support/form_bench.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 16, HEADS = 2, MOST_TOKENS = 9 };

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

static struct form form_of(const struct head_case *kind) {
    struct vit_config config = form_config();
    config.prefix = kind->prefix;
    config.registers = kind->prefix - 1;
    config.dim = DIM;
    config.heads = HEADS;
    config.rms = kind->rms;
    config.rope = kind->rope;
    for (size_t i = 0; kind->extra[i] != 0; i++) {
        config.unusual |= slot_unusual(kind->extra[i], true);
    }
    config.unusual |= kind->unplaced ? slot_unusual(SLOT_POSITION, false) : 0;
    return (struct form){.name = kind->name, .config = config, .strength = 0.5F};
}

static bool has_table(const struct vit_config *config) {
    return slot_repeats(config, SLOT_BIAS_TABLE) > 0 ||
           slot_repeats(config, SLOT_SHARED_BIAS_TABLE) > 0;
}

static void test_against_the_twin(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_twin(&form);
    }
}

static void see_ledger(const struct form_bench *bench, const struct vitlrp_rules *rules,
                       const struct vitlrp_ledger_entry *ledger, size_t lines) {
    size_t biases = 0;
    (void) rules;
    for (size_t i = 0; i < lines; i++) {
        biases += strcmp(ledger[i].kind, "attention bias") == 0 ? 1 : 0;
    }
    assert_int_equal(biases, has_table(&bench->model->config) ? FORM_DEPTH : 0);
}

static void test_ledger_closes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_ledger(&form, see_ledger);
    }
}

static void test_batches(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_batches(&form);
    }
}

/* ---- Attention matrices ---- */

/* Of all blocks; rows that are not shown stay as they were. */
struct shown {
    float a[FORM_DEPTH][HEADS][MOST_TOKENS * MOST_TOKENS];
    float g[FORM_DEPTH][HEADS][MOST_TOKENS * MOST_TOKENS];
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
        struct form form = form_of(&CASES[i]);
        form.maps = true;
        struct form_bench bench = form_bench_open(&form);
        struct vitlrp_error err = {0};
        const struct vitlrp_target target = {1, 1.0F};
        size_t tokens = (size_t) CASES[i].prefix + FORM_PATCHES;
        struct shown alone = {0};
        struct shown backward = {0};
        struct shown single = {0};
        const struct vit_attention_visitor visitors[] = {
            {show, &alone}, {show, &backward}, {show, &single}};
        float before[FORM_INPUT];
        float after[FORM_INPUT];
        struct vit_relevance relevance = {.input_g = before};
        form_relevance(&bench, NULL, &relevance);
        assert_int_equal(vit_visit_attention(bench.session, &visitors[0], &err), VITLRP_OK);
        relevance = (struct vit_relevance){.input_g = after, .visitor = visitors[1]};
        form_relevance(&bench, NULL, &relevance);
        assert_memory_equal(before, after, sizeof before);
        for (size_t block = 0; block < FORM_DEPTH; block++) {
            bool last = block + 1 == FORM_DEPTH;
            assert_int_equal(
                vit_block_gradient(bench.session, (int32_t) block, &target, 1, &visitors[2], &err),
                VITLRP_OK);
            check_rows(&alone, &backward, block, last ? tokens : tokens * tokens);
            check_rows(&alone, &single, block, tokens);
        }
        for (size_t h = 0; h < HEADS; h++) {
            assert_true(largest_difference(single.g[FORM_DEPTH - 1][h],
                                           backward.g[FORM_DEPTH - 1][h], tokens) < 1e-6);
        }
        form_bench_close(&bench);
    }
}

/* Tables of relative positions are for one grid; angles are computed for any. */
static void test_other_sizes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < 2 * CASE_COUNT; i++) { /* of one block and of all */
        struct form form = form_of(&CASES[i / 2]);
        form.config.depth = i % 2 == 0 ? 1 : FORM_DEPTH;
        struct vit_model *model = form_model(&form);
        const struct vit_session_options options = {
            .threads = 1, .backend = "auto", .input_height = 16, .input_width = 8};
        struct vit_session *session = NULL;
        struct vitlrp_error err = {0};
        bool biased = has_table(&form.config);
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
