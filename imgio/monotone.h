/* Monotone cubic interpolation of a line of samples (Fritsch, Butland, SIAM J. Sci. Stat. Comput.
 * 5, 1984, at equal distances). Smooth, and between two samples no value lies outside of the two: a
 * line without negative samples gets no negative value, and its largest value is its largest
 * sample. Ordinary cubic interpolation, linear in the samples, cannot promise that. */
#ifndef IMGIO_MONOTONE_H
#define IMGIO_MONOTONE_H

#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"

/* Hermite's basis at one output. */
struct monotone_weights {
    double left, right, left_slope, right_slope;
};

/* Output i lies between the samples first[i] and second[i]. */
struct monotone {
    int32_t outputs;
    int32_t *first, *second;
    struct monotone_weights *weights;
};

/* The outputs of the window, on a line of `in` samples; beyond the outermost centres the outermost
 * sample goes on. *line is owned: monotone_free. */
enum vitlrp_status monotone_make(int32_t in, const struct resample_window *window,
                                 struct monotone *line, struct vitlrp_error *err);

void monotone_free(struct monotone *line);

/* The slope at a sample, from the sample before it and the sample behind it: 0 at a peak. */
static inline double monotone_slope(double before, double sample, double behind) {
    double rise = sample - before;
    double next = behind - sample;
    return rise * next > 0.0 ? 2.0 * rise * next / (rise + next) : 0.0;
}

/* The value between two samples, which rounding does not take out of their range either. */
static inline double monotone_value(const struct monotone_weights *weights, double left,
                                    double right, double left_slope, double right_slope) {
    double low = left < right ? left : right;
    double high = left < right ? right : left;
    double value = weights->left * left + weights->right * right +
                   weights->left_slope * left_slope + weights->right_slope * right_slope;
    return value < low ? low : value > high ? high : value;
}

#endif
