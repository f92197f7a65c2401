#include "vit/math/bf16.h"

#include <string.h>

#include "vit/math/bf16_private.h"

size_t bf16_depth(size_t k) {
    return (k + BF16_DEPTH - 1) / BF16_DEPTH * BF16_DEPTH;
}

size_t bf16_packed(size_t n, size_t k, size_t pieces) {
    return (n + BF16_COLUMNS - 1) / BF16_COLUMNS * BF16_COLUMNS * bf16_depth(k) * pieces;
}

#ifdef VIT_HAVE_BF16_VECTOR
bool bf16_vector_ready(void) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

bool bf16_ready(enum bf16_unit unit) {
#ifdef VIT_HAVE_BF16_VECTOR
    if (unit == BF16_VECTOR) {
        return bf16_vector_ready();
    }
#endif
#ifdef VIT_HAVE_BF16_MATRIX
    if (unit == BF16_MATRIX) {
        return bf16_matrix_ready();
    }
#endif
    return unit == BF16_NONE;
}

void bf16_multiply(const struct bf16_product *product) {
#ifdef VIT_HAVE_BF16_MATRIX
    if (product->form.unit == BF16_MATRIX) {
        bf16_matrix_multiply(product);
    }
#endif
#ifdef VIT_HAVE_BF16_VECTOR
    if (product->form.unit == BF16_VECTOR) {
        bf16_vector_multiply(product);
    }
#endif
    (void) product;
}

#ifndef VIT_HAVE_BF16_VECTOR
void bf16_rows(uint16_t *rows, const struct bf16_source *a, size_t m, size_t k, size_t pieces) {
    memset(rows, 0, m * pieces * bf16_depth(k) * sizeof *rows);
    (void) a;
}

void bf16_pack(uint16_t *packed, const struct bf16_source *b, size_t n, size_t k, size_t pieces) {
    memset(packed, 0, bf16_packed(n, k, pieces) * sizeof *packed);
    (void) b;
}
#endif
