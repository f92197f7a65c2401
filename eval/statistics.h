/* Means with bootstrap intervals. Results depend on the values in their order and on the seed:
 * never on threads or on what else is computed. */
#ifndef EVAL_STATISTICS_H
#define EVAL_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Percentile bootstrap (Efron 1979) of the mean: 10000 resamples, enough for the 2.5 and 97.5 %
 * points to vary by some hundredths of the interval's half-width from seed to seed. NaN values are
 * absent ones: they are left out and not counted in n. NOMEM is the only failure. */
enum vitlrp_status statistics_mean(const double *values, size_t count, uint64_t seed,
                                   struct vitlrp_statistic *out, struct vitlrp_error *err);

/* statistics_mean of each row of values [rows][count], to out [rows]. It takes less time than row
 * by row, since rows of as many values share their samples. It moves values within their row. */
enum vitlrp_status statistics_means(double *values, size_t rows, size_t count, uint64_t seed,
                                    struct vitlrp_statistic *out, struct vitlrp_error *err);

/* As statistics_mean of a[i] - b[i]; where either is NaN, the pair is left out. */
enum vitlrp_status statistics_paired(const double *a, const double *b, size_t count, uint64_t seed,
                                     struct vitlrp_statistic *out, struct vitlrp_error *err);

/* Spearman's rank correlation, equal values sharing their mean rank; NaN if either side has no two
 * different values. NOMEM is the only failure. */
enum vitlrp_status statistics_spearman(const float *a, const float *b, size_t count, double *out,
                                       struct vitlrp_error *err);

/* Pearson's correlation; NaN likewise. */
double statistics_pearson(const double *a, const double *b, size_t count);

#endif
