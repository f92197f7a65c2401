/* Attention of one query row of every image, without its keys and values: the products are taken in
 * another order, in which K and V never exist. */
#ifndef VIT_ATTENTION_ROW_H
#define VIT_ATTENTION_ROW_H

#include <stddef.h>

#include "vit/math/engine.h"
#include "vit/math/linear.h"

struct attention_row {
    size_t images, tokens, heads, dim;
    const struct linear *qkv; /* q, k and v stacked */
    const uint8_t *absent;    /* [images, tokens]: 1 where a token is not there; NULL: all are */
    const float *x;           /* [images, tokens, dim]: what q, k and v are made of */
    const float *first;       /* [images, dim]: its first rows, those of the queries */
    float *queries;           /* scratch [images, dim] */
    float *keys;              /* scratch [images, heads, dim] */
    float *values;            /* scratch [images, heads, dim] */
    float *out;               /* [images, dim]: concatenated heads */
};

/* Equal to attention_forward over q, k and v up to rounding: score_j = q (W_k x_j + b_k) = (q W_k)
 * x_j + a constant that softmax does not see, and sum_j a_j (W_v x_j + b_v) = W_v (sum_j a_j x_j) +
 * b_v. */
void attention_row_forward(const struct engine *engine, const struct attention_row *attention);

/* Floats of scratch that a thread needs (struct engine). */
size_t attention_row_thread_scratch(size_t heads, size_t tokens);

#endif
