#include "vit/program/buffers.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define GRAIN ((size_t) 16) /* floats of a cache line */

/* Those that begin earlier first; of these those that live longer, then the larger ones. */
static int compare_buffers(const void *left, const void *right) {
    const struct buffer *a = left;
    const struct buffer *b = right;
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    if (a->last != b->last) {
        return a->last > b->last ? -1 : 1;
    }
    return a->floats > b->floats ? -1 : a->floats < b->floats;
}

static size_t end_of(const struct buffer *buffer) {
    return (*buffer->offset + buffer->floats + GRAIN - 1) / GRAIN * GRAIN;
}

/* Leaves out those that ended before the step; returns how many remain. */
static size_t drop_ended(const struct buffer *items, size_t *active, size_t count, size_t step) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (items[active[i]].last >= step) {
            active[kept++] = active[i];
        }
    }
    return kept;
}

/* Puts the buffer into the first gap between the active ones, which are in the order of their
 * places. */
static void place(const struct buffer *items, size_t *active, size_t count, size_t index) {
    size_t offset = 0;
    size_t at = 0;
    for (; at < count; at++) {
        const struct buffer *next = &items[active[at]];
        if (*next->offset >= offset && *next->offset - offset >= items[index].floats) {
            break;
        }
        offset = end_of(next);
    }
    memmove(active + at + 1, active + at, (count - at) * sizeof *active);
    active[at] = index;
    *items[index].offset = offset;
}

size_t buffers_place(struct buffer_list *list, size_t *active) {
    size_t count = 0;
    size_t most = 0;
    qsort(list->items, list->count, sizeof *list->items, compare_buffers);
    for (size_t i = 0; i < list->count; i++) {
        count = drop_ended(list->items, active, count, list->items[i].first);
        place(list->items, active, count++, i);
        size_t end = end_of(&list->items[i]);
        most = size_max(most, end);
    }
    return most;
}
