/* Attention with a relative position bias, and differential attention, against float64 twins that
 * make whole matrices: forward, and backward under AttnLRP, CP-LRP and the gradient. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "vit/math/attention.h"

#include "support/unit.h"

enum propagation { ATTNLRP, CP_LRP, GRADIENT, SHARE, PROPAGATIONS };

static const struct attention_rule rules[PROPAGATIONS] = {[ATTNLRP] = {0.5F, 0.5F, 0.5F, false},
                                                          [CP_LRP] = {1.0F, 1.0F, 0.5F, true},
                                                          [GRADIENT] = {1.0F, 1.0F, 1.0F, false},
                                                          [SHARE] = {0.3F, 0.7F, 0.5F, false}};

/* ---- The twin ---- */

/* One head: softmaxes of `parts` halves (or the whole) of q and k, the second times -lambda. */
struct twin {
    const struct attention *attention;
    size_t head, parts, size; /* of a score */
    double *a[2];             /* [rows, tokens]: the softmaxes */
    double *sum;              /* A */
};

static double factor_of(const struct twin *twin, size_t part) {
    return part == 0 ? 1.0 : -(double) twin->attention->lambda;
}

/* The entry of the head's table for that query and key, by its definition. */
static double bias_of(const struct attention_bias *bias, size_t head, size_t query, size_t key) {
    size_t count = (2 * bias->rows - 1) * (2 * bias->columns - 1) + 3;
    const float *table = bias->table + head * count;
    bool front = query < bias->prefix;
    if (front || key < bias->prefix) {
        bool both = front && key < bias->prefix;
        return table[count - (both ? 1 : front ? 3 : 2)];
    }
    size_t q = query - bias->prefix;
    size_t k = key - bias->prefix;
    size_t y = q / bias->columns + bias->rows - 1 - k / bias->columns;
    size_t x = q % bias->columns + bias->columns - 1 - k % bias->columns;
    return table[y * (2 * bias->columns - 1) + x];
}

static const float *column_of(const struct twin *twin, size_t qkv, size_t part) {
    const struct attention *attention = twin->attention;
    size_t head = attention->dim / attention->heads;
    return attention->qkv + qkv * attention->dim + twin->head * head + part * twin->size;
}

static void twin_softmax(const struct twin *twin, size_t part, size_t row) {
    const struct attention *attention = twin->attention;
    const float *q = column_of(twin, 0, part) + row * 3 * attention->dim;
    const float *k = column_of(twin, 1, part);
    double *a = twin->a[part] + row * attention->tokens;
    double total = 0;
    for (size_t t = 0; t < attention->tokens; t++) {
        double score = 0;
        for (size_t i = 0; i < twin->size; i++) {
            score += (double) q[i] * k[t * 3 * attention->dim + i];
        }
        score /= sqrt((double) twin->size);
        if (attention->bias.table != NULL) {
            score += bias_of(&attention->bias, twin->head, row, t);
        }
        a[t] = exp(score);
        total += a[t];
    }
    for (size_t t = 0; t < attention->tokens; t++) {
        a[t] /= total;
    }
}

static struct twin twin_open(const struct attention *attention, size_t head) {
    struct twin twin = {.attention = attention, .head = head};
    size_t count = attention->rows * attention->tokens;
    twin.parts = attention->differential ? 2 : 1;
    twin.size = attention->dim / attention->heads / twin.parts;
    twin.sum = doubles(count);
    for (size_t part = 0; part < twin.parts; part++) {
        twin.a[part] = doubles(count);
        for (size_t row = 0; row < attention->rows; row++) {
            twin_softmax(&twin, part, row);
        }
        for (size_t i = 0; i < count; i++) {
            twin.sum[i] += factor_of(&twin, part) * twin.a[part][i];
        }
    }
    return twin;
}

static void twin_close(struct twin *twin) {
    mem_free(twin->a[0]);
    mem_free(twin->a[1]);
    mem_free(twin->sum);
}

