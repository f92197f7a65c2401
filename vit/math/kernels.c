#include "vit/math/kernels.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

extern const struct kernels kernels_baseline;
#if defined(__x86_64__)
extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;

static bool runs_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool runs_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#endif

const struct kernels *kernels_select(void) {
#if defined(__x86_64__)
    if (runs_avx512()) {
        return &kernels_avx512;
    }
    if (runs_avx2()) {
        return &kernels_avx2;
    }
#endif
    return &kernels_baseline;
}

const struct kernels *kernels_by_name(const char *name) {
#if defined(__x86_64__)
    if (strcmp(name, "avx512") == 0) {
        return runs_avx512() ? &kernels_avx512 : NULL;
    }
    if (strcmp(name, "avx2") == 0) {
        return runs_avx2() ? &kernels_avx2 : NULL;
    }
#endif
    return strcmp(name, "baseline") == 0 ? &kernels_baseline : NULL;
}

struct gamma_weights gamma_weights_of(float gamma) {
    if (isinf(gamma)) {
        return (struct gamma_weights){.direct = 0.5F, .absolute = 0.5F};
    }
    double g = gamma;
    return (struct gamma_weights){.direct = (float) ((1.0 + g / 2.0) / (1.0 + g)),
                                  .absolute = (float) (g / 2.0 / (1.0 + g))};
}

bool values_are_finite(const float *values, size_t count) {
    return kernels_select()->all_finite(values, count);
}
