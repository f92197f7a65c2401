#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/program/session_private.h"
#include "vit/tokens/position.h"

/* ---- Opening ---- */

/* Tokens that leave a block. */
static size_t rows_of(const struct vit_session *session, const struct vit_session_options *options,
                      size_t block) {
    bool last = block + 1 == (size_t) session->net.model->config.depth;
    return last && !options->keep_all_tokens ? 1 : session->net.tokens;
}

/* Room for what the attributions of one forward pass share. */
static void lay_out_totals(struct vit_session *session, struct arena *arena,
                           const struct vit_session_options *options) {
    size_t depth = (size_t) session->net.model->config.depth;
    struct kept_totals *totals = arena_take(arena, depth, sizeof *totals);
    session->state.totals = totals;
    for (size_t i = 0; i < depth; i++) {
        struct kept_totals kept = {0};
        if (options->keep_totals) {
            size_t rows = rows_of(session, options, i);
            kept.fc1 = arena_take_floats(arena, rows, session->net.mlp_dim);
            kept.fc2 = arena_take_floats(arena, rows, session->net.dim);
        }
        if (totals != NULL) {
            totals[i] = kept;
        }
    }
}

static void lay_out_state(struct vit_session *session, struct arena *arena,
                          const struct vit_session_options *options) {
    struct session_state *state = &session->state;
    size_t tokens = session->net.tokens;
    size_t dim = session->net.dim;
    size_t depth = (size_t) session->net.model->config.depth;
    state->position = arena_take_floats(arena, tokens, dim);
    state->unfolded = arena_take_floats(arena, session->net.patches, session->net.patch_pixels);
    state->embedded = arena_take_floats(arena, session->net.patches, dim);
    state->final = arena_take_floats(arena, 1, dim);
    state->logits = arena_take_floats(arena, 1, (size_t) session->net.model->config.classes);
    state->blocks = arena_take(arena, depth, sizeof *state->blocks);
    float *x_in = arena_take_floats(arena, tokens, dim);
    for (size_t i = 0; i < depth; i++) {
        size_t rows = rows_of(session, options, i);
        struct block_state block = {.x_in = x_in, .rows = rows};
        block.qkv = arena_take_floats(arena, tokens, 3 * dim);
        block.attention = arena_take_floats(arena, rows, dim);
        block.x_mid = arena_take_floats(arena, rows, dim);
        block.z = arena_take_floats(arena, rows, session->net.mlp_dim);
        block.x_out = arena_take_floats(arena, rows, dim);
        x_in = block.x_out;
        if (state->blocks != NULL) {
            state->blocks[i] = block;
        }
    }
}

/* The most inputs or outputs of a layer over all tokens. */
static size_t widest_layer(const struct network *net) {
    return size_max(size_max(net->mlp_dim, 3 * net->dim), net->patch_pixels);
}

static void lay_out_scratch(struct vit_session *session, struct arena *arena,
                            const struct vit_session_options *options) {
    struct session_scratch *scratch = &session->scratch;
    size_t heads = (size_t) session->net.model->config.heads;
    size_t tokens = session->net.tokens;
    size_t dim = session->net.dim;
    size_t classes = (size_t) session->net.model->config.classes;
    size_t wide = size_max(tokens * size_max(session->net.mlp_dim, 3 * dim), classes);
    size_t pixels = session->net.patches * session->net.patch_pixels;
    scratch->normed = arena_take_floats(arena, tokens, dim);
    scratch->y = scratch->normed;
    scratch->hidden = arena_take_floats(arena, 1, wide);
    scratch->linear = scratch->hidden;
    scratch->g_x = arena_take_floats(arena, tokens, dim);
    scratch->g_dim = arena_take_floats(arena, tokens, dim);
    scratch->g_row = arena_take_floats(arena, tokens, dim);
    scratch->g_wide = arena_take_floats(arena, 1, size_max(wide, pixels));
    scratch->patch = scratch->g_wide;
    session->net.engine.operand =
        arena_take(arena,
                   size_max(linear_relevance_operand(tokens, widest_layer(&session->net)),
                            linear_relevance_operand(1, classes)),
                   1);
    session->net.engine.thread_floats =
        size_max(linear_thread_scratch(), attention_thread_scratch(tokens, tokens));
    session->net.engine.thread_scratch =
        arena_take_floats(arena, options->threads, session->net.engine.thread_floats);
    if (options->attention_maps) {
        scratch->a = arena_take_floats(arena, heads * tokens, tokens);
        scratch->g_a = arena_take_floats(arena, heads * tokens, tokens);
    }
}

static void lay_out(struct vit_session *session, struct arena *arena,
                    const struct vit_session_options *options) {
    size_t layers = (size_t) session->net.model->config.depth * PACKED_LAYERS;
    session->packs = arena_take(arena, layers, sizeof *session->packs);
    lay_out_state(session, arena, options);
    lay_out_totals(session, arena, options);
    lay_out_scratch(session, arena, options);
}

