/* From a configuration to a list of operations. The block is stated here and nowhere else. */
#include <string.h>

#include "base/mem.h"
#include "vit/model/arranged.h"
#include "vit/ops/op_attention.h"
#include "vit/program/program.h"

/* The pages of vit/ops that only programs name. */
extern const struct op_kind OP_NORM;          /* op_norm.c */
extern const struct op_kind OP_ATTENTION_ROW; /* op_attention_row.c */
extern const struct op_kind OP_GELU;          /* op_gelu.c */
extern const struct op_kind OP_SCALE;         /* op_scale.c */
extern const struct op_kind OP_POOL;          /* op_pool.c */

/* The list under construction; without arrays it only counts. */
struct builder {
    struct program *program;
    const struct program_request *request;
    const struct vit_config *config;
    int32_t block;
    size_t rows;                 /* tokens that are on their way */
    size_t width, heads, hidden; /* of the block, which may differ from others' */
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
    builder->ledger_lines += op.kind->ledger_lines;
    return op.out;
}

static size_t append_norm(struct builder *builder, size_t x, const char *name, enum slot weight,
                          enum slot bias) {
    struct op op = {.kind = &OP_NORM,
                    .lines = {name},
                    .lap = PROFILE_NORM,
                    .in = {x, OP_NONE},
                    .residual = OP_NONE,
                    .weights = {weight_of(builder, weight), weight_of(builder, bias)},
                    .pack = OP_NONE,
                    .eps = builder->config->layer_norm_eps};
    return append(builder, op, (struct value){.rows = builder->rows, .width = builder->width});
}

static struct op linear_op(const struct builder *builder, size_t x, const struct layer *layer) {
    return (struct op){
        .kind = &OP_LINEAR,
        .lines = {profile_kind_name(layer->lap)},
        .role = layer->role,
        .lap = layer->lap,
        .in = {x, OP_NONE},
        .residual = OP_NONE,
        .weights = {weight_of(builder, layer->weight), weight_of(builder, layer->bias)},
        .pack =
            builder->block < 0 ? OP_NONE : arranged_index(layer->weight, (size_t) builder->block)};
}

static size_t append_linear(struct builder *builder, size_t x, const struct layer *layer) {
    struct op op = linear_op(builder, x, layer);
    op.keeps_total = builder->request->keeps_totals && layer->role == VITLRP_ROLE_FC1;
    return append(builder, op, (struct value){.rows = builder->rows, .width = layer->outputs});
}

/* The layer that ends a branch, and the stream that it joins: scaled first if the model has
 * factors. */
static size_t append_branch_end(struct builder *builder, size_t x, const struct layer *layer,
                                enum slot scale, size_t stream) {
    struct value result = {.rows = builder->rows, .width = layer->outputs};
    struct op op = linear_op(builder, x, layer);
    bool scaled = has_weight(builder, scale);
    op.keeps_total = builder->request->keeps_totals && layer->role == VITLRP_ROLE_FC2;
    op.residual = scaled ? OP_NONE : stream;
    size_t branch = append(builder, op, result);
    if (!scaled) {
        return branch;
    }
    struct op factors = {.kind = &OP_SCALE,
                         .lap = layer->lap,
                         .in = {branch, OP_NONE},
                         .residual = stream,
                         .weights = {weight_of(builder, scale)},
                         .pack = OP_NONE};
    return append(builder, factors, result);
}

/* Concatenated heads of `leaving` rows. */
static size_t append_attention(struct builder *builder, size_t x, size_t leaving) {
    size_t dim = builder->width;
    size_t heads = builder->heads;
    struct value result = {.rows = leaving, .width = dim};
    bool absorbs = !builder->request->keeps && builder->block > 0 && leaving < builder->rows &&
                   op_attention_row_suits(leaving, builder->rows, heads);
    struct layer layer = {SLOT_QKV_WEIGHT, SLOT_QKV_BIAS, VITLRP_ROLE_QKV, PROFILE_QKV, 3 * dim};
    struct op op = linear_op(builder, x, &layer);
    op.kind = absorbs ? &OP_ATTENTION_ROW : &OP_QKV;
    op.heads = heads;
    if (absorbs) {
        return append(builder, op, result);
    }
    size_t qkv = append(
        builder, op,
        (struct value){.rows = builder->rows, .width = layer.outputs, .query_rows = leaving});
    struct op attention = {.kind = &OP_ATTENTION,
                           .lines = {"softmax"},
                           .lap = PROFILE_ATTENTION,
                           .in = {qkv, OP_NONE},
                           .residual = OP_NONE,
                           .pack = OP_NONE,
                           .heads = heads};
    return append(builder, attention, result);
}

static size_t append_gelu(struct builder *builder, size_t z) {
    struct op op = {.kind = &OP_GELU,
                    .lap = PROFILE_GELU,
                    .in = {z, OP_NONE},
                    .residual = OP_NONE,
                    .pack = OP_NONE,
                    .activation = builder->config->activation};
    return append(builder, op, (struct value){.rows = builder->rows, .width = builder->hidden});
}

