#include "base/resample.h"

#include <math.h>

#include "base/checked.h"
#include "base/mem.h"

static double triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic convolution kernel (1981) with a = -0.5. */
static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    }
    if (x < 2.0) {
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    }
    return 0.0;
}

static void fill_output(struct resample_taps *taps, int32_t i, int32_t in, double scale,
                        enum resample_filter filter) {
    double filter_scale = scale > 1.0 ? scale : 1.0;
    double support = filter_scale * (filter == RESAMPLE_BICUBIC ? 2.0 : 1.0);
    double centre = (i + 0.5) * scale;
    int32_t first = (int32_t) (centre - support + 0.5);
    int32_t end = (int32_t) (centre + support + 0.5);
    first = first < 0 ? 0 : first;
    end = end > in ? in : end;
    double *weight = taps->weight + (size_t) i * (size_t) taps->stride;
    double inverse = 1.0 / filter_scale;
    double sum = 0.0;
    for (int32_t k = 0; k < end - first; k++) {
        double x = (k + first - centre + 0.5) * inverse;
        weight[k] = filter == RESAMPLE_BICUBIC ? cubic(x) : triangle(x);
        sum += weight[k];
    }
    for (int32_t k = 0; k < end - first && sum != 0.0; k++) {
        weight[k] /= sum;
    }
    taps->first[i] = first;
    taps->count[i] = end - first;
}

enum status resample_taps_make(int32_t in, int32_t out, enum resample_filter filter,
                               struct resample_taps *taps, struct error *err) {
    double scale = (double) in / out;
    double support = (scale > 1.0 ? scale : 1.0) * (filter == RESAMPLE_BICUBIC ? 2.0 : 1.0);
    struct resample_taps made = {.outputs = out, .stride = (int32_t) ceil(support) * 2 + 1};
    size_t weights = 0;
    made.first = mem_calloc((size_t) out, sizeof *made.first);
    made.count = mem_calloc((size_t) out, sizeof *made.count);
    if (checked_mul(&weights, (size_t) out, (size_t) made.stride)) {
        made.weight = mem_calloc(weights, sizeof *made.weight);
    }
    if (made.first == NULL || made.count == NULL || made.weight == NULL) {
        resample_taps_free(&made);
        return fail(err, STATUS_NOMEM, "out of memory for scaling %d to %d samples", in, out);
    }
    for (int32_t i = 0; i < out; i++) {
        fill_output(&made, i, in, scale, filter);
    }
    *taps = made;
    return STATUS_OK;
}

void resample_taps_free(struct resample_taps *taps) {
    mem_free(taps->first);
    mem_free(taps->count);
    mem_free(taps->weight);
    *taps = (struct resample_taps){0};
}
