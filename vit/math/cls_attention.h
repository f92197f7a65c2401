/* Attention of a block from which only the CLS token leaves, without its keys and values: the
 * products are taken in another order, in which K and V never exist. */
#ifndef VIT_CLS_ATTENTION_H
#define VIT_CLS_ATTENTION_H

#include <stddef.h>

#include "vit/program/network.h"

struct cls_attention_scratch {
    float *cls;     /* [images, dim] */
    float *queries; /* [images, dim] */
    float *keys;    /* [images, heads, dim] */
    float *values;  /* [images, heads, dim] */
};

/* out [images, dim]: the concatenated heads of the CLS tokens, from the block's normalised input
 * normed [images, tokens, dim]. Equal to attention_forward over q, k and v up to rounding: score_j
 * = q (W_k n_j + b_k) = (q W_k) n_j + a constant that softmax does not see, and sum_j a_j (W_v n_j
 * + b_v) = W_v (sum_j a_j n_j) + b_v. */
void cls_attention_forward(const struct network *net, size_t images,
                           const struct vit_block *weights, const float *normed,
                           const struct cls_attention_scratch *scratch, float *out);

/* Floats of scratch that a thread needs (struct engine). */
size_t cls_attention_thread_scratch(const struct network *net);

#endif
