/* Medians of measured rounds. */
#ifndef CLI_BENCH_SAMPLES_H
#define CLI_BENCH_SAMPLES_H

#include <stddef.h>

/* The median of values[i]; with `against`, of values[i] / against[i]: rounds follow each other, so
 * that a machine that slows down does not move a ratio within a round. scratch [count] is
 * overwritten. */
double samples_median(const double *values, const double *against, size_t count, double *scratch);

#endif
