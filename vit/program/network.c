#include "vit/program/network.h"

#include <math.h>
#include <string.h>

#include "vit/math/flops.h"
#include "vit/math/profile.h"

enum vitlrp_status network_set_shape(struct network *net, const struct vit_model *model,
                                     int32_t input_height, int32_t input_width,
                                     struct vitlrp_error *err) {
    const struct vit_config *config = &model->config;
    int32_t height = input_height > 0 ? input_height : config->image_height;
    int32_t width = input_width > 0 ? input_width : config->image_width;
    if (height % config->patch_height != 0 || width % config->patch_width != 0) {
        return fail(err, VITLRP_MISMATCH,
                    "an input of %d x %d pixels is not a multiple of the model's %d x %d patches "
                    "(width x height)",
                    width, height, config->patch_width, config->patch_height);
    }
    *net = (struct network){.model = model,
                            .grid = {.rows = (size_t) (height / config->patch_height),
                                     .columns = (size_t) (width / config->patch_width),
                                     .patch_height = (size_t) config->patch_height,
                                     .patch_width = (size_t) config->patch_width},
                            .dim = (size_t) config->dim,
                            .mlp_dim = (size_t) config->mlp_dim,
                            .patch_pixels =
                                (size_t) config->patch_height * (size_t) config->patch_width * 3,
                            .input_height = height,
                            .input_width = width};
    net->patches = net->grid.rows * net->grid.columns;
    net->tokens = net->patches + 1;
    return VITLRP_OK;
}

/* ---- Layers ---- */

static struct linear_packs packs_of(const struct network *net, const struct vit_block *block,
                                    enum packed_layer layer) {
    size_t index = (size_t) (block - net->model->weights.blocks);
    return net->packs == NULL ? (struct linear_packs){0}
                              : net->packs[index * PACKED_LAYERS + layer];
}

struct linear network_qkv_part(const struct network *net, const struct vit_block *block,
                               size_t first, size_t count) {
    size_t dim = net->dim;
    struct linear layer = {.weight = block->qkv_weight + first * dim * dim,
                           .bias = block->qkv_bias == NULL ? NULL : block->qkv_bias + first * dim,
                           .outputs = count * dim,
                           .inputs = dim};
    if (count == 3) {
        layer.packs = packs_of(net, block, PACKED_QKV);
    }
    return layer;
}

struct linear network_qkv(const struct network *net, const struct vit_block *block) {
    return network_qkv_part(net, block, 0, 3);
}

struct linear network_proj(const struct network *net, const struct vit_block *block) {
    return (struct linear){.weight = block->proj_weight,
                           .bias = block->proj_bias,
                           .outputs = net->dim,
                           .inputs = net->dim,
                           .packs = packs_of(net, block, PACKED_PROJ)};
}

struct linear network_fc1(const struct network *net, const struct vit_block *block) {
    return (struct linear){.weight = block->fc1_weight,
                           .bias = block->fc1_bias,
                           .outputs = net->mlp_dim,
                           .inputs = net->dim,
                           .packs = packs_of(net, block, PACKED_FC1)};
}

struct linear network_fc2(const struct network *net, const struct vit_block *block) {
    return (struct linear){.weight = block->fc2_weight,
                           .bias = block->fc2_bias,
                           .outputs = net->dim,
                           .inputs = net->mlp_dim,
                           .packs = packs_of(net, block, PACKED_FC2)};
}

struct linear network_patch_layer(const struct network *net) {
    const struct vit_weights *weights = &net->model->weights;
    return (struct linear){.weight = weights->patch_weight,
                           .bias = weights->patch_bias,
                           .outputs = net->dim,
                           .inputs = net->patch_pixels};
}

struct linear network_head(const struct network *net) {
    const struct vit_weights *weights = &net->model->weights;
    return (struct linear){.weight = weights->head_weight,
                           .bias = weights->head_bias,
                           .outputs = (size_t) net->model->config.classes,
                           .inputs = net->dim};
}

struct attention network_attention(const struct network *net, const struct block_state *state) {
    return (struct attention){.rows = state->rows,
                              .tokens = net->tokens,
                              .heads = (size_t) net->model->config.heads,
                              .dim = net->dim,
                              .qkv = state->qkv};
}

/* ---- Row-wise operations ---- */

struct norm_job {
    const struct network *net;
    const float *x, *weight, *bias;
    float *out;
};

static void norm_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    size_t dim = job->net->dim;
    for (size_t r = first; r < first + count; r++) {
        job->net->engine.kernels->norm_forward(job->out + r * dim, job->x + r * dim, job->weight,
                                               job->bias, dim,
                                               job->net->model->config.layer_norm_eps);
    }
}

void network_norm(const struct network *net, const float *x, const float *weight, const float *bias,
                  size_t rows, float *out) {
    struct norm_job job = {net, x, weight, bias, out};
    engine_rows(&net->engine, rows, norm_rows, &job);
    profile_lap(net->engine.profile, PROFILE_NORM, 0.0);
}

struct gelu_job {
    const struct network *net;
    const float *z;
    float *out;
};

static void gelu_rows(void *context, size_t first, size_t count) {
    const struct gelu_job *job = context;
    size_t width = job->net->mlp_dim;
    job->net->engine.kernels->gelu_forward(job->out + first * width, job->z + first * width,
                                           count * width, job->net->model->config.activation);
}

