/* Rotary position embeddings: the tables of every form against numbers of the papers' formulas, the
 * turning of pairs against its definition, and that it keeps relevance. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/load_checks.h"
#include "vit/math/kernels.h"
#include "vit/tokens/rotary.h"

#include "support/unit.h"

#define TABLES 3
static const char *const tables[TABLES] = {"baseline", "avx2", "avx512"};

/* ---- Tables ---- */

/* One head of 16 on a grid of 2 x 3 patches. */
enum { SIZE = 16, PAIRS = 8, ROWS = 2, COLUMNS = 3, PATCHES = 6 };

static struct vit_model model_of(struct vit_rope rope) {
    return (struct vit_model){.config = {.dim = SIZE, .heads = 1, .depth = 1, .rope = rope}};
}

/* Cosines and sines of the last patch. */
static void fill_last(const struct vit_model *model, float last[SIZE]) {
    const struct patch_grid grid = {.rows = ROWS, .columns = COLUMNS};
    float table[PATCHES * SIZE];
    assert_int_equal(rotary_tables(&model->config), 1);
    assert_int_equal(rotary_width(&model->config), SIZE);
    rotary_fill(model, &grid, table);
    memcpy(last, table + (PATCHES - 1) * (size_t) SIZE, SIZE * sizeof *last);
}

static void check_values(const float *values, const double *wanted, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(fabs((double) values[i] - wanted[i]) < 1e-6)) {
            fail_msg("entry %zu is %.7g, not %.7g", i, (double) values[i], wanted[i]);
        }
    }
}

/* EVA-02: positions in a grid of 16 x 16, rows first. The values are timm's. */
static void test_reference_grid(void **unused) {
    static const double SINES[PAIRS] = {0.989358,  0.717356, 0.079915, 0.008000,
                                        -0.946396, 0.875595, 0.106465, 0.010666};
    struct vit_rope rope = {
        .form = VIT_ROPE_AXIAL, .theta = 10000, .reference_rows = 16, .reference_columns = 16};
    struct vit_model model = model_of(rope);
    float last[SIZE];
    (void) unused;
    fill_last(&model, last);
    check_values(last + PAIRS, SINES, PAIRS);
}

/* Perception Encoder: columns first, counted from 1; scaled to the grid itself, or not at all. */
static void test_offset(void **unused) {
    static const double SINES[PAIRS] = {0.141120, 0.295520, 0.029995, 0.003000,
                                        0.909297, 0.198669, 0.019999, 0.002000};
    (void) unused;
    for (size_t scaled = 0; scaled < 2; scaled++) {
        struct vit_rope rope = {.form = VIT_ROPE_AXIAL,
                                .theta = 10000,
                                .offset = 1,
                                .columns_first = true,
                                .reference_rows = scaled == 1 ? ROWS : 0,
                                .reference_columns = scaled == 1 ? COLUMNS : 0};
        struct vit_model model = model_of(rope);
        float last[SIZE];
        fill_last(&model, last);
        check_values(last + PAIRS, SINES, PAIRS);
    }
}

/* DINOv3, by its base, and by the periods of a file. */
static void test_centred(void **unused) {
    static const double SINES[PAIRS] = {0.0,       0.837919, 0.309017, 0.099183,
                                        -0.866025, 0.969849, 0.406737, 0.132074};
    static const double COSINES[PAIRS] = {-1.0, 0.545795, 0.951057, 0.995069,
                                          -0.5, 0.243705, 0.913545, 0.991240};
    static const float PERIODS[] = {1.0F, 3.162278F, 10.0F, 31.622776F};
    struct vit_rope rope = {.form = VIT_ROPE_CENTRED, .theta = 100, .halves = true};
    struct vit_model model = model_of(rope);
    float last[SIZE];
    (void) unused;
    for (size_t stored = 0; stored < 2; stored++) {
        model.config.rope.theta = stored == 1 ? 7 : 100; /* which the file's periods replace */
        model.weights.rope_periods = stored == 1 ? PERIODS : NULL;
        fill_last(&model, last);
        check_values(last, COSINES, PAIRS);
        check_values(last + PAIRS, SINES, PAIRS);
    }
}

/* Learned frequencies of two blocks and two heads: the first number multiplies the column. */
static void test_mixed(void **unused) {
    enum { HEADS = 2, DEPTH = 2, DIM = 8, HEAD_PAIRS = 2, COUNT = DEPTH * HEADS * HEAD_PAIRS };
    const struct patch_grid grid = {.rows = ROWS, .columns = COLUMNS};
    float frequencies[2 * COUNT];
    float table[DEPTH * PATCHES * DIM];
    struct vit_model model = {.config = {.dim = DIM,
                                         .heads = HEADS,
                                         .depth = DEPTH,
                                         .rope = {.form = VIT_ROPE_MIXED, .columns_first = true}}};
    (void) unused;
    for (size_t i = 0; i < sizeof frequencies / sizeof frequencies[0]; i++) {
        frequencies[i] = 0.1F * (float) (i + 1);
    }
    model.weights.rope_frequencies = frequencies;
    assert_int_equal(rotary_tables(&model.config), DEPTH);
    assert_int_equal(rotary_width(&model.config), DIM);
    rotary_fill(&model, &grid, table);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        size_t block = i / (PATCHES * DIM);
        size_t patch = i / DIM % PATCHES;
        size_t head = i % DIM / (DIM / HEADS);
        size_t pair = i % HEAD_PAIRS;
        size_t at = (block * HEADS + head) * HEAD_PAIRS + pair;
        double angle = (double) frequencies[at] * (double) (patch % COLUMNS) +
                       (double) frequencies[COUNT + at] * (double) (patch / COLUMNS);
        double wanted = i % (DIM / HEADS) < HEAD_PAIRS ? cos(angle) : sin(angle);
        assert_true(fabs((double) table[i] - wanted) < 1e-6);
    }
}

/* ---- Turning ---- */

static void check_turn(const struct kernels *kernels, struct test_random *random, size_t pairs,
                       bool halves) {
    void (*turn)(float *, const float *, const float *, size_t, float) =
        halves ? kernels->turn_halves : kernels->turn_pairs;
    float *x = random_floats(random, 2 * pairs, 2.0);
    float *turns = random_floats(random, 2 * pairs, 1.0);
    float *y = floats(2 * pairs);
    double *wanted = doubles(2 * pairs);
    for (size_t j = 0; j < pairs; j++) {
        double angle = 3.0 * (double) turns[j];
        size_t a = halves ? j : 2 * j;
        size_t b = halves ? j + pairs : 2 * j + 1;
        turns[j] = (float) cos(angle);
        turns[pairs + j] = (float) sin(angle);
        wanted[a] = x[a] * cos(angle) - x[b] * sin(angle);
        wanted[b] = x[b] * cos(angle) + x[a] * sin(angle);
    }
    turn(y, x, turns, pairs, 1.0F);
    assert_close(y, wanted, 2 * pairs, "turned");
    turn(y, y, turns, pairs, -1.0F); /* in place */
    for (size_t i = 0; i < 2 * pairs; i++) {
        wanted[i] = x[i];
    }
    assert_close(y, wanted, 2 * pairs, "turned back");
    mem_free(x);
    mem_free(y);
    mem_free(turns);
    mem_free(wanted);
}

static void test_turning(void **unused) {
    struct test_random random = {41};
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        for (size_t pairs = 1; kernels != NULL && pairs < 70; pairs++) {
            check_turn(kernels, &random, pairs, false);
            check_turn(kernels, &random, pairs, true);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference_grid), cmocka_unit_test(test_offset),
        cmocka_unit_test(test_centred),        cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_turning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
