/* A Vision Transformer in float64, one loop per index, with every form of block, norm and
 * attention, and a hand on its attention matrices: for finite differences. */
#ifndef TESTS_NAIVE_VIT_H
#define TESTS_NAIVE_VIT_H

#include <stdint.h>

#include "vit/model/model.h"

/* Adds `amount` to one entry of one attention matrix, after the softmax; and takes a token out of
 * the sequence. */
struct naive_nudge {
    int32_t block;
    size_t head, row, column;
    double amount;
    const uint8_t *absent; /* [tokens]: 1 where one is not there; NULL: all are */
};

/* logits [classes] of input [3, height, width] at the trained size, exact GELU or SiLU; made of the
 * CLS token that leaves block last_block, by the final LayerNorm and the head, or by the products
 * with texts and the norm of its embedding. */
void naive_vit(const struct vit_model *model, const float *input, struct naive_nudge nudge,
               int32_t last_block, double *logits);

#endif
