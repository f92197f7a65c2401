/* The head reads the mean of all tokens. */
#include "vit/tokens/pooling.h"

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->images; i++) {
        pool_mean(shape, i, 0, x, out + i * shape->width);
    }
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    for (size_t i = 0; i < shape->images; i++) {
        pool_mean_spread(shape, 0, g_out + i * shape->width, g_x + i * shape->rows * shape->width);
    }
}

const struct pool POOL_MEAN_ALL = {.rows_needed = pool_all_rows,
                                   .parts = 1,
                                   .reads_all = true,
                                   .gather = gather,
                                   .spread = spread};
