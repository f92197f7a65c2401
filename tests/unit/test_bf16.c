/* Products by the processor's own units for bfloat16 against plain loops in float64: both
 * arrangements of both operands, |x|, one piece and two, every remainder of rows, columns and
 * depth, sums that are added to; and attention with such products. Where there is no such unit,
 * nobody uses it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "support/arrays.h"
#include "vit/math/attention.h"
#include "vit/math/bf16.h"
#include "vit/math/packs.h"

#include "support/unit.h"

/* Of the sizes of the terms: two roundings to 8 bits; two of 16 bits and the product left out. */
static const double TOLERANCES[3] = {[1] = 0x1.02p-7, [2] = 0x1.8p-15};

struct product_case {
    struct bf16_form form;
    size_t m, n, k;
    bool transpose_a, transpose_b, absolute;
    bool added; /* a bias and a residual */
    float alpha, beta;
};

/* What is added: of column j and of entry i of C. */
static float bias_of(size_t j) {
    return 0.25F * (float) (j % 9);
}

static float residual_of(size_t i) {
    return 0.5F - 0.125F * (float) (i % 11);
}

static double entry(const float *x, bool transposed, size_t stride, size_t row, size_t column) {
    return (double) (transposed ? x[column * stride + row] : x[row * stride + column]);
}

static void check_entries(const struct product_case *of, const float *a, const float *b,
                          const float *before, const float *c) {
    size_t a_stride = of->transpose_a ? of->m + 3 : of->k + 3;
    size_t b_stride = of->transpose_b ? of->k + 5 : of->n + 5;
    for (size_t i = 0; i < of->m * of->n; i++) {
        size_t row = i / of->n;
        size_t column = i % of->n;
        double sum = 0.0;
        double size = 1e-30;
        for (size_t k = 0; k < of->k; k++) {
            double term = entry(a, of->transpose_a, a_stride, row, k) *
                          entry(b, of->transpose_b, b_stride, k, column);
            sum += of->absolute ? fabs(term) : term;
            size += fabs(term);
        }
        size_t at = row * (of->n + 7) + column;
        double wanted = (double) of->alpha * sum + (double) of->beta * (double) before[at];
        wanted += of->added ? (double) bias_of(column) + (double) residual_of(i) : 0.0;
        double bound =
            TOLERANCES[of->form.pieces] * size * (double) of->alpha + 1e-6 * fabs(wanted);
        if (!(fabs((double) c[at] - wanted) <= bound)) {
            fail_msg("[%zu, %zu] x [%zu, %zu], %zu pieces, entry %zu: %g instead of %g", of->m,
                     of->k, of->k, of->n, of->form.pieces, i, (double) c[at], wanted);
        }
    }
}

static void check_product(const struct product_case *of, struct test_random *random) {
    const struct bf16_source a = {
        .x = random_floats(random, (of->m + of->k + 3) * (of->m + of->k + 3), 1.0),
        .stride = of->transpose_a ? of->m + 3 : of->k + 3,
        .transposed = of->transpose_a,
        .absolute = of->absolute};
    const struct bf16_source b = {
        .x = random_floats(random, (of->n + of->k + 5) * (of->n + of->k + 5), 0.1),
        .stride = of->transpose_b ? of->k + 5 : of->n + 5,
        .transposed = of->transpose_b,
        .absolute = of->absolute};
    size_t count = of->m * (of->n + 7);
    float *before = random_floats(random, count, 1.0);
    float *c = floats(count);
    uint16_t *rows = mem_calloc(of->m * of->form.pieces * bf16_depth(of->k), sizeof *rows);
    uint16_t *packed = mem_calloc(bf16_packed(of->n, of->k, of->form.pieces), sizeof *packed);
    memcpy(c, before, count * sizeof *c);
    bf16_rows(rows, &a, of->m, of->k, of->form.pieces);
    bf16_pack(packed, &b, of->n, of->k, of->form.pieces);
    float *bias = floats(of->n);
    float *residual = floats(of->m * of->n);
    for (size_t i = 0; i < of->m * of->n; i++) {
        bias[i % of->n] = bias_of(i % of->n);
        residual[i] = residual_of(i);
    }
    bf16_multiply(&(struct bf16_product){.form = of->form,
                                         .m = of->m,
                                         .n = of->n,
                                         .k = of->k,
                                         .a = rows,
                                         .b = packed,
                                         .alpha = of->alpha,
                                         .beta = of->beta,
                                         .c = c,
                                         .c_stride = of->n + 7,
                                         .bias = of->added ? bias : NULL,
                                         .residual = of->added ? residual : NULL,
                                         .residual_stride = of->n});
    check_entries(of, a.x, b.x, before, c);
    for (size_t i = 0; i < count; i++) {
        assert_true(i % (of->n + 7) < of->n || c[i] == before[i]);
    }
    mem_free(bias);
    mem_free(residual);
    mem_free((void *) a.x);
    mem_free((void *) b.x);
    mem_free(before);
    mem_free(c);
    mem_free(rows);
    mem_free(packed);
}

