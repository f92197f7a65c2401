/* The head reads the first token, CLS, and no other. */
#include <string.h>

#include "vit/tokens/pooling.h"

static size_t rows_needed(const struct token_layout *tokens) {
    (void) tokens;
    return 1;
}

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->images; i++) {
        memcpy(out + i * shape->width, x + i * shape->rows * shape->width,
               shape->width * sizeof *out);
    }
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    memset(g_x, 0, shape->images * shape->rows * shape->width * sizeof *g_x);
    for (size_t i = 0; i < shape->images; i++) {
        memcpy(g_x + i * shape->rows * shape->width, g_out + i * shape->width,
               shape->width * sizeof *g_x);
    }
}

const struct pool POOL_CLS = {.rows_needed = rows_needed,
                              .parts = 1,
                              .takes_rows = true,
                              .first_share = 1.0,
                              .gather = gather,
                              .spread = spread};
