/* Random streams, bootstrap intervals, rank correlation. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/order.h"
#include "base/random.h"
#include "eval/statistics.h"
#include "support/golden.h"

#include "support/unit.h"

/* First outputs of xoshiro256++ for the state 1, 2, 3, 4, from the authors' C code. */
static void test_stream_is_xoshiro(void **unused) {
    struct random_stream stream = {{1, 2, 3, 4}};
    (void) unused;
    assert_true(random_bits(&stream) == UINT64_C(41943041));
    assert_true(random_bits(&stream) == UINT64_C(58720359));
    assert_true(random_bits(&stream) == UINT64_C(3588806011781223));
    assert_true(random_bits(&stream) == UINT64_C(3591011842654386));
}

static void test_stream_moments(void **unused) {
    enum { COUNT = 200000 };
    struct random_stream stream = random_open(3);
    double sum = 0.0;
    double squares = 0.0;
    size_t counts[7] = {0};
    (void) unused;
    for (size_t i = 0; i < COUNT; i++) {
        double value = random_normal(&stream);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        counts[random_below(&stream, 7)]++;
    }
    assert_true(fabs(sum / COUNT) < 0.01);
    assert_true(fabs(squares / COUNT - 1.0) < 0.02);
    for (size_t i = 0; i < 7; i++) {
        assert_true(fabs((double) counts[i] / COUNT - 1.0 / 7.0) < 0.005);
    }
}

static void test_derived_seeds_differ(void **unused) {
    (void) unused;
    assert_true(random_derive(1, "a") == random_derive(1, "a"));
    assert_true(random_derive(1, "a") != random_derive(1, "b"));
    assert_true(random_derive(1, "a") != random_derive(2, "a"));
    assert_true(random_derive(0, "") != random_derive(1, ""));
}

static void test_known_interval(void **unused) {
    enum { COUNT = 400 };
    double values[COUNT];
    struct random_stream stream = random_open(11);
    struct vitlrp_statistic found;
    struct vitlrp_error err = {0};
    double sum = 0.0;
    double squares = 0.0;
    (void) unused;
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = 5.0 + 2.0 * random_normal(&stream);
        sum += values[i];
        squares += values[i] * values[i];
    }
    double mean = sum / COUNT;
    double error = sqrt((squares / COUNT - mean * mean) / COUNT);
    assert_int_equal(statistics_mean(values, COUNT, 1, &found, &err), VITLRP_OK);
    assert_int_equal(found.n, COUNT);
    assert_true(fabs(found.mean - mean) < 1e-12);
    /* The resampled means are normal to the eye; 10000 of them place their 2.5 % points to about 2
     * % of the half-width. */
    assert_true(fabs(found.lo - (mean - 1.96 * error)) < 0.1 * error);
    assert_true(fabs(found.hi - (mean + 1.96 * error)) < 0.1 * error);
}

/* In 95 of 100 samples the interval must hold the true mean; the percentile bootstrap of 60 values
 * is a little narrow. */
static void test_coverage(void **unused) {
    enum { SAMPLES = 400, COUNT = 60 };
    struct random_stream stream = random_open(5);
    size_t covered = 0;
    (void) unused;
    for (size_t s = 0; s < SAMPLES; s++) {
        double values[COUNT];
        struct vitlrp_statistic found;
        struct vitlrp_error err = {0};
        for (size_t i = 0; i < COUNT; i++) {
            values[i] = random_uniform(&stream);
        }
        assert_int_equal(statistics_mean(values, COUNT, s, &found, &err), VITLRP_OK);
        covered += found.lo <= 0.5 && found.hi >= 0.5;
    }
    assert_in_range(covered, SAMPLES * 91 / 100, SAMPLES * 98 / 100);
}

static void test_paired_is_narrower_and_skips_absent(void **unused) {
    enum { COUNT = 50 };
    double a[COUNT];
    double b[COUNT];
    double difference[COUNT - 2];
    struct random_stream stream = random_open(8);
    struct vitlrp_statistic paired;
    struct vitlrp_statistic direct;
    struct vitlrp_statistic single;
    struct vitlrp_error err = {0};
    (void) unused;
    for (size_t i = 0; i < COUNT; i++) {
        b[i] = 10.0 * random_normal(&stream);
        a[i] = b[i] + 1.0 + 0.1 * random_normal(&stream);
    }
    a[0] = NAN;
    b[COUNT - 1] = NAN;
    for (size_t i = 1; i + 1 < COUNT; i++) {
        difference[i - 1] = a[i] - b[i];
    }
    assert_int_equal(statistics_paired(a, b, COUNT, 4, &paired, &err), VITLRP_OK);
    assert_int_equal(statistics_mean(difference, COUNT - 2, 4, &direct, &err), VITLRP_OK);
    assert_int_equal(statistics_mean(a, COUNT, 4, &single, &err), VITLRP_OK);
    assert_int_equal(paired.n, COUNT - 2);
    assert_int_equal(single.n, COUNT - 1);
    assert_true(paired.mean == direct.mean && paired.lo == direct.lo && paired.hi == direct.hi);
    assert_true(paired.lo > 0.9 && paired.hi < 1.1);
    assert_true(single.hi - single.lo > 1.0);
}

