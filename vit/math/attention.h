/* Multi-head self-attention, by blocks of query rows. Of an attention matrix only a block exists at
 * a time, in a thread's scratch, and the backward pass makes it again: memory grows linearly with
 * tokens. */
#ifndef VIT_ATTENTION_H
#define VIT_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vit/math/attention_bias.h"
#include "vit/math/bf16.h"
#include "vit/math/engine.h"

/* Queries of the first `rows` tokens attend to all tokens. */
struct attention {
    size_t rows;
    size_t tokens;
    size_t heads;
    size_t dim;       /* heads * head size */
    const float *qkv; /* [tokens, 3 dim]: q, k, v; of q only the first `rows` rows are read */
    struct attention_bias bias; /* added to the scaled scores; table NULL: none */
    const uint8_t *absent;      /* [images, tokens] in a forward pass: 1 where a token is not there,
                                   and its own row of no meaning; NULL: all are there */
    const size_t *starts; /* [images + 1]: rows of qkv and out where images of different lengths
                             begin, all of whose rows have queries; `rows` and `tokens` are then the
                             longest's. NULL: all are as long as the first */
    bool causal;          /* a query attends to itself and to tokens before it */
    bool differential; /* two matrices from the halves of each head's q and k: A = A1 - lambda A2 */
    float lambda;
    struct bf16_form form; /* of its products */
};

/* Softmax of scale * scores [tokens]. Where `absent` [tokens] is 1, a token is not there: its
 * weight is 0, and the others', of which there is one at least, are as if it had never been there.
 * NULL: all are there. */
void attention_softmax(const struct engine *engine, float *scores, size_t tokens,
                       const uint8_t *absent, float scale);

/* Of a differential attention, what lambda begins with in that block. */
double attention_lambda0(size_t block);

/* out [images, rows, dim] = concatenated heads of softmax(q k^T / sqrt(head size)) v, of `images`
 * images whose qkv follow each other from attention->qkv on. */
void attention_forward(const struct engine *engine, const struct attention *attention,
                       size_t images, float *out);

/* How relevance passes the two products: what share of it each operand gets. AttnLRP gives half to
 * each; the plain gradient gives all (1) to each. constant: attention weights are constants
 * (CP-LRP), and the values get all; `matrix` is then of the maps alone. */
struct attention_rule {
    float matrix, value; /* of A V */
    float score;         /* of q k^T, to either */
    bool constant;
};

/* The attention matrices of a block and their G, for those who want to see them; NULL to skip. */
struct attention_maps {
    float *a;   /* [heads, rows, tokens] */
    float *g_a; /* [heads, rows, tokens], before the softmax's rule; if constant it leads nowhere */
};

/* a [heads, rows, tokens]: the attention matrices alone. */
void attention_matrices(const struct engine *engine, const struct attention *attention, float *a);

/* Where relevance goes from g_out [rows, dim]. */
struct attention_result {
    float *g_qkv; /* [tokens, 3 dim]: of q only the first `rows` rows; if constant, only v */
    struct attention_maps maps;
    float *bias; /* [heads]: what the bias of each head keeps, where there is one; NULL to skip */
};

/* Softmax by Taylor expansion, which in G form is its gradient. */
void attention_relevance(const struct engine *engine, const struct attention *attention,
                         struct attention_rule rule, const float *g_out,
                         const struct attention_result *result);

/* Several changes of q, k and v, and what they make of the result, by the same rule run forwards:
 * it is the transpose of attention_relevance. */
struct attention_changes {
    size_t count;
    const float *qkv; /* [count, tokens, 3 dim] */
    float *out;       /* [count, rows, dim] */
};

/* Of one image, whose attention is not differential. */
void attention_change(const struct engine *engine, const struct attention *attention,
                      struct attention_rule rule, const struct attention_changes *changes);

/* Floats of scratch that a thread needs (struct engine) for that many query rows, or for one; at
 * most 1 MB until a single row is half of that, half as much again for a differential attention. */
size_t attention_thread_scratch(size_t rows, size_t tokens, bool differential);

/* Floats of scratch behind those for operands in pieces, of heads of that size; 0 without. */
size_t attention_operand_scratch(size_t rows, size_t tokens, size_t size, size_t pieces);

#endif
