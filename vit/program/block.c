/* From a configuration to a list of operations. The block is stated here and nowhere else. */
#include "base/mem.h"
#include "vit/model/arranged.h"
#include "vit/model/edited_model.h"
#include "vit/ops/op_attention.h"
#include "vit/program/program.h"
#include "vit/program/session.h"

/* The pages of vit/ops that only programs name. */
extern const struct op_kind OP_NORM;          /* op_norm.c */
extern const struct op_kind OP_RMS_NORM;      /* op_norm.c */
extern const struct op_kind OP_ATTENTION_ROW; /* op_attention_row.c */
extern const struct op_kind OP_HEAD_NORM;     /* op_head_norm.c */
extern const struct op_kind OP_HEAD_RMS_NORM; /* op_head_norm.c */
extern const struct op_kind OP_GELU;          /* op_gelu.c */
extern const struct op_kind OP_EDIT;          /* op_edit.c */
extern const struct op_kind OP_GLU;           /* op_glu.c */
extern const struct op_kind OP_ADD;           /* op_add.c */
extern const struct op_kind OP_ACTIVATION;    /* op_activation.c */
extern const struct op_kind OP_JOIN;          /* op_join.c */
extern const struct op_kind OP_COSINE;        /* op_cosine.c */
extern const struct op_kind OP_SCALE;         /* op_scale.c */
extern const struct op_kind OP_POOL;          /* op_pool.c */
extern const struct op_kind OP_PROBE;         /* op_probe.c */
extern const struct op_kind OP_SIMILARITY;    /* op_similarity.c */

/* The list under construction; without arrays it only counts. */
struct builder {
    struct program *program;
    const struct program_request *request;
    const struct vit_config *config;
    int32_t block;
    size_t rows;                 /* tokens that are on their way */
    size_t width, heads, hidden; /* of the block, which may differ from others' */
    size_t tapped; /* the value of what the head reads of blocks before the last, or OP_NONE */
    size_t ledger_lines;
};

/* A linear layer by its weights' slots. */
struct layer {
    enum slot weight, bias;
    enum vitlrp_role role;
    enum profile_kind lap;
    size_t outputs;
};

/* NULL where the model has no such weight, or is a shape alone. */
static const float *weight_of(const struct builder *builder, enum slot slot) {
    const struct vit_model *model = builder->program->model;
    bool missing = slot_scope(slot) == SCOPE_BLOCK && model->weights.blocks == NULL;
    return missing ? NULL
                   : slot_data(model, slot, builder->block < 0 ? 0 : (size_t) builder->block);
}

static bool has_weight(const struct builder *builder, enum slot slot) {
    return slot_repeats(builder->config, slot) > 0;
}

static size_t new_value(struct builder *builder, struct value value) {
    struct program *program = builder->program;
    if (program->values != NULL) {
        program->values[program->value_count] = value;
    }
    return program->value_count++;
}

/* Appends the operation; its result is a new value. */
static size_t append(struct builder *builder, struct op op, struct value result) {
    struct program *program = builder->program;
    op.block = builder->block;
    op.tokens = &program->tokens;
    op.out = new_value(builder, result);
    if (program->ops != NULL) {
        program->ops[program->op_count] = op;
    }
    program->op_count++;
    for (size_t i = 0; i < op.kind->ledger_lines; i++) {
        builder->ledger_lines += op.lines[i] != NULL ? 1 : 0;
    }
    return op.out;
}

/* An operation over x; what else it has is the caller's to say. */
static struct op op_over(const struct op_kind *kind, enum profile_kind lap, size_t x) {
    return (struct op){
        .kind = kind, .lap = lap, .in = {x, OP_NONE}, .residual = OP_NONE, .pack = OP_NONE};
}

static size_t append_norm(struct builder *builder, size_t x, const char *name, enum slot weight,
                          enum slot bias) {
    const struct vit_config *config = builder->config;
    struct op op = op_over(config->rms ? &OP_RMS_NORM : &OP_NORM, PROFILE_NORM, x);
    op.lines[0] = name;
    op.weights[0] = weight_of(builder, weight);
    op.weights[1] = weight_of(builder, bias);
    op.eps = config->layer_norm_eps;
    size_t width = slot_size(config, weight).columns;
    return append(builder, op, (struct value){.rows = builder->rows, .width = width});
}

