/* The head reads one token of a text: the one that ends it, or its last. */
#include <string.h>

#include "vit/tokens/pooling.h"

static void gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->texts->count; i++) {
        memcpy(out + i * shape->width, x + shape->texts->pooled[i] * shape->width,
               shape->width * sizeof *out);
    }
}

static void spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    const struct text_rows *texts = shape->texts;
    memset(g_x, 0, texts->starts[texts->count] * shape->width * sizeof *g_x);
    for (size_t i = 0; i < texts->count; i++) {
        memcpy(g_x + texts->pooled[i] * shape->width, g_out + i * shape->width,
               shape->width * sizeof *g_x);
    }
}

const struct pool POOL_END = {.rows_needed = pool_all_rows,
                              .parts = 1,
                              .takes_rows = true,
                              .gather = gather,
                              .spread = spread};
