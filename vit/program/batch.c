#include "vit/program/batch.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/cls_attention.h"
#include "vit/program/network.h"
#include "vit/tokens/position.h"

/* Tokens per batch: enough rows for the products to run at full rate, few enough to stay in cache.
 */
#define TOKENS_AT_ONCE 1024

struct batch_buffers {
    float *position; /* [tokens, dim] */
    float *unfolded; /* [capacity, patches, 3 ph pw] */
    struct {
        float *embedded; /* [patches, dim] */
        float *x;        /* [tokens, dim] */
        float *qkv;      /* [tokens, 3 dim] of the first block */
    } variants[2];       /* original and replacement */
    float *embedded;     /* [capacity, patches, dim] */
    float *x[2];         /* [capacity, tokens, dim]: in and out of a block, in turn */
    float *qkv;          /* [capacity, tokens, 3 dim] */
    float *attention;    /* [capacity, tokens, dim] */
    float *x_mid;        /* [capacity, tokens, dim] */
    float *z;            /* [capacity, tokens, mlp_dim] */
    float *normed;       /* [capacity, tokens, dim] */
    float *cls;          /* [capacity, dim] */
};

struct vit_batch {
    struct network net;
    struct linear_packs *packs; /* [depth, PACKED_LAYERS] */
    size_t capacity;
    size_t inputs;
    bool absorbs; /* the last block takes its products in the order of vit/math/cls_attention.h */
    struct batch_buffers buffers;
    void *block;
    size_t bytes;
};

static void lay_out(struct vit_batch *batch, struct arena *arena, size_t threads) {
    struct batch_buffers *b = &batch->buffers;
    struct network *net = &batch->net;
    size_t rows = batch->capacity * net->tokens;
    size_t layers = (size_t) net->model->config.depth * PACKED_LAYERS;
    batch->packs = arena_take(arena, layers, sizeof *batch->packs);
    b->position = arena_take_floats(arena, net->tokens, net->dim);
    b->unfolded = arena_take_floats(arena, batch->capacity * net->patches, net->patch_pixels);
    for (size_t i = 0; i < 2; i++) {
        b->variants[i].embedded = arena_take_floats(arena, net->patches, net->dim);
        b->variants[i].x = arena_take_floats(arena, net->tokens, net->dim);
        b->variants[i].qkv = arena_take_floats(arena, net->tokens, 3 * net->dim);
    }
    b->embedded = arena_take_floats(arena, batch->capacity * net->patches, net->dim);
    b->x[0] = arena_take_floats(arena, rows, net->dim);
    b->x[1] = arena_take_floats(arena, rows, net->dim);
    b->qkv = arena_take_floats(arena, rows, 3 * net->dim);
    b->attention = arena_take_floats(arena, rows, net->dim);
    b->x_mid = arena_take_floats(arena, rows, net->dim);
    b->z = arena_take_floats(arena, rows, net->mlp_dim);
    b->normed = arena_take_floats(arena, rows, net->dim);
    b->cls = arena_take_floats(arena, batch->capacity, net->dim);
    net->engine.thread_floats =
        size_max(linear_thread_scratch(), attention_thread_scratch(net->tokens, net->tokens));
    net->engine.thread_floats =
        size_max(net->engine.thread_floats, cls_attention_thread_scratch(net));
    net->engine.thread_scratch = arena_take_floats(arena, threads, net->engine.thread_floats);
    net->engine.operand = arena_take(
        arena, linear_forward_operand(rows, size_max(net->mlp_dim, net->patch_pixels)), 1);
}

size_t vit_batch_default_capacity(size_t tokens) {
    return size_max(1, TOKENS_AT_ONCE / tokens);
}

static enum vitlrp_status measure(struct vit_batch *batch, const struct vit_model *model,
                                  const struct vit_batch_options *options,
                                  struct vitlrp_error *err) {
    TRY(network_set_shape(&batch->net, model, options->input_height, options->input_width, err));
    batch->capacity =
        options->capacity > 0 ? options->capacity : vit_batch_default_capacity(batch->net.tokens);
    /* Its scratch is the buffer of qkv, which many heads on few tokens would overrun. */
    batch->absorbs = 2 * (size_t) model->config.heads <= 3 * batch->net.tokens;
    struct arena arena = arena_measuring();
    lay_out(batch, &arena, options->threads);
    if (arena.overflow) {
        return fail(err, VITLRP_LIMIT, "a batch of %zu inputs needs more memory than there is",
                    batch->capacity);
    }
    batch->bytes = arena.used;
    return VITLRP_OK;
}

