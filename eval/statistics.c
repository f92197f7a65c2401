#include "eval/statistics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/random.h"

#define RESAMPLES ((size_t) 10000)
#define TAIL 0.025
#define TAIL_KEPT                                                                                  \
    ((size_t) 251) /* resamples of a tail, and the next: floor(TAIL (RESAMPLES - 1)) + 2 */
#define LANES                                                                                      \
    ((size_t) 16) /* rows that are sampled together: all of a method, in two cache lines */

static void swap(double *a, double *b) {
    double kept = *a;
    *a = *b;
    *b = kept;
}

/* Orders the values so far that none before `place` is above it and none behind it below it. */
static void select_place(double *values, size_t count, size_t place) {
    size_t begin = 0;
    size_t end = count;
    while (end - begin > 1) {
        double pivot = values[begin + (end - begin) / 2];
        size_t low = begin; /* values before it are below the pivot, from it on equal */
        size_t high = end;  /* values from it on are above */
        for (size_t i = begin; i < high;) {
            if (values[i] < pivot) {
                swap(&values[low++], &values[i++]);
            } else if (values[i] > pivot) {
                swap(&values[i], &values[--high]);
            } else {
                i++;
            }
        }
        if (place >= low && place < high) {
            return;
        }
        begin = place < low ? begin : high;
        end = place < low ? low : end;
    }
}

/* The least of many numbers. A sort of them all takes ten times as long, which was most of the time
 * of a small record. */
struct tail {
    double bound; /* numbers from it on are not of the tail */
    size_t count;
    double kept[2 * TAIL_KEPT];
};

static void tail_add(struct tail *tail, double number) {
    if (number < tail->bound) {
        tail->kept[tail->count++] = number;
        if (tail->count == 2 * TAIL_KEPT) {
            select_place(tail->kept, tail->count, TAIL_KEPT - 1);
            tail->count = TAIL_KEPT;
            tail->bound = tail->kept[TAIL_KEPT - 1];
        }
    }
}

/* The two last numbers of the tail, in ascending order. */
static void tail_end(struct tail *tail, double *last_but_one, double *last) {
    while (tail->count < TAIL_KEPT) { /* sums beyond a double's range are no numbers */
        tail->kept[tail->count++] = INFINITY;
    }
    select_place(tail->kept, tail->count, TAIL_KEPT - 1);
    select_place(tail->kept, TAIL_KEPT - 1, TAIL_KEPT - 2);
    *last_but_one = tail->kept[TAIL_KEPT - 2];
    *last = tail->kept[TAIL_KEPT - 1];
}

/* The quantile between the two nearest order statistics, by linear interpolation. */
static double quantile(double share, double below, double above) {
    double position = share * (double) (RESAMPLES - 1);
    return below + (position - floor(position)) * (above - below);
}

static bool all_equal(const double *values, size_t count) {
    size_t i = 1;
    while (i < count && values[i] == values[0]) {
        i++;
    }
    return i >= count;
}

static double mean_of(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / (double) count;
}

/* ---- Intervals ---- */

/* Rows of values whose statistics are made together. */
struct bootstrap {
    size_t rows, count;
    uint64_t seed;
    struct vitlrp_statistic *out;
    double *values;     /* [rows][count]: of each row, the values that are there come first */
    size_t *wanted;     /* [rows]: their number where the row still wants an interval, else 0 */
    double *lanes;      /* [count][LANES] */
    struct tail *tails; /* [LANES][2]: of the samples' means, and of their opposites */
};

static enum vitlrp_status bootstrap_open(struct bootstrap *job, struct vitlrp_error *err) {
    job->wanted = mem_calloc(job->rows, sizeof *job->wanted);
    job->lanes = mem_calloc(job->count, LANES * sizeof *job->lanes);
    job->tails = mem_calloc(2 * LANES, sizeof *job->tails);
    if (job->wanted == NULL || job->lanes == NULL || job->tails == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the statistics of %zu images",
                    job->count);
    }
    return VITLRP_OK;
}

static void bootstrap_close(struct bootstrap *job) {
    mem_free(job->tails);
    mem_free(job->lanes);
    mem_free(job->wanted);
}

/* The mean of a row, and its interval where no sample is needed: all values are equal, as every
 * sample's mean is then. */
