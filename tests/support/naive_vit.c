#include "support/naive_vit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* One forward pass under way. */
struct walk {
    const struct vit_config *config;
    struct naive_nudge nudge;
    size_t tokens, dim, size; /* size: of a head */
    double *x;                /* [tokens, dim] */
    double *normed;           /* [tokens, dim] */
    double *qkv;              /* [tokens, 3 dim] */
    double *heads;            /* [tokens, dim] */
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

static void norm(const struct walk *walk, const double *x, size_t rows, const float *weight,
                 const float *bias, double *y) {
    for (size_t r = 0; r < rows; r++) {
        double mean = 0.0;
        double variance = 0.0;
        for (size_t i = 0; i < walk->dim; i++) {
            mean += x[r * walk->dim + i] / (double) walk->dim;
        }
        for (size_t i = 0; i < walk->dim; i++) {
            variance += pow(x[r * walk->dim + i] - mean, 2.0) / (double) walk->dim;
        }
        for (size_t i = 0; i < walk->dim; i++) {
            double scaled = (x[r * walk->dim + i] - mean) /
                            sqrt(variance + (double) walk->config->layer_norm_eps);
            y[r * walk->dim + i] = scaled * weight[i] + bias[i];
        }
    }
}

static void embed(const struct vit_model *model, const float *input, struct walk *walk) {
    const struct vit_config *config = walk->config;
    size_t ph = (size_t) config->patch_height;
    size_t pw = (size_t) config->patch_width;
    size_t width = (size_t) config->image_width;
    size_t height = (size_t) config->image_height;
    size_t pixels = 3 * ph * pw;
    size_t prefix = (size_t) config->prefix;
    for (size_t d = 0; d < prefix * walk->dim; d++) {
        walk->x[d] = (double) model->weights.cls_token[d] + model->weights.position[d];
    }
    for (size_t t = prefix; t < walk->tokens; t++) {
        size_t top = (t - prefix) / (size_t) config->grid_width * ph;
        size_t left = (t - prefix) % (size_t) config->grid_width * pw;
        for (size_t d = 0; d < walk->dim; d++) {
            double sum =
                (double) model->weights.patch_bias[d] + model->weights.position[t * walk->dim + d];
            for (size_t i = 0; i < pixels; i++) {
                size_t y = top + i / pw % ph;
                size_t x = left + i % pw;
                sum += (double) input[(i / (ph * pw) * height + y) * width + x] *
                       model->weights.patch_weight[d * pixels + i];
            }
            walk->x[t * walk->dim + d] = sum;
        }
    }
}

/* One row of one head's attention matrix. */
static void attention_row(const struct walk *walk, int32_t block, size_t head, size_t row,
                          double *a) {
    const double *q = walk->qkv + row * 3 * walk->dim + head * walk->size;
    double total = 0.0;
    for (size_t t = 0; t < walk->tokens; t++) {
        const double *k = walk->qkv + t * 3 * walk->dim + walk->dim + head * walk->size;
        double score = 0.0;
        for (size_t d = 0; d < walk->size; d++) {
            score += q[d] * k[d];
        }
        a[t] = exp(score / sqrt((double) walk->size));
        total += a[t];
    }
    for (size_t t = 0; t < walk->tokens; t++) {
        bool nudged = block == walk->nudge.block && head == walk->nudge.head &&
                      row == walk->nudge.row && t == walk->nudge.column;
        a[t] = a[t] / total + (nudged ? walk->nudge.amount : 0.0);
    }
}

static void attend(struct walk *walk, int32_t block) {
    double *a = calloc(walk->tokens, sizeof *a);
    memset(walk->heads, 0, walk->tokens * walk->dim * sizeof *walk->heads);
    for (size_t i = 0; i < (size_t) walk->config->heads * walk->tokens; i++) {
        size_t head = i / walk->tokens;
        size_t row = i % walk->tokens;
        attention_row(walk, block, head, row, a);
        for (size_t t = 0; t < walk->tokens; t++) {
            const double *v = walk->qkv + t * 3 * walk->dim + 2 * walk->dim + head * walk->size;
            for (size_t d = 0; d < walk->size; d++) {
                walk->heads[row * walk->dim + head * walk->size + d] += a[t] * v[d];
            }
        }
    }
    free(a);
}

static void pass_block(struct walk *walk, int32_t index, const struct vit_block *block) {
    size_t mlp = (size_t) walk->config->mlp_dim;
    norm(walk, walk->x, walk->tokens, block->norm1_weight, block->norm1_bias, walk->normed);
    linear(walk->normed, walk->tokens, walk->dim,
           (struct layer){block->qkv_weight, block->qkv_bias, NULL}, 3 * walk->dim, false,
           walk->qkv);
    attend(walk, index);
    linear(walk->heads, walk->tokens, walk->dim,
           (struct layer){block->proj_weight, block->proj_bias, block->proj_scale}, walk->dim, true,
           walk->x);
    norm(walk, walk->x, walk->tokens, block->norm2_weight, block->norm2_bias, walk->normed);
    linear(walk->normed, walk->tokens, walk->dim,
           (struct layer){block->fc1_weight, block->fc1_bias, NULL}, mlp, false, walk->hidden);
    for (size_t i = 0; i < walk->tokens * mlp; i++) {
        walk->hidden[i] *= 0.5 * (1.0 + erf(walk->hidden[i] / sqrt(2.0)));
    }
    linear(walk->hidden, walk->tokens, mlp,
           (struct layer){block->fc2_weight, block->fc2_bias, block->fc2_scale}, walk->dim, true,
           walk->x);
}

void naive_vit(const struct vit_model *model, const float *input, struct naive_nudge nudge,
               int32_t last_block, double *logits) {
    const struct vit_config *config = &model->config;
    struct walk walk = {.config = config,
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
    walk.hidden = calloc(walk.tokens * (size_t) config->mlp_dim, sizeof(double));
    embed(model, input, &walk);
    for (int32_t i = 0; i <= last_block; i++) {
        pass_block(&walk, i, &model->weights.blocks[i]);
    }
    norm(&walk, walk.x, 1, model->weights.norm_weight, model->weights.norm_bias, walk.normed);
    linear(walk.normed, 1, walk.dim,
           (struct layer){model->weights.head_weight, model->weights.head_bias, NULL},
           (size_t) config->classes, false, logits);
    free(walk.x);
    free(walk.normed);
    free(walk.qkv);
    free(walk.heads);
    free(walk.hidden);
}
