#define _GNU_SOURCE
#include "eval/significance.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Terms of the continued fraction: some hundred are enough for a million pairs. */
#define MOST_TERMS 10000

/* Away from 0, which a division could not take. */
static double apart(double value) {
    return fabs(value) < DBL_MIN ? DBL_MIN : value;
}

/* The continued fraction of the incomplete beta function by Lentz's algorithm (Abramowitz and
 * Stegun 1964, 26.5.8); converges fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x) {
    double c = 1.0;
    double d = 1.0 / apart(1.0 - (a + b) * x / (a + 1.0));
    double value = d;
    for (int term = 1; term <= MOST_TERMS; term++) {
        double m = (double) term;
        double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / apart(1.0 + even * d);
        c = apart(1.0 + even / c);
        value *= d * c;
        d = 1.0 / apart(1.0 + odd * d);
        c = apart(1.0 + odd / c);
        value *= d * c;
        if (fabs(d * c - 1.0) < 1e-15) {
            break;
        }
    }
    return value;
}

static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* The regularised incomplete beta function I_x(a, b). */
static double beta_share(double a, double b, double x) {
    if (x <= 0.0 || x >= 1.0) {
        return x <= 0.0 ? 0.0 : 1.0;
    }
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1.0) / (a + b + 2.0) ? front * beta_fraction(a, b, x) / a
                                         : 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

/* Welford's running mean. */
void significance_add(struct significance *differences, double difference) {
    if (!isnan(difference)) {
        double from_mean = difference - differences->mean;
        differences->n++;
        differences->mean += from_mean / (double) differences->n;
        differences->squares += from_mean * (difference - differences->mean);
    }
}

double significance_p(const struct significance *differences) {
    double n = (double) differences->n;
    double mean = differences->mean;
    if (n < 2.0 || mean == 0.0) {
        return 1.0;
    }
    double freedom = n - 1.0;
    double t_squared = mean * mean * n * freedom / differences->squares; /* infinite without any */
    return isfinite(t_squared) ? beta_share(freedom / 2.0, 0.5, freedom / (freedom + t_squared))
                               : 0.0;
}

void significance_holm(double *p, size_t count) {
    /* Each round corrects the smallest p that is left, which is marked by its sign. */
    double highest = 0.0;
    for (size_t round = 0; round < count; round++) {
        size_t least = count;
        for (size_t i = 0; i < count; i++) {
            if (!signbit(p[i]) && (least == count || p[i] < p[least])) {
                least = i;
            }
        }
        highest = fmax(highest, fmin(1.0, (double) (count - round) * p[least]));
        p[least] = -highest;
    }
    for (size_t i = 0; i < count; i++) {
        p[i] = fabs(p[i]);
    }
}

static int order_of(double a, double b) {
    return (a > b) - (a < b);
}

double significance_tau(const double *a, const double *b, size_t count) {
    double agreeing = 0.0;
    double differ_a = 0.0; /* pairs whose a are not equal */
    double differ_b = 0.0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            int in_a = order_of(a[i], a[k]);
            int in_b = order_of(b[i], b[k]);
            agreeing += (double) (in_a * in_b);
            differ_a += in_a != 0 ? 1.0 : 0.0;
            differ_b += in_b != 0 ? 1.0 : 0.0;
        }
    }
    return differ_a > 0.0 && differ_b > 0.0 ? agreeing / sqrt(differ_a * differ_b) : NAN;
}
