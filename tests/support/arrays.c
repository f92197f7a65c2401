#include "support/arrays.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#include "support/unit.h"

#define TOLERANCE 2e-5

float *floats(size_t count) {
    return mem_calloc(count, sizeof(float));
}

double *doubles(size_t count) {
    return mem_calloc(count, sizeof(double));
}

float *random_floats(struct test_random *random, size_t count, double scale) {
    float *data = floats(count);
    test_fill(random, data, count, scale);
    return data;
}

float *pack(const float *data, size_t rows, size_t width, size_t stride) {
    float *packed = floats(rows * width);
    for (size_t r = 0; r < rows; r++) {
        memcpy(packed + r * width, data + r * stride, width * sizeof *packed);
    }
    return packed;
}

void assert_close(const float *a, const double *b, size_t count, const char *what) {
    double difference = 0.0;
    double norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        norm += b[i] * b[i];
    }
    double error = sqrt(difference) / (sqrt(norm) + 1e-12);
    if (!(error < TOLERANCE)) {
        fail_msg("%s: relative error %g over %zu values", what, error, count);
    }
}
