/* Pooling: from the tokens that leave the last block to the one row that the head reads. A pool is
 * one small file (pool_*.c) and a row of vit/model/pools.def. */
#ifndef VIT_POOLING_H
#define VIT_POOLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vit/tokens/texts.h"
#include "vit/tokens/tokens.h"

/* Arrays are dense over the images. */
struct pool_shape {
    const struct token_layout *tokens;
    size_t images;
    size_t rows; /* tokens of each image that are there: all, or the leading rows_needed */
    size_t width;
    const uint8_t *absent; /* [images, tokens]: 1 where a patch is not there, one at least being
                              left; NULL: all are, as always where G is spread */
    const struct text_rows *texts; /* of texts: their rows, in place of images and rows */
};

struct pool {
    /* How many leading tokens it reads: the last block computes no others. */
    size_t (*rows_needed)(const struct token_layout *tokens);

    size_t parts;    /* its result has so many times the tokens' width */
    bool takes_rows; /* its result is one of the rows: what treats every row alone may follow it */

    /* What it reads, as shares: of the first token; the rest evenly of the patches, or of all. */
    double first_share;
    bool reads_all;

    bool attends; /* operations with weights of their own make its result: it has no functions */

    /* out [images, parts * width] from x [images, rows, width]. */
    void (*gather)(const struct pool_shape *shape, const float *x, float *out);

    /* g_x [images, rows, width], all of it, from g_out [images, parts * width]. */
    void (*spread)(const struct pool_shape *shape, const float *g_out, float *g_x);
};

const struct pool *pool_of(enum vit_pool pool);

/* out [tokens]: the share that each token has in what the pool reads; they sum to 1. */
void pool_shares(const struct pool *pool, const struct token_layout *tokens, double *out);

/* rows_needed of pools that read every token. */
size_t pool_all_rows(const struct token_layout *tokens);

/* out [images, width] = one row of each image of x [images, rows, width]. */
void pool_row(const struct pool_shape *shape, size_t row, const float *x, float *out);

/* G of x from G of that row: 0 in the others. */
void pool_row_spread(const struct pool_shape *shape, size_t row, const float *g_out, float *g_x);

/* out [width] = the mean of rows `first` and later of one image of x [images, rows, width]. */
void pool_mean(const struct pool_shape *shape, size_t image, size_t first, const float *x,
               float *out);

/* Of one image: G of these rows from G of the mean, its true gradient. */
void pool_mean_spread(const struct pool_shape *shape, size_t first, const float *g_out, float *g_x);

#endif