static enum vitlrp_status measure(struct vit_session *session,
                                  const struct vit_session_options *options, size_t *bytes,
                                  struct vitlrp_error *err) {
    struct arena arena = arena_measuring();
    lay_out(session, &arena, options);
    if (arena.overflow) {
        return fail(err, VITLRP_LIMIT, "an input of %d x %d pixels needs more memory than there is",
                    session->net.input_width, session->net.input_height);
    }
    *bytes = arena.used;
    return VITLRP_OK;
}

enum vitlrp_status vit_session_bytes(const struct vit_model *model,
                                     const struct vit_session_options *options, size_t *bytes,
                                     struct vitlrp_error *err) {
    struct vit_session session = {0};
    TRY(network_set_shape(&session.net, model, options->input_height, options->input_width, err));
    return measure(&session, options, bytes, err);
}

/* Everything after the sizes are known; what it has opened so far is released by vit_session_close.
 */
static enum vitlrp_status open_resources(struct vit_session *session,
                                         const struct vit_session_options *options,
                                         struct vitlrp_error *err) {
    TRY(measure(session, options, &session->bytes, err));
    if (options->max_bytes != 0 && session->bytes > options->max_bytes) {
        return fail(err, VITLRP_LIMIT, "needs %zu bytes of memory, the limit is %zu",
                    session->bytes, options->max_bytes);
    }
    session->block = mem_alloc_aligned(session->bytes, 1);
    if (session->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: a session needs %zu bytes", session->bytes);
    }
    TRY(engine_open(&session->net.engine, options->backend, options->threads, err));
    struct arena arena = arena_over(session->block, session->bytes);
    lay_out(session, &arena, options);
    session->precision = packs_precision(session->net.engine.backend, options->precision);
    session->net.packs = session->packs;
    TRY(packs_choose(session->net.model, &session->net.engine,
                     &(struct packs_request){.precision = session->precision,
                                             .backward = true,
                                             .many_passes = options->many_passes},
                     session->packs, err));
    return position_resample(session->net.model, (int32_t) session->net.grid.rows,
                             (int32_t) session->net.grid.columns, session->state.position, err);
}

enum vitlrp_status vit_session_open(const struct vit_model *model,
                                    const struct vit_session_options *options,
                                    struct vit_session **out, struct vitlrp_error *err) {
    struct vit_session *session = mem_calloc(1, sizeof *session);
    if (session == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a session");
    }
    enum vitlrp_status status =
        network_set_shape(&session->net, model, options->input_height, options->input_width, err);
    if (status == VITLRP_OK) {
        status = open_resources(session, options, err);
    }
    if (status != VITLRP_OK) {
        vit_session_close(session);
        return status;
    }
    *out = session;
    return VITLRP_OK;
}

void vit_session_close(struct vit_session *session) {
    if (session == NULL) {
        return;
    }
    engine_close(&session->net.engine);
    mem_free(session->block);
    mem_free(session);
}

/* ---- Describing and measuring ---- */

/* Multiply-adds counted as two operations; products only. */
static double forward_flops(const struct vit_session *session) {
    double dim = (double) session->net.dim;
    double tokens = (double) session->net.tokens;
    double flops = 2.0 * (double) session->net.patches * dim * (double) session->net.patch_pixels;
    for (int32_t i = 0; i < session->net.model->config.depth; i++) {
        double rows = (double) session->state.blocks[i].rows;
        flops += 2.0 * dim * dim * (rows + 2.0 * tokens); /* q, k and v */
        flops += 4.0 * rows * tokens * dim;               /* both products of the attention */
        flops += 2.0 * rows * dim * (dim + 2.0 * (double) session->net.mlp_dim);
    }
    return flops + 2.0 * dim * session->net.model->config.classes;
}

struct vit_session_info vit_session_describe(const struct vit_session *session) {
    return (struct vit_session_info){.threads = pool_threads(session->net.engine.pool),
                                     .input_height = session->net.input_height,
                                     .input_width = session->net.input_width,
                                     .grid_height = (int32_t) session->net.grid.rows,
                                     .grid_width = (int32_t) session->net.grid.columns,
                                     .tokens = (int32_t) session->net.tokens,
                                     .backend = session->net.engine.backend->name,
                                     .precision = session->precision,
                                     .instruction_set = session->net.engine.kernels->name,
                                     .bytes = session->bytes,
                                     .arranged_bytes = packs_bytes(session->net.model),
                                     .forward_flops = forward_flops(session)};
}

void vit_session_profile_start(struct vit_session *session) {
    session->profile = (struct profile){0};
    session->net.engine.profile = &session->profile;
}

void vit_session_profile_stop(struct vit_session *session) {
    session->net.engine.profile = NULL;
}

const struct profile *vit_session_profile(const struct vit_session *session) {
    return &session->profile;
}
