/* Attention by blocks of query rows against its naive float64 twin: shapes of one block and of
 * many, odd ones, the CLS row alone; forward, matrices, and backward under AttnLRP, CP-LRP and the
 * gradient; and the same bits for any number of threads. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/naive.h"
#include "support/naive_vit.h"
#include "vit/math/attention.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum propagation { ATTNLRP, CP_LRP, GRADIENT, PROPAGATIONS };

static const struct attention_rule rules[PROPAGATIONS] = {[ATTNLRP] = {0.5F, 0.5F, 0.5F, false},
                                                          [CP_LRP] = {1.0F, 1.0F, 0.5F, true},
                                                          [GRADIENT] = {1.0F, 1.0F, 1.0F, false}};

/* The scratch is as small as it may be. */
static struct engine open_engine(const struct kernels *kernels, const char *backend, size_t threads,
                                 size_t rows, size_t tokens) {
    struct engine engine = {.thread_floats = attention_thread_scratch(rows, tokens, true)};
    struct vitlrp_error err;
    if (engine_open(&engine, backend, threads, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    engine.kernels = kernels;
    engine.thread_scratch = floats(threads * engine.thread_floats);
    return engine;
}

static void close_engine(struct engine *engine) {
    engine_close(engine);
    mem_free(engine->thread_scratch);
}

/* ---- One shape ---- */

struct attention_case {
    struct attention attention; /* of one image */
    size_t size;                /* of a head */
    float *qkv, *g_out;         /* qkv of IMAGES images */
    float *out;                 /* of IMAGES images */
    float *g_qkv[PROPAGATIONS];
    float *a;                    /* from attention_matrices */
    float *kept_a[PROPAGATIONS]; /* the maps of the backward pass */
    float *kept_g[PROPAGATIONS]; /* the same, G */
};

enum { IMAGES = 2 };

static struct attention_case make_case(struct test_random *random, size_t tokens, size_t rows,
                                       size_t heads, size_t size) {
    size_t dim = heads * size;
    struct attention_case c = {.size = size};
    c.qkv = random_floats(random, IMAGES * tokens * 3 * dim, 2.0);
    c.g_out = random_floats(random, rows * dim, 1.0);
    c.out = floats(IMAGES * rows * dim);
    c.a = floats(heads * rows * tokens);
    for (size_t p = 0; p < PROPAGATIONS; p++) {
        c.g_qkv[p] = floats(tokens * 3 * dim);
        c.kept_a[p] = floats(heads * rows * tokens);
        c.kept_g[p] = floats(heads * rows * tokens);
    }
    c.attention = (struct attention){
        .rows = rows, .tokens = tokens, .heads = heads, .dim = dim, .qkv = c.qkv};
    return c;
}

static void free_case(struct attention_case *c) {
    mem_free(c->qkv);
    mem_free(c->g_out);
    mem_free(c->out);
    mem_free(c->a);
    for (size_t p = 0; p < PROPAGATIONS; p++) {
        mem_free(c->g_qkv[p]);
        mem_free(c->kept_a[p]);
        mem_free(c->kept_g[p]);
    }
}

static void compute(const struct engine *engine, struct attention_case *c) {
    struct gemm_entry saved;
    engine->backend->enter(&saved);
    attention_forward(engine, &c->attention, IMAGES, c->out);
    attention_matrices(engine, &c->attention, c->a);
    for (size_t p = 0; p < PROPAGATIONS; p++) {
        attention_relevance(
            engine, &c->attention, rules[p], c->g_out,
            &(struct attention_result){c->g_qkv[p], {c->kept_a[p], c->kept_g[p]}, NULL});
    }
    engine->backend->leave(&saved);
}

/* ---- Against the twin ---- */

static void check_forward(const struct attention_case *c, size_t image, size_t head) {
    const struct attention *attention = &c->attention;
    size_t rows = attention->rows;
    size_t tokens = attention->tokens;
    size_t dim = attention->dim;
    const float *q = c->qkv + image * tokens * 3 * dim + head * c->size;
    double *a = doubles(rows * tokens);
    double *o = doubles(rows * c->size);
    float *out = pack(c->out + image * rows * dim + head * c->size, rows, c->size, dim);
    naive_attention(q, q + dim, q + 2 * dim, 3 * dim, rows, tokens, c->size, a, o);
    assert_close(out, o, rows * c->size, "attention forward");
    if (image == 0) {
        assert_close(c->a + head * rows * tokens, a, rows * tokens, "attention matrix");
    }
    mem_free(a);
    mem_free(o);
    mem_free(out);
}

/* One part (q, k or v) of one head of g_qkv, packed; times the activation if it is wanted as
 * relevance. */
static float *head_result(const struct attention_case *c, enum propagation p, size_t part,
                          size_t head, size_t rows) {
    size_t dim = c->attention.dim;
    size_t at = part * dim + head * c->size;
    float *packed = pack(c->g_qkv[p] + at, rows, c->size, 3 * dim);
    for (size_t i = 0; i < rows * c->size && p != GRADIENT; i++) {
        packed[i] *= c->qkv[i / c->size * 3 * dim + at + i % c->size];
    }
    return packed;
}

static void check_backward(const struct attention_case *c, enum propagation p, size_t head) {
    static const char *const names[] = {"AttnLRP", "CP-LRP", "gradient"};
    const struct attention *attention = &c->attention;
    size_t rows = attention->rows;
    size_t tokens = attention->tokens;
    size_t dim = attention->dim;
    const float *q = c->qkv + head * c->size;
    float *g_out = pack(c->g_out + head * c->size, rows, c->size, dim);
    double *expected[3];
    for (size_t part = 0; part < 3; part++) {
        expected[part] = doubles(tokens * c->size);
    }
    if (p == GRADIENT) {
        naive_attention_gradient(q, q + dim, q + 2 * dim, 3 * dim, rows, tokens, c->size, g_out,
                                 expected[0], expected[1], expected[2]);
    } else {
        naive_attention_relevance(q, q + dim, q + 2 * dim, 3 * dim, rows, tokens, c->size, g_out,
                                  p == CP_LRP, expected[0], expected[1], expected[2]);
    }
    for (size_t part = p == CP_LRP ? 2 : 0; part < 3; part++) {
        size_t count = (part == 0 ? rows : tokens) * c->size;
        float *result = head_result(c, p, part, head, part == 0 ? rows : tokens);
        /* One token: the softmax is constant and passes 0 but for rounding. */
        if (tokens > 1 || part == 2) {
            assert_close(result, expected[part], count, names[p]);
        }
        mem_free(result);
    }
    for (size_t part = 0; part < 3; part++) {
        mem_free(expected[part]);
    }
    mem_free(g_out);
}

/* The maps hold the matrices to the bit, and G = share g_out v^T, though CP-LRP passes none of it
 * on. */
static void check_maps(const struct attention_case *c, enum propagation p, size_t head) {
    const struct attention *attention = &c->attention;
    size_t count = attention->rows * attention->tokens;
    size_t dim = attention->dim;
    double *expected = doubles(count);
    assert_memory_equal(c->kept_a[p] + head * count, c->a + head * count, count * sizeof(float));
    for (size_t i = 0; i < count; i++) {
        const float *g = c->g_out + i / attention->tokens * dim + head * c->size;
        const float *v = c->qkv + (i % attention->tokens * 3 + 2) * dim + head * c->size;
        for (size_t d = 0; d < c->size; d++) {
            expected[i] += (double) rules[p].matrix * g[d] * v[d];
        }
    }
    assert_close(c->kept_g[p] + head * count, expected, count, "G of the matrix");
    mem_free(expected);
}

static void check_shape(const struct kernels *kernels, struct test_random *random, size_t threads,
                        size_t tokens, size_t rows, size_t heads, size_t size) {
    struct engine engine =
        open_engine(kernels, threads == 3 ? "auto" : "openblas", threads, rows, tokens);
    struct attention_case c = make_case(random, tokens, rows, heads, size);
    compute(&engine, &c);
    for (size_t h = 0; h < heads; h++) {
        for (size_t image = 0; image < IMAGES; image++) {
            check_forward(&c, image, h);
        }
        for (size_t p = 0; p < PROPAGATIONS; p++) {
            check_backward(&c, (enum propagation) p, h);
            check_maps(&c, (enum propagation) p, h);
        }
    }
    free_case(&c);
    close_engine(&engine);
}

static void test_one_block(void **unused) {
    static const char *const tables[] = {"baseline", "avx2", "avx512"};
    struct test_random random = {5};
    (void) unused;
    for (size_t i = 0; i < 36; i++) {
        const struct kernels *kernels = kernels_by_name(tables[i / 12]);
        size_t tokens = 1 + test_below(&random, i % 3 == 0 ? 3 : 70);
        if (kernels != NULL) {
            check_shape(kernels, &random, 1 + i % 3, tokens, i % 2 == 0 ? tokens : 1, 1 + i % 4,
                        1 + test_below(&random, 20));
        }
    }
}

/* From 363 tokens on a head has several blocks; of the CLS row alone it never has. */
static void test_many_blocks(void **unused) {
    static const struct {
        size_t tokens, rows, heads, size;
    } shapes[] = {{363, 363, 2, 7}, {401, 401, 1, 1},   {577, 577, 1, 64}, {577, 1, 3, 5},
                  {730, 401, 2, 3}, {1370, 1370, 1, 3}, {1370, 1, 2, 8},   {2049, 130, 1, 2}};
    struct test_random random = {6};
    (void) unused;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_shape(kernels_select(), &random, 1 + i % 3, shapes[i].tokens, shapes[i].rows,
                    shapes[i].heads, shapes[i].size);
    }
}

/* ---- Bits and memory ---- */

static void check_same_bits(const struct attention_case *x, const struct attention_case *y) {
    const struct attention *attention = &x->attention;
    size_t dim = attention->dim;
    size_t matrices = attention->heads * attention->rows * attention->tokens;
    assert_memory_equal(x->out, y->out, IMAGES * attention->rows * dim * sizeof(float));
    assert_memory_equal(x->a, y->a, matrices * sizeof(float));
    for (size_t p = 0; p < PROPAGATIONS; p++) {
        assert_memory_equal(x->g_qkv[p], y->g_qkv[p], attention->tokens * 3 * dim * sizeof(float));
    }
}

static void check_any_threads(const char *backend) {
    enum { TOKENS = 577, HEADS = 3, SIZE = 64 };
    struct attention_case cases[3];
    for (size_t i = 0; i < 3; i++) {
        struct test_random random = {7};
        struct engine engine = open_engine(kernels_select(), backend, i + 1, TOKENS, TOKENS);
        cases[i] = make_case(&random, TOKENS, TOKENS, HEADS, SIZE);
        compute(&engine, &cases[i]);
        check_same_bits(&cases[i], &cases[0]);
        close_engine(&engine);
    }
    for (size_t i = 0; i < 3; i++) {
        free_case(&cases[i]);
    }
}

static void test_any_threads(void **unused) {
    (void) unused;
    check_any_threads("openblas");
    check_any_threads("auto");
}

/* Maps that nobody wants change no bit. */
static void test_unwatched(void **unused) {
    enum { TOKENS = 401 };
    struct test_random random = {10};
    (void) unused;
    struct engine engine = open_engine(kernels_select(), "auto", 2, TOKENS, TOKENS);
    struct attention_case c = make_case(&random, TOKENS, TOKENS, 2, 5);
    size_t count = TOKENS * 3 * c.attention.dim;
    float *g_qkv = floats(count);
    compute(&engine, &c);
    struct gemm_entry saved;
    engine.backend->enter(&saved);
    attention_relevance(&engine, &c.attention, rules[ATTNLRP], c.g_out,
                        &(struct attention_result){.g_qkv = g_qkv});
    engine.backend->leave(&saved);
    assert_memory_equal(g_qkv, c.g_qkv[ATTNLRP], count * sizeof *g_qkv);
    mem_free(g_qkv);
    free_case(&c);
    close_engine(&engine);
}

/* Two whole matrices while they are small, then never more than the 1 MB that is promised. */
static void test_scratch_is_bounded(void **unused) {
    (void) unused;
    assert_int_equal(attention_thread_scratch(197, 197, false), 2 * 197 * 208);
    for (size_t tokens = 1; tokens < 20000; tokens = tokens * 5 / 4 + 1) {
        size_t bytes = attention_thread_scratch(tokens, tokens, false) * sizeof(float);
        assert_true(bytes <= (size_t) 1024 * 1024);
        assert_true(attention_thread_scratch(1, tokens, false) >= 2 * tokens);
        assert_true(attention_thread_scratch(tokens, tokens, false) >=
                    attention_thread_scratch(1, tokens, false));
    }
}

/* ---- A whole network ---- */

/* 1370 tokens, as 518 pixels with patches of 14 are: 15 blocks a head. */
enum { SIDE = 37, INPUT = 3 * 4 * SIDE * SIDE, CLASSES = 5 };

static struct vit_model *model_of_many_tokens(int32_t prefix) {
    const struct vit_config config = {.image_height = 2 * SIDE,
                                      .image_width = 2 * SIDE,
                                      .patch_height = 2,
                                      .patch_width = 2,
                                      .grid_height = SIDE,
                                      .grid_width = SIDE,
                                      .prefix = prefix,
                                      .dim = 16,
                                      .depth = 2,
                                      .heads = 2,
                                      .mlp_dim = 24,
                                      .classes = CLASSES,
                                      .layer_norm_eps = 1e-6F,
                                      .activation = VIT_GELU_ERF};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_model_random(&config, 8, &model, &err), VITLRP_OK);
    return model;
}

