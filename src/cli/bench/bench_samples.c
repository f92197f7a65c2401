#include "bench_samples.h"

#include <stdlib.h>

static int compare_doubles(const void *left, const void *right) {
    double a = *(const double *) left;
    double b = *(const double *) right;
    return (a > b) - (a < b);
}

double samples_median(const double *values, const double *against, size_t count, double *scratch) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = against != NULL ? values[i] / against[i] : values[i];
    }
    qsort(scratch, count, sizeof *scratch, compare_doubles);
    return count % 2 == 1 ? scratch[count / 2]
                          : 0.5 * (scratch[count / 2 - 1] + scratch[count / 2]);
}
