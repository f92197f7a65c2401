/* What the units of vit/math/bf16.h share: how operands lie, and each unit's products. */
#ifndef VIT_BF16_PRIVATE_H
#define VIT_BF16_PRIVATE_H

#include "vit/math/bf16.h"

/* Operands lie in tiles, one behind the other: 16 rows of 32 entries. A tile of B has 16 columns,
 * and in each of its rows two entries of every column; a panel of B has two tiles, the left half of
 * its columns and the right, for every 32 entries along the sums and every piece. */
enum { TILE_ROWS = 16, TILE_ENTRIES = 32, TILE_FLOATS = 16, TILE_BYTES = 64 };

/* Numbers of a tile. */
enum { TILE = TILE_ROWS * TILE_ENTRIES };

/* The mask of the first `count` of 16 floats. */
static inline uint16_t first_floats(size_t count) {
    return (uint16_t) (count >= TILE_FLOATS ? 0xFFFFU : (1U << count) - 1U);
}

/* What is read next is asked for a few lines of the cache at a time. */
enum { LINE = 64 };

static inline const char *ask_ahead(const char *ahead, size_t lines) {
    for (size_t i = 0; i < lines; i++, ahead += LINE) {
        __builtin_prefetch(ahead, 0, 2);
    }
    return ahead;
}

bool bf16_vector_ready(void);
bool bf16_matrix_ready(void);
void bf16_vector_multiply(const struct bf16_product *product);
void bf16_matrix_multiply(const struct bf16_product *product);

#endif