/* The derivative of a logit along a direction, by differences of the twin, whose own error is of
 * the order of the step's square: 1e-5 here. */
static double naive_slope(const struct vit_model *model, const float *input, const float *direction,
                          int32_t output) {
    const struct naive_nudge none = {.block = -1};
    const float step = 1.0F / 512.0F;
    double logits[2][CLASSES];
    float *moved = floats(INPUT);
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < INPUT; i++) {
            moved[i] = input[i] + (side == 0 ? -step : step) * direction[i];
        }
        naive_vit(model, moved, none, 1, logits[side]);
    }
    mem_free(moved);
    return (logits[1][output] - logits[0][output]) / (2.0 * (double) step);
}

/* Whatever a pixel does to a logit goes through attention. */
static void check_network(int32_t prefix) {
    const struct vit_session_options options = {.threads = 2, .backend = "auto"};
    const struct vitlrp_target target = {3, 1.0F};
    double expected[CLASSES];
    float logits[CLASSES];
    struct test_random random = {9};
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    struct vit_model *model = model_of_many_tokens(prefix);
    float *input = random_floats(&random, INPUT, 2.0);
    float *direction = random_floats(&random, INPUT, 1.0);
    float *g = floats(INPUT);
    struct vit_relevance relevance = {.input_g = g};
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    assert_int_equal(vit_session_describe(session).tokens, prefix + SIDE * SIDE);
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_OK);
    naive_vit(model, input, (struct naive_nudge){.block = -1}, 1, expected);
    assert_close(logits, expected, CLASSES, "logits");
    assert_int_equal(vit_relevance(session, &target, 1, NULL, &relevance, &err), VITLRP_OK);
    double slope = 0.0;
    for (size_t i = 0; i < INPUT; i++) {
        slope += (double) g[i] * direction[i];
    }
    double expected_slope = naive_slope(model, input, direction, target.output);
    if (!(fabs(slope - expected_slope) < 1e-4 * fabs(expected_slope))) {
        fail_msg("the slope is %.9g, by differences %.9g", slope, expected_slope);
    }
    vit_session_close(session);
    mem_free(input);
    mem_free(direction);
    mem_free(g);
    vit_model_free(model);
}

static void test_many_tokens(void **unused) {
    (void) unused;
    check_network(1);
}

/* CLS and others behind it, as registers are. */
static void test_tokens_in_front(void **unused) {
    (void) unused;
    check_network(3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_block),          cmocka_unit_test(test_many_blocks),
        cmocka_unit_test(test_any_threads),        cmocka_unit_test(test_unwatched),
        cmocka_unit_test(test_scratch_is_bounded), cmocka_unit_test(test_many_tokens),
        cmocka_unit_test(test_tokens_in_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