/* A norm of the slots, or nothing where the model has none. */
static size_t append_any_norm(struct builder *builder, size_t x, const char *name, enum slot weight,
                              enum slot bias) {
    return has_weight(builder, weight) ? append_norm(builder, x, name, weight, bias) : x;
}

static struct op linear_op(const struct builder *builder, size_t x, const struct layer *layer) {
    struct op op = op_over(&OP_LINEAR, layer->lap, x);
    op.lines[0] = profile_kind_name(layer->lap);
    op.role = layer->role;
    op.weights[0] = weight_of(builder, layer->weight);
    op.weights[1] = weight_of(builder, layer->bias);
    if (builder->block >= 0) {
        op.pack = arranged_index(layer->weight, (size_t) builder->block);
    }
    return op;
}

/* A linear layer and what is added to its result, or OP_NONE. */
static size_t append_linear(struct builder *builder, size_t x, const struct layer *layer,
                            size_t residual) {
    struct op op = linear_op(builder, x, layer);
    op.keeps_total = builder->request->keeps_totals &&
                     (layer->role == VITLRP_ROLE_FC1 || layer->role == VITLRP_ROLE_FC2);
    op.residual = residual;
    return append(builder, op, (struct value){.rows = builder->rows, .width = layer->outputs});
}

/* LayerScale of a branch, and the stream that it joins. */
static size_t append_scale(struct builder *builder, size_t branch, enum slot scale,
                           enum profile_kind lap, size_t stream) {
    struct op op = op_over(&OP_SCALE, lap, branch);
    op.residual = stream;
    op.weights[0] = weight_of(builder, scale);
    return append(builder, op, (struct value){.rows = builder->rows, .width = builder->width});
}

/* The layer that ends a branch, and the stream that it joins: scaled first if the model has
 * factors. */
static size_t append_branch_end(struct builder *builder, size_t x, const struct layer *layer,
                                enum slot scale, size_t stream) {
    bool scaled = has_weight(builder, scale);
    size_t branch = append_linear(builder, x, layer, scaled ? OP_NONE : stream);
    return scaled ? append_scale(builder, branch, scale, layer->lap, stream) : branch;
}

static size_t append_add(struct builder *builder, size_t branch, size_t stream) {
    struct op op = op_over(&OP_ADD, PROFILE_OTHER, branch);
    op.residual = stream;
    return append(builder, op, (struct value){.rows = builder->rows, .width = builder->width});
}

/* A norm of queries and keys within heads, if the model has one. */
static size_t append_qk_norm(struct builder *builder, size_t qkv, struct value shape) {
    const struct vit_config *config = builder->config;
    struct op op = op_over(config->rms ? &OP_HEAD_RMS_NORM : &OP_HEAD_NORM, PROFILE_NORM, qkv);
    op.lines[0] = "qk_norm";
    op.weights[0] = weight_of(builder, SLOT_QK_NORM_WEIGHT);
    op.weights[1] = weight_of(builder, SLOT_QK_NORM_BIAS);
    op.heads = builder->heads;
    op.eps = config->layer_norm_eps;
    return has_weight(builder, SLOT_QK_NORM_WEIGHT) ? append(builder, op, shape) : qkv;
}

#define SUB_NORM_EPS 1e-5F

/* The norm behind a differential attention, within heads. */
static size_t append_sub_norm(struct builder *builder, size_t x, struct value shape) {
    struct op op = op_over(&OP_HEAD_RMS_NORM, PROFILE_NORM, x);
    op.lines[0] = "sub_norm";
    op.weights[0] = weight_of(builder, SLOT_SUB_NORM_WEIGHT);
    op.heads = builder->heads;
    op.eps = SUB_NORM_EPS;
    return has_weight(builder, SLOT_SUB_NORM_WEIGHT) ? append(builder, op, shape) : x;
}