void network_gelu(const struct network *net, const float *z, size_t rows, float *out) {
    struct gelu_job job = {net, z, out};
    engine_rows(&net->engine, rows, gelu_rows, &job);
    profile_lap(net->engine.profile, PROFILE_GELU, 0.0);
}

bool values_are_finite(const float *values, size_t count) {
    return kernels_select()->all_finite(values, count);
}

/* ---- The forward pass ---- */

static void lap_linear(const struct network *net, enum profile_kind kind,
                       const struct linear *layer, size_t rows) {
    profile_lap(net->engine.profile, kind, flops_linear(layer, rows));
}

void network_place_tokens(const struct network *net, size_t images, const float *embedded,
                          const float *position, float *x) {
    const struct kernels *kernels = net->engine.kernels;
    for (size_t i = 0; i < images; i++) {
        float *tokens = x + i * net->tokens * net->dim;
        kernels->add(tokens, net->model->weights.cls_token, position, net->dim);
        kernels->add(tokens + net->dim, embedded + i * net->patches * net->dim, position + net->dim,
                     net->patches * net->dim);
    }
}

void network_gather_cls(const struct network *net, size_t images, const float *x, float *out) {
    for (size_t i = 0; i < images; i++) {
        memcpy(out + i * net->dim, x + i * net->tokens * net->dim, net->dim * sizeof *out);
    }
}

/* q only for the rows that leave the block, k and v for all tokens. */
static void project_qkv(const struct network *net, size_t images, const struct vit_block *weights,
                        const struct block_state *state, const struct block_scratch *scratch) {
    size_t stride = 3 * net->dim;
    size_t rows = images * net->tokens;
    if (state->rows == net->tokens) {
        struct linear all = network_qkv(net, weights);
        linear_forward(&net->engine, &all, rows, scratch->normed, state->qkv, stride, NULL);
        lap_linear(net, PROFILE_QKV, &all, rows);
        return;
    }
    struct linear query = network_qkv_part(net, weights, 0, 1);
    struct linear key_value = network_qkv_part(net, weights, 1, 2);
    linear_forward(&net->engine, &key_value, rows, scratch->normed, state->qkv + net->dim, stride,
                   NULL);
    lap_linear(net, PROFILE_QKV, &key_value, rows);
    network_gather_cls(net, images, scratch->normed, scratch->cls);
    linear_forward(&net->engine, &query, images, scratch->cls, state->qkv, net->tokens * stride,
                   NULL);
    lap_linear(net, PROFILE_QKV, &query, images);
}

void network_block_qkv(const struct network *net, size_t images, const struct vit_block *weights,
                       const struct block_state *state, const struct block_scratch *scratch) {
    network_norm(net, state->x_in, weights->norm1_weight, weights->norm1_bias, images * net->tokens,
                 scratch->normed);
    project_qkv(net, images, weights, state, scratch);
}

void network_block_finish(const struct network *net, size_t images, const struct vit_block *weights,
                          const struct block_state *state, const struct block_scratch *scratch) {
    struct attention attention = network_attention(net, state);
    attention_forward(&net->engine, &attention, images, state->attention);
    profile_lap(net->engine.profile, PROFILE_ATTENTION, flops_attention(&attention, images));
    network_block_mix(net, images, weights, state, scratch);
}

void network_block_mix(const struct network *net, size_t images, const struct vit_block *weights,
                       const struct block_state *state, const struct block_scratch *scratch) {
    const struct engine *engine = &net->engine;
    struct linear proj = network_proj(net, weights);
    struct linear fc1 = network_fc1(net, weights);
    struct linear fc2 = network_fc2(net, weights);
    const float *residual = state->x_in;
    size_t rows = images * state->rows;
    if (state->rows != net->tokens) {
        network_gather_cls(net, images, state->x_in, scratch->cls);
        residual = scratch->cls;
    }
    linear_forward(engine, &proj, rows, state->attention, state->x_mid, net->dim, residual);
    lap_linear(net, PROFILE_PROJ, &proj, rows);
    network_norm(net, state->x_mid, weights->norm2_weight, weights->norm2_bias, rows,
                 scratch->normed);
    linear_forward(engine, &fc1, rows, scratch->normed, state->z, net->mlp_dim, NULL);
    lap_linear(net, PROFILE_FC1, &fc1, rows);
    network_gelu(net, state->z, rows, scratch->hidden);
    linear_forward(engine, &fc2, rows, scratch->hidden, state->x_out, net->dim, state->x_mid);
    lap_linear(net, PROFILE_FC2, &fc2, rows);
}

void network_block_forward(const struct network *net, size_t images,
                           const struct vit_block *weights, const struct block_state *state,
                           const struct block_scratch *scratch) {
    network_block_qkv(net, images, weights, state, scratch);
    network_block_finish(net, images, weights, state, scratch);
}

void network_head_forward(const struct network *net, size_t images, const float *cls, float *final,
                          float *logits) {
    const struct vit_weights *weights = &net->model->weights;
    struct linear head = network_head(net);
    network_norm(net, cls, weights->norm_weight, weights->norm_bias, images, final);
    linear_forward(&net->engine, &head, images, final, logits, head.outputs, NULL);
    lap_linear(net, PROFILE_HEAD, &head, images);
}