enum vitlrp_status vit_batch_bytes(const struct vit_model *model,
                                   const struct vit_batch_options *options, size_t *bytes,
                                   struct vitlrp_error *err) {
    struct vit_batch batch = {0};
    TRY(measure(&batch, model, options, err));
    *bytes = batch.bytes;
    return VITLRP_OK;
}

static enum vitlrp_status open_resources(struct vit_batch *batch, const struct vit_model *model,
                                         const struct vit_batch_options *options,
                                         struct vitlrp_error *err) {
    TRY(measure(batch, model, options, err));
    batch->block = mem_alloc_aligned(batch->bytes, 1);
    if (batch->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: a batch needs %zu bytes", batch->bytes);
    }
    TRY(engine_open(&batch->net.engine, options->backend, options->threads, err));
    struct arena arena = arena_over(batch->block, batch->bytes);
    lay_out(batch, &arena, options->threads);
    const struct packs_request request = {
        .precision = packs_precision(batch->net.engine.backend, options->precision),
        .many_passes = options->many_passes};
    TRY(packs_choose(model, &batch->net.engine, &request, batch->packs, err));
    batch->net.packs = batch->packs;
    return position_resample(model, (int32_t) batch->net.grid.rows,
                             (int32_t) batch->net.grid.columns, batch->buffers.position, err);
}

enum vitlrp_status vit_batch_open(const struct vit_model *model,
                                  const struct vit_batch_options *options, struct vit_batch **out,
                                  struct vitlrp_error *err) {
    struct vit_batch *batch = mem_calloc(1, sizeof *batch);
    if (batch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a batch");
    }
    enum vitlrp_status status = open_resources(batch, model, options, err);
    if (status != VITLRP_OK) {
        vit_batch_close(batch);
        return status;
    }
    *out = batch;
    return VITLRP_OK;
}

void vit_batch_close(struct vit_batch *batch) {
    if (batch == NULL) {
        return;
    }
    engine_close(&batch->net.engine);
    mem_free(batch->block);
    mem_free(batch);
}

size_t vit_batch_capacity(const struct vit_batch *batch) {
    return batch->capacity;
}

size_t vit_batch_inputs(const struct vit_batch *batch) {
    return batch->inputs;
}

/* The state of a block. Nothing is kept: what comes in and goes out changes places. */
static struct block_state state_of(const struct vit_batch *batch, size_t block) {
    const struct batch_buffers *b = &batch->buffers;
    size_t depth = (size_t) batch->net.model->config.depth;
    return (struct block_state){.x_in = b->x[block % 2],
                                .qkv = b->qkv,
                                .attention = b->attention,
                                .x_mid = b->x_mid,
                                .z = b->z,
                                .x_out = b->x[(block + 1) % 2],
                                .rows = block + 1 < depth ? batch->net.tokens : 1};
}

/* GELU may overwrite its own input. */
static struct block_scratch scratch_of(const struct vit_batch *batch) {
    const struct batch_buffers *b = &batch->buffers;
    return (struct block_scratch){.normed = b->normed, .hidden = b->z, .cls = b->cls};
}

/* The last of several blocks, from x_in to x_out. The buffer of qkv is free: no keys and values are
 * made. */
static void forward_last_block(struct vit_batch *batch, size_t count) {
    const struct network *net = &batch->net;
    size_t last = (size_t) net->model->config.depth - 1;
    const struct vit_block *weights = &net->model->weights.blocks[last];
    struct block_state state = state_of(batch, last);
    struct block_scratch scratch = scratch_of(batch);
    size_t absorbed = count * (size_t) net->model->config.heads * net->dim;
    struct cls_attention_scratch cls = {.cls = scratch.cls,
                                        .queries = state.x_mid,
                                        .keys = state.qkv,
                                        .values = state.qkv + absorbed};
    network_norm(net, state.x_in, weights->norm1_weight, weights->norm1_bias, count * net->tokens,
                 scratch.normed);
    cls_attention_forward(net, count, weights, scratch.normed, &cls, state.attention);
    network_block_mix(net, count, weights, &state, &scratch);
}

/* From x_in and qkv of the first block for `count` <= capacity inputs to their logits. */
static enum vitlrp_status forward_from_qkv(struct vit_batch *batch, size_t count, float *logits,
                                           struct vitlrp_error *err) {
    const struct network *net = &batch->net;
    const struct vit_block *blocks = net->model->weights.blocks;
    struct block_scratch scratch = scratch_of(batch);
    size_t depth = (size_t) net->model->config.depth;
    for (size_t i = 0; i < depth; i++) {
        struct block_state state = state_of(batch, i);
        if (i > 0 && i + 1 == depth && batch->absorbs) {
            forward_last_block(batch, count);
            continue;
        }
        if (i > 0) {
            network_block_qkv(net, count, &blocks[i], &state, &scratch);
        }
        network_block_finish(net, count, &blocks[i], &state, &scratch);
    }
    network_head_forward(net, count, batch->buffers.x[depth % 2], batch->buffers.cls, logits);
    batch->inputs += count;
    TRY(engine_check(&batch->net.engine,
                     err)); /* first: its products make what follows worthless */
    if (!values_are_finite(logits, count * (size_t) net->model->config.classes)) {
        return fail(err, VITLRP_NUMERIC, "the logits of a perturbed input are not finite");
    }
    return VITLRP_OK;
}

