#include "eval/statistics.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

#define RESAMPLES ((size_t) 10000)
#define TAIL 0.025

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *) left;
    double b = *(const double *) right;
    return (a > b) - (a < b);
}

/* The quantile between the two nearest order statistics, by linear interpolation. */
static double quantile(const double *sorted, size_t count, double share) {
    double position = share * (double) (count - 1);
    size_t below = (size_t) position;
    size_t above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (position - (double) below) * (sorted[above] - sorted[below]);
}

static double mean_of(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double) count;
}

/* means [RESAMPLES] of samples of n drawn with replacement. */
static void resample(const double *values, size_t n, uint64_t seed, double *means) {
    struct random_stream stream = random_open(seed);
    for (size_t r = 0; r < RESAMPLES; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += values[random_below(&stream, n)];
        }
        means[r] = sum / (double) n;
    }
}

/* Over n >= 1 values, none of them NaN. */
static enum vitlrp_status interval(const double *values, size_t n, uint64_t seed,
                                   struct vitlrp_statistic *out, struct vitlrp_error *err) {
    double *means = mem_calloc(RESAMPLES, sizeof *means);
    if (means == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a bootstrap");
    }
    resample(values, n, seed, means);
    qsort(means, RESAMPLES, sizeof *means, compare_doubles);
    *out = (struct vitlrp_statistic){.mean = mean_of(values, n),
                                     .lo = quantile(means, RESAMPLES, TAIL),
                                     .hi = quantile(means, RESAMPLES, 1.0 - TAIL),
                                     .n = n};
    mem_free(means);
    return VITLRP_OK;
}

/* Of a, or of a - b where there is a b. */
static enum vitlrp_status mean_of_present(const double *a, const double *b, size_t count,
                                          uint64_t seed, struct vitlrp_statistic *out,
                                          struct vitlrp_error *err) {
    size_t n = 0;
    enum vitlrp_status status = VITLRP_OK;
    double *present = mem_calloc(count, sizeof *present);
    if (present == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the statistics of %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        double value = b == NULL ? a[i] : a[i] - b[i];
        if (!isnan(value)) {
            present[n++] = value;
        }
    }
    if (n == 0) {
        *out = (struct vitlrp_statistic){.mean = NAN, .lo = NAN, .hi = NAN, .n = 0};
    } else {
        status = interval(present, n, seed, out, err);
    }
    mem_free(present);
    return status;
}

enum vitlrp_status statistics_mean(const double *values, size_t count, uint64_t seed,
                                   struct vitlrp_statistic *out, struct vitlrp_error *err) {
    return mean_of_present(values, NULL, count, seed, out, err);
}

enum vitlrp_status statistics_paired(const double *a, const double *b, size_t count, uint64_t seed,
                                     struct vitlrp_statistic *out, struct vitlrp_error *err) {
    return mean_of_present(a, b, count, seed, out, err);
}

/* ---- Rank correlation ---- */

struct ranked_value {
    float value;
    size_t position;
};

static int compare_values(const void *left, const void *right) {
    float a = ((const struct ranked_value *) left)->value;
    float b = ((const struct ranked_value *) right)->value;
    return (a > b) - (a < b);
}

/* ranks [count], from 0; equal values get the mean of the ranks that they occupy. */
static void rank(const float *values, size_t count, struct ranked_value *scratch, double *ranks) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = (struct ranked_value){.value = values[i], .position = i};
    }
    qsort(scratch, count, sizeof *scratch, compare_values);
    for (size_t first = 0, last = 0; first < count; first = last) {
        while (last < count && scratch[last].value == scratch[first].value) {
            last++;
        }
        for (size_t i = first; i < last; i++) {
            ranks[scratch[i].position] = 0.5 * (double) (first + last - 1);
        }
    }
}

static double correlation(const double *a, const double *b, size_t count) {
    double mean_a = mean_of(a, count);
    double mean_b = mean_of(b, count);
    double both = 0.0;
    double square_a = 0.0;
    double square_b = 0.0;
    for (size_t i = 0; i < count; i++) {
        both += (a[i] - mean_a) * (b[i] - mean_b);
        square_a += (a[i] - mean_a) * (a[i] - mean_a);
        square_b += (b[i] - mean_b) * (b[i] - mean_b);
    }
    return square_a > 0.0 && square_b > 0.0 ? both / sqrt(square_a * square_b) : NAN;
}

enum vitlrp_status statistics_spearman(const float *a, const float *b, size_t count, double *out,
                                       struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    struct ranked_value *scratch = mem_calloc(count, sizeof *scratch);
    double *ranks_a = mem_calloc(count, sizeof *ranks_a);
    double *ranks_b = mem_calloc(count, sizeof *ranks_b);
    if (scratch == NULL || ranks_a == NULL || ranks_b == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a rank correlation");
        goto cleanup;
    }
    rank(a, count, scratch, ranks_a);
    rank(b, count, scratch, ranks_b);
    *out = correlation(ranks_a, ranks_b, count);
cleanup:
    mem_free(ranks_b);
    mem_free(ranks_a);
    mem_free(scratch);
    return status;
}
