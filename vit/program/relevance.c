/* The backward pass of AttnLRP in G form: every activation a carries a modified gradient G, its
 * relevance is a * G. vit/RULES.md has the rules with their equations. */
#include <string.h>

#include "vit/math/flops.h"
#include "vit/program/ledger.h"
#include "vit/program/session_private.h"

/* One attribution under way. */
struct pass {
    struct vit_session *session;
    const struct vit_rules *rules;
    struct vit_relevance *relevance;
    struct ledger ledger;
};

static bool is_gradient(const struct pass *pass) {
    return pass->rules->propagation == VIT_PROPAGATE_GRADIENT;
}

/* LRP-0 in G form is the gradient of a linear layer. */
static struct linear_rule rule_of(const struct pass *pass, enum vit_role role) {
    if (is_gradient(pass)) {
        return (struct linear_rule){0};
    }
    return (struct linear_rule){.gamma = pass->rules->gamma[role], .epsilon = pass->rules->epsilon};
}

/* Sum of a * g over [rows, width] with row strides, 0 unless a ledger asks for it. */
static double relevance_of(const struct pass *pass, const float *a, const float *g, size_t rows,
                           size_t width, size_t stride) {
    double sum = 0.0;
    for (size_t r = 0; pass->ledger.entries != NULL && r < rows; r++) {
        sum += pass->session->net.engine.kernels->dot(a + r * stride, g + r * stride, width);
    }
    return sum;
}

static void lap(const struct pass *pass, enum profile_kind kind, double flops) {
    profile_lap(pass->session->net.engine.profile, kind, flops);
}

/* Relevance of a linear layer, with its line in the ledger, whose kinds are those of a profile. */
static void pass_linear(struct pass *pass, int32_t block, enum profile_kind kind,
                        const struct linear_step *step) {
    size_t outputs = step->layer->outputs;
    size_t inputs = step->layer->inputs;
    double received = relevance_of(pass, step->y, step->g_y, step->rows, outputs, step->y_stride);
    linear_relevance(&pass->session->net.engine, step);
    lap(pass, kind, flops_linear_relevance(step));
    ledger_record(&pass->ledger, block, profile_kind_name(kind), received,
                  relevance_of(pass, step->x, step->g_x, step->rows, inputs, inputs));
}

struct norm_relevance_job {
    const struct vit_session *session;
    void (*rule)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                 float eps);
    float *g_x;
    const float *g_y, *x, *weight;
};

static void norm_relevance_rows(void *context, size_t first, size_t count) {
    const struct norm_relevance_job *job = context;
    size_t dim = job->session->net.dim;
    for (size_t r = first; r < first + count; r++) {
        job->rule(job->g_x + r * dim, job->g_y + r * dim, job->x + r * dim, job->weight, dim,
                  job->session->net.model->config.layer_norm_eps);
    }
}

/* Adds the relevance of a LayerNorm to g_x, the G of its input x; `normed` is its output. */
static void pass_norm(struct pass *pass, int32_t block, const char *kind, size_t rows,
                      const float *weight, const float *x, const float *normed, const float *g_y,
                      float *g_x) {
    size_t dim = pass->session->net.dim;
    const struct kernels *kernels = pass->session->net.engine.kernels;
    struct norm_relevance_job job = {.session = pass->session,
                                     .rule = is_gradient(pass) ? kernels->norm_gradient
                                                               : kernels->norm_relevance,
                                     .g_x = g_x,
                                     .g_y = g_y,
                                     .x = x,
                                     .weight = weight};
    double received = relevance_of(pass, normed, g_y, rows, dim, dim);
    double before = relevance_of(pass, x, g_x, rows, dim, dim);
    engine_rows(&pass->session->net.engine, rows, norm_relevance_rows, &job);
    lap(pass, PROFILE_NORM, 0.0);
    double after = relevance_of(pass, x, g_x, rows, dim, dim);
    ledger_record(&pass->ledger, block, kind, received, after - before);
}

