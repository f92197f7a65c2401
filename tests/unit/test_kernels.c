/* Every operation of the forward and the backward pass but attention (test_attention.c) against its
 * naive float64 twin, on random shapes with ones, odd numbers and numbers that are no multiple of
 * 16, for every instruction set that this machine runs and with 1 and 3 threads. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/naive.h"
#include "vit/math/linear.h"

#include "support/unit.h"

static const char *const tables[] = {"baseline", "avx2", "avx512"};
enum { TABLES = 3, ROUNDS = 12, MOST_ROWS = 320 };

/* 1, odd, even and larger than a register, in turn. */
static size_t shape(struct test_random *random, size_t round) {
    return round % 4 == 0 ? 1 : 1 + test_below(random, round % 4 == 1 ? 40 : 300);
}

struct bench {
    struct engine engine;
    struct pool *pool;
};

/* With oneDNN, where it was built in, for 3 threads. */
static struct engine open_engine(const char *table, size_t threads, size_t thread_floats) {
    struct engine engine = {.thread_floats = thread_floats};
    struct vitlrp_error err;
    if (engine_open(&engine, threads % 3 == 0 ? "auto" : "openblas", threads, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    engine.kernels = kernels_by_name(table);
    engine.thread_scratch = floats(threads * thread_floats);
    engine.operand = mem_calloc(1, linear_relevance_operand(MOST_ROWS, MOST_ROWS, 2));
    return engine;
}

static void close_engine(struct engine *engine) {
    engine_close(engine);
    mem_free(engine->thread_scratch);
    mem_free(engine->operand);
}

/* ---- Linear layers ---- */

struct linear_case {
    struct linear layer;
    size_t rows, stride;
    float *x, *y, *g_y, *weight, *bias;
};

static struct linear_case make_linear(struct test_random *random, size_t round) {
    struct linear_case c = {.rows = shape(random, round)};
    c.layer.inputs = shape(random, round + 1);
    c.layer.outputs = shape(random, round + 2);
    c.stride = c.layer.outputs + round % 3;
    c.x = random_floats(random, c.rows * c.layer.inputs, 1.0);
    c.weight = random_floats(random, c.layer.outputs * c.layer.inputs, 0.5);
    c.bias = random_floats(random, c.layer.outputs, 0.5);
    c.g_y = random_floats(random, c.rows * c.stride, 1.0);
    c.y = floats(c.rows * c.stride);
    c.layer.weight = c.weight;
    c.layer.bias = c.bias;
    return c;
}

static void free_linear(struct linear_case *c) {
    mem_free(c->x);
    mem_free(c->y);
    mem_free(c->g_y);
    mem_free(c->weight);
    mem_free(c->bias);
}

static void check_forward(const struct engine *engine, struct linear_case *c) {
    size_t outputs = c->layer.outputs;
    double *expected = doubles(c->rows * outputs);
    linear_forward(engine, &c->layer, &(struct linear_pass){c->rows, c->x, c->y, c->stride, NULL});
    naive_linear(c->x, c->weight, c->bias, c->rows, c->layer.inputs, outputs, expected);
    float *packed = pack(c->y, c->rows, outputs, c->stride);
    assert_close(packed, expected, c->rows * outputs, "linear forward");
    mem_free(packed);
    mem_free(expected);
}

static void check_rule(const struct engine *engine, const struct linear_case *c,
                       struct linear_rule rule) {
    size_t inputs = c->layer.inputs;
    size_t outputs = c->layer.outputs;
    float *g_y = pack(c->g_y, c->rows, c->stride, c->stride);
    float *dense_g_y = pack(c->g_y, c->rows, outputs, c->stride);
    float *g_x = floats(c->rows * inputs);
    float *scratch = floats(c->rows * outputs);
    double *expected = doubles(c->rows * inputs);
    linear_relevance(engine, &(struct linear_step){.layer = &c->layer,
                                                   .rule = rule,
                                                   .rows = c->rows,
                                                   .x = c->x,
                                                   .y = c->y,
                                                   .g_y = g_y,
                                                   .y_stride = c->stride,
                                                   .g_x = g_x,
                                                   .scratch = scratch});
    if (rule.gamma != 0.0F) {
        naive_gamma(c->x, c->weight, c->bias, dense_g_y, c->rows, inputs, outputs,
                    (double) rule.gamma, expected);
    } else {
        naive_epsilon(c->x, c->weight, c->bias, dense_g_y, c->rows, inputs, outputs,
                      (double) rule.epsilon, expected);
    }
    assert_close(g_x, expected, c->rows * inputs, "linear relevance");
    mem_free(g_y);
    mem_free(dense_g_y);
    mem_free(g_x);
    mem_free(scratch);
    mem_free(expected);
}

static void test_linear(void **unused) {
    static const struct linear_rule rules[] = {{0.0F, 0.0F},  {0.0F, 0.25F},  {0.05F, 0.0F},
                                               {0.25F, 0.0F}, {100.0F, 0.0F}, {INFINITY, 0.0F}};
    struct test_random random = {1};
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        for (size_t round = 0; round < ROUNDS && kernels_by_name(tables[t]) != NULL; round++) {
            struct engine engine =
                open_engine(tables[t], round % 2 == 0 ? 1 : 3, linear_thread_scratch());
            struct linear_case c = make_linear(&random, round);
            struct gemm_entry saved;
            engine.backend->enter(&saved);
            check_forward(&engine, &c);
            for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
                check_rule(&engine, &c, rules[r]);
            }
            engine.backend->leave(&saved);
            free_linear(&c);
            close_engine(&engine);
        }
    }
}