/* The forms that this processor has. */
static size_t list_forms(struct bf16_form forms[3]) {
    static const struct bf16_form ALL[] = {{BF16_VECTOR, 1}, {BF16_MATRIX, 1}, {BF16_MATRIX, 2}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        if (bf16_ready(ALL[i].unit)) {
            forms[count++] = ALL[i];
        }
    }
    return count;
}

/* All arrangements of both operands, in one form and of one size. */
static void check_products(struct bf16_form form, const size_t size[3],
                           struct test_random *random) {
    for (size_t i = 0; i < 8; i++) {
        struct product_case of = {.form = form,
                                  .m = size[0],
                                  .n = size[1],
                                  .k = size[2],
                                  .transpose_a = (i & 1) != 0,
                                  .transpose_b = (i & 2) != 0,
                                  .absolute = (i & 4) != 0,
                                  .alpha = 1.0F};
        check_product(&of, random);
        of.alpha = 0.5F;
        of.beta = (i & 1) != 0 ? 1.0F : 0.0F;
        check_product(&of, random);
        of.added = true;
        if (form.unit == BF16_VECTOR) {
            check_product(&of, random);
        }
    }
}

static void test_products(void **unused) {
    static const size_t SIZES[][3] = {{1, 1, 1},    {5, 33, 31},  {16, 32, 32}, {17, 16, 33},
                                      {32, 64, 64}, {37, 50, 70}, {64, 7, 390}, {81, 96, 801}};
    struct test_random random = {12};
    struct bf16_form forms[3];
    size_t count = list_forms(forms);
    (void) unused;
    for (size_t i = 0; i < count * (sizeof SIZES / sizeof SIZES[0]); i++) {
        check_products(forms[i % count], SIZES[i / count], &random);
    }
}

/* Every number of rows that a block may have, behind a whole one and alone. */
static void test_rows_of_a_block(void **unused) {
    struct test_random random = {14};
    struct bf16_form forms[3];
    size_t count = list_forms(forms);
    (void) unused;
    for (size_t i = 0; i < 33 * count; i++) {
        const size_t size[3] = {1 + i / count, 40, 40};
        check_products(forms[i % count], size, &random);
    }
}

/* ---- Attention ---- */

enum { HEADS = 2, IMAGES = 2 };

struct attention_made {
    float *out, *g_qkv;
};

