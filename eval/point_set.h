/* The points of perturbation curves as sets of what is taken away (patches, hidden units). A set
 * that several curves pass through is one point: the ends of all curves above all. */
#ifndef EVAL_POINT_SET_H
#define EVAL_POINT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct point_set {
    size_t units; /* that a set may have */
    size_t words; /* of a set */
    size_t most;  /* points that there is room for */
    size_t slot_count;
    size_t count;    /* points so far */
    uint64_t *built; /* [words]: the set that is being built */
    uint64_t *sets;  /* [most, words] */
    uint32_t *slots; /* [slot_count]: hash table of points */
};

/* Sizes of a set of points. False if they are too many to be numbered. */
bool point_set_measure(struct point_set *points, size_t units, size_t most);

/* Bytes that the same takes of an arena; false if they cannot be counted. */
bool point_set_bytes(size_t units, size_t most, size_t *bytes);

/* Takes the room of a measured set. */
void point_set_lay_out(struct point_set *points, struct arena *arena);

/* Forgets all points. */
void point_set_begin(struct point_set *points);

/* Begins the next set, empty; adds a unit to it. */
void point_set_clear(struct point_set *points);
void point_set_add(struct point_set *points, size_t unit);

/* The point of the set being built, which may go on: a new one if no curve has met it yet. */
uint32_t point_set_intern(struct point_set *points);

/* mask [units]: 1 for those of the point. */
void point_set_mask(const struct point_set *points, size_t point, uint8_t *mask);

#endif
