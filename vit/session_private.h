/* The inside of a session, for the files that compute with it: session.c, forward.c, relevance.c.
 */
#ifndef VIT_SESSION_PRIVATE_H
#define VIT_SESSION_PRIVATE_H

#include "base/arena.h"
#include "vit/attention.h"
#include "vit/embed.h"
#include "vit/engine.h"
#include "vit/session.h"

/* What the backward pass needs of a block, kept by the forward pass: 10 floats per token and
 * channel. LayerNorm, GELU and softmax are made again instead. */
struct block_state {
    float *x_in;      /* [tokens, dim] */
    float *qkv;       /* [tokens, 3 dim] */
    float *attention; /* [rows, dim]: concatenated heads, input of proj */
    float *x_mid;     /* [rows, dim]: after the attention's residual */
    float *z;         /* [rows, mlp_dim]: fc1's pre-activation */
    float *x_out;     /* [rows, dim]: the next block's x_in */
    size_t rows;      /* tokens whose output is computed: all, or CLS only in the last block */
};

struct session_state {
    float *position; /* [tokens, dim] at this input size */
    float *unfolded; /* [patches, 3 ph pw]: the input */
    float *embedded; /* [patches, dim]: patch embedding with bias, before positions */
    float *final;    /* [dim]: normalised CLS token, input of the head */
    float *logits;   /* [classes] */
    struct block_state *blocks;
};

/* Scratch of a pass; the forward pass uses the first two. */
struct session_scratch {
    float *normed; /* [tokens, dim] */
    float *hidden; /* [tokens, mlp_dim] */
    float *g_x;    /* [tokens, dim]: G of the residual stream */
    float *g_dim;  /* [tokens, dim] */
    float *g_row;  /* [tokens, dim] */
    float *g_wide; /* [tokens, max(mlp_dim, 3 dim, classes / tokens)] */
    float *y;      /* [tokens, dim]: output of proj or fc2, made from the residual stream */
    float *patch;  /* [patches, 3 ph pw] */
    float *linear; /* linear_relevance_scratch of the largest layer */
    float *a;      /* [heads, tokens, tokens], NULL without attention_maps */
    float *g_a;    /* the same */
};

struct vit_session {
    const struct vit_model *model;
    struct engine engine;
    struct patch_grid grid;
    size_t patches, tokens, dim, mlp_dim, patch_pixels;
    int32_t input_height, input_width;
    struct session_state state;
    struct session_scratch scratch;
    void *block;
    size_t bytes;
    bool has_forward;
};

/* The layers of a block as linear_forward and linear_relevance take them. */
struct linear block_qkv(const struct vit_session *session, const struct vit_block *block);
struct linear block_proj(const struct vit_session *session, const struct vit_block *block);
struct linear block_fc1(const struct vit_session *session, const struct vit_block *block);
struct linear block_fc2(const struct vit_session *session, const struct vit_block *block);
struct linear session_patch_layer(const struct vit_session *session);
struct linear session_head(const struct vit_session *session);

/* `count` of the stacked q, k, v parts of the layer, from `first` on. */
struct linear qkv_part(const struct vit_session *session, const struct vit_block *block,
                       size_t first, size_t count);

/* The attention of a block over its saved qkv. */
struct attention block_attention(const struct vit_session *session,
                                 const struct block_state *state);

/* out [rows, dim] = LayerNorm of x, on the pool. */
void session_norm(const struct vit_session *session, const float *x, const float *weight,
                  const float *bias, size_t rows, float *out);

/* out [rows, mlp_dim] = GELU of z, on the pool. */
void session_gelu(const struct vit_session *session, const float *z, size_t rows, float *out);

/* True if all `count` values are finite. */
bool values_are_finite(const float *values, size_t count);

#endif