/* Layers larger than a tile of |W| in both directions. */
static void test_linear_beyond_a_tile(void **unused) {
    struct test_random random = {2};
    (void) unused;
    struct engine engine = open_engine("baseline", 2, linear_thread_scratch());
    struct linear_case c = {.layer = {.inputs = 1100, .outputs = 1301}, .rows = 3, .stride = 1301};
    c.x = random_floats(&random, c.rows * c.layer.inputs, 1.0);
    c.weight = random_floats(&random, c.layer.outputs * c.layer.inputs, 0.1);
    c.bias = random_floats(&random, c.layer.outputs, 0.1);
    c.g_y = random_floats(&random, c.rows * c.stride, 1.0);
    c.y = floats(c.rows * c.stride);
    c.layer.weight = c.weight;
    c.layer.bias = c.bias;
    check_forward(&engine, &c);
    check_rule(&engine, &c, (struct linear_rule){0.25F, 0.0F});
    free_linear(&c);
    close_engine(&engine);
}

/* sign(0) = 0: an output of exactly 0 passes no relevance under the gamma rule, and nothing becomes
 * NaN. */
static void test_zero_output_passes_nothing(void **unused) {
    (void) unused;
    struct engine engine = open_engine("baseline", 1, linear_thread_scratch());
    const float weight[] = {1.0F, 1.0F, 0.0F, 0.0F};
    const float bias[] = {0.0F, 0.0F};
    const float x[] = {2.0F, -2.0F};
    const float y[] = {0.0F, 0.0F};
    float g_y[] = {3.0F, 5.0F};
    float g_x[] = {9.0F, 9.0F};
    float scratch[8];
    struct linear layer = {.weight = weight, .bias = bias, .outputs = 2, .inputs = 2};
    linear_relevance(&engine, &(struct linear_step){.layer = &layer,
                                                    .rule = {INFINITY, 0.0F},
                                                    .rows = 1,
                                                    .x = x,
                                                    .y = y,
                                                    .g_y = g_y,
                                                    .y_stride = 2,
                                                    .g_x = g_x,
                                                    .scratch = scratch});
    assert_true(g_x[0] == 0.0F && g_x[1] == 0.0F);
    close_engine(&engine);
}

/* ---- LayerNorm ---- */

static void check_norm(const struct kernels *kernels, struct test_random *random, size_t dim) {
    float *x = random_floats(random, dim, 3.0);
    float *weight = random_floats(random, dim, 1.0);
    float *bias = random_floats(random, dim, 1.0);
    float *g_y = random_floats(random, dim, 1.0);
    float *y = floats(dim);
    float *g_x = floats(dim);
    double *expected = doubles(dim);
    kernels->norms[NORM_LAYER].forward(y, x, weight, bias, dim, 1e-6F);
    naive_norm(x, weight, bias, dim, 1e-6, expected);
    assert_close(y, expected, dim, "norm forward");
    kernels->norms[NORM_LAYER].relevance(g_x, g_y, x, weight, dim, 1e-6F);
    kernels->multiply(g_x, g_x, x, dim);
    naive_norm_relevance(x, weight, g_y, dim, 1e-6, expected);
    /* dim 1: u - mean(u) is exactly 0 here, and rounding noise over a tiny std in the twin. */
    if (dim > 1) {
        assert_close(g_x, expected, dim, "norm relevance");
    }
    mem_free(x);
    mem_free(weight);
    mem_free(bias);
    mem_free(g_y);
    mem_free(y);
    mem_free(g_x);
    mem_free(expected);
}

