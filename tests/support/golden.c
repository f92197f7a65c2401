#define _POSIX_C_SOURCE 200809L
#include "support/golden.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/npy.h"

#include "support/unit.h"

float *golden_read(const char *path, size_t rank, size_t count) {
    char full[512];
    size_t shape[NPY_MAX_RANK];
    float *data = NULL;
    struct vitlrp_error err = {0};
    snprintf(full, sizeof full, "%s/golden/%s", TEST_DATA, path);
    if (npy_read_float32(full, (size_t) 1 << 26, rank, shape, &data, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    size_t elements = 1;
    for (size_t i = 0; i < rank; i++) {
        elements *= shape[i];
    }
    assert_int_equal(elements, count);
    return data;
}

size_t golden_each(const char *folder, void (*visit)(const char *name)) {
    char path[512];
    struct dirent **entries = NULL;
    size_t visited = 0;
    snprintf(path, sizeof path, "%s/golden/%s", TEST_DATA, folder);
    int count = scandir(path, &entries, NULL, alphasort);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (name[0] != '.' && strcmp(name, "README.md") != 0) {
            visit(name);
            visited++;
        }
        free(entries[i]);
    }
    free(entries);
    return visited;
}

double relative_error(const float *a, const float *b, size_t count) {
    double difference = 0.0;
    double norm = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = (double) a[i] - (double) b[i];
        difference += d * d;
        norm += (double) b[i] * (double) b[i];
    }
    return isnan(difference) ? INFINITY : sqrt(difference / norm);
}

double largest_difference(const float *a, const float *b, size_t count) {
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) {
        double d = fabs((double) a[i] - (double) b[i]);
        if (isnan(d)) {
            return INFINITY;
        }
        largest = d > largest ? d : largest;
    }
    return largest;
}

/* splitmix64 (Steele, Lea, Flood 2014). */
static unsigned long long next_bits(struct test_random *random) {
    unsigned long long z = random->state += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

double test_uniform(struct test_random *random) {
    return (double) (next_bits(random) >> 11) * 0x1p-52 - 1.0;
}

void test_fill(struct test_random *random, float *out, size_t count, double scale) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (float) (test_uniform(random) * scale);
    }
}

size_t test_below(struct test_random *random, size_t limit) {
    return (size_t) (next_bits(random) % limit);
}
