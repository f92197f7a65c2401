/* A head reads the second token: DeiT's distillation token. */
#include "vit/tokens/pooling.h"

static size_t rows_needed(const struct token_layout *tokens) {
    (void) tokens;
    return 2;
}

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    pool_row(shape, 1, x, out);
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    pool_row_spread(shape, 1, g_out, g_x);
}

const struct pool POOL_SECOND = {.rows_needed = rows_needed,
                                 .parts = 1,
                                 .takes_rows = true,
                                 .first_share = 1.0,
                                 .gather = gather,
                                 .spread = spread};