/* Sum of g_y * RMSNorm(x + step * direction). */
static double naive_rms_moved(const float *x, const float *weight, const float *g_y,
                              const float *direction, size_t dim, double step) {
    double squares = 0.0;
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++) {
        squares += pow(x[i] + step * direction[i], 2.0);
        sum += (x[i] + step * direction[i]) * weight[i] * g_y[i];
    }
    return sum / sqrt(squares / (double) dim + 1e-6);
}

static void check_rms(const struct kernels *kernels, struct test_random *random, size_t dim) {
    float *x = random_floats(random, dim, 3.0);
    float *weight = random_floats(random, dim, 1.0);
    float *bias = random_floats(random, dim, 1.0);
    float *g_y = random_floats(random, dim, 1.0);
    float *direction = random_floats(random, dim, 1.0);
    float *y = floats(dim);
    float *shifted = floats(dim);
    float *g_x = floats(dim);
    double *expected = doubles(dim);
    naive_rms(x, weight, dim, 1e-6, expected);
    kernels->norms[NORM_RMS].forward(y, x, weight, NULL, dim, 1e-6F);
    assert_close(y, expected, dim, "rms forward");
    kernels->norms[NORM_RMS].forward(shifted, x, weight, bias, dim, 1e-6F);
    kernels->subtract(shifted, shifted, bias, dim);
    assert_close(shifted, expected, dim, "rms forward with a shift");
    naive_rms_relevance(x, weight, g_y, dim, 1e-6, expected);
    kernels->norms[NORM_RMS].relevance(g_x, g_y, x, weight, dim, 1e-6F);
    kernels->multiply(g_x, g_x, x, dim);
    assert_close(g_x, expected, dim, "rms relevance");
    memset(g_x, 0, dim * sizeof *g_x);
    kernels->norms[NORM_RMS].gradient(g_x, g_y, x, weight, dim, 1e-6F);
    double slope = kernels->dot(g_x, direction, dim);
    double expected_slope = (naive_rms_moved(x, weight, g_y, direction, dim, 1e-6) -
                             naive_rms_moved(x, weight, g_y, direction, dim, -1e-6)) /
                            2e-6;
    assert_true(fabs(slope - expected_slope) < 1e-4 * (1.0 + fabs(expected_slope)));
    mem_free(x);
    mem_free(weight);
    mem_free(bias);
    mem_free(g_y);
    mem_free(direction);
    mem_free(y);
    mem_free(shifted);
    mem_free(g_x);
    mem_free(expected);
}

static void test_norm(void **unused) {
    struct test_random random = {3};
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        for (size_t round = 0; round < 40 && kernels != NULL; round++) {
            check_norm(kernels, &random, shape(&random, round));
            check_rms(kernels, &random, shape(&random, round));
        }
    }
}

/* Without a shift a norm has the same bits as with one of zeros. */
static void test_norm_without_shift(void **unused) {
    enum { COUNT = 33 };
    struct test_random random = {6};
    const float zeros[COUNT] = {0.0F};
    float with[COUNT];
    float without[COUNT];
    (void) unused;
    float *x = random_floats(&random, COUNT, 3.0);
    float *weight = random_floats(&random, COUNT, 1.0);
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        if (kernels == NULL) {
            continue;
        }
        kernels->norms[NORM_LAYER].forward(with, x, weight, zeros, COUNT, 1e-6F);
        kernels->norms[NORM_LAYER].forward(without, x, weight, NULL, COUNT, 1e-6F);
        assert_memory_equal(with, without, sizeof with);
    }
    mem_free(x);
    mem_free(weight);
}

/* ---- GELU ---- */

static double naive_cdf(double x, enum vit_activation activation) {
    if (activation == VIT_GELU_ERF) {
        return 0.5 * erfc(-x / sqrt(2.0));
    }
    if (activation == VIT_GELU_TANH) {
        /* 0.5 (1 + tanh u), without its cancellation for large negative u. */
        return 1.0 / (1.0 + exp(-2.0 * sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    }
    return 1.0 / (1.0 + exp((activation == VIT_SILU ? -1.0 : -1.702) * x));
}

/* Element by element: the error of Phi stays at a float's, on the tails relative to Phi itself. */
static void test_gelu(void **unused) {
    enum { COUNT = 2001 };
    static const enum vit_activation activations[] = {VIT_GELU_ERF, VIT_GELU_TANH, VIT_GELU_QUICK,
                                                      VIT_SILU};
    float z[COUNT];
    float y[COUNT];
    float g[COUNT];
    (void) unused;
    for (size_t i = 0; i < COUNT; i++) {
        z[i] = (float) ((double) i / 100.0 - 10.0);
    }
    for (size_t t = 0; t < TABLES * 4; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t / 4]);
        if (kernels == NULL) {
            continue;
        }
        for (size_t i = 0; i < COUNT; i++) {
            g[i] = 1.0F;
        }
        kernels->gelu_forward(y, z, COUNT, activations[t % 4]);
        kernels->gelu_relevance(g, z, COUNT, activations[t % 4]);
        for (size_t i = 0; i < COUNT; i++) {
            double phi = naive_cdf(z[i], activations[t % 4]);
            /* exp(-x^2/2) carries the rounding of its argument, x^2/2 units. */
            double allowed = (1e-6 + 1.2e-7 * fabs((double) z[i] * z[i] * z[i])) * phi + 1e-37;
            assert_true(fabs(g[i] - phi) <= allowed);
            assert_true(fabs(y[i] - z[i] * phi) <= allowed * (fabs((double) z[i]) + 1e-6));
        }
    }
}

