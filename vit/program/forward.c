/* The forward pass of a pre-LayerNorm Vision Transformer (Dosovitskiy et al., ICLR 2021), keeping
 * what relevance needs. */
#include <string.h>

#include "vit/math/flops.h"
#include "vit/program/session_private.h"

static void embed_input(struct vit_session *session, const float *input) {
    const struct network *net = &session->net;
    struct session_state *state = &session->state;
    struct linear layer = network_patch_layer(net);
    embed_unfold(&net->grid, input, state->unfolded);
    linear_forward(&net->engine, &layer, net->patches, state->unfolded, state->embedded, net->dim,
                   NULL);
    network_place_tokens(net, 1, state->embedded, state->position, state->blocks[0].x_in);
    profile_lap(net->engine.profile, PROFILE_CONV, flops_linear(&layer, net->patches));
}

static enum vitlrp_status forward_pass(struct vit_session *session, const float *input,
                                       float *logits, struct vitlrp_error *err) {
    const struct network *net = &session->net;
    const struct vit_config *config = &net->model->config;
    struct session_state *state = &session->state;
    struct block_scratch scratch = {.normed = session->scratch.normed,
                                    .hidden = session->scratch.hidden,
                                    .cls = session->scratch.g_dim};
    size_t classes = (size_t) config->classes;
    session->has_forward = false;
    for (int32_t i = 0; i < config->depth; i++) {
        state->totals[i].has_fc1 = false;
        state->totals[i].has_fc2 = false;
    }
    if (!values_are_finite(input, session->net.patches * session->net.patch_pixels)) {
        return fail(err, VITLRP_NUMERIC, "the model input holds NaN or infinity");
    }
    profile_lap(net->engine.profile, PROFILE_OTHER, 0.0);
    struct gemm_entry saved;
    session->net.engine.backend->enter(&saved);
    embed_input(session, input);
    for (int32_t i = 0; i < config->depth; i++) {
        network_block_forward(net, 1, &net->model->weights.blocks[i], &state->blocks[i], &scratch);
    }
    network_head_forward(net, 1, state->blocks[config->depth - 1].x_out, state->final,
                         state->logits);
    session->net.engine.backend->leave(&saved);
    TRY(engine_check(&net->engine, err));
    if (!values_are_finite(session->state.logits, classes)) {
        return fail(err, VITLRP_NUMERIC,
                    "the logits are not finite: the weights do not suit this "
                    "input");
    }
    if (logits != NULL) {
        memcpy(logits, session->state.logits, classes * sizeof *logits);
    }
    session->has_forward = true;
    return VITLRP_OK;
}

enum vitlrp_status vit_forward(struct vit_session *session, const float *input, float *logits,
                               struct vitlrp_error *err) {
    profile_begin(session->net.engine.profile, PROFILE_FORWARD);
    enum vitlrp_status status = forward_pass(session, input, logits, err);
    profile_end(session->net.engine.profile);
    return status;
}

enum vitlrp_status vit_block_output(const struct vit_session *session, int32_t block, float *output,
                                    struct vitlrp_error *err) {
    int32_t depth = session->net.model->config.depth;
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet");
    }
    if (block < -1 || block >= depth) {
        return fail(err, VITLRP_USAGE, "block %d is out of range: -1 (embedding) to %d", block,
                    depth - 1);
    }
    if (block >= 0 && session->state.blocks[block].rows != session->net.tokens) {
        return fail(err, VITLRP_USAGE,
                    "the last block computed the CLS token only: open the session with "
                    "keep_all_tokens");
    }
    const float *tokens =
        block < 0 ? session->state.blocks[0].x_in : session->state.blocks[block].x_out;
    memcpy(output, tokens, session->net.tokens * session->net.dim * sizeof *output);
    return VITLRP_OK;
}
