#include "vit/tokens/pooling.h"

#include <string.h>

#define POOL(constant, name) extern const struct pool POOL_##constant;
#include "vit/model/pools.def"

static const struct pool *const POOLS[] = {
#define POOL(constant, name) &POOL_##constant,
#include "vit/model/pools.def"
};

const struct pool *pool_of(enum vit_pool pool) {
    return POOLS[pool];
}

void pool_shares(const struct pool *pool, const struct token_layout *tokens, double *out) {
    size_t first = pool->reads_all ? 0 : tokens->prefix;
    for (size_t t = 0; t < tokens->count; t++) {
        out[t] = t < first ? 0.0 : (1.0 - pool->first_share) / (double) (tokens->count - first);
    }
    out[0] += pool->first_share;
}

size_t pool_all_rows(const struct token_layout *tokens) {
    return tokens->count;
}

void pool_row(const struct pool_shape *shape, size_t row, const float *x, float *out) {
    for (size_t i = 0; i < shape->images; i++) {
        memcpy(out + i * shape->width, x + (i * shape->rows + row) * shape->width,
               shape->width * sizeof *out);
    }
}

void pool_row_spread(const struct pool_shape *shape, size_t row, const float *g_out, float *g_x) {
    memset(g_x, 0, shape->images * shape->rows * shape->width * sizeof *g_x);
    for (size_t i = 0; i < shape->images; i++) {
        memcpy(g_x + (i * shape->rows + row) * shape->width, g_out + i * shape->width,
               shape->width * sizeof *g_x);
    }
}

void pool_mean(const struct pool_shape *shape, size_t image, size_t first, const float *x,
               float *out) {
    const float *rows = x + image * shape->rows * shape->width;
    const uint8_t *absent =
        shape->absent == NULL ? NULL : shape->absent + image * shape->tokens->count;
    double count = (double) (shape->rows - first);
    for (size_t r = first; absent != NULL && r < shape->rows; r++) {
        count -= absent[r] != 0 ? 1.0 : 0.0;
    }
    for (size_t d = 0; d < shape->width; d++) {
        double sum = 0.0;
        for (size_t r = first; r < shape->rows; r++) {
            sum += absent != NULL && absent[r] != 0 ? 0.0 : (double) rows[r * shape->width + d];
        }
        out[d] = (float) (sum / count);
    }
}

void pool_mean_spread(const struct pool_shape *shape, size_t first, const float *g_out,
                      float *g_x) {
    float share = 1.0F / (float) (shape->rows - first);
    for (size_t r = first; r < shape->rows; r++) {
        for (size_t d = 0; d < shape->width; d++) {
            g_x[r * shape->width + d] = share * g_out[d];
        }
    }
}
