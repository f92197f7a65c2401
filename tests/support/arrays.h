/* Arrays of the tests of single operations, and how far a result is from its naive twin. */
#ifndef TESTS_ARRAYS_H
#define TESTS_ARRAYS_H

#include <stddef.h>

#include "support/golden.h"

/* Zeros; owned: mem_free. */
float *floats(size_t count);
double *doubles(size_t count);

/* In [-scale, scale); owned: mem_free. */
float *random_floats(struct test_random *random, size_t count, double scale);

/* [rows, width] without the padding of its stride; owned: mem_free. */
float *pack(const float *data, size_t rows, size_t width, size_t stride);

/* Fails the test unless ||a - b|| / ||b|| is below 2e-5: a float's share of relative error, with
 * room for sums over some hundreds of terms. */
void assert_close(const float *a, const double *b, size_t count, const char *what);

#endif