/* The queries and keys of patches turned by where these lie, if the model has RoPE. */
static size_t append_rope(struct builder *builder, size_t qkv, struct value shape) {
    struct op op = op_over(&OP_ROPE, PROFILE_ATTENTION, qkv);
    op.heads = builder->heads;
    op.rope = &builder->config->rope;
    return op.rope->form == VIT_ROPE_NONE ? qkv : append(builder, op, shape);
}

/* The table of relative position biases, of this block or of all. */
static const float *bias_table(const struct builder *builder) {
    return weight_of(builder, has_weight(builder, SLOT_BIAS_TABLE) ? SLOT_BIAS_TABLE
                                                                   : SLOT_SHARED_BIAS_TABLE);
}

/* True if nothing stands between queries, keys and values and their products. */
static bool attends_plainly(const struct builder *builder) {
    return builder->config->rope.form == VIT_ROPE_NONE && !vit_has_bias_tables(builder->config) &&
           !has_weight(builder, SLOT_QK_NORM_WEIGHT) && !has_weight(builder, SLOT_LAMBDAS);
}

/* What becomes of hidden values where the model edits some of them. */
static size_t append_edit(struct builder *builder, size_t x, enum vitlrp_site site,
                          struct value shape) {
    struct layer_edit edit;
    if (!layer_edit_find(builder->program->model, site, (size_t) builder->block, &edit)) {
        return x;
    }
    struct op op = op_over(&OP_EDIT, PROFILE_OTHER, x);
    op.lines[0] = edit.others == NULL ? NULL : "edit";
    op.weights[0] = edit.factor;
    op.weights[1] = edit.leading;
    op.weights[2] = edit.others;
    return append(builder, op, shape);
}

/* Concatenated heads of `leaving` rows. */
static size_t append_attention(struct builder *builder, size_t x, size_t leaving) {
    size_t dim = builder->width;
    size_t heads = builder->heads;
    struct value result = {.rows = leaving, .width = dim};
    bool absorbs = !builder->request->keeps && builder->block > 0 && leaving < builder->rows &&
                   attends_plainly(builder) &&
                   op_attention_row_suits(leaving, builder->rows, heads);
    struct layer layer = {SLOT_QKV_WEIGHT, SLOT_QKV_BIAS, VITLRP_ROLE_QKV, PROFILE_QKV, 3 * dim};
    struct op op = linear_op(builder, x, &layer);
    op.kind = absorbs ? &OP_ATTENTION_ROW : &OP_QKV;
    op.heads = heads;
    if (absorbs) {
        return append(builder, op, result);
    }
    struct value shape = {.rows = builder->rows, .width = layer.outputs, .query_rows = leaving};
    size_t qkv = append(builder, op, shape);
    qkv = append_qk_norm(builder, qkv, shape);
    qkv = append_rope(builder, qkv, shape);
    struct op attention = op_over(&OP_ATTENTION, PROFILE_ATTENTION, qkv);
    attention.lines[0] = "softmax";
    attention.lines[1] = vit_has_bias_tables(builder->config) ? "attention bias" : NULL;
    attention.weights[0] = bias_table(builder);
    attention.weights[1] = weight_of(builder, SLOT_LAMBDAS);
    attention.heads = heads;
    attention.causal = builder->config->causal;
    return append_sub_norm(builder, append(builder, attention, result), result);
}

/* An activation that is no gate. */
static size_t append_plain_activation(struct builder *builder, size_t z,
                                      enum vit_activation activation, size_t width) {
    bool other = activation == VIT_TANH || activation == VIT_RELU;
    struct op op = op_over(other ? &OP_ACTIVATION : &OP_GELU, PROFILE_GELU, z);
    op.activation = activation;
    return append(builder, op, (struct value){.rows = builder->rows, .width = width});
}

/* The activation of an MLP, or its gate. */
static size_t append_activation(struct builder *builder, size_t z) {
    struct op op = op_over(&OP_GLU, PROFILE_GELU, z);
    op.activation = builder->config->activation;
    struct value result = {.rows = builder->rows, .width = builder->hidden};
    return builder->config->gated
               ? append(builder, op, result)
               : append_plain_activation(builder, z, op.activation, result.width);
}

/* ---- Blocks ---- */

