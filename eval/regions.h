/* What perturbation curves take away at a time: squares of the grid's patches (region perturbation,
 * Samek et al. 2017). eval/PROTOCOL.md says why squares, and why their mean. Knows no segments of a
 * photograph. */
#ifndef EVAL_REGIONS_H
#define EVAL_REGIONS_H

#include <stddef.h>

/* Squares are cut from the upper left corner on, and numbered row by row; at the right and at the
 * lower edge they have what is left of the grid. */
struct regions {
    size_t rows, columns; /* patches of the grid */
    size_t side;          /* patches of a square's side; 1: every patch is a region */
};

size_t regions_count(const struct regions *regions);

/* Patches of a region: rows from top to bottom - 1, columns from left to right - 1. */
struct region_bounds {
    size_t top, left, bottom, right;
};

struct region_bounds regions_bounds(const struct regions *regions, size_t index);

/* scores [count] = the mean over each region of the patches' scores [rows, columns]. The mean of
 * equal scores is that score to the bit. */
void regions_mean(const struct regions *regions, const float *patches, float *scores);

#endif
