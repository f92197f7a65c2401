/* The kernels, written as plain loops and compiled once per instruction set (vit/CMakeLists.txt
 * gives the flags and the table's name). No intrinsics; the simd pragmas only allow the compiler to
 * reorder the sums they name. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "vit/math/kernels.h"

static inline float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t bits_of_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* e^x to 2 units in the last place, for x up to 88.3; clamped from below to where results are
 * normal numbers. */
static inline float exp_bounded(float x) {
    /* Adding 1.5 * 2^23 rounds to an integer and leaves it in the low mantissa bits. */
    const float round_magic = 12582912.0F;
    const float log2_e = 1.44269504F;
    const float ln2_high = 0.693359375F; /* few bits: exact times any exponent */
    const float ln2_low = -2.12194440e-4F;
    x = x < -87.3F ? -87.3F : x;
    float shifted = x * log2_e + round_magic;
    float n = shifted - round_magic;
    float r = x - n * ln2_high;
    r = r - n * ln2_low;
    /* Taylor series: |r| <= ln(2)/2 puts the first term left out below 1e-8. */
    float p = 1.0F / 5040.0F;
    p = p * r + 1.0F / 720.0F;
    p = p * r + 1.0F / 120.0F;
    p = p * r + 1.0F / 24.0F;
    p = p * r + 1.0F / 6.0F;
    p = p * r + 0.5F;
    p = p * r + 1.0F;
    p = p * r + 1.0F;
    return p * float_of_bits((bits_of_float(shifted) + 127U) << 23);
}

/* The same for any x, clamped on both sides. */
static inline float exp_fast(float x) {
    return exp_bounded(x > 88.3F ? 88.3F : x);
}

/* The normal distribution function, 0.5 erfc(-x / sqrt 2), to a relative error of a few 1e-7 on
 * both tails: erfc(a) = exp(-a^2) t P(t), t = 1/(1 + 0.38 a). The form is Abramowitz &
 * Stegun 7.1.26's; P was fitted for this project by iterated least squares to a relative error
 * of 2.6e-8 on 0 <= a <= 14. */
static inline float normal_cdf(float x) {
    float a = fabsf(x) * 0.707106781F;
    float t = 1.0F / (1.0F + 0.38F * a);
    float p = 0.05842282F;
    p = p * t - 0.25986485F;
    p = p * t + 0.35934693F;
    p = p * t - 0.15684702F;
    p = p * t + 0.22722343F;
    p = p * t + 0.13967884F;
    p = p * t + 0.20368559F;
    p = p * t + 0.21394442F;
    p = p * t + 0.21440983F;
    float tail = 0.5F * p * t * exp_bounded(-a * a);
    return x > 0.0F ? 1.0F - tail : tail;
}

static inline float sigmoid(float x) {
    return 1.0F / (1.0F + exp_fast(-x));
}

/* 0.5 (1 + tanh u) = sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): Hendrycks & Gimpel 2016. */
static inline float tanh_cdf(float x) {
    return sigmoid(1.59576912F * (x + 0.044715F * x * x * x));
}

/* Of quick GELU, and of SiLU. */
static inline float slope_of(enum vit_activation activation) {
    return activation == VIT_SILU ? 1.0F : 1.702F;
}

static inline float sigmoid_cdf(float x, float slope) {
    return sigmoid(slope * x);
}

static inline float sign_of(float x) {
    return (float) (x > 0.0F) - (float) (x < 0.0F);
}

struct row_statistics {
    float mean;
    float inverse_std;
};

static struct row_statistics row_statistics_of(const float *x, size_t dim, float eps) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < dim; i++) {
        sum += x[i];
    }
    double mean = sum / (double) dim;
    double squares = 0.0;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < dim; i++) {
        double d = x[i] - mean;
        squares += d * d;
    }
    return (struct row_statistics){(float) mean,
                                   (float) (1.0 / sqrt(squares / (double) dim + (double) eps))};
}

