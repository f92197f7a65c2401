/* The head reads the first token, CLS, and no other. */
#include "vit/tokens/pooling.h"

static size_t rows_needed(const struct token_layout *tokens) {
    (void) tokens;
    return 1;
}

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    pool_row(shape, 0, x, out);
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    pool_row_spread(shape, 0, g_out, g_x);
}

const struct pool POOL_CLS = {.rows_needed = rows_needed,
                              .parts = 1,
                              .takes_rows = true,
                              .first_share = 1.0,
                              .gather = gather,
                              .spread = spread};