static struct attention_made attend(const struct attention *attention, const float *g_out) {
    struct vitlrp_error err;
    size_t tokens = attention->tokens;
    struct engine engine = {
        .thread_floats =
            attention_thread_scratch(attention->rows, tokens, true) +
            attention_operand_scratch(attention->rows, tokens, attention->dim / HEADS, 2)};
    assert_int_equal(engine_open(&engine, "auto", 2, &err), VITLRP_OK);
    engine.thread_scratch = floats(2 * engine.thread_floats);
    struct attention_made made = {floats(IMAGES * attention->rows * attention->dim),
                                  floats(tokens * 3 * attention->dim)};
    struct gemm_entry saved;
    engine.backend->enter(&saved);
    attention_forward(&engine, attention, IMAGES, made.out);
    attention_relevance(&engine, attention, (struct attention_rule){0.5F, 0.5F, 0.5F, false}, g_out,
                        &(struct attention_result){.g_qkv = made.g_qkv});
    engine.backend->leave(&saved);
    mem_free(engine.thread_scratch);
    engine_close(&engine);
    return made;
}

/* Against the same attention of floats, which tests/unit/test_attention.c holds against its twin.
 */
static void check_attention(size_t tokens, size_t rows, size_t size, bool differential) {
    static const double BOUNDS[3] = {[1] = 1e-2, [2] = 2e-5};
    struct test_random random = {13};
    struct attention attention = {.rows = rows,
                                  .tokens = tokens,
                                  .heads = HEADS,
                                  .dim = HEADS * size,
                                  .differential = differential,
                                  .lambda = 0.3F};
    float *qkv = random_floats(&random, IMAGES * tokens * 3 * attention.dim, 1.0);
    float *g_out = random_floats(&random, rows * attention.dim, 1.0);
    attention.qkv = qkv;
    struct attention_made exact = attend(&attention, g_out);
    struct bf16_form forms[3];
    size_t count = list_forms(forms);
    for (size_t i = 0; i < count; i++) {
        attention.form = forms[i];
        struct attention_made made = attend(&attention, g_out);
        double bound = BOUNDS[attention.form.pieces];
        assert_true(relative_error(made.out, exact.out, IMAGES * rows * attention.dim) < bound);
        assert_true(relative_error(made.g_qkv, exact.g_qkv, tokens * 3 * attention.dim) < bound);
        mem_free(made.out);
        mem_free(made.g_qkv);
    }
    mem_free(exact.out);
    mem_free(exact.g_qkv);
    mem_free(qkv);
    mem_free(g_out);
}

static void test_attention(void **unused) {
    (void) unused;
    check_attention(37, 37, 64, false);
    check_attention(401, 401, 16, false);
    check_attention(197, 1, 24, false);
    check_attention(65, 65, 32, true);
}

/* ---- Who uses it ---- */

/* What a backend makes of each precision on this processor. */
static void check_forms(const struct gemm_backend *backend, enum bf16_unit unit) {
    bool has_two = unit == BF16_MATRIX;
    assert_int_equal(packs_precision(backend, VITLRP_PRECISION_BF16X3),
                     has_two ? VITLRP_PRECISION_BF16X3 : VITLRP_PRECISION_FP32);
    struct bf16_form form = packs_form(backend, VITLRP_PRECISION_BF16);
    assert_int_equal(form.unit, unit);
    assert_int_equal(form.pieces, unit == BF16_NONE ? 0 : 1);
    assert_int_equal(packs_form(backend, VITLRP_PRECISION_MIXED).unit, BF16_NONE);
    assert_int_equal(packs_form(backend, VITLRP_PRECISION_FP32).unit, BF16_NONE);
    if (has_two) {
        assert_int_equal(packs_form(backend, VITLRP_PRECISION_BF16X3).pieces, 2);
    }
}

static void test_precisions(void **unused) {
    static const char *const UNITS[] = {"none", "AVX512-BF16", "AMX"};
    const struct gemm_backend *backend;
    struct vitlrp_error err;
    (void) unused;
    assert_int_equal(gemm_backend_find("openblas", &backend, &err), VITLRP_OK);
    check_forms(backend, BF16_NONE);
    if (gemm_backend_find("onednn", &backend, &err) == VITLRP_OK) {
        enum bf16_unit unit = backend->packing->unit();
        check_forms(backend, unit);
        assert_true(bf16_ready(unit));
        printf("bfloat16 by the processor's own unit: %s\n", UNITS[unit]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_rows_of_a_block),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_precisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
