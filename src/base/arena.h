/* A bump allocator over one block. The same layout function runs twice: over a measuring arena to
 * learn the size, then over the block, so that the size and the layout cannot disagree. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    unsigned char *block; /* NULL while measuring */
    size_t size;
    size_t used;
    bool overflow; /* a size wrapped, or the block was too small: every later take fails too */
};

/* An arena that hands out no memory and only counts. */
struct arena arena_measuring(void);

/* An arena over `size` bytes at `block`, which the caller owns and has aligned to MEM_ALIGNMENT. */
struct arena arena_over(void *block, size_t size);

/* count * size bytes aligned to MEM_ALIGNMENT, not zeroed. NULL while measuring and after an
 * overflow. */
void *arena_take(struct arena *arena, size_t count, size_t size);

/* rows * columns floats, as arena_take. */
float *arena_take_floats(struct arena *arena, size_t rows, size_t columns);

#endif
