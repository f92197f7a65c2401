/* A model at one input size together with where to run it: what the forward and the backward pass
 * are written over. And the forward pass of one block, for any number of images at once. */
#ifndef VIT_NETWORK_H
#define VIT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "vit/math/attention.h"
#include "vit/math/engine.h"
#include "vit/math/linear.h"
#include "vit/math/packs.h"
#include "vit/model/model.h"
#include "vit/tokens/embed.h"

struct network {
    const struct vit_model *model;
    struct engine engine;
    const struct linear_packs *packs; /* [depth, PACKED_LAYERS], or NULL: weights as stored */
    struct patch_grid grid;
    size_t patches, tokens, dim, mlp_dim, patch_pixels;
    int32_t input_height, input_width;
};

/* Sets everything but the engine. Input sizes 0: as trained. MISMATCH if they are no multiple of
 * the patch. */
enum vitlrp_status network_set_shape(struct network *net, const struct vit_model *model,
                                     int32_t input_height, int32_t input_width,
                                     struct vitlrp_error *err);

/* The layers as linear_forward and linear_relevance take them. */
struct linear network_qkv(const struct network *net, const struct vit_block *block);
struct linear network_proj(const struct network *net, const struct vit_block *block);
struct linear network_fc1(const struct network *net, const struct vit_block *block);
struct linear network_fc2(const struct network *net, const struct vit_block *block);
struct linear network_patch_layer(const struct network *net);
struct linear network_head(const struct network *net);

/* `count` of the stacked q, k, v parts of the layer, from `first` on. */
struct linear network_qkv_part(const struct network *net, const struct vit_block *block,
                               size_t first, size_t count);

/* out [rows, dim] = LayerNorm of x, on the pool. */
void network_norm(const struct network *net, const float *x, const float *weight, const float *bias,
                  size_t rows, float *out);

/* out [rows, mlp_dim] = GELU of z, on the pool. */
void network_gelu(const struct network *net, const float *z, size_t rows, float *out);

/* Where a block's forward pass puts its results. `rows` tokens of every image leave the block: all
 * of them, or only CLS (1) in the last one; arrays of [rows, ...] are dense over the images. */
struct block_state {
    float *x_in;      /* [images, tokens, dim] */
    float *qkv;       /* [images, tokens, 3 dim] */
    float *attention; /* [images, rows, dim]: concatenated heads, input of proj */
    float *x_mid;     /* [images, rows, dim]: after the attention's residual */
    float *z;         /* [images, rows, mlp_dim]: fc1's pre-activation */
    float *x_out;     /* [images, rows, dim]: the next block's x_in */
    size_t rows;
};

struct block_scratch {
    float *normed; /* [images, tokens, dim] */
    float *hidden; /* [images, rows, mlp_dim]; may be the z of a state that is not kept */
    float *cls;    /* [images, dim] */
};

/* The first part of a block: from x_in to qkv. A token's depend on that token alone. */
void network_block_qkv(const struct network *net, size_t images, const struct vit_block *weights,
                       const struct block_state *state, const struct block_scratch *scratch);

/* The rest: from x_in and qkv to x_out. */
void network_block_finish(const struct network *net, size_t images, const struct vit_block *weights,
                          const struct block_state *state, const struct block_scratch *scratch);

/* What follows the attention: from state->attention to x_out. */
void network_block_mix(const struct network *net, size_t images, const struct vit_block *weights,
                       const struct block_state *state, const struct block_scratch *scratch);

/* out [images, dim]: the CLS row of every image of x [images, tokens, dim]. */
void network_gather_cls(const struct network *net, size_t images, const float *x, float *out);

/* Both: from x_in to x_out. */
void network_block_forward(const struct network *net, size_t images,
                           const struct vit_block *weights, const struct block_state *state,
                           const struct block_scratch *scratch);

/* x [images, tokens, dim] from embedded patches [images, patches, dim]: CLS in front, positions
 * [tokens, dim] added. */
void network_place_tokens(const struct network *net, size_t images, const float *embedded,
                          const float *position, float *x);

/* logits [images, classes] from the CLS tokens cls [images, dim]; final [images, dim] takes their
 * LayerNorm. */
void network_head_forward(const struct network *net, size_t images, const float *cls, float *final,
                          float *logits);

/* The attention of one image of a state. */
struct attention network_attention(const struct network *net, const struct block_state *state);

/* True if all `count` values are finite. */
bool values_are_finite(const float *values, size_t count);

#endif
