/* Reference arrays and how far a result is from them. */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stddef.h>

/* The float32 array TEST_DATA/golden/<path>, whose element count must be `count`; fails the test
 * otherwise. Owned: mem_free. */
float *golden_read(const char *path, size_t rank, size_t count);

/* Calls `visit` with the name of each case of TEST_DATA/golden/<folder>, in the order of the names;
 * a README.md is none. Returns how many there are. */
size_t golden_each(const char *folder, void (*visit)(const char *name));

/* ||a - b|| / ||b||, in double. */
double relative_error(const float *a, const float *b, size_t count);

/* max |a - b|, in double. NaN counts as infinite. */
double largest_difference(const float *a, const float *b, size_t count);

/* Deterministic numbers for tests. */
struct test_random {
    unsigned long long state;
};
double test_uniform(struct test_random *random); /* [-1, 1) */
void test_fill(struct test_random *random, float *out, size_t count, double scale);
size_t test_below(struct test_random *random, size_t limit); /* 0 to limit - 1 */

#endif
