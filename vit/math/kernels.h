/* The elementwise kernels of a Vision Transformer and of its relevance, in one table per
 * instruction set. Rows are dense. Outputs come first; an output may be the same array as an input
 * of the same shape, never partly overlap it. Reduction order is fixed by the table: same table,
 * same bits. */
#ifndef VIT_KERNELS_H
#define VIT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vit/math/activation.h"

/* Weights of the two terms of the gamma rule, G_x = direct * s W + absolute * sign(x) * ((s sign y)
 * |W|) with s = G_y |y| / (direct |y| + absolute t). direct = (1 + g/2)/(1 + g), absolute =
 * (g/2)/(1 + g): the common factor 1 + g of vit/RULES.md cancels between s and G_x, so that gamma =
 * infinity is the ordinary case 1/2, 1/2. */
struct gamma_weights {
    float direct;
    float absolute;
};

/* LayerNorm, (x[i] - mean) / sqrt(var + eps) * weight[i] + bias[i], and RMSNorm,
 * x[i] / sqrt(mean x^2 + eps) * weight[i] + bias[i]. */
enum norm_kind { NORM_LAYER, NORM_RMS, NORM_KINDS };

/* All [dim]; sums in double. */
struct norm_kernels {
    /* bias may be NULL. */
    void (*forward)(float *out, const float *x, const float *weight, const float *bias, size_t dim,
                    float eps);

    /* The identity on 1 / std or 1 / rms, LRP-0 else: with u = weight * g_y,
     * g_x += (u - mean(u)) / std, and for RMSNorm g_x += u / rms. */
    void (*relevance)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                      float eps);

    /* g_x += the plain gradient, std and rms not held constant. */
    void (*gradient)(float *g_x, const float *g_y, const float *x, const float *weight, size_t dim,
                     float eps);
};

struct kernels {
    const char *name; /* "baseline", "avx2", "avx512" */

    struct norm_kernels norms[NORM_KINDS];

    /* out = z * Phi(z), Phi per activation. */
    void (*gelu_forward)(float *out, const float *z, size_t count, enum vit_activation activation);

    /* g = Phi(z) * g: the identity rule. */
    void (*gelu_relevance)(float *g, const float *z, size_t count, enum vit_activation activation);

    /* g = d(z Phi(z))/dz * g: the plain gradient. */
    void (*gelu_gradient)(float *g, const float *z, size_t count, enum vit_activation activation);

    /* row = softmax(scale * row), over count entries. */
    void (*softmax_forward)(float *row, size_t count, float scale);

    /* g = a * (g - sum(a * g)) * scale: the softmax rule, a Taylor expansion with its bias
     * (AttnLRP, proposition 3.1, in G form). */
    void (*softmax_relevance)(float *g, const float *a, size_t count, float scale);

    /* Turns pairs (a, b) by angles, to (a cos - b sin, b cos + a sin); back where sense is -1, not
     * 1. turns: `pairs` cosines, then as many sines. A pair is (2j, 2j + 1), or (j, j + pairs). */
    void (*turn_pairs)(float *out, const float *x, const float *turns, size_t pairs, float sense);
    void (*turn_halves)(float *out, const float *x, const float *turns, size_t pairs, float sense);

    /* out = |x|. */
    void (*absolute)(float *out, const float *x, size_t count);

    /* g: from G_y to s; signed_s = s * sign(y), 0 where y = 0; t = |x||W|^T + |b|. */
    void (*gamma_scale)(float *g, float *signed_s, const float *t, const float *y, size_t count,
                        struct gamma_weights weights);

    /* out = weights.direct * g + weights.absolute * sign(x) * u. */
    void (*gamma_combine)(float *out, const float *g, const float *u, const float *x, size_t count,
                          struct gamma_weights weights);

    /* g = g * |y| / (|y| + epsilon), 0 where y = 0. */
    void (*epsilon_scale)(float *g, const float *y, size_t count, float epsilon);

    /* out = a + |b|. */
    void (*add_absolute)(float *out, const float *a, const float *b, size_t count);

    /* out = a + b; out = a - b; out = a * b. */
    void (*add)(float *out, const float *a, const float *b, size_t count);
    void (*subtract)(float *out, const float *a, const float *b, size_t count);
    void (*multiply)(float *out, const float *a, const float *b, size_t count);

    /* out = x as bfloat16, rounded to the nearest, ties to even. x is finite. */
    void (*narrow)(uint16_t *out, const float *x, size_t count);

    /* high + low = x, or |x|, to 17 bits: its bfloat16, and that of what is left. */
    void (*split)(uint16_t *high, uint16_t *low, const float *x, size_t count, bool absolute);

    /* out = x, which is bfloat16, or IEEE 754 binary16 (subnormals, infinities and NaN too). */
    void (*widen)(float *out, const uint16_t *x, size_t count);
    void (*widen_half)(float *out, const uint16_t *x, size_t count);

    /* True if no x is NaN or infinite. */
    bool (*all_finite)(const float *x, size_t count);
    bool (*all_within)(const float *x, float limit, size_t count); /* |x| <= limit */

    /* The largest |x|. */
    float (*largest)(const float *x, size_t count);

    /* out = |x| * scale, rounded; the caller's scale keeps it within 255. */
    void (*quantize)(uint8_t *out, const float *x, float scale, size_t count);

    /* out = sum * row_scale * column_scale + |addend|: a row of INT8's product. addend may be NULL,
     * out may be sum. */
    void (*dequantize)(float *out, const int32_t *sum, float row_scale, const float *column_scale,
                       const float *addend, size_t count);

    /* Sum of a * b in double. */
    double (*dot)(const float *a, const float *b, size_t count);
};

/* The fastest table that this processor runs. */
const struct kernels *kernels_select(void);

/* The table of that name if this processor runs it, else NULL: for tests. */
const struct kernels *kernels_by_name(const char *name);

/* True if all `count` values are finite. */
bool values_are_finite(const float *values, size_t count);

/* gamma in [0, infinity]. */
struct gamma_weights gamma_weights_of(float gamma);

#endif