static struct layer proj_of(const struct builder *builder) {
    return (struct layer){SLOT_PROJ_WEIGHT, SLOT_PROJ_BIAS, VITLRP_ROLE_PROJ, PROFILE_PROJ,
                          builder->width};
}

static struct layer fc2_of(const struct builder *builder) {
    return (struct layer){SLOT_FC2_WEIGHT, SLOT_FC2_BIAS, VITLRP_ROLE_FC2, PROFILE_FC2,
                          builder->width};
}

/* The value whose columns are the block's units of that site. */
static void note_units(const struct builder *builder, enum vitlrp_site site, size_t value) {
    if (builder->program->units[site] != NULL) {
        builder->program->units[site][builder->block] = value;
    }
}

/* From what q, k and v are made of to what proj reads. */
static size_t append_heads(struct builder *builder, size_t x, size_t leaving) {
    const struct value heads = {.rows = leaving, .width = builder->width};
    x = append_attention(builder, x, leaving);
    x = append_edit(builder, x, VITLRP_SITE_HEAD, heads);
    note_units(builder, VITLRP_SITE_HEAD, x);
    builder->rows = leaving;
    return append_any_norm(builder, x, "attn_norm", SLOT_ATTENTION_NORM_WEIGHT,
                           SLOT_ATTENTION_NORM_BIAS);
}

/* From what fc1 reads to what fc2 reads. */
static size_t append_hidden(struct builder *builder, size_t x) {
    const struct layer fc1 = {SLOT_FC1_WEIGHT, SLOT_FC1_BIAS, VITLRP_ROLE_FC1, PROFILE_FC1,
                              slot_size(builder->config, SLOT_FC1_WEIGHT).rows};
    const struct value hidden = {.rows = builder->rows, .width = builder->hidden};
    x = append_linear(builder, x, &fc1, OP_NONE);
    x = append_activation(builder, x);
    x = append_edit(builder, x, VITLRP_SITE_FC1, hidden);
    note_units(builder, VITLRP_SITE_FC1, x);
    return append_any_norm(builder, x, "mlp_norm", SLOT_MLP_NORM_WEIGHT, SLOT_MLP_NORM_BIAS);
}

static size_t append_pre_norm_block(struct builder *builder, size_t stream, size_t leaving) {
    const struct layer proj = proj_of(builder);
    const struct layer fc2 = fc2_of(builder);
    size_t x = append_norm(builder, stream, "norm1", SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS);
    x = append_heads(builder, x, leaving);
    stream = append_branch_end(builder, x, &proj, SLOT_PROJ_SCALE, stream);
    x = append_norm(builder, stream, "norm2", SLOT_NORM2_WEIGHT, SLOT_NORM2_BIAS);
    x = append_hidden(builder, x);
    return append_branch_end(builder, x, &fc2, SLOT_FC2_SCALE, stream);
}

static size_t append_post_norm_block(struct builder *builder, size_t stream, size_t leaving) {
    const struct layer proj = proj_of(builder);
    const struct layer fc2 = fc2_of(builder);
    size_t x = append_heads(builder, stream, leaving);
    x = append_linear(builder, x, &proj, OP_NONE);
    x = append_norm(builder, x, "norm1", SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS);
    stream = append_add(builder, x, stream);
    x = append_hidden(builder, stream);
    x = append_linear(builder, x, &fc2, OP_NONE);
    x = append_norm(builder, x, "norm2", SLOT_NORM2_WEIGHT, SLOT_NORM2_BIAS);
    return append_add(builder, x, stream);
}

/* Both branches are made of one norm, and proj adds the MLP's to the attention's, of as many rows
 * as leave. */
static size_t append_parallel_block(struct builder *builder, size_t stream, size_t leaving) {
    const struct layer proj = proj_of(builder);
    const struct layer fc2 = fc2_of(builder);
    bool scaled = has_weight(builder, SLOT_PROJ_SCALE);
    size_t normed = append_norm(builder, stream, "norm1", SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS);
    size_t x = append_hidden(builder, normed);
    size_t sum = append_linear(builder, x, &fc2, scaled ? OP_NONE : stream);
    x = append_heads(builder, normed, leaving);
    sum = append_linear(builder, x, &proj, sum);
    return scaled ? append_scale(builder, sum, SLOT_PROJ_SCALE, PROFILE_PROJ, stream) : sum;
}