/* The bootstrap as its definition has it, all means sorted. */
static struct vitlrp_statistic twin(const double *values, size_t count, uint64_t seed) {
    enum { RESAMPLES = 10000, LIMIT = 64 };
    static double means[RESAMPLES];
    double present[LIMIT];
    size_t n = 0;
    double total = 0.0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(values[i])) {
            total += values[i];
            present[n++] = values[i];
        }
    }
    struct random_stream stream = random_open(seed);
    for (size_t r = 0; r < RESAMPLES; r++) {
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) {
            sum += present[random_below(&stream, n)];
        }
        means[r] = sum / (double) n;
    }
    qsort(means, RESAMPLES, sizeof *means, order_doubles);
    double low = 0.025 * (RESAMPLES - 1);
    double high = (1.0 - 0.025) * (RESAMPLES - 1);
    return (struct vitlrp_statistic){.mean = total / (double) n,
                                     .lo = means[249] + (low - 249) * (means[250] - means[249]),
                                     .hi =
                                         means[9749] + (high - 9749) * (means[9750] - means[9749]),
                                     .n = n};
}

/* f03 (kind): a record's intervals took most of its time. Rows that share samples, and tails
 * instead of sorted means, give the same bits. */
static void test_f03_rows_are_the_definition(void **unused) {
    enum { ROWS = 21, COUNT = 40 };
    static double values[ROWS][COUNT];
    struct vitlrp_statistic found[ROWS];
    struct vitlrp_statistic wanted[ROWS];
    struct vitlrp_error err = {0};
    struct random_stream stream = random_open(77);
    (void) unused;
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t i = 0; i < COUNT; i++) {
            bool absent = row % 3 == 1 ? i % 5 == 0 : row % 3 == 2 && i >= 1 + row / 8;
            double value = row % 4 == 0   ? (double) random_below(&stream, 2)
                           : row % 4 == 1 ? 1.0 / 3.0
                                          : random_normal(&stream);
            values[row][i] = absent ? NAN : value;
        }
        wanted[row] = twin(values[row], COUNT, 9);
    }
    assert_int_equal(statistics_means(&values[0][0], ROWS, COUNT, 9, found, &err), VITLRP_OK);
    for (size_t row = 0; row < ROWS; row++) {
        assert_int_equal(found[row].n, wanted[row].n);
        assert_true(found[row].mean == wanted[row].mean);
        assert_true(found[row].lo == wanted[row].lo);
        assert_true(found[row].hi == wanted[row].hi);
    }
}

static void test_small_and_empty(void **unused) {
    const double one = 3.0;
    const double none = NAN;
    struct vitlrp_statistic found;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(statistics_mean(&one, 1, 0, &found, &err), VITLRP_OK);
    assert_true(found.mean == 3.0 && found.lo == 3.0 && found.hi == 3.0 && found.n == 1);
    assert_int_equal(statistics_mean(&none, 1, 0, &found, &err), VITLRP_OK);
    assert_true(isnan(found.mean) && isnan(found.lo) && isnan(found.hi) && found.n == 0);
    assert_int_equal(statistics_mean(NULL, 0, 0, &found, &err), VITLRP_OK);
    assert_true(isnan(found.mean) && found.n == 0);
}

/* Against Pearson of the ranks 0 1.5 1.5 4 5 3 and 1 0 3 3 5 3, computed in Python. */
static void test_spearman(void **unused) {
    const float a[] = {1.0F, 2.0F, 2.0F, 4.0F, 5.0F, 3.0F};
    const float b[] = {2.0F, 1.0F, 3.0F, 3.0F, 9.0F, 3.0F};
    const float up[] = {-3.0F, 0.0F, 1.0F, 100.0F, 1000.0F, 50.0F};
    const float flat[] = {1.0F, 1.0F, 1.0F, 1.0F, 1.0F, 1.0F};
    const float distinct[] = {1.0F, 2.0F, 3.0F, 5.0F, 6.0F, 4.0F};
    double found = 0.0;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(statistics_spearman(a, b, 6, &found, &err), VITLRP_OK);
    assert_true(fabs(found - 0.8008534) < 1e-6);
    assert_int_equal(statistics_spearman(distinct, up, 6, &found, &err), VITLRP_OK);
    assert_true(fabs(found - 1.0) < 1e-12);
    assert_int_equal(statistics_spearman(a, flat, 6, &found, &err), VITLRP_OK);
    assert_true(isnan(found));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream_is_xoshiro),
        cmocka_unit_test(test_stream_moments),
        cmocka_unit_test(test_derived_seeds_differ),
        cmocka_unit_test(test_known_interval),
        cmocka_unit_test(test_coverage),
        cmocka_unit_test(test_paired_is_narrower_and_skips_absent),
        cmocka_unit_test(test_f03_rows_are_the_definition),
        cmocka_unit_test(test_small_and_empty),
        cmocka_unit_test(test_spearman),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
