/* Products of bfloat16 numbers by the matrix unit of a processor (AMX): first operands as rows,
 * second operands arranged. A float is one bfloat16 or, in two pieces, the sum of two, of which
 * three products make the product of floats to some 1e-5. */
#ifndef VIT_AMX_H
#define VIT_AMX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of the second operand that are arranged together, and entries of a dot product that the
 * unit takes at once: operands are padded to multiples of them. */
enum { AMX_COLUMNS = 32, AMX_DEPTH = 32 };

/* False where the build, the processor or the system has no such unit for the process, which is
 * asked for it once. Nothing else here may be called then. */
bool amx_ready(void);

/* Entries of a row of k floats in one piece. */
size_t amx_depth(size_t k);

/* A matrix of floats op(X), op the transpose where flagged; of `absolute`, |X|. */
struct amx_source {
    const float *x;
    size_t stride;
    bool transposed;
    bool absolute;
};

/* rows [m, pieces, amx_depth(k)] of A [m, k]. */
void amx_rows(uint16_t *rows, const struct amx_source *a, size_t m, size_t k, size_t pieces);

/* Numbers that B [k, n] takes, and B arranged in them. */
size_t amx_packed(size_t n, size_t k, size_t pieces);
void amx_pack(uint16_t *packed, const struct amx_source *b, size_t n, size_t k, size_t pieces);

/* C [m, n] = alpha A B + beta C: operands in equally many pieces, as amx_rows and amx_pack made
 * them. */
struct amx_product {
    size_t m, n, k, pieces;
    const uint16_t *a;
    const uint16_t *b;
    float alpha, beta; /* beta 0: C is not read */
    float *c;
    size_t c_stride;
};

void amx_multiply(const struct amx_product *product);

#endif