/* From the targets to G of the tokens that leave the last block, in g_x: all 0 but for CLS. Under
 * the plain gradient, which reads no output of the head, any block may stand for the last one. */
static void pass_head(struct pass *pass, const struct block_state *last,
                      const struct vitlrp_target *targets, size_t target_count) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    const struct session_state *state = &session->state;
    struct linear head = network_head(&session->net);
    double explained = 0.0;
    memset(scratch->g_wide, 0, head.outputs * sizeof *scratch->g_wide);
    for (size_t i = 0; i < target_count; i++) {
        scratch->g_wide[targets[i].output] += targets[i].weight;
        explained += (double) targets[i].weight * state->logits[targets[i].output];
    }
    pass->relevance->explained = explained;
    struct linear_step step = {.layer = &head,
                               .rule = rule_of(pass, VIT_ROLE_HEAD),
                               .rows = 1,
                               .x = state->final,
                               .y = state->logits,
                               .g_y = scratch->g_wide,
                               .y_stride = head.outputs,
                               .g_x = scratch->g_dim,
                               .scratch = scratch->linear};
    pass_linear(pass, -1, PROFILE_HEAD, &step);
    memset(scratch->g_x, 0, last->rows * session->net.dim * sizeof *scratch->g_x);
    pass_norm(pass, -1, "norm", 1, session->net.model->weights.norm_weight, last->x_out,
              state->final, scratch->g_dim, scratch->g_x);
}

struct gelu_relevance_job {
    const struct vit_session *session;
    void (*rule)(float *g, const float *z, size_t count, enum vit_activation activation);
    float *g;
    const float *z;
};

static void gelu_relevance_rows(void *context, size_t first, size_t count) {
    const struct gelu_relevance_job *job = context;
    size_t width = job->session->net.mlp_dim;
    job->rule(job->g + first * width, job->z + first * width, count * width,
              job->session->net.model->config.activation);
}

static void keep_neurons(struct pass *pass, int32_t block, size_t rows) {
    const struct vit_session *session = pass->session;
    float *neurons = pass->relevance->neurons;
    size_t count = rows * session->net.mlp_dim;
    if (neurons == NULL || pass->relevance->neurons_block != block) {
        return;
    }
    session->net.engine.kernels->multiply(neurons, session->scratch.hidden, session->scratch.g_wide,
                                          count);
    memset(neurons + count, 0,
           (session->net.tokens * session->net.mlp_dim - count) * sizeof *neurons);
}

/* The output of a residual branch, from the stream after and before it. */
static void branch_output(struct pass *pass, struct linear_rule rule, const float *after,
                          const float *before, size_t count) {
    if (linear_rule_reads_output(rule) || pass->ledger.entries != NULL) {
        pass->session->net.engine.kernels->subtract(pass->session->scratch.y, after, before, count);
    }
}