static void norm_forward(float *out, const float *x, const float *weight, const float *bias,
                         size_t dim, float eps) {
    struct row_statistics row = row_statistics_of(x, dim, eps);
    if (bias == NULL) {
#pragma omp simd
        for (size_t i = 0; i < dim; i++) {
            out[i] = (x[i] - row.mean) * row.inverse_std * weight[i];
        }
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        out[i] = (x[i] - row.mean) * row.inverse_std * weight[i] + bias[i];
    }
}

static void norm_relevance(float *g_x, const float *g_y, const float *x, const float *weight,
                           size_t dim, float eps) {
    struct row_statistics row = row_statistics_of(x, dim, eps);
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < dim; i++) {
        sum += weight[i] * g_y[i];
    }
    float mean = (float) (sum / (double) dim);
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        g_x[i] += (weight[i] * g_y[i] - mean) * row.inverse_std;
    }
}

static void norm_gradient(float *g_x, const float *g_y, const float *x, const float *weight,
                          size_t dim, float eps) {
    struct row_statistics row = row_statistics_of(x, dim, eps);
    double sum = 0.0;
    double along = 0.0; /* of u over the normalised x */
#pragma omp simd reduction(+ : sum, along)
    for (size_t i = 0; i < dim; i++) {
        double u = (double) weight[i] * g_y[i];
        sum += u;
        along += u * ((x[i] - row.mean) * row.inverse_std);
    }
    float mean = (float) (sum / (double) dim);
    float slope = (float) (along / (double) dim);
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        float normal = (x[i] - row.mean) * row.inverse_std;
        g_x[i] += (weight[i] * g_y[i] - mean - normal * slope) * row.inverse_std;
    }
}

static float inverse_rms_of(const float *x, size_t dim, float eps) {
    double squares = 0.0;
#pragma omp simd reduction(+ : squares)
    for (size_t i = 0; i < dim; i++) {
        squares += (double) x[i] * (double) x[i];
    }
    return (float) (1.0 / sqrt(squares / (double) dim + (double) eps));
}

static void rms_forward(float *out, const float *x, const float *weight, const float *bias,
                        size_t dim, float eps) {
    float inverse_rms = inverse_rms_of(x, dim, eps);
    if (bias == NULL) {
#pragma omp simd
        for (size_t i = 0; i < dim; i++) {
            out[i] = x[i] * inverse_rms * weight[i];
        }
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        out[i] = x[i] * inverse_rms * weight[i] + bias[i];
    }
}

static void rms_relevance(float *g_x, const float *g_y, const float *x, const float *weight,
                          size_t dim, float eps) {
    float inverse_rms = inverse_rms_of(x, dim, eps);
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        g_x[i] += weight[i] * g_y[i] * inverse_rms;
    }
}

static void rms_gradient(float *g_x, const float *g_y, const float *x, const float *weight,
                         size_t dim, float eps) {
    float inverse_rms = inverse_rms_of(x, dim, eps);
    double along = 0.0; /* of u over the normalised x */
#pragma omp simd reduction(+ : along)
    for (size_t i = 0; i < dim; i++) {
        along += (double) weight[i] * g_y[i] * (x[i] * inverse_rms);
    }
    float slope = (float) (along / (double) dim);
#pragma omp simd
    for (size_t i = 0; i < dim; i++) {
        g_x[i] += (weight[i] * g_y[i] - x[i] * inverse_rms * slope) * inverse_rms;
    }
}

static void gelu_forward(float *out, const float *z, size_t count, enum vit_activation activation) {
    if (activation == VIT_GELU_ERF) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            out[i] = z[i] * normal_cdf(z[i]);
        }
    } else if (activation == VIT_GELU_TANH) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            out[i] = z[i] * tanh_cdf(z[i]);
        }
    } else {
        float slope = slope_of(activation);
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            out[i] = z[i] * sigmoid_cdf(z[i], slope);
        }
    }
}

