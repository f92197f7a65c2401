/* The inside of a session, for the files that compute with it: session.c, forward.c, relevance.c.
 */
#ifndef VIT_SESSION_PRIVATE_H
#define VIT_SESSION_PRIVATE_H

#include "base/arena.h"
#include "vit/math/profile.h"
#include "vit/program/network.h"
#include "vit/program/session.h"

/* What the backward pass needs, kept by the forward pass: for every block 10 floats per token and
 * channel. LayerNorm, GELU and softmax are made again instead. */
/* t of the gamma rule (linear_step.total) in a block's MLP; arrays NULL without keep_totals. */
struct kept_totals {
    float *fc1;            /* [rows, mlp_dim] */
    float *fc2;            /* [rows, dim] */
    bool has_fc1, has_fc2; /* made since the last forward pass */
};

struct session_state {
    float *position; /* [tokens, dim] at this input size */
    float *unfolded; /* [patches, 3 ph pw]: the input */
    float *embedded; /* [patches, dim]: patch embedding with bias, before positions */
    float *final;    /* [dim]: normalised CLS token, input of the head */
    float *logits;   /* [classes] */
    struct block_state *blocks;
    struct kept_totals *totals; /* [depth] */
};

/* Scratch of a pass; the forward pass uses the first two. What is never alive at the same time lies
 * in the same place: fc2's relevance needs all of the places at once. */
struct session_scratch {
    float *normed; /* [tokens, dim] */
    float *hidden; /* [tokens, mlp_dim] */
    float *g_x;    /* [tokens, dim]: G of the residual stream */
    float *g_dim;  /* [tokens, dim] */
    float *g_row;  /* [tokens, dim] */
    float *g_wide; /* [tokens, max(mlp_dim, 3 dim, classes / tokens)] */
    float *y;      /* [tokens, dim]: output of proj or fc2, made from the residual stream; in the
                      place of normed, which is made after it */
    float *linear; /* linear_step.scratch of every layer but fc2; in the place of hidden, which only
                      fc2 reads */
    float *patch;  /* [patches, 3 ph pw], after the last block; in the place of g_wide */
    float *a;      /* [heads, tokens, tokens], NULL without attention_maps */
    float *g_a;    /* the same */
};

struct vit_session {
    struct network net;
    struct linear_packs *packs; /* [depth, PACKED_LAYERS] */
    enum vitlrp_precision precision;
    struct session_state state;
    struct session_scratch scratch;
    void *block;
    size_t bytes;
    bool has_forward;
    struct profile profile; /* the engine's, while it is measured */
};

#endif