/* g_x: from G of the block's output to G of x_mid. */
static void pass_mlp(struct pass *pass, int32_t block, const struct vit_block *weights,
                     const struct block_state *state) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    struct kept_totals *totals = &session->state.totals[block];
    size_t rows = state->rows;
    size_t count = rows * session->net.dim;
    struct linear fc1 = network_fc1(&session->net, weights);
    struct linear fc2 = network_fc2(&session->net, weights);
    const struct kernels *kernels = session->net.engine.kernels;
    struct gelu_relevance_job gelu = {.session = session,
                                      .rule = is_gradient(pass) ? kernels->gelu_gradient
                                                                : kernels->gelu_relevance,
                                      .g = scratch->g_wide,
                                      .z = state->z};
    struct linear_step step = {.layer = &fc2,
                               .rule = rule_of(pass, VIT_ROLE_FC2),
                               .rows = rows,
                               .x = scratch->hidden,
                               .y = scratch->y,
                               .g_y = scratch->g_dim,
                               .y_stride = session->net.dim,
                               .g_x = scratch->g_wide,
                               .scratch = scratch->g_row,
                               .total = totals->fc2,
                               .total_is_made = totals->has_fc2};
    network_gelu(&session->net, state->z, rows, scratch->hidden);
    branch_output(pass, step.rule, state->x_out, state->x_mid, count);
    memcpy(scratch->g_dim, scratch->g_x, count * sizeof *scratch->g_dim);
    pass_linear(pass, block, PROFILE_FC2, &step);
    totals->has_fc2 = totals->has_fc2 || step.rule.gamma != 0.0F;
    keep_neurons(pass, block, rows);
    engine_rows(&session->net.engine, rows, gelu_relevance_rows, &gelu);
    lap(pass, PROFILE_GELU, 0.0);
    network_norm(&session->net, state->x_mid, weights->norm2_weight, weights->norm2_bias, rows,
                 scratch->normed);
    step = (struct linear_step){.layer = &fc1,
                                .rule = rule_of(pass, VIT_ROLE_FC1),
                                .rows = rows,
                                .x = scratch->normed,
                                .y = state->z,
                                .g_y = scratch->g_wide,
                                .y_stride = session->net.mlp_dim,
                                .g_x = scratch->g_row,
                                .scratch = scratch->linear,
                                .total = totals->fc1,
                                .total_is_made = totals->has_fc1};
    pass_linear(pass, block, PROFILE_FC1, &step);
    totals->has_fc1 = totals->has_fc1 || step.rule.gamma != 0.0F;
    pass_norm(pass, block, "norm2", rows, weights->norm2_weight, state->x_mid, scratch->normed,
              scratch->g_row, scratch->g_x);
}

/* The stacked parts of qkv that carry relevance, and for how many tokens each. */
struct qkv_parts {
    size_t count;
    struct {
        size_t first, parts, rows;
    } part[2];
};

static struct qkv_parts parts_with_relevance(const struct pass *pass, size_t rows) {
    size_t tokens = pass->session->net.tokens;
    if (pass->rules->propagation == VIT_PROPAGATE_CP_LRP) {
        return (struct qkv_parts){1, {{2, 1, tokens}}};
    }
    if (rows == tokens) {
        return (struct qkv_parts){1, {{0, 3, tokens}}};
    }
    return (struct qkv_parts){2, {{1, 2, tokens}, {0, 1, rows}}};
}

static void show_attention(const struct vit_attention_visitor *visitor, int32_t block,
                           const struct attention *attention, const float *a, const float *g_a) {
    if (visitor->visit != NULL) {
        visitor->visit(visitor->user, &(struct vit_attention_view){.block = block,
                                                                   .heads = attention->heads,
                                                                   .rows = attention->rows,
                                                                   .tokens = attention->tokens,
                                                                   .a = a,
                                                                   .g_a = g_a});
    }
}

/* g_row: from G of the concatenated heads; g_wide: to G of q, k, v. */
static void pass_attention(struct pass *pass, int32_t block, const struct block_state *state,
                           const struct qkv_parts *parts) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    size_t dim = session->net.dim;
    struct attention attention = network_attention(&session->net, state);
    double passed = 0.0;
    bool constant = pass->rules->propagation == VIT_PROPAGATE_CP_LRP;
    bool watched = pass->relevance->visitor.visit != NULL;
    struct attention_rule rule = {.share = constant || is_gradient(pass) ? 1.0F : 0.5F,
                                  .constant = constant};
    struct attention_maps maps = {.a = watched ? scratch->a : NULL,
                                  .g_a = watched ? scratch->g_a : NULL};
    attention_relevance(&session->net.engine, &attention, rule, scratch->g_row, scratch->g_wide,
                        maps);
    lap(pass, PROFILE_ATTENTION, flops_attention_relevance(&attention, rule));
    show_attention(&pass->relevance->visitor, block, &attention, scratch->a,
                   constant ? NULL : scratch->g_a);
    for (size_t i = 0; i < parts->count; i++) {
        size_t at = parts->part[i].first * dim;
        passed += relevance_of(pass, state->qkv + at, scratch->g_wide + at, parts->part[i].rows,
                               parts->part[i].parts * dim, 3 * dim);
    }
    ledger_record(&pass->ledger, block, "softmax",
                  relevance_of(pass, state->attention, scratch->g_row, state->rows, dim, dim),
                  passed);
}

