/* Attention of texts: each token attends to itself and to those before it, so a row of it is a row
 * of attention over so many tokens, which the naive float64 twin computes; and texts of different
 * lengths in one pass are as each alone. */
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/naive.h"
#include "vit/math/attention.h"

#include "support/unit.h"

enum { HEADS = 2, SIZE = 5, DIM = HEADS * SIZE };

static const struct attention_rule ATTNLRP = {0.5F, 0.5F, 0.5F, false};
static const struct attention_rule CP_LRP = {1.0F, 1.0F, 0.5F, true};

static struct engine open_engine(size_t threads, size_t tokens) {
    struct engine engine = {.thread_floats = attention_thread_scratch(tokens, tokens, false)};
    struct vitlrp_error err;
    if (engine_open(&engine, "openblas", threads, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    engine.thread_scratch = floats(threads * engine.thread_floats);
    return engine;
}

static void close_engine(struct engine *engine) {
    engine_close(engine);
    mem_free(engine->thread_scratch);
}

static void check_forward(const struct attention *attention, const float *out, size_t head) {
    const float *q = attention->qkv + head * SIZE;
    double *a = doubles(attention->tokens);
    double *o = doubles(attention->tokens * SIZE);
    float *found = pack(out + head * SIZE, attention->tokens, SIZE, DIM);
    for (size_t r = 0; r < attention->tokens; r++) {
        naive_attention(q + r * 3 * DIM, q + DIM, q + 2 * DIM, 3 * DIM, 1, r + 1, SIZE, a,
                        o + r * SIZE);
    }
    assert_close(found, o, attention->tokens * SIZE, "causal attention");
    mem_free(found);
    mem_free(o);
    mem_free(a);
}

/* R of one part of a head (0 q, 1 k, 2 v), packed. */
static float *relevance_of(const struct attention *attention, const float *g, size_t part,
                           size_t head) {
    size_t at = part * DIM + head * SIZE;
    float *found = pack(g + at, attention->tokens, SIZE, 3 * DIM);
    for (size_t i = 0; i < attention->tokens * SIZE; i++) {
        found[i] *= attention->qkv[i / SIZE * 3 * DIM + at + i % SIZE];
    }
    return found;
}

/* The sum of what every row gives to the tokens that it attends to. */
static void check_relevance(const struct attention *attention, const float *g_out, const float *g,
                            bool constant, size_t head) {
    size_t count = attention->tokens * SIZE;
    const float *q = attention->qkv + head * SIZE;
    float *g_o = pack(g_out + head * SIZE, attention->tokens, SIZE, DIM);
    double *sums[3] = {doubles(count), doubles(count), doubles(count)};
    double *row[2] = {doubles(count), doubles(count)};
    for (size_t r = 0; r < attention->tokens; r++) {
        naive_attention_relevance(q + r * 3 * DIM, q + DIM, q + 2 * DIM, 3 * DIM, 1, r + 1, SIZE,
                                  g_o + r * SIZE, constant, sums[0] + r * SIZE, row[0], row[1]);
        for (size_t i = 0; i < (r + 1) * SIZE; i++) {
            sums[1][i] += row[0][i];
            sums[2][i] += row[1][i];
        }
    }
    for (size_t part = constant ? 2 : 0; part < 3; part++) {
        float *found = relevance_of(attention, g, part, head);
        assert_close(found, sums[part], count, "relevance of a causal attention");
        mem_free(found);
    }
    for (size_t part = 0; part < 3; part++) {
        mem_free(sums[part]);
    }
    mem_free(row[0]);
    mem_free(row[1]);
    mem_free(g_o);
}

static void check_causal(struct test_random *random, size_t tokens) {
    struct engine engine = open_engine(2, tokens);
    float *qkv = random_floats(random, tokens * 3 * DIM, 2.0);
    float *g_out = random_floats(random, tokens * DIM, 1.0);
    float *out = floats(tokens * DIM);
    float *g = floats(tokens * 3 * DIM);
    const struct attention attention = {
        .rows = tokens, .tokens = tokens, .heads = HEADS, .dim = DIM, .qkv = qkv, .causal = true};
    const struct attention_result result = {.g_qkv = g};
    attention_forward(&engine, &attention, 1, out);
    for (size_t head = 0; head < HEADS; head++) {
        check_forward(&attention, out, head);
    }
    attention_relevance(&engine, &attention, ATTNLRP, g_out, &result);
    for (size_t head = 0; head < HEADS; head++) {
        check_relevance(&attention, g_out, g, false, head);
    }
    attention_relevance(&engine, &attention, CP_LRP, g_out, &result);
    for (size_t head = 0; head < HEADS; head++) {
        check_relevance(&attention, g_out, g, true, head);
    }
    mem_free(g);
    mem_free(out);
    mem_free(g_out);
    mem_free(qkv);
    close_engine(&engine);
}

/* 400 tokens have blocks of query rows. */
static void test_causal(void **state) {
    static const size_t TOKENS[] = {1, 2, 7, 77, 400};
    struct test_random random = {1};
    (void) state;
    for (size_t i = 0; i < sizeof TOKENS / sizeof TOKENS[0]; i++) {
        check_causal(&random, TOKENS[i]);
    }
}

static void check_lengths(struct test_random *random, bool causal) {
    static const size_t STARTS[] = {0, 3, 4, 404, 411};
    enum { TEXTS = 4, TOKENS = 411, LONGEST = 400 };
    struct engine engine = open_engine(2, LONGEST);
    float *qkv = random_floats(random, (size_t) TOKENS * 3 * DIM, 2.0);
    float *out = floats((size_t) TOKENS * DIM);
    float *alone = floats((size_t) TOKENS * DIM);
    struct attention attention = {.rows = LONGEST,
                                  .tokens = LONGEST,
                                  .heads = HEADS,
                                  .dim = DIM,
                                  .qkv = qkv,
                                  .starts = STARTS,
                                  .causal = causal};
    attention_forward(&engine, &attention, TEXTS, out);
    attention.starts = NULL;
    for (size_t i = 0; i < TEXTS; i++) {
        attention.tokens = attention.rows = STARTS[i + 1] - STARTS[i];
        attention.qkv = qkv + STARTS[i] * 3 * DIM;
        attention_forward(&engine, &attention, 1, alone + STARTS[i] * DIM);
    }
    assert_memory_equal(out, alone, (size_t) TOKENS * DIM * sizeof *out);
    mem_free(alone);
    mem_free(out);
    mem_free(qkv);
    close_engine(&engine);
}

static void test_lengths(void **state) {
    struct test_random random = {2};
    (void) state;
    check_lengths(&random, true);
    check_lengths(&random, false);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_causal),
        cmocka_unit_test(test_lengths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
