#include "support/naive_vit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "support/naive_heads.h"
#include "vit/model/edited_model.h"

/* One forward pass under way. */
struct walk {
    const struct vit_model *model;
    const struct vit_config *config;
    struct naive_nudge nudge;
    size_t tokens, dim, size; /* size: of a head */
    double *x;                /* [tokens, dim] */
    double *normed;           /* [tokens, dim] */
    double *qkv;              /* [tokens, 3 dim] */
    double *heads;            /* [tokens, dim] */
    double *branch;           /* [tokens, dim] */
    double *wide;             /* [tokens, outputs of fc1] */
    double *hidden;           /* [tokens, mlp_dim] */
};

/* A layer, and factors of its outputs; bias and factors NULL: none. */
struct layer {
    const float *weight, *bias, *scale;
};

/* y (stride `outputs`) = scale * (x W^T + b), added to what is there if `add`. */
static void linear(const double *x, size_t rows, size_t inputs, struct layer layer, size_t outputs,
                   bool add, double *y) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t j = 0; j < outputs; j++) {
            double sum = layer.bias == NULL ? 0.0 : layer.bias[j];
            for (size_t i = 0; i < inputs; i++) {
                sum += x[r * inputs + i] * layer.weight[j * inputs + i];
            }
            sum *= layer.scale == NULL ? 1.0 : layer.scale[j];
            y[r * outputs + j] = sum + (add ? y[r * outputs + j] : 0.0);
        }
    }
}

/* Nothing happens where the model has no such norm, and y is x. */
static void norm(const struct walk *walk, const double *x, size_t rows, size_t width,
                 const float *const weights[2], double *y) {
    const struct naive_row_norm one = {.weight = weights[0],
                                       .bias = weights[1],
                                       .rms = walk->config->rms,
                                       .eps = (double) walk->config->layer_norm_eps};
    for (size_t r = 0; r < rows && weights[0] != NULL; r++) {
        naive_row_norm(&one, x + r * width, width, y + r * width);
    }
}

/* Pixels times weights, without position. */
static void embed_patch(const struct vit_model *model, const float *input, size_t patch,
                        double *out) {
    const struct vit_config *config = &model->config;
    size_t ph = (size_t) config->patch_height;
    size_t pw = (size_t) config->patch_width;
    size_t width = (size_t) config->image_width;
    size_t height = (size_t) config->image_height;
    size_t pixels = 3 * ph * pw;
    size_t top = patch / (size_t) config->grid_width * ph;
    size_t left = patch % (size_t) config->grid_width * pw;
    for (size_t d = 0; d < (size_t) config->dim; d++) {
        out[d] = model->weights.patch_bias == NULL ? 0.0 : (double) model->weights.patch_bias[d];
        for (size_t i = 0; i < pixels; i++) {
            size_t y = top + i / pw % ph;
            size_t x = left + i % pw;
            out[d] += (double) input[(i / (ph * pw) * height + y) * width + x] *
                      model->weights.patch_weight[d * pixels + i];
        }
    }
}

static void embed(const struct vit_model *model, const float *input, struct walk *walk) {
    const struct vit_weights *weights = &model->weights;
    const float *const norms[2] = {weights->embed_norm_weight, weights->embed_norm_bias};
    size_t prefix = (size_t) walk->config->prefix;
    for (size_t d = 0; d < prefix * walk->dim; d++) {
        walk->x[d] = weights->cls_token[d];
    }
    for (size_t t = prefix; t < walk->tokens; t++) {
        double *token = walk->x + t * walk->dim;
        embed_patch(model, input, t - prefix, token);
        norm(walk, token, 1, walk->dim, norms, token);
    }
    for (size_t d = 0; d < walk->tokens * walk->dim && weights->position != NULL; d++) {
        walk->x[d] += (double) weights->position[d];
    }
}