/* ---- Softmax ---- */

/* Entry by entry, on rows that end anywhere in a register, between neighbours that stay as they
 * are. Errors are those of exp, of its argument, and of the sum. */
static void check_softmax(const struct kernels *kernels, struct test_random *random, size_t count) {
    float *row = random_floats(random, count + 2, 40.0);
    float *scores = pack(row, 1, count + 2, count + 2);
    double total = 0.0;
    double top = -1e30;
    kernels->softmax_forward(row + 1, count, 0.3F);
    for (size_t i = 1; i <= count; i++) {
        top = fmax(top, scores[i]);
    }
    for (size_t i = 1; i <= count; i++) {
        total += exp((scores[i] - top) * (double) 0.3F);
    }
    for (size_t i = 1; i <= count; i++) {
        double exponent = (scores[i] - top) * (double) 0.3F;
        double expected = exp(exponent) / total;
        if (!(fabs(row[i] - expected) <= (6e-7 + 1.2e-7 * fabs(exponent)) * expected)) {
            fail_msg("softmax of %zu: entry %zu is %.9g, not %.9g", count, i - 1, (double) row[i],
                     expected);
        }
    }
    assert_true(row[0] == scores[0] && row[count + 1] == scores[count + 1]);
    mem_free(row);
    mem_free(scores);
}

static void test_softmax(void **unused) {
    struct test_random random = {4};
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        for (size_t count = 1; count < 100 && kernels != NULL; count++) {
            check_softmax(kernels, &random, count);
        }
        for (size_t i = 0; i < 3 && kernels != NULL; i++) {
            static const size_t counts[] = {197, 577, 1370};
            check_softmax(kernels, &random, counts[i]);
        }
    }
}

/* A session finds out that something is not finite by its results: NaN must not be lost on the way,
 * wherever in a row it is. */
static void test_softmax_keeps_nan(void **unused) {
    enum { MOST = 50 };
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        for (size_t i = 0; i < MOST * MOST && kernels != NULL; i++) {
            float row[MOST] = {0.0F};
            size_t count = i / MOST + 1;
            row[i % MOST % count] = NAN;
            kernels->softmax_forward(row, count, 1.0F);
            for (size_t j = 0; j < count; j++) {
                assert_true(isnan(row[j]));
            }
        }
    }
}

/* Scores far beyond exp's range still give a softmax that sums to 1. */
static void test_softmax_saturates_without_nan(void **unused) {
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        float row[] = {-3e30F, 5.0F, 3e30F, 0.0F, 3e30F};
        if (kernels == NULL) {
            continue;
        }
        kernels->softmax_forward(row, 5, 1.0F);
        assert_true(fabsf(row[2] - 0.5F) < 1e-6F && fabsf(row[4] - 0.5F) < 1e-6F);
        assert_true(row[0] >= 0.0F && row[0] < 1e-30F);
    }
}

/* x in bfloat16 by the definition: the nearest of the two neighbours, the even one of equals. */
static float nearest_bfloat16(float x) {
    uint32_t bits;
    float low;
    float high;
    memcpy(&bits, &x, sizeof bits);
    uint32_t below = bits & 0xFFFF0000U;
    uint32_t above = below + 0x10000U;
    memcpy(&low, &below, sizeof low);
    memcpy(&high, &above, sizeof high);
    double to_low = fabs((double) x - (double) low);
    double to_high = fabs((double) high - (double) x);
    bool even = (below >> 16 & 1U) == 0;
    return to_low < to_high || (to_low == to_high && even) ? low : high;
}

