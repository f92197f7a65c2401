/* What the files of linear layers share. */
#ifndef VIT_LINEAR_PRIVATE_H
#define VIT_LINEAR_PRIVATE_H

#include "vit/math/linear.h"

/* A thread's scratch: two tiles and a slice of |W|. */
struct linear_scratch {
    float *tile;  /* [GEMM_TILE_FLOATS] */
    float *other; /* [GEMM_TILE_FLOATS] */
    float *slice; /* [LINEAR_SLICE_FLOATS] */
};

/* A slice is as wide as a tile and so deep, in either order: it stays in cache beside a tile. Its
 * rows keep off multiples of 4096 bytes, which would fall into one set of the cache. */
#define LINEAR_SLICE_DEPTH ((size_t) 256)
#define LINEAR_SLICE_PADDING ((size_t) 16)
#define LINEAR_SLICE_FLOATS                                                                        \
    ((LINEAR_SLICE_DEPTH + LINEAR_SLICE_PADDING) * (GEMM_TILE_COLUMNS + LINEAR_SLICE_PADDING))

struct linear_scratch linear_scratch_of(const struct engine *engine, size_t thread);

/* Relevance under the gamma rule. */
void linear_relevance_gamma(const struct engine *engine, const struct linear_step *step);

#endif