/* g_wide: from G of q, k, v; g_dim: to G of norm1's output. */
static void pass_qkv(struct pass *pass, int32_t block, const struct vit_block *weights,
                     const struct block_state *state, const struct qkv_parts *parts) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    size_t dim = session->net.dim;
    double received = 0.0;
    for (size_t i = 0; i < parts->count; i++) {
        size_t at = parts->part[i].first * dim;
        size_t rows = parts->part[i].rows;
        struct linear layer =
            network_qkv_part(&session->net, weights, parts->part[i].first, parts->part[i].parts);
        struct linear_step step = {.layer = &layer,
                                   .rule = rule_of(pass, VIT_ROLE_QKV),
                                   .rows = rows,
                                   .x = scratch->normed,
                                   .y = state->qkv + at,
                                   .g_y = scratch->g_wide + at,
                                   .y_stride = 3 * dim,
                                   .g_x = i == 0 ? scratch->g_dim : scratch->g_row,
                                   .scratch = scratch->linear};
        received += relevance_of(pass, step.y, step.g_y, rows, layer.outputs, 3 * dim);
        linear_relevance(&session->net.engine, &step);
        if (i > 0) {
            session->net.engine.kernels->add(scratch->g_dim, scratch->g_dim, step.g_x, rows * dim);
        }
        lap(pass, PROFILE_QKV, flops_linear_relevance(&step));
    }
    ledger_record(
        &pass->ledger, block, "qkv", received,
        relevance_of(pass, scratch->normed, scratch->g_dim, session->net.tokens, dim, dim));
}

static void keep_norm1(struct pass *pass, int32_t block) {
    const struct vit_session *session = pass->session;
    size_t bytes = session->net.tokens * session->net.dim * sizeof(float);
    if (block + 1 == session->net.model->config.depth && pass->relevance->norm1 != NULL) {
        memcpy(pass->relevance->norm1, session->scratch.normed, bytes);
    }
    if (block + 1 == session->net.model->config.depth && pass->relevance->norm1_g != NULL) {
        memcpy(pass->relevance->norm1_g, session->scratch.g_dim, bytes);
    }
}

/* From G of x_mid in g_x (the first rows) to G of the concatenated heads in g_row. */
static void pass_proj(struct pass *pass, int32_t block, const struct vit_block *weights,
                      const struct block_state *state) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    size_t count = state->rows * session->net.dim;
    struct linear proj = network_proj(&session->net, weights);
    struct linear_step step = {.layer = &proj,
                               .rule = rule_of(pass, VIT_ROLE_PROJ),
                               .rows = state->rows,
                               .x = state->attention,
                               .y = scratch->y,
                               .g_y = scratch->g_dim,
                               .y_stride = session->net.dim,
                               .g_x = scratch->g_row,
                               .scratch = scratch->linear};
    branch_output(pass, step.rule, state->x_mid, state->x_in, count);
    memcpy(scratch->g_dim, scratch->g_x, count * sizeof *scratch->g_dim);
    pass_linear(pass, block, PROFILE_PROJ, &step);
}

/* g_x: from G of x_mid (the first rows) to G of the block's input (all tokens). */
static void pass_attention_branch(struct pass *pass, int32_t block, const struct vit_block *weights,
                                  const struct block_state *state) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    size_t dim = session->net.dim;
    size_t count = state->rows * dim;
    struct qkv_parts parts = parts_with_relevance(pass, state->rows);
    pass_proj(pass, block, weights, state);
    pass_attention(pass, block, state, &parts);
    network_norm(&session->net, state->x_in, weights->norm1_weight, weights->norm1_bias,
                 session->net.tokens, scratch->normed);
    pass_qkv(pass, block, weights, state, &parts);
    keep_norm1(pass, block);
    memset(scratch->g_x + count, 0, (session->net.tokens * dim - count) * sizeof *scratch->g_x);
    pass_norm(pass, block, "norm1", session->net.tokens, weights->norm1_weight, state->x_in,
              scratch->normed, scratch->g_dim, scratch->g_x);
}

