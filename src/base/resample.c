#include "base/resample.h"

#include <math.h>

#include "base/checked.h"
#include "base/mem.h"

#define PI 3.14159265358979323846

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

/* Pillow's half-open box: of two samples at equal distance the first. */
static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double sinc(double x) {
    return x == 0.0 ? 1.0 : sin(x * PI) / (x * PI);
}

static double lanczos(double x) {
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static double hamming(double x) {
    x = fabs(x);
    return x < 1.0 ? sinc(x) * (0.54 + 0.46 * cos(x * PI)) : 0.0;
}

static double filter_value(enum resample_filter filter, double x) {
    switch (filter) {
    case RESAMPLE_BICUBIC:
        return cubic(x);
    case RESAMPLE_BOX:
        return box(x);
    case RESAMPLE_LANCZOS:
        return lanczos(x);
    case RESAMPLE_HAMMING:
        return hamming(x);
    case RESAMPLE_BILINEAR:
        break;
    }
    return triangle(x);
}

static double filter_support(enum resample_filter filter, double step) {
    static const double SUPPORT[] = {[RESAMPLE_BILINEAR] = 1.0,
                                     [RESAMPLE_BICUBIC] = 2.0,
                                     [RESAMPLE_BOX] = 0.5,
                                     [RESAMPLE_LANCZOS] = 3.0,
                                     [RESAMPLE_HAMMING] = 1.0};
    return SUPPORT[filter] * (step > 1.0 ? step : 1.0);
}

/* The whole number towards zero, at most `most`, of a position that may be far outside of the line.
 */
static int32_t clipped_index(double position, int32_t most) {
    if (position <= 0.0) {
        return 0;
    }
    return position >= most ? most : (int32_t) position;
}

static void fill_output(struct resample_taps *taps, int32_t i, int32_t in, double centre,
                        double step, enum resample_filter filter) {
    double support = filter_support(filter, step);
    int32_t first = clipped_index(centre - support + 0.5, in);
    int32_t end = clipped_index(centre + support + 0.5, in);
    double *weight = taps->weight + (size_t) i * (size_t) taps->stride;
    double inverse = 1.0 / (step > 1.0 ? step : 1.0);
    double sum = 0.0;
    for (int32_t k = 0; k < end - first; k++) {
        double x = (k + first - centre + 0.5) * inverse;
        weight[k] = filter_value(filter, x);
        sum += weight[k];
    }
    if (end <= first || sum == 0.0) {
        first = clipped_index(centre, in - 1);
        end = first + 1;
        weight[0] = sum = 1.0;
    }
    for (int32_t k = 0; k < end - first; k++) {
        weight[k] /= sum;
    }
    taps->first[i] = first;
    taps->count[i] = end - first;
}

enum vitlrp_status resample_taps_window(int32_t in, const struct resample_window *window,
                                        enum resample_filter filter, struct resample_taps *taps,
                                        struct vitlrp_error *err) {
    int32_t reach = clipped_index(ceil(filter_support(filter, window->step)), in);
    int32_t stride = reach < in / 2 ? reach * 2 + 1 : in;
    size_t outputs = (size_t) window->count;
    struct resample_taps made = {.outputs = window->count, .stride = stride};
    size_t weights = 0;
    made.first = mem_calloc(outputs, sizeof *made.first);
    made.count = mem_calloc(outputs, sizeof *made.count);
    if (checked_mul(&weights, outputs, (size_t) stride)) {
        made.weight = mem_calloc(weights, sizeof *made.weight);
    }
    if (made.first == NULL || made.count == NULL || made.weight == NULL) {
        resample_taps_free(&made);
        return fail(err, VITLRP_NOMEM, "out of memory for scaling %d to %d samples", in,
                    window->count);
    }
    for (int32_t i = 0; i < window->count; i++) {
        double centre = window->start + (window->begin + i + 0.5) * window->step;
        fill_output(&made, i, in, centre, window->step, filter);
    }
    *taps = made;
    return VITLRP_OK;
}

enum vitlrp_status resample_taps_part(int32_t in, const struct resample_part *part,
                                      enum resample_filter filter, struct resample_taps *taps,
                                      struct vitlrp_error *err) {
    struct resample_window window = {
        .step = (double) in / part->out, .begin = part->begin, .count = part->count};
    return resample_taps_window(in, &window, filter, taps, err);
}

enum vitlrp_status resample_taps_make(int32_t in, int32_t out, enum resample_filter filter,
                                      struct resample_taps *taps, struct vitlrp_error *err) {
    return resample_taps_part(in, &(struct resample_part){out, 0, out}, filter, taps, err);
}

void resample_taps_free(struct resample_taps *taps) {
    mem_free(taps->first);
    mem_free(taps->count);
    mem_free(taps->weight);
    *taps = (struct resample_taps){0};
}
