/* Multi-head self-attention, by blocks of query rows. Of an attention matrix only a block exists at
 * a time, in a thread's scratch, and the backward pass makes it again: memory grows linearly with
 * tokens. */
#ifndef VIT_ATTENTION_H
#define VIT_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/math/engine.h"

/* Queries of the first `rows` tokens attend to all tokens. */
struct attention {
    size_t rows;
    size_t tokens;
    size_t heads;
    size_t dim;       /* heads * head size */
    const float *qkv; /* [tokens, 3 dim]: q, k, v; of q only the first `rows` rows are read */
};

/* out [images, rows, dim] = concatenated heads of softmax(q k^T / sqrt(head size)) v, of `images`
 * images whose qkv follow each other from attention->qkv on. */
void attention_forward(const struct engine *engine, const struct attention *attention,
                       size_t images, float *out);

/* How relevance passes the two products. AttnLRP gives half to each operand (share 0.5); the plain
 * gradient gives all to each (share 1). constant: attention weights are constants (CP-LRP, share
 * 1). */
struct attention_rule {
    float share;
    bool constant;
};

/* The attention matrices of a block and their G, for those who want to see them; NULL to skip. */
struct attention_maps {
    float *a;   /* [heads, rows, tokens] */
    float *g_a; /* [heads, rows, tokens], before the softmax's rule; not written if constant */
};

/* a [heads, rows, tokens]: the attention matrices alone. */
void attention_matrices(const struct engine *engine, const struct attention *attention, float *a);

/* g_qkv [tokens, 3 dim] from g_out [rows, dim]; softmax by Taylor expansion, which in G form is its
 * gradient. q is written in the first `rows` rows only; if constant, only v is written. */
void attention_relevance(const struct engine *engine, const struct attention *attention,
                         struct attention_rule rule, const float *g_out, float *g_qkv,
                         struct attention_maps maps);

/* Floats of scratch that a thread needs (struct engine) for that many query rows, or for one; at
 * most 1 MB until a single row is half of that. */
size_t attention_thread_scratch(size_t rows, size_t tokens);

#endif