/* out [count, patches, dim] from inputs [count, 3, height, width]. */
static void embed_inputs(struct vit_batch *batch, size_t count, const float *inputs, float *out) {
    const struct network *net = &batch->net;
    struct linear layer = network_patch_layer(net);
    size_t pixels = net->patches * net->patch_pixels;
    for (size_t i = 0; i < count; i++) {
        embed_unfold(&net->grid, inputs + i * pixels, batch->buffers.unfolded + i * pixels);
    }
    linear_forward(&net->engine, &layer, count * net->patches, batch->buffers.unfolded, out,
                   net->dim, NULL);
}

enum vitlrp_status vit_batch_forward(struct vit_batch *batch, size_t count, const float *inputs,
                                     float *logits, struct vitlrp_error *err) {
    const struct network *net = &batch->net;
    struct batch_buffers *b = &batch->buffers;
    struct block_state first = state_of(batch, 0);
    struct block_scratch scratch = scratch_of(batch);
    size_t classes = (size_t) net->model->config.classes;
    enum vitlrp_status status = VITLRP_OK;
    struct gemm_entry saved;
    net->engine.backend->enter(&saved);
    for (size_t done = 0; done < count && status == VITLRP_OK;) {
        size_t step = size_min(batch->capacity, count - done);
        embed_inputs(batch, step, inputs + done * net->patches * net->patch_pixels, b->embedded);
        network_place_tokens(net, step, b->embedded, b->position, first.x_in);
        network_block_qkv(net, step, &net->model->weights.blocks[0], &first, &scratch);
        status = forward_from_qkv(batch, step, logits + done * classes, err);
        done += step;
    }
    net->engine.backend->leave(&saved);
    return status;
}

/* Before the first attention a token depends on its own patch alone: what becomes of it up to there
 * is computed once for each of the two inputs. */
static void make_variant(struct vit_batch *batch, size_t variant, const float *input) {
    const struct network *net = &batch->net;
    struct batch_buffers *b = &batch->buffers;
    struct block_state first = state_of(batch, 0);
    struct block_scratch scratch = scratch_of(batch);
    first.x_in = b->variants[variant].x;
    first.qkv = b->variants[variant].qkv;
    embed_inputs(batch, 1, input, b->variants[variant].embedded);
    network_place_tokens(net, 1, b->variants[variant].embedded, b->position, first.x_in);
    network_block_qkv(net, 1, &net->model->weights.blocks[0], &first, &scratch);
}

/* Copies the tokens that the masks of `count` versions choose. */
static void mix_variants(struct vit_batch *batch, size_t count, const uint8_t *masks) {
    const struct network *net = &batch->net;
    struct batch_buffers *b = &batch->buffers;
    for (size_t row = 0; row < count * net->tokens; row++) {
        size_t token = row % net->tokens;
        const uint8_t *mask = masks + row / net->tokens * net->patches;
        size_t variant = token > 0 && mask[token - 1] != 0 ? 1 : 0;
        memcpy(b->x[0] + row * net->dim, b->variants[variant].x + token * net->dim,
               net->dim * sizeof(float));
        memcpy(b->qkv + row * 3 * net->dim, b->variants[variant].qkv + token * 3 * net->dim,
               3 * net->dim * sizeof(float));
    }
}

enum vitlrp_status vit_batch_forward_mixed(struct vit_batch *batch, const float *original,
                                           const float *replacement, size_t count,
                                           const uint8_t *masks, float *logits,
                                           struct vitlrp_error *err) {
    const struct network *net = &batch->net;
    size_t classes = (size_t) net->model->config.classes;
    enum vitlrp_status status = VITLRP_OK;
    struct gemm_entry saved;
    net->engine.backend->enter(&saved);
    make_variant(batch, 0, original);
    make_variant(batch, 1, replacement);
    for (size_t done = 0; done < count && status == VITLRP_OK;) {
        size_t step = size_min(batch->capacity, count - done);
        mix_variants(batch, step, masks + done * net->patches);
        status = forward_from_qkv(batch, step, logits + done * classes, err);
        done += step;
    }
    net->engine.backend->leave(&saved);
    return status;
}
