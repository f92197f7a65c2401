#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "vit/position.h"
#include "vit/session_private.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static struct linear linear_of(const float *weight, const float *bias, size_t outputs,
                               size_t inputs) {
    return (struct linear){weight, bias, outputs, inputs};
}

struct linear qkv_part(const struct vit_session *session, const struct vit_block *block,
                       size_t first, size_t count) {
    size_t dim = session->dim;
    return linear_of(block->qkv_weight + first * dim * dim, block->qkv_bias + first * dim,
                     count * dim, dim);
}

struct linear block_qkv(const struct vit_session *session, const struct vit_block *block) {
    return qkv_part(session, block, 0, 3);
}

struct linear block_proj(const struct vit_session *session, const struct vit_block *block) {
    return linear_of(block->proj_weight, block->proj_bias, session->dim, session->dim);
}

struct linear block_fc1(const struct vit_session *session, const struct vit_block *block) {
    return linear_of(block->fc1_weight, block->fc1_bias, session->mlp_dim, session->dim);
}

struct linear block_fc2(const struct vit_session *session, const struct vit_block *block) {
    return linear_of(block->fc2_weight, block->fc2_bias, session->dim, session->mlp_dim);
}

struct linear session_patch_layer(const struct vit_session *session) {
    const struct vit_weights *weights = &session->model->weights;
    return linear_of(weights->patch_weight, weights->patch_bias, session->dim,
                     session->patch_pixels);
}

struct linear session_head(const struct vit_session *session) {
    const struct vit_weights *weights = &session->model->weights;
    return linear_of(weights->head_weight, weights->head_bias,
                     (size_t) session->model->config.classes, session->dim);
}

struct attention block_attention(const struct vit_session *session,
                                 const struct block_state *state) {
    return (struct attention){.rows = state->rows,
                              .tokens = session->tokens,
                              .heads = (size_t) session->model->config.heads,
                              .dim = session->dim,
                              .qkv = state->qkv};
}

struct norm_job {
    const struct vit_session *session;
    const float *x, *weight, *bias;
    float *out;
};

static void norm_rows(void *context, size_t first, size_t count) {
    const struct norm_job *job = context;
    size_t dim = job->session->dim;
    for (size_t r = first; r < first + count; r++) {
        job->session->engine.kernels->norm_forward(job->out + r * dim, job->x + r * dim,
                                                   job->weight, job->bias, dim,
                                                   job->session->model->config.layer_norm_eps);
    }
}

void session_norm(const struct vit_session *session, const float *x, const float *weight,
                  const float *bias, size_t rows, float *out) {
    struct norm_job job = {session, x, weight, bias, out};
    engine_rows(&session->engine, rows, norm_rows, &job);
}

bool values_are_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Opening ---- */

/* Sizes only: no memory yet. */
static enum status set_shape(struct vit_session *session, const struct vit_model *model,
                             const struct vit_session_options *options, struct error *err) {
    const struct vit_config *config = &model->config;
    int32_t height = options->input_height > 0 ? options->input_height : config->image_height;
    int32_t width = options->input_width > 0 ? options->input_width : config->image_width;
    if (height % config->patch_height != 0 || width % config->patch_width != 0) {
        return fail(err, STATUS_MISMATCH,
                    "an input of %d x %d pixels is not a multiple of the model's %d x %d patches "
                    "(width x height)",
                    width, height, config->patch_width, config->patch_height);
    }
    *session = (struct vit_session){.model = model,
                                    .grid = {.rows = (size_t) (height / config->patch_height),
                                             .columns = (size_t) (width / config->patch_width),
                                             .patch_height = (size_t) config->patch_height,
                                             .patch_width = (size_t) config->patch_width},
                                    .dim = (size_t) config->dim,
                                    .mlp_dim = (size_t) config->mlp_dim,
                                    .patch_pixels = (size_t) config->patch_height *
                                                    (size_t) config->patch_width * 3,
                                    .input_height = height,
                                    .input_width = width};
    session->patches = session->grid.rows * session->grid.columns;
    session->tokens = session->patches + 1;
    return STATUS_OK;
}