/* A block, from which `leaving` rows of the stream leave. */
static size_t append_block(struct builder *builder, size_t stream, size_t leaving) {
    switch (builder->config->form) {
    case VIT_BLOCK_PRE_NORM:
        return append_pre_norm_block(builder, stream, leaving);
    case VIT_BLOCK_POST_NORM:
        return append_post_norm_block(builder, stream, leaving);
    case VIT_BLOCK_PARALLEL:
        return append_parallel_block(builder, stream, leaving);
    }
    return stream;
}

/* ---- Before and behind them ---- */

/* Patches, embedded. */
static size_t append_patches(struct builder *builder) {
    struct program *program = builder->program;
    const struct layer conv = {SLOT_PATCH_WEIGHT, SLOT_PATCH_BIAS, VITLRP_ROLE_CONV, PROFILE_CONV,
                               builder->width};
    builder->rows = program->tokens.patches;
    program->input = new_value(
        builder, (struct value){.rows = builder->rows, .width = program->tokens.patch_pixels});
    size_t embedded = append_linear(builder, program->input, &conv, OP_NONE);
    return append_any_norm(builder, embedded, "embed_norm", SLOT_EMBED_NORM_WEIGHT,
                           SLOT_EMBED_NORM_BIAS);
}

/* Rows of the table of tokens, which are the input. */
static size_t append_words(struct builder *builder) {
    struct program *program = builder->program;
    program->input =
        new_value(builder, (struct value){.rows = program->tokens.count, .width = builder->width});
    return program->input;
}

/* Embedded patches and the tokens in front of them, or words, with their positions. */
static size_t append_embedding(struct builder *builder) {
    bool is_text = builder->config->vocabulary > 0;
    size_t embedded = is_text ? append_words(builder) : append_patches(builder);
    builder->rows = builder->program->tokens.count;
    struct op op = op_over(&OP_TOKENS, PROFILE_CONV, embedded);
    op.lines[0] = "position";
    op.lines[1] = is_text ? NULL : "cls";
    op.weights[0] = weight_of(builder, SLOT_CLS_TOKEN);
    return append(builder, op, (struct value){.rows = builder->rows, .width = builder->width});
}

static size_t append_pool(struct builder *builder, size_t stream, enum vit_pool kind) {
    struct op op = op_over(&OP_POOL, PROFILE_OTHER, stream);
    op.pool = pool_of(kind);
    struct value result = {.rows = 1, .width = builder->width * op.pool->parts};
    builder->rows = 1;
    return append(builder, op, result);
}

/* `count` weights further on, if there are any. */
static const float *weights_behind(const float *weights, size_t count) {
    return weights == NULL ? NULL : weights + count;
}

/* What the probe of an attention pool finds in the tokens: their keys and values, its attention. */
static size_t append_probe(struct builder *builder, size_t x, enum vit_pool kind) {
    size_t dim = builder->width;
    const struct layer layer = {SLOT_MAP_QKV_WEIGHT, SLOT_MAP_QKV_BIAS, VITLRP_ROLE_QKV,
                                PROFILE_QKV, 2 * dim};
    struct op op = linear_op(builder, x, &layer);
    const float *const whole[2] = {op.weights[0], op.weights[1]}; /* of queries, keys and values */
    op.weights[0] = weights_behind(whole[0], dim * dim);
    op.weights[1] = weights_behind(whole[1], dim);
    x = append(builder, op, (struct value){.rows = builder->rows, .width = 2 * dim});
    struct op probe = op_over(&OP_PROBE, PROFILE_ATTENTION, x);
    probe.lines[0] = "softmax";
    probe.weights[0] = weight_of(builder, SLOT_MAP_PROBE);
    probe.weights[1] = whole[0];
    probe.weights[2] = whole[1];
    probe.heads = (size_t) builder->config->map_heads;
    probe.skips = pool_of(kind)->reads_all ? 0 : builder->program->tokens.prefix;
    builder->rows = 1;
    return append(builder, probe, (struct value){.rows = 1, .width = dim});
}

