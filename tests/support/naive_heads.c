#include "support/naive_heads.h"

#include <math.h>
#include <stdbool.h>

static size_t dim_of(const struct naive_heads *heads) {
    return (size_t) heads->model->config.dim;
}

static size_t count_of(const struct naive_heads *heads) {
    return (size_t) heads->model->config.heads;
}

static size_t size_of(const struct naive_heads *heads) {
    return dim_of(heads) / count_of(heads);
}

static const struct vit_block *block_of(const struct naive_heads *heads) {
    return &heads->model->weights.blocks[heads->block];
}

/* ---- Norms ---- */

void naive_row_norm(const struct naive_row_norm *norm, const double *x, size_t width, double *y) {
    double mean = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < width && !norm->rms; i++) {
        mean += x[i] / (double) width;
    }
    for (size_t i = 0; i < width; i++) {
        variance += pow(x[i] - mean, 2.0) / (double) width;
    }
    for (size_t i = 0; i < width; i++) {
        double scaled = (x[i] - mean) / sqrt(variance + norm->eps);
        y[i] = scaled * norm->weight[i] + (norm->bias == NULL ? 0.0 : (double) norm->bias[i]);
    }
}

/* q (part 0) or k (part 1) of one token. */
static void norm_part(const struct naive_heads *heads, double *x, size_t part) {
    const struct vit_block *block = block_of(heads);
    size_t size = size_of(heads);
    if (block->qk_norm_weight == NULL) {
        return;
    }
    const struct naive_row_norm norm = {
        .weight = block->qk_norm_weight + part * size,
        .bias = block->qk_norm_bias == NULL ? NULL : block->qk_norm_bias + part * size,
        .rms = heads->model->config.rms,
        .eps = (double) heads->model->config.layer_norm_eps};
    for (size_t h = 0; h < count_of(heads); h++) {
        naive_row_norm(&norm, x + h * size, size, x + h * size);
    }
}

void naive_heads_finish(const struct naive_heads *heads, double *out) {
    const struct naive_row_norm norm = {
        .weight = block_of(heads)->sub_norm_weight, .rms = true, .eps = 1e-5};
    size_t size = size_of(heads);
    for (size_t i = 0; i < heads->tokens * count_of(heads) && norm.weight != NULL; i++) {
        naive_row_norm(&norm, out + i * size, size, out + i * size);
    }
}

/* ---- RoPE ---- */

/* Of pair j of an axis with `half` pairs, at an index of `count`. */
static double axis_angle(const struct naive_heads *heads, size_t j, size_t half, size_t index,
                         bool columns) {
    const struct vit_config *config = &heads->model->config;
    const struct vit_rope *rope = &config->rope;
    double count = columns ? config->grid_width : config->grid_height;
    double reference = (double) (columns ? rope->reference_columns : rope->reference_rows);
    double power = (double) j / (double) half;
    if (rope->form == VIT_ROPE_CENTRED) {
        const float *periods = heads->model->weights.rope_periods;
        double period = periods != NULL ? (double) periods[j] : pow((double) rope->theta, power);
        return 2.0 * 3.141592653589793 * (2.0 * ((double) index + 0.5) / count - 1.0) / period;
    }
    double at = (double) index + (double) rope->offset;
    return (reference > 0.0 ? at * reference / count : at) * pow((double) rope->theta, -power);
}

static double angle_of(const struct naive_heads *heads, size_t head, size_t j, size_t patch) {
    const struct vit_config *config = &heads->model->config;
    size_t pairs = size_of(heads) / 2;
    size_t row = patch / (size_t) config->grid_width;
    size_t column = patch % (size_t) config->grid_width;
    if (config->rope.form == VIT_ROPE_MIXED) {
        const float *f = heads->model->weights.rope_frequencies;
        size_t at = (heads->block * count_of(heads) + head) * pairs + j;
        size_t all = (size_t) config->depth * count_of(heads) * pairs;
        return config->rope.columns_first
                   ? (double) f[at] * (double) column + (double) f[all + at] * (double) row
                   : (double) f[at] * (double) row + (double) f[all + at] * (double) column;
    }
    bool first = j < pairs / 2;
    bool columns = first == config->rope.columns_first;
    return axis_angle(heads, j % (pairs / 2), pairs / 2, columns ? column : row, columns);
}