static float *take_floats(struct arena *arena, size_t rows, size_t columns) {
    size_t row_bytes = columns * sizeof(float);
    return arena_take(arena, rows, row_bytes);
}

static void lay_out_state(struct vit_session *session, struct arena *arena, bool keep_all_tokens) {
    struct session_state *state = &session->state;
    size_t tokens = session->tokens;
    size_t dim = session->dim;
    size_t depth = (size_t) session->model->config.depth;
    state->position = take_floats(arena, tokens, dim);
    state->unfolded = take_floats(arena, session->patches, session->patch_pixels);
    state->embedded = take_floats(arena, session->patches, dim);
    state->final = take_floats(arena, 1, dim);
    state->logits = take_floats(arena, 1, (size_t) session->model->config.classes);
    state->blocks = arena_take(arena, depth, sizeof *state->blocks);
    float *x_in = take_floats(arena, tokens, dim);
    for (size_t i = 0; i < depth; i++) {
        size_t rows = i + 1 == depth && !keep_all_tokens ? 1 : tokens;
        struct block_state block = {.x_in = x_in, .rows = rows};
        block.qkv = take_floats(arena, tokens, 3 * dim);
        block.attention = take_floats(arena, rows, dim);
        block.x_mid = take_floats(arena, rows, dim);
        block.z = take_floats(arena, rows, session->mlp_dim);
        block.x_out = take_floats(arena, rows, dim);
        x_in = block.x_out;
        if (state->blocks != NULL) {
            state->blocks[i] = block;
        }
    }
}

/* The largest scratch that any layer's relevance asks for. */
static size_t largest_linear_scratch(const struct vit_session *session) {
    size_t tokens = session->tokens;
    size_t dim = session->dim;
    size_t floats = linear_relevance_scratch(tokens, session->mlp_dim, dim);
    floats = larger(floats, linear_relevance_scratch(tokens, 3 * dim, dim));
    floats = larger(floats, linear_relevance_scratch(session->patches, dim, session->patch_pixels));
    return larger(floats,
                  linear_relevance_scratch(1, (size_t) session->model->config.classes, dim));
}

static void lay_out_scratch(struct vit_session *session, struct arena *arena,
                            const struct vit_session_options *options) {
    struct session_scratch *scratch = &session->scratch;
    size_t heads = (size_t) session->model->config.heads;
    size_t tokens = session->tokens;
    size_t dim = session->dim;
    size_t classes = (size_t) session->model->config.classes;
    size_t wide = larger(tokens * larger(session->mlp_dim, 3 * dim), classes);
    scratch->normed = take_floats(arena, tokens, dim);
    scratch->hidden = take_floats(arena, tokens, session->mlp_dim);
    scratch->g_x = take_floats(arena, tokens, dim);
    scratch->g_dim = take_floats(arena, tokens, dim);
    scratch->g_row = take_floats(arena, tokens, dim);
    scratch->g_wide = take_floats(arena, 1, wide);
    scratch->y = take_floats(arena, tokens, dim);
    scratch->patch = take_floats(arena, session->patches, session->patch_pixels);
    scratch->linear = take_floats(arena, 1, largest_linear_scratch(session));
    session->engine.thread_floats =
        larger(linear_thread_scratch(), attention_thread_scratch(tokens, tokens));
    session->engine.thread_scratch =
        take_floats(arena, options->threads, session->engine.thread_floats);
    if (options->attention_maps) {
        scratch->a = take_floats(arena, heads * tokens, tokens);
        scratch->g_a = take_floats(arena, heads * tokens, tokens);
    }
}

static enum status measure(struct vit_session *session, const struct vit_session_options *options,
                           size_t *bytes, struct error *err) {
    struct arena arena = arena_measuring();
    lay_out_state(session, &arena, options->keep_all_tokens);
    lay_out_scratch(session, &arena, options);
    if (arena.overflow) {
        return fail(err, STATUS_LIMIT, "an input of %d x %d pixels needs more memory than there is",
                    session->input_width, session->input_height);
    }
    *bytes = arena.used;
    return STATUS_OK;
}

