/* Products of bfloat16 numbers by the processor's own instructions: first operands as rows, second
 * operands arranged. A float is one bfloat16 or, in two pieces, the sum of two, of which three
 * products make the product of floats to some 1e-5. */
#ifndef VIT_BF16_H
#define VIT_BF16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of the second operand that are arranged together, and entries of a dot product that a
 * unit takes at once: operands are padded to multiples of them. */
enum { BF16_COLUMNS = 32, BF16_DEPTH = 32 };

/* What multiplies. */
enum bf16_unit {
    BF16_NONE,   /* nothing: products are of floats, or somebody else's */
    BF16_VECTOR, /* AVX512-BF16; of one piece, since two would take longer than floats */
    BF16_MATRIX  /* AMX */
};

/* How a pass makes its products: by a unit, of so many bfloat16 for a float (0 with BF16_NONE). */
struct bf16_form {
    enum bf16_unit unit;
    size_t pieces;
};

/* False where the build, the processor or the system has no such unit for the process, which is
 * asked once. Without any, none of the functions below may be called but for the sizes. */
bool bf16_ready(enum bf16_unit unit);

/* Entries of a row of k floats in one piece. */
size_t bf16_depth(size_t k);

/* A matrix of floats op(X), op the transpose where flagged; of `absolute`, |X|. */
struct bf16_source {
    const float *x;
    size_t stride;
    bool transposed;
    bool absolute;
};

/* rows [m, pieces, bf16_depth(k)] of A [m, k]. */
void bf16_rows(uint16_t *rows, const struct bf16_source *a, size_t m, size_t k, size_t pieces);

/* Numbers that B [k, n] takes, and B arranged in them. */
size_t bf16_packed(size_t n, size_t k, size_t pieces);
void bf16_pack(uint16_t *packed, const struct bf16_source *b, size_t n, size_t k, size_t pieces);

/* C [m, n] = alpha A B + beta C + bias + residual: operands in equally many pieces, as bf16_rows
 * and bf16_pack made them. */
struct bf16_product {
    struct bf16_form form;
    size_t m, n, k;
    const uint16_t *a;
    const uint16_t *b;
    float alpha, beta; /* beta 0: C is not read */
    float *c;
    size_t c_stride;
    const float *bias;     /* [n]; NULL: none, as always with BF16_MATRIX */
    const float *residual; /* [m, n] with a stride; likewise */
    size_t residual_stride;
};

void bf16_multiply(const struct bf16_product *product);

#endif
