/* Buffers of one block that share places where their lifetimes allow. */
#ifndef VIT_BUFFERS_H
#define VIT_BUFFERS_H

#include <stddef.h>

/* Alive in the steps from first to last, both included. */
struct buffer {
    size_t floats;
    size_t first, last;
    size_t *offset; /* out, in floats, at a multiple of a cache line */
};

struct buffer_list {
    struct buffer *items;
    size_t count;
};

/* Gives every buffer the lowest place that is free while it lives, the earliest first. Returns the
 * block's floats. `active` is scratch for as many indices as there are buffers. */
size_t buffers_place(struct buffer_list *list, size_t *active);

#endif