static void gelu_relevance(float *g, const float *z, size_t count, enum vit_activation activation) {
    if (activation == VIT_GELU_ERF) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= normal_cdf(z[i]);
        }
    } else if (activation == VIT_GELU_TANH) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= tanh_cdf(z[i]);
        }
    } else {
        float slope = slope_of(activation);
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= sigmoid_cdf(z[i], slope);
        }
    }
}

/* Derivatives of x * Phi(x): Phi(x) + x * Phi'(x). */
static inline float normal_slope(float x) {
    return normal_cdf(x) + x * 0.398942280F * exp_bounded(-0.5F * x * x);
}

static inline float tanh_slope(float x) {
    float p = tanh_cdf(x);
    return p + x * p * (1.0F - p) * 1.59576912F * (1.0F + 3.0F * 0.044715F * x * x);
}

static inline float sigmoid_slope(float x, float slope) {
    float p = sigmoid_cdf(x, slope);
    return p + x * p * (1.0F - p) * slope;
}

static void gelu_gradient(float *g, const float *z, size_t count, enum vit_activation activation) {
    if (activation == VIT_GELU_ERF) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= normal_slope(z[i]);
        }
    } else if (activation == VIT_GELU_TANH) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= tanh_slope(z[i]);
        }
    } else {
        float slope = slope_of(activation);
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            g[i] *= sigmoid_slope(z[i], slope);
        }
    }
}

/* Sums and maxima are kept by lanes: a compiler may not reorder comparisons by itself, in case one
 * is with NaN. The largest register holds 16 floats. */
enum { LANES = 16 };

static inline float larger(float a, float b) {
    return a > b ? a : b;
}

/* The largest of count >= LANES entries. The last LANES of them are taken as a whole, whether or
 * not others have been there before. */
static float largest(const float *row, size_t count) {
    float lanes[LANES];
    const float *last = row + count - LANES;
#pragma omp simd
    for (uint32_t l = 0; l < LANES; l++) {
        lanes[l] = larger(row[l], last[l]);
    }
    for (size_t i = LANES; i + LANES <= count; i += LANES) {
#pragma omp simd
        for (uint32_t l = 0; l < LANES; l++) {
            lanes[l] = larger(row[i + l], lanes[l]);
        }
    }
#pragma omp simd
    for (uint32_t l = 0; l < LANES / 2; l++) {
        lanes[l] = larger(lanes[l], lanes[l + LANES / 2]);
    }
#pragma omp simd
    for (uint32_t l = 0; l < LANES / 4; l++) {
        lanes[l] = larger(lanes[l], lanes[l + LANES / 4]);
    }
    return larger(larger(lanes[0], lanes[2]), larger(lanes[1], lanes[3]));
}