/* An attention pool: x = proj(attention of the probe), then x + MLP(norm(x)) where it has one. */
static size_t append_map(struct builder *builder, size_t tokens, enum vit_pool kind) {
    size_t dim = builder->width;
    const struct layer proj = {SLOT_MAP_PROJ_WEIGHT, SLOT_MAP_PROJ_BIAS, VITLRP_ROLE_PROJ,
                               PROFILE_PROJ, dim};
    const struct layer fc1 = {SLOT_MAP_FC1_WEIGHT, SLOT_MAP_FC1_BIAS, VITLRP_ROLE_FC1, PROFILE_FC1,
                              (size_t) builder->config->map_mlp_dim};
    const struct layer fc2 = {SLOT_MAP_FC2_WEIGHT, SLOT_MAP_FC2_BIAS, VITLRP_ROLE_FC2, PROFILE_FC2,
                              dim};
    size_t pooled = append_linear(builder, append_probe(builder, tokens, kind), &proj, OP_NONE);
    if (!has_weight(builder, SLOT_MAP_FC1_WEIGHT)) {
        return pooled;
    }
    size_t x = append_any_norm(builder, pooled, "norm2", SLOT_MAP_NORM_WEIGHT, SLOT_MAP_NORM_BIAS);
    x = append_linear(builder, x, &fc1, OP_NONE);
    x = append_plain_activation(builder, x, builder->config->activation, fc1.outputs);
    return append_linear(builder, x, &fc2, pooled);
}

static size_t append_head(struct builder *builder, size_t x, enum slot weight, enum slot bias,
                          size_t residual) {
    const struct layer head = {weight, bias, VITLRP_ROLE_HEAD, PROFILE_HEAD,
                               slot_size(builder->config, weight).rows};
    struct op op = linear_op(builder, x, &head);
    op.residual = residual;
    return append(builder, op, (struct value){.rows = 1, .width = head.outputs});
}

static size_t append_cosine(struct builder *builder, size_t x) {
    struct op op = op_over(&OP_COSINE, PROFILE_HEAD, x);
    op.weights[0] = weight_of(builder, SLOT_LIKE);
    builder->program->embedding = x;
    return append(builder, op, (struct value){.rows = 1, .width = 1});
}

/* An image's embedding u, of what a head reads: its projection, or itself where there is none. What
 * becomes of the projection's relevance is said where the products are: it has no line. */
static size_t append_image_embedding(struct builder *builder, size_t x) {
    struct layer layer = {SLOT_HEAD_WEIGHT, SLOT_HEAD_BIAS, VITLRP_ROLE_HEAD, PROFILE_HEAD,
                          slot_size(builder->config, SLOT_HEAD_WEIGHT).rows};
    struct op op = linear_op(builder, x, &layer);
    op.lines[0] = NULL;
    return has_weight(builder, SLOT_HEAD_WEIGHT)
               ? append(builder, op, (struct value){.rows = 1, .width = layer.outputs})
               : x;
}

/* The logits of texts, of what a head reads: its products with their rows, over the norm of its
 * embedding. */
static size_t append_similarity(struct builder *builder, size_t x) {
    size_t embedding = append_image_embedding(builder, x);
    size_t products = append_head(builder, x, SLOT_PROMPT_WEIGHT, SLOT_PROMPT_BIAS, OP_NONE);
    struct op op = op_over(&OP_SIMILARITY, PROFILE_HEAD, products);
    op.lines[0] = has_weight(builder, SLOT_LOGIT_BIAS) ? "logit_bias" : NULL;
    op.in[1] = embedding;
    op.weights[0] = weight_of(builder, SLOT_LOGIT_BIAS);
    size_t count = slot_size(builder->config, SLOT_PROMPT_WEIGHT).rows;
    builder->program->embedding = embedding;
    return append(builder, op, (struct value){.rows = 1, .width = count});
}