static void turn_part(const struct naive_heads *heads, double *x, size_t patch) {
    const struct vit_rope *rope = &heads->model->config.rope;
    size_t size = size_of(heads);
    size_t pairs = size / 2;
    for (size_t i = 0; i < count_of(heads) * pairs && rope->form != VIT_ROPE_NONE; i++) {
        size_t j = i % pairs;
        double angle = angle_of(heads, i / pairs, j, patch);
        double *first = x + i / pairs * size + (rope->halves ? j : 2 * j);
        double *second = first + (rope->halves ? pairs : 1);
        double turned = *first * cos(angle) - *second * sin(angle);
        *second = *second * cos(angle) + *first * sin(angle);
        *first = turned;
    }
}

void naive_heads_prepare(const struct naive_heads *heads) {
    size_t dim = dim_of(heads);
    size_t prefix = (size_t) heads->model->config.prefix;
    for (size_t i = 0; i < 2 * heads->tokens; i++) {
        size_t token = i / 2;
        double *x = heads->qkv + token * 3 * dim + i % 2 * dim;
        norm_part(heads, x, i % 2);
        if (token >= prefix) {
            turn_part(heads, x, token - prefix);
        }
    }
}

/* ---- Matrices ---- */

static double bias_of(const struct naive_heads *heads, size_t head, size_t query, size_t key) {
    const struct vit_config *config = &heads->model->config;
    const float *own = block_of(heads)->bias_table;
    const float *table = own != NULL ? own : heads->model->weights.shared_bias_table;
    size_t rows = (size_t) config->grid_height;
    size_t columns = (size_t) config->grid_width;
    size_t prefix = (size_t) config->prefix;
    size_t count = (2 * rows - 1) * (2 * columns - 1) + 3;
    if (table == NULL) {
        return 0.0;
    }
    table += head * count;
    if (query < prefix || key < prefix) {
        return table[count - (query >= prefix ? 2 : key >= prefix ? 3 : 1)];
    }
    size_t down = (query - prefix) / columns + rows - 1 - (key - prefix) / columns;
    size_t across = (query - prefix) % columns + columns - 1 - (key - prefix) % columns;
    return table[down * (2 * columns - 1) + across];
}

/* a += factor * the row of the softmax of `size` entries of q and k from `at` on. */
static void add_softmax(const struct naive_heads *heads, size_t at, size_t size, size_t row,
                        double factor, double *a) {
    size_t dim = dim_of(heads);
    const double *q = heads->qkv + row * 3 * dim + at;
    double total = 0.0;
    for (int round = 0; round < 2; round++) {
        for (size_t t = 0; t < heads->tokens; t++) {
            const double *k = heads->qkv + (t * 3 + 1) * dim + at;
            double score = 0.0;
            if (heads->absent != NULL && heads->absent[t] != 0) {
                continue;
            }
            for (size_t d = 0; d < size; d++) {
                score += q[d] * k[d];
            }
            score = score / sqrt((double) size) + bias_of(heads, at / size_of(heads), row, t);
            total += round == 0 ? exp(score) : 0.0;
            a[t] += round == 0 ? 0.0 : factor * exp(score) / total;
        }
    }
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) a[i] * b[i];
    }
    return sum;
}

void naive_heads_row(const struct naive_heads *heads, size_t head, size_t row, double *a) {
    const float *l = block_of(heads)->lambdas;
    size_t size = size_of(heads);
    size_t half = size / 2;
    for (size_t t = 0; t < heads->tokens; t++) {
        a[t] = 0.0;
    }
    if (l == NULL) {
        add_softmax(heads, head * size, size, row, 1.0, a);
        return;
    }
    double lambda = exp(dot(l, l + half, half)) - exp(dot(l + 2 * half, l + 3 * half, half)) + 0.8 -
                    0.6 * exp(-0.3 * (double) heads->block);
    add_softmax(heads, head * size, half, row, 1.0, a);
    add_softmax(heads, head * size + half, half, row, -lambda, a);
}
