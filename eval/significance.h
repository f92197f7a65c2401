/* What is needed to say that one method is better than another: tests of paired differences, their
 * correction for the number of tests, and how well two rankings agree. */
#ifndef EVAL_SIGNIFICANCE_H
#define EVAL_SIGNIFICANCE_H

#include <stddef.h>

/* Paired differences, one after the other; a zeroed one has none. */
struct significance {
    size_t n;
    double mean, squares; /* squares: of the distances from the mean */
};

/* NaN is passed over. */
void significance_add(struct significance *differences, double difference);

/* Student's paired test (Student 1908): the two-sided probability of a mean difference as far from
 * 0 as this one or farther, were it 0. 1 of a mean of 0 and of fewer than two differences; 0 of
 * differences that are all the same. */
double significance_p(const struct significance *differences);

/* Holm's step-down correction (Holm 1979), in place: each p becomes the level at which its
 * hypothesis is rejected while the chance of any false rejection among all stays at that level. */
void significance_holm(double *p, size_t count);

/* Kendall's tau-b (Kendall 1945): 1 where both order all pairs alike, -1 where they order them
 * reversely, equal values counted as that paper does; NaN if either has no two different ones. */
double significance_tau(const double *a, const double *b, size_t count);

#endif
