/* The forms of attention in float64, one loop per index: norms of queries and keys, RoPE, relative
 * position biases, differential attention. */
#ifndef TESTS_NAIVE_HEADS_H
#define TESTS_NAIVE_HEADS_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/model/model.h"

/* LayerNorm, or RMSNorm, of one row. */
struct naive_row_norm {
    const float *weight, *bias; /* bias NULL: none */
    bool rms;
    double eps;
};

/* y [width]; it may be x. */
void naive_row_norm(const struct naive_row_norm *norm, const double *x, size_t width, double *y);

/* A block's attention over qkv [tokens, 3 dim] at the trained size. */
struct naive_heads {
    const struct vit_model *model;
    size_t block, tokens;
    double *qkv;
    const uint8_t *absent; /* [tokens]: 1 where one is not there; NULL: all are */
};

/* Norms and turns queries and keys. */
void naive_heads_prepare(const struct naive_heads *heads);

/* a [tokens]: the row of a head's matrix. */
void naive_heads_row(const struct naive_heads *heads, size_t head, size_t row, double *a);

/* Norms what the attention gives, out [tokens, dim]. */
void naive_heads_finish(const struct naive_heads *heads, double *out);

#endif
