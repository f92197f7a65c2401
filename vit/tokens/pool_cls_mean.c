/* The head reads the first token and, behind it, the mean of the patches: twice the width. */
#include <string.h>

#include "vit/tokens/pooling.h"

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->images; i++) {
        const float *tokens = x + i * shape->rows * shape->width;
        float *both = out + 2 * i * shape->width;
        memcpy(both, tokens, shape->width * sizeof *both);
        pool_mean(shape, i, shape->tokens->prefix, x, both + shape->width);
    }
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    memset(g_x, 0, shape->images * shape->rows * shape->width * sizeof *g_x);
    for (size_t i = 0; i < shape->images; i++) {
        const float *both = g_out + 2 * i * shape->width;
        float *tokens = g_x + i * shape->rows * shape->width;
        memcpy(tokens, both, shape->width * sizeof *tokens);
        pool_mean_spread(shape, shape->tokens->prefix, both + shape->width, tokens);
    }
}

const struct pool POOL_CLS_MEAN = {.rows_needed = pool_all_rows,
                                   .parts = 2,
                                   .first_share = 0.5,
                                   .gather = gather,
                                   .spread = spread};
