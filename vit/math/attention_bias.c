#include "vit/math/attention_bias.h"

size_t attention_bias_rows(size_t rows, size_t columns) {
    return (2 * rows - 1) * (2 * columns - 1) + 3;
}

/* The entries of a head that one query meets. */
struct query_entries {
    const float *front;   /* of every key in front */
    const float *patches; /* of the patch at (0, 0) */
    size_t stride, step;  /* from there back to the one below, and to the one at its right; 0: the
                             query is a token in front, for which all patches are one */
};

static struct query_entries entries_of(const struct attention_bias *bias, size_t head,
                                       size_t query) {
    size_t count = attention_bias_rows(bias->rows, bias->columns);
    const float *table = bias->table + head * count;
    if (query < bias->prefix) {
        return (struct query_entries){.front = table + count - 1, .patches = table + count - 3};
    }
    size_t y = (query - bias->prefix) / bias->columns;
    size_t x = (query - bias->prefix) % bias->columns;
    size_t stride = 2 * bias->columns - 1;
    size_t first = (y + bias->rows - 1) * stride + x + bias->columns - 1;
    return (struct query_entries){table + count - 2, table + first, stride, 1};
}

void attention_bias_add(const struct attention_bias *bias, size_t head, size_t query, float scale,
                        float *row) {
    struct query_entries entries = entries_of(bias, head, query);
    for (size_t t = 0; t < bias->prefix; t++) {
        row[t] = scale * row[t] + *entries.front;
    }
    row += bias->prefix;
    for (size_t v = 0; v < bias->rows; v++, row += bias->columns) {
        const float *patches = entries.patches - v * entries.stride;
        if (entries.step == 0) {
            for (size_t u = 0; u < bias->columns; u++) {
                row[u] = scale * row[u] + *patches;
            }
        } else {
            for (size_t u = 0; u < bias->columns; u++) {
                row[u] = scale * row[u] + *(patches - u);
            }
        }
    }
}

double attention_bias_dot(const struct attention_bias *bias, size_t head, size_t query,
                          const float *g) {
    struct query_entries entries = entries_of(bias, head, query);
    double sum = 0.0;
    for (size_t t = 0; t < bias->prefix; t++) {
        sum += (double) *entries.front * g[t];
    }
    g += bias->prefix;
    for (size_t v = 0; v < bias->rows; v++, g += bias->columns) {
        const float *patches = entries.patches - v * entries.stride;
        for (size_t u = 0; u < bias->columns; u++) {
            sum += (double) *(patches - u * entries.step) * g[u];
        }
    }
    return sum;
}