/* From G of the embedded tokens to the maps. */
static enum vitlrp_status pass_embedding(struct pass *pass, struct vitlrp_error *err) {
    struct vit_session *session = pass->session;
    struct session_scratch *scratch = &session->scratch;
    const struct session_state *state = &session->state;
    const struct kernels *kernels = session->net.engine.kernels;
    struct vit_relevance *relevance = pass->relevance;
    size_t dim = session->net.dim;
    size_t pixels = session->net.patches * session->net.patch_pixels;
    struct linear layer = network_patch_layer(&session->net);
    struct linear_step step = {.layer = &layer,
                               .rule = rule_of(pass, VIT_ROLE_CONV),
                               .rows = session->net.patches,
                               .x = state->unfolded,
                               .y = state->embedded,
                               .g_y = scratch->g_x + dim,
                               .y_stride = dim,
                               .g_x = scratch->patch,
                               .scratch = scratch->linear};
    ledger_record(&pass->ledger, -1, "position",
                  relevance_of(pass, state->position, scratch->g_x, session->net.tokens, dim, dim),
                  0.0);
    ledger_record(
        &pass->ledger, -1, "cls",
        relevance_of(pass, session->net.model->weights.cls_token, scratch->g_x, 1, dim, dim), 0.0);
    pass_linear(pass, -1, PROFILE_CONV, &step);
    relevance->sum = kernels->dot(state->unfolded, scratch->patch, pixels);
    if (relevance->input_g != NULL) {
        embed_fold(&session->net.grid, scratch->patch, relevance->input_g);
    }
    kernels->multiply(scratch->patch, scratch->patch, state->unfolded, pixels);
    if (!values_are_finite(scratch->patch, pixels)) {
        return fail(err, VITLRP_NUMERIC,
                    "the relevance is not finite: try another rule (a positive gamma has no pole)");
    }
    if (relevance->pixels != NULL) {
        embed_fold(&session->net.grid, scratch->patch, relevance->pixels);
    }
    if (relevance->patches != NULL) {
        embed_patch_sums(&session->net.grid, scratch->patch, relevance->patches);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_targets(const struct vit_session *session,
                                        const struct vitlrp_target *targets, size_t target_count,
                                        struct vitlrp_error *err) {
    const struct vit_config *config = &session->net.model->config;
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet: there is nothing to explain");
    }
    if (target_count == 0) {
        return fail(err, VITLRP_USAGE, "no target to explain");
    }
    for (size_t i = 0; i < target_count; i++) {
        if (targets[i].output < 0 || targets[i].output >= config->classes) {
            return fail(err, VITLRP_USAGE, "output %d is out of range: 0 to %d", targets[i].output,
                        config->classes - 1);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_block(const struct vit_session *session, int32_t block,
                                      struct vitlrp_error *err) {
    int32_t depth = session->net.model->config.depth;
    if (block < 0 || block >= depth) {
        return fail(err, VITLRP_USAGE, "block %d is out of range: 0 to %d", block, depth - 1);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_attention_maps(const struct vit_session *session,
                                               struct vitlrp_error *err) {
    if (session->scratch.a == NULL) {
        return fail(err, VITLRP_USAGE, "the session was opened without attention_maps");
    }
    return VITLRP_OK;
}

/* The queries that the forward pass left out in a block of which only CLS leaves. The CLS row stays
 * as it is: made again among others, its last bits could differ. */
static void complete_queries(struct vit_session *session, const struct vit_block *weights,
                             struct block_state *state) {
    size_t dim = session->net.dim;
    struct linear query = network_qkv_part(&session->net, weights, 0, 1);
    float *normed = session->scratch.normed;
    network_norm(&session->net, state->x_in, weights->norm1_weight, weights->norm1_bias,
                 session->net.tokens, normed);
    linear_forward(&session->net.engine, &query, session->net.patches, normed + dim,
                   state->qkv + 3 * dim, 3 * dim, NULL);
    state->rows = session->net.tokens;
}

enum vitlrp_status vit_visit_attention(struct vit_session *session,
                                       const struct vit_attention_visitor *visitor,
                                       struct vitlrp_error *err) {
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet: there is nothing to show");
    }
    TRY(check_attention_maps(session, err));
    struct gemm_entry saved;
    session->net.engine.backend->enter(&saved);
    for (int32_t i = session->net.model->config.depth - 1; i >= 0; i--) {
        struct block_state state = session->state.blocks[i];
        if (state.rows != session->net.tokens) {
            complete_queries(session, &session->net.model->weights.blocks[i], &state);
        }
        struct attention attention = network_attention(&session->net, &state);
        attention_matrices(&session->net.engine, &attention, session->scratch.a);
        show_attention(visitor, i, &attention, session->scratch.a, NULL);
    }
    session->net.engine.backend->leave(&saved);
    return engine_check(&session->net.engine, err);
}

enum vitlrp_status vit_block_gradient(struct vit_session *session, int32_t block,
                                      const struct vitlrp_target *targets, size_t target_count,
                                      const struct vit_attention_visitor *visitor,
                                      struct vitlrp_error *err) {
    TRY(check_targets(session, targets, target_count, err));
    TRY(check_block(session, block, err));
    TRY(check_attention_maps(session, err));
    const struct vit_block *weights = &session->net.model->weights.blocks[block];
    const struct vit_rules rules = {.propagation = VIT_PROPAGATE_GRADIENT};
    struct vit_relevance relevance = {.visitor = *visitor};
    struct pass pass = {.session = session, .rules = &rules, .relevance = &relevance};
    struct block_state cls = session->state.blocks[block];
    cls.rows = 1;
    struct qkv_parts parts = parts_with_relevance(&pass, cls.rows);
    struct gemm_entry saved;
    session->net.engine.backend->enter(&saved);
    pass_head(&pass, &cls, targets, target_count);
    pass_mlp(&pass, block, weights, &cls);
    pass_proj(&pass, block, weights, &cls);
    pass_attention(&pass, block, &cls, &parts);
    session->net.engine.backend->leave(&saved);
    return engine_check(&session->net.engine, err);
}

enum vitlrp_status vit_relevance(struct vit_session *session, const struct vitlrp_target *targets,
                                 size_t target_count, const struct vit_rules *rules,
                                 struct vit_relevance *relevance, struct vitlrp_error *err) {
    TRY(check_targets(session, targets, target_count, err));
    if (relevance->neurons != NULL) {
        TRY(check_block(session, relevance->neurons_block, err));
    }
    if (relevance->visitor.visit != NULL) {
        TRY(check_attention_maps(session, err));
    }
    struct pass pass = {.session = session,
                        .rules = rules,
                        .relevance = relevance,
                        .ledger = {.entries = relevance->ledger}};
    profile_begin(session->net.engine.profile, PROFILE_BACKWARD);
    struct gemm_entry saved;
    session->net.engine.backend->enter(&saved);
    pass_head(&pass, &session->state.blocks[session->net.model->config.depth - 1], targets,
              target_count);
    for (int32_t i = session->net.model->config.depth - 1; i >= 0; i--) {
        const struct vit_block *weights = &session->net.model->weights.blocks[i];
        const struct block_state *state = &session->state.blocks[i];
        pass_mlp(&pass, i, weights, state);
        pass_attention_branch(&pass, i, weights, state);
    }
    enum vitlrp_status status = pass_embedding(&pass, err);
    session->net.engine.backend->leave(&saved);
    profile_end(session->net.engine.profile);
    TRY(engine_check(&session->net.engine, err));
    return status;
}
