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

/* A position to come back to, so that phases that never run together share the same bytes. */
size_t arena_mark(const struct arena *arena);

/* Goes back to `mark`; a measuring arena keeps its high-water mark in *peak, which starts at 0. */
void arena_rewind(struct arena *arena, size_t mark, size_t *peak);

#endif