static void attend(struct walk *walk, int32_t block) {
    const struct naive_nudge *nudge = &walk->nudge;
    const struct naive_heads heads = {walk->model, (size_t) block, walk->tokens, walk->qkv,
                                      nudge->absent};
    double *a = calloc(walk->tokens, sizeof *a);
    memset(walk->heads, 0, walk->tokens * walk->dim * sizeof *walk->heads);
    naive_heads_prepare(&heads);
    for (size_t i = 0; i < (size_t) walk->config->heads * walk->tokens; i++) {
        size_t head = i / walk->tokens;
        size_t row = i % walk->tokens;
        naive_heads_row(&heads, head, row, a);
        if (block == nudge->block && head == nudge->head && row == nudge->row) {
            a[nudge->column] += nudge->amount;
        }
        for (size_t t = 0; t < walk->tokens; t++) {
            const double *v = walk->qkv + t * 3 * walk->dim + 2 * walk->dim + head * walk->size;
            for (size_t d = 0; d < walk->size; d++) {
                walk->heads[row * walk->dim + head * walk->size + d] += a[t] * v[d];
            }
        }
    }
    naive_heads_finish(&heads, walk->heads);
    free(a);
}

static double activated(const struct vit_config *config, double z) {
    return config->activation == VIT_SILU ? z / (1.0 + exp(-z))
                                          : z * 0.5 * (1.0 + erf(z / sqrt(2.0)));
}

/* Hidden values of the model's edited units: x = f x + c. */
static void edit(const struct walk *walk, int32_t index, enum vitlrp_site site, size_t width,
                 double *x) {
    struct layer_edit found;
    bool edited = layer_edit_find(walk->model, site, (size_t) index, &found);
    for (size_t i = 0; edited && i < walk->tokens * width; i++) {
        const float *constant = i < width ? found.leading : found.others;
        x[i] = (double) found.factor[i % width] * x[i] +
               (constant == NULL ? 0.0 : (double) constant[i % width]);
    }
}

/* branch = proj of the attention over x. */
static void attention_branch(struct walk *walk, int32_t index, const struct vit_block *block,
                             const double *x) {
    const float *const norms[2] = {block->attention_norm_weight, block->attention_norm_bias};
    linear(x, walk->tokens, walk->dim, (struct layer){block->qkv_weight, block->qkv_bias, NULL},
           3 * walk->dim, false, walk->qkv);
    attend(walk, index);
    edit(walk, index, VITLRP_SITE_HEAD, walk->dim, walk->heads);
    norm(walk, walk->heads, walk->tokens, walk->dim, norms, walk->heads);
    linear(walk->heads, walk->tokens, walk->dim,
           (struct layer){block->proj_weight, block->proj_bias, NULL}, walk->dim, false,
           walk->branch);
}

/* branch = fc2 of the MLP over x, added to what is there if `add`. */
static void mlp_branch(struct walk *walk, int32_t index, const double *x, bool add) {
    const struct vit_block *block = &walk->model->weights.blocks[index];
    const struct vit_config *config = walk->config;
    const float *const norms[2] = {block->mlp_norm_weight, block->mlp_norm_bias};
    size_t mlp = (size_t) config->mlp_dim;
    size_t outputs = config->gated ? 2 * mlp : mlp;
    linear(x, walk->tokens, walk->dim, (struct layer){block->fc1_weight, block->fc1_bias, NULL},
           outputs, false, walk->wide);
    for (size_t i = 0; i < walk->tokens * mlp; i++) {
        const double *z = walk->wide + i / mlp * outputs + i % mlp;
        walk->hidden[i] = activated(config, z[0]) * (config->gated ? z[mlp] : 1.0);
    }
    edit(walk, index, VITLRP_SITE_FC1, mlp, walk->hidden);
    norm(walk, walk->hidden, walk->tokens, mlp, norms, walk->hidden);
    linear(walk->hidden, walk->tokens, mlp,
           (struct layer){block->fc2_weight, block->fc2_bias, NULL}, walk->dim, add, walk->branch);
}

static void join(struct walk *walk, const float *scale) {
    for (size_t i = 0; i < walk->tokens * walk->dim; i++) {
        walk->x[i] += walk->branch[i] * (scale == NULL ? 1.0 : (double) scale[i % walk->dim]);
    }
}