/* The first layer of a head of two, and the activation between them. */
static size_t append_first_layer(struct builder *builder, size_t x) {
    const struct layer layer = {SLOT_PRE_LOGITS_WEIGHT, SLOT_PRE_LOGITS_BIAS, VITLRP_ROLE_HEAD,
                                PROFILE_HEAD, (size_t) builder->config->head_width};
    x = append_linear(builder, x, &layer, OP_NONE);
    return append_plain_activation(builder, x, builder->config->head_activation, layer.outputs);
}

static size_t append_join(struct builder *builder, size_t first, size_t second) {
    const struct value *values = builder->program->values;
    struct op op = op_over(&OP_JOIN, PROFILE_OTHER, first);
    op.in[1] = second;
    size_t width = values == NULL ? 0 : values[first].width + values[second].width;
    return append(builder, op, (struct value){.rows = 1, .width = width});
}

/* What a head reads of a block before the last, behind what it reads of earlier ones: its CLS token
 * through the final norm. */
static void append_tap(struct builder *builder, size_t stream) {
    size_t rows = builder->rows;
    builder->block = -1;
    size_t row = append_pool(builder, stream, VIT_POOL_CLS);
    row = append_any_norm(builder, row, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    builder->tapped = builder->tapped == OP_NONE ? row : append_join(builder, builder->tapped, row);
    builder->rows = rows;
}

/* The final norm, the pool and the head, which a feature extractor does without. The norm follows
 * a pool that only chooses rows, since it has fewer to treat then. */
static size_t append_end(struct builder *builder, size_t stream, enum vit_pool kind) {
    bool late = pool_of(kind)->takes_rows || builder->config->norm_after_pool;
    size_t x = stream;
    if (!late) {
        x = append_any_norm(builder, x, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    }
    x = pool_of(kind)->attends ? append_map(builder, x, kind) : append_pool(builder, x, kind);
    if (late) {
        x = append_any_norm(builder, x, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    }
    x = append_any_norm(builder, x, "fc_norm", SLOT_FC_NORM_WEIGHT, SLOT_FC_NORM_BIAS);
    if (builder->tapped != OP_NONE) {
        x = append_join(builder, builder->tapped, x);
    }
    if (has_weight(builder, SLOT_PRE_LOGITS_WEIGHT)) {
        x = append_first_layer(builder, x);
    }
    if (has_weight(builder, SLOT_PROMPT_WEIGHT)) {
        return append_similarity(builder, x);
    }
    if (has_weight(builder, SLOT_HEAD_WEIGHT)) {
        x = append_head(builder, x, SLOT_HEAD_WEIGHT, SLOT_HEAD_BIAS, OP_NONE);
    }
    return has_weight(builder, SLOT_LIKE) ? append_cosine(builder, x) : x;
}

/* DeiT's two heads, one of CLS, one of the distillation token, of half their weights: the sum is
 * their mean. */
static size_t append_distilled_end(struct builder *builder, size_t stream) {
    stream = append_any_norm(builder, stream, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    size_t first = append_pool(builder, stream, VIT_POOL_CLS);
    size_t second = append_pool(builder, stream, VIT_POOL_SECOND);
    size_t logits = append_head(builder, first, SLOT_HEAD_WEIGHT, SLOT_HEAD_BIAS, OP_NONE);
    return append_head(builder, second, SLOT_DIST_HEAD_WEIGHT, SLOT_DIST_HEAD_BIAS, logits);
}

static void build(struct builder *builder) {
    struct program *program = builder->program;
    bool distilled = has_weight(builder, SLOT_DIST_HEAD_WEIGHT);
    const struct pool *last_pool = pool_of(distilled ? VIT_POOL_SECOND : builder->config->pool);
    program->op_count = 0;
    program->value_count = 0;
    builder->block = -1;
    builder->tapped = OP_NONE;
    program->embedding = OP_NONE;
    builder->width = (size_t) builder->config->dim;
    builder->heads = (size_t) builder->config->heads;
    builder->hidden = (size_t) builder->config->mlp_dim;
    program->rows_needed = last_pool->rows_needed(&program->tokens);
    size_t stream = append_embedding(builder);
    stream = append_any_norm(builder, stream, "norm_pre", SLOT_PRE_NORM_WEIGHT, SLOT_PRE_NORM_BIAS);
    for (size_t i = 0; i < program->depth; i++) {
        bool last = i + 1 == program->depth;
        bool all = !last || builder->request->all_tokens;
        if (program->streams != NULL) {
            program->streams[i] = stream;
        }
        builder->block = (int32_t) i;
        stream = append_block(builder, stream, all ? program->tokens.count : program->rows_needed);
        note_units(builder, VITLRP_SITE_STREAM, stream);
        if (!last && program->depth - i <= (size_t) builder->config->taps + 1) {
            append_tap(builder, stream);
        }
    }
    builder->block = -1;
    if (program->streams != NULL) {
        program->streams[program->depth] = stream;
    }
    program->tail = program->op_count;
    program->output = distilled ? append_distilled_end(builder, stream)
                                : append_end(builder, stream, builder->config->pool);
}

size_t vit_ledger_length(const struct vit_model *model) {
    struct program program = {.model = model, .depth = (size_t) model->config.depth};
    const struct program_request request = {.keeps = true};
    struct builder builder = {.program = &program, .request = &request, .config = &model->config};
    build(&builder);
    return builder.ledger_lines;
}

enum vitlrp_status program_open(const struct vit_model *model,
                                const struct program_request *request, struct program **out,
                                struct vitlrp_error *err) {
    struct program *program = mem_calloc(1, sizeof *program);
    if (program == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a program");
    }
    *program = (struct program){.model = model, .depth = (size_t) model->config.depth};
    enum vitlrp_status status =
        tokens_lay_out(model, request->input_height, request->input_width, &program->tokens, err);
    if (status != VITLRP_OK) {
        program_close(program);
        return status;
    }
    struct builder builder = {.program = program, .request = request, .config = &model->config};
    build(&builder);
    program->ops = mem_calloc(program->op_count, sizeof *program->ops);
    program->values = mem_calloc(program->value_count, sizeof *program->values);
    program->streams = mem_calloc(program->depth + 1, sizeof *program->streams);
    bool complete = program->ops != NULL && program->values != NULL && program->streams != NULL;
    for (size_t site = 0; site < PROGRAM_SITES; site++) {
        program->units[site] = mem_calloc(program->depth, sizeof **program->units);
        complete = complete && program->units[site] != NULL;
    }
    if (!complete) {
        program_close(program);
        return fail(err, VITLRP_NOMEM, "out of memory for a program");
    }
    build(&builder);
    *out = program;
    return VITLRP_OK;
}

void program_close(struct program *program) {
    if (program != NULL) {
        mem_free(program->ops);
        mem_free(program->values);
        mem_free(program->streams);
        for (size_t site = 0; site < PROGRAM_SITES; site++) {
            mem_free(program->units[site]);
        }
        mem_free(program);
    }
}

size_t program_find(const struct program *program, const struct op_kind *kind, int32_t block) {
    for (size_t i = 0; i < program->op_count; i++) {
        if (program->ops[i].kind == kind && program->ops[i].block == block) {
            return i;
        }
    }
    return OP_NONE;
}

static bool reads(const struct op *op, size_t value) {
    bool found = op->residual == value;
    for (size_t k = 0; k < OP_INPUTS; k++) {
        found = found || op->in[k] == value;
    }
    return found;
}

bool program_reads_behind(const struct program *program, size_t cut, size_t value) {
    for (size_t i = cut; i < program->op_count; i++) {
        if (reads(&program->ops[i], value)) {
            return true;
        }
    }
    return false;
}

struct op_array program_array(const struct program *program, size_t value) {
    if (value == OP_NONE) {
        return (struct op_array){0};
    }
    return (struct op_array){.rows = program->values[value].rows,
                             .width = program->values[value].width,
                             .query_rows = program->values[value].query_rows};
}

struct op_call program_call(const struct program *program, size_t index) {
    const struct op *op = &program->ops[index];
    struct op_call call = {.op = op,
                           .images = 1,
                           .residual = program_array(program, op->residual),
                           .out = program_array(program, op->out)};
    for (size_t k = 0; k < OP_INPUTS; k++) {
        call.in[k] = program_array(program, op->in[k]);
    }
    return call;
}