/* Leaves the lanes changed. */
static float sum_of_lanes(float *lanes) {
#pragma omp simd
    for (uint32_t l = 0; l < LANES / 2; l++) {
        lanes[l] += lanes[l + LANES / 2];
    }
#pragma omp simd
    for (uint32_t l = 0; l < LANES / 4; l++) {
        lanes[l] += lanes[l + LANES / 4];
    }
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

/* softmax_forward of count >= LANES entries. Rows end in the middle of a register nearly always,
 * the CLS token being one more than a grid of patches: the last LANES entries are computed as a
 * whole, some for the second time, and written when all others are, so that no entry is computed
 * alone. */
static void softmax_row(float *row, size_t count, float scale) {
    float lanes[LANES];
    float end[LANES];
    float *last = row + count - LANES;
    size_t whole = count - count % LANES;
    uint32_t twice = (uint32_t) (LANES - count % LANES);
    float top = largest(row, count);
#pragma omp simd
    for (uint32_t l = 0; l < LANES; l++) {
        end[l] = exp_bounded((last[l] - top) * scale);
        lanes[l] = l < twice ? 0.0F : end[l];
    }
    for (size_t i = 0; i < whole; i += LANES) {
#pragma omp simd
        for (uint32_t l = 0; l < LANES; l++) {
            row[i + l] = exp_bounded((row[i + l] - top) * scale);
            lanes[l] += row[i + l];
        }
    }
    float inverse = 1.0F / sum_of_lanes(lanes);
#pragma omp simd
    for (size_t i = 0; i < whole; i++) {
        row[i] *= inverse;
    }
#pragma omp simd
    for (uint32_t l = 0; l < LANES; l++) {
        last[l] = end[l] * inverse;
    }
}

static void softmax_forward(float *row, size_t count, float scale) {
    float padded[LANES];
    if (count >= LANES) {
        softmax_row(row, count, scale);
        return;
    }
    for (size_t l = 0; l < LANES; l++) {
        padded[l] = l < count ? row[l] : -INFINITY;
    }
    softmax_row(padded, LANES, scale);
    memcpy(row, padded, count * sizeof *row);
}

static void softmax_relevance(float *g, const float *a, size_t count, float scale) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++) {
        sum += a[i] * g[i];
    }
    float total = (float) sum;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        g[i] = a[i] * (g[i] - total) * scale;
    }
}

static void turn_pairs(float *out, const float *x, const float *turns, size_t pairs, float sense) {
#pragma omp simd
    for (size_t j = 0; j < pairs; j++) {
        float a = x[2 * j];
        float b = x[2 * j + 1];
        float sine = sense * turns[pairs + j];
        out[2 * j] = a * turns[j] - b * sine;
        out[2 * j + 1] = b * turns[j] + a * sine;
    }
}

static void turn_halves(float *out, const float *x, const float *turns, size_t pairs, float sense) {
#pragma omp simd
    for (size_t j = 0; j < pairs; j++) {
        float a = x[j];
        float b = x[pairs + j];
        float sine = sense * turns[pairs + j];
        out[j] = a * turns[j] - b * sine;
        out[pairs + j] = b * turns[j] + a * sine;
    }
}

static void absolute(float *out, const float *x, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = fabsf(x[i]);
    }
}

static void gamma_scale(float *g, float *signed_s, const float *t, const float *y, size_t count,
                        struct gamma_weights weights) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(y[i]);
        float below = weights.direct * size + weights.absolute * t[i];
        /* Where y is 0 the numerator is 0; only the 0/0 of an all-zero line has to be kept out. */
        float s = g[i] * size / (below > 0.0F ? below : 1.0F);
        g[i] = s;
        signed_s[i] = s * sign_of(y[i]);
    }
}

static void gamma_combine(float *out, const float *g, const float *u, const float *x, size_t count,
                          struct gamma_weights weights) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = weights.direct * g[i] + weights.absolute * sign_of(x[i]) * u[i];
    }
}

static void epsilon_scale(float *g, const float *y, size_t count, float epsilon) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(y[i]);
        g[i] *= size / (size + epsilon);
    }
}

static void add(float *out, const float *a, const float *b, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = a[i] + b[i];
    }
}

static void subtract(float *out, const float *a, const float *b, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = a[i] - b[i];
    }
}

static void multiply(float *out, const float *a, const float *b, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = a[i] * b[i];
    }
}

static void add_absolute(float *out, const float *a, const float *b, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = a[i] + fabsf(b[i]);
    }
}

static inline uint16_t narrowed(float x) {
    uint32_t bits = bits_of_float(x);
    return (uint16_t) ((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

static void narrow(uint16_t *out, const float *x, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = narrowed(x[i]);
    }
}

static void split(uint16_t *high, uint16_t *low, const float *x, size_t count, bool absolute) {
    uint32_t kept = absolute ? 0x7FFFFFFFU : 0xFFFFFFFFU;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        float value = float_of_bits(bits_of_float(x[i]) & kept);
        uint16_t top = narrowed(value);
        high[i] = top;
        low[i] = narrowed(value - float_of_bits((uint32_t) top << 16));
    }
}

static void widen(float *out, const uint16_t *x, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = float_of_bits((uint32_t) x[i] << 16);
    }
}

