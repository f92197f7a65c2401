/* Pooling: from the tokens that leave the last block to the one row that the head reads. A pool is
 * one small file (pool_*.c) and a row of vit/model/pools.def. */
#ifndef VIT_POOLING_H
#define VIT_POOLING_H

#include <stddef.h>

#include "vit/tokens/tokens.h"

/* Arrays are dense over the images. */
struct pool_shape {
    const struct token_layout *tokens;
    size_t images;
    size_t rows; /* tokens of each image that are there: all, or the leading rows_needed */
    size_t width;
};

struct pool {
    /* How many leading tokens it reads: the last block computes no others. */
    size_t (*rows_needed)(const struct token_layout *tokens);

    /* out [images, width] from x [images, rows, width]. */
    void (*gather)(const struct pool_shape *shape, const float *x, float *out);

    /* g_x [images, rows, width], all of it, from g_out [images, width]. */
    void (*spread)(const struct pool_shape *shape, const float *g_out, float *g_x);
};

const struct pool *pool_of(enum vit_pool pool);

#endif
