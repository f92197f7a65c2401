/* Multi-head self-attention, one head per task. Attention matrices live in a thread's scratch only:
 * the backward pass makes them again, so that memory does not grow with tokens squared times
 * layers. */
#ifndef VIT_ATTENTION_H
#define VIT_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/engine.h"

/* Queries of the first `rows` tokens attend to all tokens. */
struct attention {
    size_t rows;
    size_t tokens;
    size_t heads;
    size_t dim;       /* heads * head size */
    const float *qkv; /* [tokens, 3 dim]: q, k, v; of q only the first `rows` rows are read */
};

/* out [rows, dim] = concatenated heads of softmax(q k^T / sqrt(head size)) v. */
void attention_forward(const struct engine *engine, const struct attention *attention, float *out);

/* g_qkv [tokens, 3 dim] from g_out [rows, dim]. AttnLRP (cp false): half to each operand of both
 * products, softmax by Taylor expansion; q is written in the first `rows` rows only. CP-LRP (cp
 * true): attention weights are constants, so only v is written. */
void attention_relevance(const struct engine *engine, const struct attention *attention, bool cp,
                         const float *g_out, float *g_qkv);

/* Floats of scratch that a thread needs (struct engine). */
size_t attention_thread_scratch(size_t rows, size_t tokens);

#endif