/* Adds to g [tokens, 3 dim] what this head gives: G of q, k and v. *kept: sum of bias * G_S. */
static void twin_backward(const struct twin *twin, struct attention_rule rule, const float *g_out,
                          double *g, double *kept) {
    const struct attention *attention = twin->attention;
    size_t dim = attention->dim;
    size_t size = dim / attention->heads;
    size_t tokens = attention->tokens;
    double *g_a = doubles(tokens);
    const float *v = column_of(twin, 2, 0);
    for (size_t r = 0; r < attention->rows; r++) {
        const float *g_o = g_out + r * dim + twin->head * size;
        for (size_t t = 0; t < tokens; t++) {
            g_a[t] = 0;
            for (size_t i = 0; i < size; i++) {
                g[(t * 3 + 2) * dim + twin->head * size + i] +=
                    (double) rule.value * twin->sum[r * tokens + t] * g_o[i];
                g_a[t] += (double) rule.matrix * g_o[i] * v[t * 3 * dim + i];
            }
        }
        for (size_t part = 0; part < twin->parts && !rule.constant; part++) {
            const double *a = twin->a[part] + r * tokens;
            size_t at = twin->head * size + part * twin->size;
            double mean = 0;
            for (size_t t = 0; t < tokens; t++) {
                mean += a[t] * factor_of(twin, part) * g_a[t];
            }
            for (size_t t = 0; t < tokens; t++) {
                double g_s = a[t] * (factor_of(twin, part) * g_a[t] - mean);
                double share = (double) rule.score * g_s / sqrt((double) twin->size);
                for (size_t i = 0; i < twin->size; i++) {
                    g[r * 3 * dim + at + i] += share * column_of(twin, 1, part)[t * 3 * dim + i];
                    g[(t * 3 + 1) * dim + at + i] +=
                        share * column_of(twin, 0, part)[r * 3 * dim + i];
                }
                *kept += attention->bias.table == NULL
                             ? 0
                             : g_s * bias_of(&attention->bias, twin->head, r, t);
            }
        }
    }
    mem_free(g_a);
}

/* ---- Checks ---- */