static void check_conversions(const struct kernels *kernels, const float *x, size_t count) {
    uint16_t narrow[64];
    uint8_t bytes[64];
    float back[64];
    int32_t sums[64];
    float top = 0.0F;
    kernels->narrow(narrow, x, count);
    for (size_t a = 0; a < 2; a++) {
        uint16_t low[64];
        kernels->split(narrow, low, x, count, a == 1);
        for (size_t i = 0; i < count; i++) {
            float value = a == 1 ? fabsf(x[i]) : x[i];
            float high = nearest_bfloat16(value);
            kernels->widen(back, narrow + i, 1);
            assert_true(back[0] == high);
            kernels->widen(back, low + i, 1);
            assert_true(back[0] == nearest_bfloat16(value - high));
        }
    }
    kernels->narrow(narrow, x, count);
    kernels->widen(back, narrow, count);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t) narrow[i] << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        assert_true(value == nearest_bfloat16(x[i]));
        assert_true(value == back[i]);
        top = fmaxf(top, fabsf(x[i]));
        sums[i] = (int32_t) i - 20;
    }
    assert_true(kernels->largest(x, count) == top);
    kernels->quantize(bytes, x, 255.0F / top, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabsf(fabsf(x[i]) * 255.0F / top - (float) bytes[i]) <= 0.5001F);
    }
    kernels->dequantize(back, sums, 0.5F, x, x, count);
    for (size_t i = 0; i < count; i++) {
        double wanted = (double) sums[i] * 0.5 * (double) x[i] + fabs((double) x[i]);
        assert_true(fabs((double) back[i] - wanted) <= 1e-5 * (1.0 + fabs(wanted)));
    }
}

/* Every binary16, by its definition: (-1)^sign 2^(exponent - 15) 1.fraction, or 2^-14 0.fraction.
 */
static void check_halves(const struct kernels *kernels) {
    uint16_t half[256];
    float value[256];
    for (uint32_t first = 0; first < 65536; first += 256) {
        for (uint32_t i = 0; i < 256; i++) {
            half[i] = (uint16_t) (first + i);
        }
        kernels->widen_half(value, half, 256);
        for (size_t i = 0; i < 256; i++) {
            int exponent = half[i] >> 10 & 31;
            double fraction = (half[i] & 1023) / 1024.0;
            double size =
                exponent == 0 ? ldexp(fraction, -14) : ldexp(1.0 + fraction, exponent - 15);
            double wanted = half[i] >> 15 != 0 ? -size : size;
            bool right = exponent < 31    ? (double) value[i] == wanted
                         : fraction > 0.0 ? isnan(value[i])
                                          : isinf(value[i]) && (value[i] > 0.0F) == (wanted > 0.0);
            assert_true(right);
            assert_true(kernels->all_finite(&value[i], 1) == (exponent < 31));
        }
    }
}

/* NaN and infinity are beyond every limit, whatever their sign. */
static void test_within(void **unused) {
    static const float OUTSIDE[] = {2.0F,     -2.0F,     1.0000001F, -1.0000001F,
                                    INFINITY, -INFINITY, NAN,        -NAN};
    float x[67];
    (void) unused;
    for (size_t level = 0; level < TABLES; level++) {
        const struct kernels *kernels = kernels_by_name(tables[level]);
        if (kernels == NULL) {
            continue;
        }
        for (size_t i = 0; i < 67; i++) {
            x[i] = i % 2 == 0 ? 1.0F : -1.0F;
        }
        assert_true(kernels->all_within(x, 1.0F, 67));
        for (size_t i = 0; i < 67 * 8; i++) {
            float kept = x[i % 67];
            x[i % 67] = OUTSIDE[i / 67];
            assert_false(kernels->all_within(x, 1.0F, 67));
            x[i % 67] = kept;
        }
    }
}

static void test_conversions(void **unused) {
    static const float corners[] = {0.0F, -0.0F, 1.0F, 0x1.01p0F, 0x1.03p0F, -0x1.0101p0F, 1e-39F};
    struct test_random random = {31};
    float x[64];
    (void) unused;
    for (size_t t = 0; t < TABLES; t++) {
        const struct kernels *kernels = kernels_by_name(tables[t]);
        if (kernels != NULL) {
            check_halves(kernels);
        }
        for (size_t round = 0; kernels != NULL && round < ROUNDS; round++) {
            test_fill(&random, x, 64, 3.0);
            memcpy(x, corners, sizeof corners);
            check_conversions(kernels, x, 7 + 5 * round);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_linear_beyond_a_tile),
        cmocka_unit_test(test_zero_output_passes_nothing),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_norm_without_shift),
        cmocka_unit_test(test_gelu),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_softmax_keeps_nan),
        cmocka_unit_test(test_softmax_saturates_without_nan),
        cmocka_unit_test(test_within),
        cmocka_unit_test(test_conversions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
