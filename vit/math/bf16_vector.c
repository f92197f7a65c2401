/* Products of bfloat16 by vectors (AVX512-BF16): two products and their sum in each lane. */
#include <immintrin.h>
#include <string.h>

#include "base/checked.h"
#include "vit/math/bf16_private.h"

/* Rows whose sums are in registers at once: 2 of 32 for each row, 2 for B, and others. With 8 or 14
 * the same product takes 4 to 8 % longer. */
enum { MOST_ROWS = 12 };

/* Steps of 32 entries that are taken at once. With 12, which leave room in the first-level cache,
 * sums are stored and read again twice as often: that costs more. */
enum { STEPS = 24 };

/* Rows of A from `a` on, by a panel of B from `b` on. C and what is added are those of the panel's
 * first column. */
struct block {
    const uint16_t *a, *b;
    size_t a_stride, steps;
    float alpha, beta;
    float *c;
    size_t c_stride;
    const float *bias, *residual;
    size_t residual_stride;
    __mmask16 left, right; /* columns of the panel that C has */
    const char *ahead;     /* what will be read next: so many lines are asked for in each step */
    size_t lines;
};

/* The sums of a row of C. */
struct sums {
    __m512 left, right;
};

/* Half of row r: from column `at` of the panel on. */
static inline void finish(const struct block *of, size_t r, size_t at, __mmask16 columns,
                          __m512 sum) {
    float *c = of->c + r * of->c_stride + at;
    sum = _mm512_mul_ps(_mm512_set1_ps(of->alpha), sum);
    if (of->beta != 0.0F) {
        __m512 before = _mm512_maskz_loadu_ps(columns, c);
        sum = _mm512_fmadd_ps(_mm512_set1_ps(of->beta), before, sum);
    }
    if (of->bias != NULL) {
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(columns, of->bias + at));
    }
    if (of->residual != NULL) {
        const float *added = of->residual + r * of->residual_stride + at;
        sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(columns, added));
    }
    _mm512_mask_storeu_ps(c, columns, sum);
}

/* `rows` is known where this is compiled, so that all sums are in registers. */
static inline __attribute__((always_inline)) void sum_rows(const struct block *of, size_t rows) {
    struct sums sums[MOST_ROWS];
    for (size_t r = 0; r < rows; r++) {
        sums[r] = (struct sums){_mm512_setzero_ps(), _mm512_setzero_ps()};
    }
    const uint16_t *a = of->a, *b = of->b;
    const char *ahead = of->ahead;
    for (size_t s = 0; s < of->steps; s++, b += TILE) {
        ahead = ask_ahead(ahead, of->lines);
        for (size_t i = 0; i < TILE_ROWS; i++, a += 2, b += TILE_ENTRIES) {
            __m512bh left = (__m512bh) _mm512_loadu_si512(b);
            __m512bh right = (__m512bh) _mm512_loadu_si512(b + TILE);
            for (size_t r = 0; r < rows; r++) {
                int32_t two;
                memcpy(&two, a + r * of->a_stride, sizeof two);
                __m512bh entries = (__m512bh) _mm512_set1_epi32(two);
                sums[r].left = _mm512_dpbf16_ps(sums[r].left, left, entries);
                sums[r].right = _mm512_dpbf16_ps(sums[r].right, right, entries);
            }
        }
    }
    for (size_t r = 0; r < rows; r++) {
        finish(of, r, 0, of->left, sums[r].left);
        if (of->right != 0) {
            finish(of, r, TILE_FLOATS, of->right, sums[r].right);
        }
    }
}

static void sum_block(const struct block *of, size_t rows) {
    switch (rows) {
    case 1:
        sum_rows(of, 1);
        break;
    case 2:
        sum_rows(of, 2);
        break;
    case 3:
        sum_rows(of, 3);
        break;
    case 4:
        sum_rows(of, 4);
        break;
    case 5:
        sum_rows(of, 5);
        break;
    case 6:
        sum_rows(of, 6);
        break;
    case 7:
        sum_rows(of, 7);
        break;
    case 8:
        sum_rows(of, 8);
        break;
    case 9:
        sum_rows(of, 9);
        break;
    case 10:
        sum_rows(of, 10);
        break;
    case 11:
        sum_rows(of, 11);
        break;
    default:
        sum_rows(of, MOST_ROWS);
    }
}

/* All rows of C, in the columns of one panel of B. */
static void make_panel(const struct bf16_product *product, size_t column, const uint16_t *panel) {
    size_t depth = bf16_depth(product->k);
    size_t all_steps = (product->m + MOST_ROWS - 1) / MOST_ROWS * (depth / BF16_DEPTH);
    size_t panel_lines = BF16_COLUMNS * depth * sizeof *panel / LINE;
    size_t columns = product->n - column;
    struct block block = {.a_stride = depth,
                          .alpha = product->alpha,
                          .beta = product->beta,
                          .c_stride = product->c_stride,
                          .bias = product->bias == NULL ? NULL : product->bias + column,
                          .residual_stride = product->residual_stride,
                          .ahead = (const char *) (panel + BF16_COLUMNS * depth),
                          .lines = (panel_lines + all_steps - 1) / all_steps,
                          .left = first_floats(columns),
                          .right = first_floats(columns > TILE_FLOATS ? columns - TILE_FLOATS : 0)};
    for (size_t first = 0; first < depth; first += block.steps * BF16_DEPTH) {
        block.steps = size_min(STEPS, (depth - first) / BF16_DEPTH);
        block.b = panel + first * BF16_COLUMNS;
        for (size_t i = 0; i < product->m; i += MOST_ROWS) {
            block.a = product->a + i * depth + first;
            block.c = product->c + i * product->c_stride + column;
            block.residual = product->residual == NULL || first > 0
                                 ? NULL
                                 : product->residual + i * product->residual_stride + column;
            sum_block(&block, size_min(MOST_ROWS, product->m - i));
            block.ahead += block.steps * block.lines * LINE;
        }
        block.beta = 1.0F;
        block.bias = NULL;
    }
}

void bf16_vector_multiply(const struct bf16_product *product) {
    size_t panel = BF16_COLUMNS * bf16_depth(product->k);
    for (size_t j = 0; j < product->n; j += BF16_COLUMNS) {
        make_panel(product, j, product->b + j / BF16_COLUMNS * panel);
    }
}
