/* The forward pass of a pre-LayerNorm Vision Transformer (Dosovitskiy et al., ICLR 2021), keeping
 * what relevance needs. */
#include <math.h>
#include <string.h>

#include "vit/session_private.h"

/* x_0 = [CLS; patches W^T + b] + positions. */
static void embed_tokens(struct vit_session *session, const float *input) {
    struct session_state *state = &session->state;
    const struct kernels *kernels = session->engine.kernels;
    struct linear layer = session_patch_layer(session);
    float *x = state->blocks[0].x_in;
    embed_unfold(&session->grid, input, state->unfolded);
    linear_forward(&session->engine, &layer, session->patches, state->unfolded, state->embedded,
                   session->dim, NULL);
    kernels->add(x, session->model->weights.cls_token, state->position, session->dim);
    kernels->add(x + session->dim, state->embedded, state->position + session->dim,
                 session->patches * session->dim);
}

/* q only for the rows whose output is wanted, k and v for all tokens. */
static void project_qkv(struct vit_session *session, const struct vit_block *weights,
                        struct block_state *state, const float *normed) {
    const struct engine *engine = &session->engine;
    size_t stride = 3 * session->dim;
    if (state->rows == session->tokens) {
        struct linear all = block_qkv(session, weights);
        linear_forward(engine, &all, session->tokens, normed, state->qkv, stride, NULL);
        return;
    }
    struct linear query = qkv_part(session, weights, 0, 1);
    struct linear key_value = qkv_part(session, weights, 1, 2);
    linear_forward(engine, &query, state->rows, normed, state->qkv, stride, NULL);
    linear_forward(engine, &key_value, session->tokens, normed, state->qkv + session->dim, stride,
                   NULL);
}

struct gelu_job {
    const struct vit_session *session;
    const float *z;
    float *out;
};

static void gelu_rows(void *context, size_t first, size_t count) {
    const struct gelu_job *job = context;
    size_t width = job->session->mlp_dim;
    job->session->engine.kernels->gelu_forward(job->out + first * width, job->z + first * width,
                                               count * width,
                                               job->session->model->config.activation);
}

void session_gelu(const struct vit_session *session, const float *z, size_t rows, float *out) {
    struct gelu_job job = {session, z, out};
    engine_rows(&session->engine, rows, gelu_rows, &job);
}

static void forward_block(struct vit_session *session, const struct vit_block *weights,
                          struct block_state *state) {
    const struct engine *engine = &session->engine;
    struct session_scratch *scratch = &session->scratch;
    struct linear proj = block_proj(session, weights);
    struct linear fc1 = block_fc1(session, weights);
    struct linear fc2 = block_fc2(session, weights);
    struct attention attention = block_attention(session, state);
    session_norm(session, state->x_in, weights->norm1_weight, weights->norm1_bias, session->tokens,
                 scratch->normed);
    project_qkv(session, weights, state, scratch->normed);
    attention_forward(engine, &attention, state->attention);
    linear_forward(engine, &proj, state->rows, state->attention, state->x_mid, session->dim,
                   state->x_in);
    session_norm(session, state->x_mid, weights->norm2_weight, weights->norm2_bias, state->rows,
                 scratch->normed);
    linear_forward(engine, &fc1, state->rows, scratch->normed, state->z, session->mlp_dim, NULL);
    session_gelu(session, state->z, state->rows, scratch->hidden);
    linear_forward(engine, &fc2, state->rows, scratch->hidden, state->x_out, session->dim,
                   state->x_mid);
}

static void forward_head(struct vit_session *session) {
    const struct vit_weights *weights = &session->model->weights;
    struct session_state *state = &session->state;
    struct linear head = session_head(session);
    const float *cls = state->blocks[session->model->config.depth - 1].x_out;
    session_norm(session, cls, weights->norm_weight, weights->norm_bias, 1, state->final);
    linear_forward(&session->engine, &head, 1, state->final, state->logits, head.outputs, NULL);
}

enum status vit_forward(struct vit_session *session, const float *input, float *logits,
                        struct error *err) {
    const struct vit_config *config = &session->model->config;
    size_t classes = (size_t) config->classes;
    session->has_forward = false;
    if (!values_are_finite(input, session->patches * session->patch_pixels)) {
        return fail(err, STATUS_NUMERIC, "the model input holds NaN or infinity");
    }
    int saved = session->engine.backend->enter();
    embed_tokens(session, input);
    for (int32_t i = 0; i < config->depth; i++) {
        forward_block(session, &session->model->weights.blocks[i], &session->state.blocks[i]);
    }
    forward_head(session);
    session->engine.backend->leave(saved);
    if (!values_are_finite(session->state.logits, classes)) {
        return fail(err, STATUS_NUMERIC,
                    "the logits are not finite: the weights do not suit this "
                    "input");
    }
    memcpy(logits, session->state.logits, classes * sizeof *logits);
    session->has_forward = true;
    return STATUS_OK;
}

enum status vit_block_output(const struct vit_session *session, int32_t block, float *output,
                             struct error *err) {
    int32_t depth = session->model->config.depth;
    if (!session->has_forward) {
        return fail(err, STATUS_USAGE, "no forward pass yet");
    }
    if (block < -1 || block >= depth) {
        return fail(err, STATUS_USAGE, "block %d is out of range: -1 (embedding) to %d", block,
                    depth - 1);
    }
    if (block >= 0 && session->state.blocks[block].rows != session->tokens) {
        return fail(err, STATUS_USAGE,
                    "the last block computed the CLS token only: open the session with "
                    "keep_all_tokens");
    }
    const float *tokens =
        block < 0 ? session->state.blocks[0].x_in : session->state.blocks[block].x_out;
    memcpy(output, tokens, session->tokens * session->dim * sizeof *output);
    return STATUS_OK;
}
