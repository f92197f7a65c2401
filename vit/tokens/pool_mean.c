/* The head reads the mean of the patches. */
#include <string.h>

#include "vit/tokens/pooling.h"

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->images; i++) {
        pool_mean(shape, i, shape->tokens->prefix, x, out + i * shape->width);
    }
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    memset(g_x, 0, shape->images * shape->rows * shape->width * sizeof *g_x);
    for (size_t i = 0; i < shape->images; i++) {
        pool_mean_spread(shape, shape->tokens->prefix, g_out + i * shape->width,
                         g_x + i * shape->rows * shape->width);
    }
}

const struct pool POOL_MEAN = {
    .rows_needed = pool_all_rows, .parts = 1, .gather = gather, .spread = spread};