enum status vit_session_bytes(const struct vit_model *model,
                              const struct vit_session_options *options, size_t *bytes,
                              struct error *err) {
    struct vit_session session;
    TRY(set_shape(&session, model, options, err));
    return measure(&session, options, bytes, err);
}

/* Everything after the sizes are known; what it has opened so far is released by vit_session_close.
 */
static enum status open_resources(struct vit_session *session,
                                  const struct vit_session_options *options, struct error *err) {
    TRY(gemm_backend_find(options->backend, &session->engine.backend, err));
    TRY(measure(session, options, &session->bytes, err));
    if (options->max_bytes != 0 && session->bytes > options->max_bytes) {
        return fail(err, STATUS_LIMIT, "needs %zu bytes of memory, the limit is %zu",
                    session->bytes, options->max_bytes);
    }
    session->engine.kernels = kernels_select();
    session->block = mem_alloc_aligned(session->bytes, 1);
    if (session->block == NULL) {
        return fail(err, STATUS_NOMEM, "out of memory: a session needs %zu bytes", session->bytes);
    }
    int saved = session->engine.backend->enter();
    session->engine.backend->thread_start();
    session->engine.backend->leave(saved);
    TRY(pool_open(options->threads, session->engine.backend->thread_start, &session->engine.pool,
                  err));
    struct arena arena = arena_over(session->block, session->bytes);
    lay_out_state(session, &arena, options->keep_all_tokens);
    lay_out_scratch(session, &arena, options);
    return position_resample(session->model, (int32_t) session->grid.rows,
                             (int32_t) session->grid.columns, session->state.position, err);
}

enum status vit_session_open(const struct vit_model *model,
                             const struct vit_session_options *options, struct vit_session **out,
                             struct error *err) {
    struct vit_session *session = mem_calloc(1, sizeof *session);
    if (session == NULL) {
        return fail(err, STATUS_NOMEM, "out of memory for a session");
    }
    enum status status = set_shape(session, model, options, err);
    if (status == STATUS_OK) {
        status = open_resources(session, options, err);
    }
    if (status != STATUS_OK) {
        vit_session_close(session);
        return status;
    }
    *out = session;
    return STATUS_OK;
}

void vit_session_close(struct vit_session *session) {
    if (session == NULL) {
        return;
    }
    pool_close(session->engine.pool);
    mem_free(session->block);
    mem_free(session);
}

/* ---- Describing and measuring ---- */

/* Multiply-adds counted as two operations; products only. */
static double forward_flops(const struct vit_session *session) {
    double dim = (double) session->dim;
    double tokens = (double) session->tokens;
    double flops = 2.0 * (double) session->patches * dim * (double) session->patch_pixels;
    for (int32_t i = 0; i < session->model->config.depth; i++) {
        double rows = (double) session->state.blocks[i].rows;
        flops += 2.0 * dim * dim * (rows + 2.0 * tokens); /* q, k and v */
        flops += 4.0 * rows * tokens * dim;               /* both products of the attention */
        flops += 2.0 * rows * dim * (dim + 2.0 * (double) session->mlp_dim);
    }
    return flops + 2.0 * dim * session->model->config.classes;
}

struct vit_session_info vit_session_describe(const struct vit_session *session) {
    return (struct vit_session_info){.threads = pool_threads(session->engine.pool),
                                     .input_height = session->input_height,
                                     .input_width = session->input_width,
                                     .grid_height = (int32_t) session->grid.rows,
                                     .grid_width = (int32_t) session->grid.columns,
                                     .tokens = (int32_t) session->tokens,
                                     .backend = session->engine.backend->name,
                                     .instruction_set = session->engine.kernels->name,
                                     .bytes = session->bytes,
                                     .forward_flops = forward_flops(session)};
}