/* A pre-norm block, from which `leaving` rows of the stream leave. */
static size_t append_block(struct builder *builder, size_t stream, size_t leaving) {
    size_t dim = builder->width;
    const struct layer proj = {SLOT_PROJ_WEIGHT, SLOT_PROJ_BIAS, VITLRP_ROLE_PROJ, PROFILE_PROJ,
                               dim};
    const struct layer fc1 = {SLOT_FC1_WEIGHT, SLOT_FC1_BIAS, VITLRP_ROLE_FC1, PROFILE_FC1,
                              builder->hidden};
    const struct layer fc2 = {SLOT_FC2_WEIGHT, SLOT_FC2_BIAS, VITLRP_ROLE_FC2, PROFILE_FC2, dim};
    size_t x = append_norm(builder, stream, "norm1", SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS);
    x = append_attention(builder, x, leaving);
    builder->rows = leaving;
    stream = append_branch_end(builder, x, &proj, SLOT_PROJ_SCALE, stream);
    x = append_norm(builder, stream, "norm2", SLOT_NORM2_WEIGHT, SLOT_NORM2_BIAS);
    x = append_linear(builder, x, &fc1);
    x = append_gelu(builder, x);
    return append_branch_end(builder, x, &fc2, SLOT_FC2_SCALE, stream);
}

/* Embedded patches and the tokens in front of them, with their positions. */
static size_t append_embedding(struct builder *builder) {
    struct program *program = builder->program;
    size_t dim = builder->width;
    const struct layer conv = {SLOT_PATCH_WEIGHT, SLOT_PATCH_BIAS, VITLRP_ROLE_CONV, PROFILE_CONV,
                               dim};
    builder->rows = program->tokens.patches;
    program->input = new_value(
        builder, (struct value){.rows = builder->rows, .width = program->tokens.patch_pixels});
    size_t embedded = append_linear(builder, program->input, &conv);
    builder->rows = program->tokens.count;
    struct op op = {.kind = &OP_TOKENS,
                    .lines = {"position", "cls"},
                    .lap = PROFILE_CONV,
                    .in = {embedded, OP_NONE},
                    .residual = OP_NONE,
                    .weights = {weight_of(builder, SLOT_CLS_TOKEN)},
                    .pack = OP_NONE};
    return append(builder, op, (struct value){.rows = builder->rows, .width = dim});
}

/* LayerNorm of the slots, or nothing where the model has none. */
static size_t append_any_norm(struct builder *builder, size_t x, const char *name, enum slot weight,
                              enum slot bias) {
    return has_weight(builder, weight) ? append_norm(builder, x, name, weight, bias) : x;
}

static size_t append_pool(struct builder *builder, size_t stream, enum vit_pool kind) {
    struct op op = {.kind = &OP_POOL,
                    .lap = PROFILE_OTHER,
                    .in = {stream, OP_NONE},
                    .residual = OP_NONE,
                    .pack = OP_NONE,
                    .pool = pool_of(kind)};
    struct value result = {.rows = 1, .width = builder->width * op.pool->parts};
    builder->rows = 1;
    return append(builder, op, result);
}

static size_t append_head(struct builder *builder, size_t x, enum slot weight, enum slot bias,
                          size_t residual) {
    const struct layer head = {weight, bias, VITLRP_ROLE_HEAD, PROFILE_HEAD,
                               (size_t) builder->config->classes};
    struct op op = linear_op(builder, x, &head);
    op.residual = residual;
    return append(builder, op, (struct value){.rows = 1, .width = head.outputs});
}

/* The final norm, the pool and the head, which a feature extractor does without. The norm follows
 * a pool that only chooses rows, since it has fewer to treat then. */
static size_t append_end(struct builder *builder, size_t stream, enum vit_pool kind) {
    bool late = pool_of(kind)->takes_rows;
    size_t x = stream;
    if (!late) {
        x = append_any_norm(builder, x, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    }
    x = append_pool(builder, x, kind);
    if (late) {
        x = append_any_norm(builder, x, "norm", SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    }
    x = append_any_norm(builder, x, "fc_norm", SLOT_FC_NORM_WEIGHT, SLOT_FC_NORM_BIAS);
    return has_weight(builder, SLOT_HEAD_WEIGHT)
               ? append_head(builder, x, SLOT_HEAD_WEIGHT, SLOT_HEAD_BIAS, OP_NONE)
               : x;
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
    }
    builder->block = -1;
    if (program->streams != NULL) {
        program->streams[program->depth] = stream;
    }
    program->tail = program->op_count;
    program->output = distilled ? append_distilled_end(builder, stream)
                                : append_end(builder, stream, builder->config->pool);
}

size_t program_ledger_lines(const struct vit_model *model) {
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
    if (program->ops == NULL || program->values == NULL || program->streams == NULL) {
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

struct op_array program_array(const struct program *program, size_t value) {
    if (value == OP_NONE) {
        return (struct op_array){0};
    }
    return (struct op_array){.rows = program->values[value].rows,
                             .width = program->values[value].width,
                             .query_rows = program->values[value].query_rows};
}
