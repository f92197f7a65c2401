/* The first operand of products with weights: rows of activations, converted into the elements that
 * the weights' pack wants, and the tiles of their product. */
#ifndef VIT_OPERAND_H
#define VIT_OPERAND_H

#include "vit/math/engine.h"
#include "vit/math/gemm_weights.h"

struct operand {
    const unsigned char *values;
    size_t stride; /* in elements */
    size_t element_bytes;
    const float *scales; /* INT8: of every row; else NULL */
};

/* Bytes of a converted operand whose rows of k entries have elements of so many bytes in all. */
size_t operand_bytes(size_t rows, size_t k, size_t element_bytes);

/* x [rows, k], whose rows have a stride; |x| is wanted if absolute. */
struct operand_rows {
    size_t rows;
    const float *x;
    size_t x_stride;
    bool absolute;
};

/* The rows as the weights' pack, or their plain values, want them. Converted rows lie in `buffer`
 * (operand_bytes); x itself is used where it will do. On the pool. */
struct operand operand_prepare(const struct engine *engine, const struct gemm_weights *weights,
                               const struct operand_rows *of, void *buffer);

/* A whole product, and scratch for a tile of it (GEMM_TILE_FLOATS). */
struct operand_result {
    struct gemm_finish finish;
    float *scratch;
};

/* out [place.rows, place.columns], dense = the tile's rows of the operand times its part of the
 * weights. Within a pool task of that thread. */
void operand_tile(const struct engine *engine, size_t thread, const struct operand *operand,
                  const struct gemm_weights *weights, const struct gemm_place *place, void *out);

/* The same, in its place of the result. */
void operand_finished_tile(const struct engine *engine, size_t thread,
                           const struct operand *operand, const struct gemm_weights *weights,
                           const struct gemm_place *place, const struct operand_result *result);

#endif