static struct engine open_engine(size_t threads, size_t tokens) {
    struct engine engine = {.thread_floats = attention_thread_scratch(tokens, tokens, true)};
    struct vitlrp_error err;
    if (engine_open(&engine, "openblas", threads, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    engine.thread_scratch = floats(threads * engine.thread_floats);
    return engine;
}

static void check_out(const struct attention *attention, const struct twin *twin,
                      const float *out) {
    size_t dim = attention->dim;
    size_t size = dim / attention->heads;
    double *wanted = doubles(attention->rows * size);
    float *made = pack(out + twin->head * size, attention->rows, size, dim);
    for (size_t i = 0; i < attention->rows * size; i++) {
        for (size_t t = 0; t < attention->tokens; t++) {
            wanted[i] += twin->sum[i / size * attention->tokens + t] *
                         column_of(twin, 2, 0)[t * 3 * dim + i % size];
        }
    }
    assert_close(made, wanted, attention->rows * size, "forward");
    mem_free(made);
    mem_free(wanted);
}

/* Of q only the rows that there are, of q and k nothing where they are constant. */
static void check_g(const struct attention *attention, enum propagation p, const float *g,
                    const double *wanted) {
    size_t dim = attention->dim;
    for (size_t part = p == CP_LRP ? 2 : 0; part < 3; part++) {
        size_t rows = part == 0 ? attention->rows : attention->tokens;
        float *made = pack(g + part * dim, rows, dim, 3 * dim);
        double *twin = doubles(rows * dim);
        for (size_t i = 0; i < rows * dim; i++) {
            twin[i] = wanted[i / dim * 3 * dim + part * dim + i % dim];
        }
        assert_close(made, twin, rows * dim, "backward");
        mem_free(made);
        mem_free(twin);
    }
}

static void check_backward(const struct engine *engine, const struct attention *attention,
                           const struct twin *twins, const float *g_out) {
    size_t count = attention->tokens * 3 * attention->dim;
    size_t matrices = attention->heads * attention->rows * attention->tokens;
    float *g = floats(count);
    float *bias = floats(attention->heads);
    float *a = floats(matrices);
    float *maps = floats(matrices);
    attention_matrices(engine, attention, a);
    for (size_t p = 0; p < PROPAGATIONS; p++) {
        const struct attention_result result = {g, {maps, NULL}, bias};
        double *wanted = doubles(count);
        double kept = 0;
        double sum = 0;
        attention_relevance(engine, attention, rules[p], g_out, &result);
        for (size_t h = 0; h < attention->heads; h++) {
            twin_backward(&twins[h], rules[p], g_out, wanted, &kept);
            sum += (double) bias[h];
        }
        check_g(attention, (enum propagation) p, g, wanted);
        assert_memory_equal(a, maps, matrices * sizeof *a);
        assert_true(attention->bias.table == NULL || p == CP_LRP ||
                    fabs(sum - kept) < 1e-5 * (1 + fabs(kept)));
        mem_free(wanted);
    }
    mem_free(g);
    mem_free(bias);
    mem_free(a);
    mem_free(maps);
}

static void check_attention(struct attention attention, size_t threads) {
    struct test_random random = {attention.tokens + 7};
    struct engine engine = open_engine(threads, attention.tokens);
    size_t dim = attention.dim;
    float *qkv = random_floats(&random, attention.tokens * 3 * dim, 2.0);
    float *g_out = random_floats(&random, attention.rows * dim, 1.0);
    float *out = floats(attention.rows * dim);
    struct twin twins[4];
    struct gemm_entry saved;
    attention.qkv = qkv;
    engine.backend->enter(&saved);
    attention_forward(&engine, &attention, 1, out);
    for (size_t h = 0; h < attention.heads; h++) {
        twins[h] = twin_open(&attention, h);
        check_out(&attention, &twins[h], out);
    }
    check_backward(&engine, &attention, twins, g_out);
    engine.backend->leave(&saved);
    for (size_t h = 0; h < attention.heads; h++) {
        twin_close(&twins[h]);
    }
    engine_close(&engine);
    mem_free(engine.thread_scratch);
    mem_free(qkv);
    mem_free(g_out);
    mem_free(out);
}

/* Grids of one row and of one column, of several blocks of queries, the first row alone. */
static void test_bias(void **unused) {
    static const struct {
        size_t rows, columns, prefix, queries;
    } SHAPES[] = {{3, 5, 1, 16}, {1, 6, 1, 7}, {4, 1, 0, 4},
                  {2, 2, 3, 7},  {4, 4, 1, 1}, {19, 20, 1, 381}};
    (void) unused;
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        struct test_random random = {i + 3};
        size_t count = attention_bias_rows(SHAPES[i].rows, SHAPES[i].columns);
        float *table = random_floats(&random, 3 * count, 2.0);
        struct attention attention = {
            .rows = SHAPES[i].queries,
            .tokens = SHAPES[i].prefix + SHAPES[i].rows * SHAPES[i].columns,
            .heads = 3,
            .dim = 12,
            .bias = {table, SHAPES[i].rows, SHAPES[i].columns, SHAPES[i].prefix}};
        check_attention(attention, 1 + i % 2);
        mem_free(table);
    }
}

static void test_differential(void **unused) {
    static const struct {
        size_t tokens, queries, size;
        float lambda;
    } SHAPES[] = {{9, 9, 2, 0.3F}, {17, 17, 8, 0.7F}, {17, 1, 6, -0.2F}, {401, 401, 4, 0.5F}};
    (void) unused;
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        check_attention((struct attention){.rows = SHAPES[i].queries,
                                           .tokens = SHAPES[i].tokens,
                                           .heads = 2,
                                           .dim = 2 * SHAPES[i].size,
                                           .differential = true,
                                           .lambda = SHAPES[i].lambda},
                        1 + i % 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bias),
        cmocka_unit_test(test_differential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
