/* Relative position bias (BEiT): a number for each head and each difference of two patches' places,
 * added to the scaled scores. Its matrices are never made: a row of scores takes what it needs from
 * the table. */
#ifndef VIT_ATTENTION_BIAS_H
#define VIT_ATTENTION_BIAS_H

#include <stddef.h>

struct attention_bias {
    const float *table;   /* [heads, attention_bias_rows]; NULL: none */
    size_t rows, columns; /* of the grid of patches */
    size_t prefix;        /* tokens in front of them */
};

/* Entries of one head: of a query at (y, x) and a key at (v, u) that of (y - v + rows - 1) (2
 * columns - 1) + x - u + columns - 1; then those of a token in front with a patch as key, of a
 * patch with a token in front as key, and of two tokens in front. */
size_t attention_bias_rows(size_t rows, size_t columns);

/* row [prefix + patches] = scale * row + the bias of that query. */
void attention_bias_add(const struct attention_bias *bias, size_t head, size_t query, float scale,
                        float *row);

/* Sum of bias * g over a row. */
double attention_bias_dot(const struct attention_bias *bias, size_t head, size_t query,
                          const float *g);

#endif