/* The bits are placed in a float's fields and the exponent's bias is corrected by a product, which
 * is exact since a float has room for every half; an exponent of all ones stays all ones. */
static void widen_half(float *out, const uint16_t *x, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        uint32_t magnitude = (x[i] & 0x7FFFU) << 13;
        uint32_t number = bits_of_float(float_of_bits(magnitude) * 0x1p112F);
        uint32_t special = magnitude | 0x7F800000U;
        uint32_t bits = magnitude >= 0x0F800000U ? special : number;
        out[i] = float_of_bits(bits | (x[i] & 0x8000U) << 16);
    }
}

/* Without an early exit, so that it vectorises. */
static bool all_finite(const float *x, size_t count) {
    uint32_t found = 0;
#pragma omp simd reduction(| : found)
    for (size_t i = 0; i < count; i++) {
        found |= (uint32_t) ((bits_of_float(x[i]) & 0x7F800000U) == 0x7F800000U);
    }
    return found == 0;
}

/* NaN and infinity are beyond every limit. Sizes are compared as signed numbers, which AVX2 has
 * instructions for; it has none for unsigned ones. */
static bool all_within(const float *x, float limit, size_t count) {
    int32_t most = 0;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < count; i++) {
        int32_t size = (int32_t) (bits_of_float(x[i]) & 0x7FFFFFFFU);
        most = size > most ? size : most;
    }
    return most <= (int32_t) bits_of_float(limit);
}

static float largest_size(const float *x, size_t count) {
    float most = 0.0F;
#pragma omp simd reduction(max : most)
    for (size_t i = 0; i < count; i++) {
        float size = fabsf(x[i]);
        most = size > most ? size : most;
    }
    return most;
}

static void quantize(uint8_t *out, const float *x, float scale, size_t count) {
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint8_t) (int32_t) (fabsf(x[i]) * scale + 0.5F);
    }
}

static void dequantize(float *out, const int32_t *sum, float row_scale, const float *column_scale,
                       const float *addend, size_t count) {
    if (addend == NULL) {
#pragma omp simd
        for (size_t i = 0; i < count; i++) {
            out[i] = (float) sum[i] * (row_scale * column_scale[i]);
        }
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        out[i] = (float) sum[i] * (row_scale * column_scale[i]) + fabsf(addend[i]);
    }
}

static double dot(const float *a, const float *b, size_t count) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++) {
        sum += (double) a[i] * (double) b[i];
    }
    return sum;
}

extern const struct kernels KERNELS_TABLE;
const struct kernels KERNELS_TABLE = {
    .name = KERNELS_NAME,
    .norms = {[NORM_LAYER] = {norm_forward, norm_relevance, norm_gradient},
              [NORM_RMS] = {rms_forward, rms_relevance, rms_gradient}},
    .gelu_forward = gelu_forward,
    .gelu_relevance = gelu_relevance,
    .gelu_gradient = gelu_gradient,
    .softmax_forward = softmax_forward,
    .softmax_relevance = softmax_relevance,
    .turn_pairs = turn_pairs,
    .turn_halves = turn_halves,
    .absolute = absolute,
    .gamma_scale = gamma_scale,
    .gamma_combine = gamma_combine,
    .epsilon_scale = epsilon_scale,
    .add_absolute = add_absolute,
    .add = add,
    .subtract = subtract,
    .multiply = multiply,
    .narrow = narrow,
    .split = split,
    .widen = widen,
    .widen_half = widen_half,
    .all_finite = all_finite,
    .all_within = all_within,
    .largest = largest_size,
    .quantize = quantize,
    .dequantize = dequantize,
    .dot = dot,
};