static void pass_block(struct walk *walk, int32_t index, const struct vit_block *block) {
    const float *const norm1[2] = {block->norm1_weight, block->norm1_bias};
    const float *const norm2[2] = {block->norm2_weight, block->norm2_bias};
    enum vit_block_form form = walk->config->form;
    bool post = form == VIT_BLOCK_POST_NORM;
    norm(walk, walk->x, walk->tokens, walk->dim, norm1, walk->normed);
    attention_branch(walk, index, block, post ? walk->x : walk->normed);
    if (form == VIT_BLOCK_PARALLEL) {
        mlp_branch(walk, index, walk->normed, true);
        join(walk, block->proj_scale);
        return;
    }
    if (post) {
        norm(walk, walk->branch, walk->tokens, walk->dim, norm1, walk->branch);
    }
    join(walk, block->proj_scale);
    norm(walk, walk->x, walk->tokens, walk->dim, norm2, walk->normed);
    mlp_branch(walk, index, post ? walk->x : walk->normed, false);
    if (post) {
        norm(walk, walk->branch, walk->tokens, walk->dim, norm2, walk->branch);
    }
    join(walk, block->fc2_scale);
}

/* logits = W h / |u| + b of what the head reads, h, and u = P h, or h itself. */
static void similarity(const struct vit_model *model, const double *h, double *logits) {
    const struct vit_weights *weights = &model->weights;
    size_t dim = (size_t) model->config.dim;
    size_t count = (size_t) model->config.classes;
    size_t width = weights->head_weight == NULL ? dim : (size_t) model->config.compared;
    double *u = calloc(width, sizeof *u);
    double square = 0.0;
    memcpy(u, h, (weights->head_weight == NULL ? width : 0) * sizeof *u);
    if (weights->head_weight != NULL) {
        linear(h, 1, dim, (struct layer){weights->head_weight, weights->head_bias, NULL}, width,
               false, u);
    }
    for (size_t i = 0; i < width; i++) {
        square += u[i] * u[i];
    }
    linear(h, 1, dim, (struct layer){weights->prompt_weight, weights->prompt_bias, NULL}, count,
           false, logits);
    for (size_t c = 0; c < count; c++) {
        double bias = weights->logit_bias == NULL ? 0.0 : (double) weights->logit_bias[0];
        logits[c] = logits[c] / sqrt(square) + bias;
    }
    free(u);
}

void naive_vit(const struct vit_model *model, const float *input, struct naive_nudge nudge,
               int32_t last_block, double *logits) {
    const struct vit_config *config = &model->config;
    struct walk walk = {.model = model,
                        .config = config,
                        .nudge = nudge,
                        .tokens = (size_t) config->prefix +
                                  (size_t) config->grid_height * (size_t) config->grid_width,
                        .dim = (size_t) config->dim,
                        .size = (size_t) (config->dim / config->heads)};
    size_t count = walk.tokens * walk.dim;
    walk.x = calloc(count, sizeof(double));
    walk.normed = calloc(count, sizeof(double));
    walk.qkv = calloc(3 * count, sizeof(double));
    walk.heads = calloc(count, sizeof(double));
    walk.branch = calloc(count, sizeof(double));
    walk.wide = calloc(2 * walk.tokens * (size_t) config->mlp_dim, sizeof(double));
    walk.hidden = calloc(walk.tokens * (size_t) config->mlp_dim, sizeof(double));
    embed(model, input, &walk);
    for (int32_t i = 0; i <= last_block; i++) {
        pass_block(&walk, i, &model->weights.blocks[i]);
    }
    const float *const norms[2] = {model->weights.norm_weight, model->weights.norm_bias};
    norm(&walk, walk.x, 1, walk.dim, norms, walk.normed);
    if (model->weights.prompt_weight != NULL) {
        similarity(model, walk.normed, logits);
    } else {
        linear(walk.normed, 1, walk.dim,
               (struct layer){model->weights.head_weight, model->weights.head_bias, NULL},
               (size_t) config->classes, false, logits);
    }
    free(walk.x);
    free(walk.normed);
    free(walk.qkv);
    free(walk.heads);
    free(walk.branch);
    free(walk.wide);
    free(walk.hidden);
}