static void bootstrap_row(struct bootstrap *job, size_t row) {
    double *values = job->values + row * job->count;
    size_t n = 0;
    for (size_t i = 0; i < job->count; i++) {
        if (!isnan(values[i])) {
            values[n++] = values[i];
        }
    }
    double mean = n > 0 ? mean_of(values, n) : NAN;
    job->out[row] = (struct vitlrp_statistic){.mean = mean, .lo = mean, .hi = mean, .n = n};
    job->wanted[row] = n > 0 && !all_equal(values, n) ? n : 0;
}

/* The tails of the means of samples of n drawn with replacement. */
static void bootstrap_resample(const struct bootstrap *job, size_t n) {
    struct random_stream stream = random_open(job->seed);
    for (size_t i = 0; i < 2 * LANES; i++) {
        job->tails[i].bound = INFINITY;
        job->tails[i].count = 0;
    }
    for (size_t r = 0; r < RESAMPLES; r++) {
        double sums[LANES] = {0.0};
        for (size_t i = 0; i < n; i++) {
            const double *drawn = job->lanes + LANES * random_below(&stream, n);
            for (size_t lane = 0; lane < LANES; lane++) {
                sums[lane] += drawn[lane];
            }
        }
        for (size_t lane = 0; lane < LANES; lane++) {
            double mean = sums[lane] / (double) n;
            tail_add(&job->tails[2 * lane], mean);
            tail_add(&job->tails[2 * lane + 1], -mean);
        }
    }
}

/* The intervals of the row and of others over as many values: the same draws serve them all, since
 * they follow from the seed and the number of values alone. */
static void bootstrap_intervals(struct bootstrap *job, size_t first) {
    size_t chosen[LANES];
    size_t used = 0;
    size_t n = job->wanted[first];
    for (size_t row = first; row < job->rows && used < LANES; row++) {
        if (job->wanted[row] == n) {
            for (size_t i = 0; i < n; i++) {
                job->lanes[i * LANES + used] = job->values[row * job->count + i];
            }
            job->wanted[row] = 0;
            chosen[used++] = row;
        }
    }
    bootstrap_resample(job, n);
    for (size_t lane = 0; lane < used; lane++) {
        struct vitlrp_statistic *out = &job->out[chosen[lane]];
        double below = 0.0;
        double above = 0.0;
        tail_end(&job->tails[2 * lane], &below, &above);
        out->lo = quantile(TAIL, below, above);
        tail_end(&job->tails[2 * lane + 1], &above, &below);
        out->hi = quantile(1.0 - TAIL, -below, -above);
    }
}

enum vitlrp_status statistics_means(double *values, size_t rows, size_t count, uint64_t seed,
                                    struct vitlrp_statistic *out, struct vitlrp_error *err) {
    struct bootstrap job = {
        .rows = rows, .count = count, .seed = seed, .out = out, .values = values};
    enum vitlrp_status status = bootstrap_open(&job, err);
    for (size_t row = 0; status == VITLRP_OK && row < rows; row++) {
        bootstrap_row(&job, row);
    }
    for (size_t row = 0; status == VITLRP_OK && row < rows; row++) {
        if (job.wanted[row] > 0) {
            bootstrap_intervals(&job, row);
        }
    }
    bootstrap_close(&job);
    return status;
}

/* Of a, or of a - b where there is a b. */
static enum vitlrp_status mean_of_copy(const double *a, const double *b, size_t count,
                                       uint64_t seed, struct vitlrp_statistic *out,
                                       struct vitlrp_error *err) {
    double *values = mem_calloc(count, sizeof *values);
    if (values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the statistics of %zu images", count);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = b == NULL ? a[i] : a[i] - b[i];
    }
    enum vitlrp_status status = statistics_means(values, 1, count, seed, out, err);
    mem_free(values);
    return status;
}

enum vitlrp_status statistics_mean(const double *values, size_t count, uint64_t seed,
                                   struct vitlrp_statistic *out, struct vitlrp_error *err) {
    return mean_of_copy(values, NULL, count, seed, out, err);
}

enum vitlrp_status statistics_paired(const double *a, const double *b, size_t count, uint64_t seed,
                                     struct vitlrp_statistic *out, struct vitlrp_error *err) {
    return mean_of_copy(a, b, count, seed, out, err);
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

double statistics_pearson(const double *a, const double *b, size_t count) {
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
    *out = statistics_pearson(ranks_a, ranks_b, count);
cleanup:
    mem_free(ranks_b);
    mem_free(ranks_a);
    mem_free(scratch);
    return status;
}
