/* What an operation, a pool or another shape of block costs: operations and pools of this file run
 * in programs of this file, forwards and backwards, by the code that runs the product's. And
 * buffers that share places never meet. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "support/naive.h"
#include "vit/ops/op_attention.h"
#include "vit/ops/op_qkv.h"
#include "vit/program/buffers.h"
#include "vit/program/runner.h"
#include "vit/program/session_private.h"

#include "support/unit.h"

extern const struct op_kind OP_SCALE; /* vit/ops/op_scale.c */
extern const struct op_kind OP_POOL;  /* vit/ops/op_pool.c */
extern const struct op_kind OP_GLU;   /* vit/ops/op_glu.c */
extern const struct op_kind OP_ADD;   /* vit/ops/op_add.c */

enum { ROWS = 5, WIDTH = 6, MAX_OPS = 8 };

/* ---- A toy operation: y = 3 x + 1, of which the 1 is absorbed ---- */

static void toy_forward(const struct op_call *call) {
    size_t count = call->images * call->out.rows * call->out.width;
    for (size_t i = 0; i < count; i++) {
        call->out.x[i] = 3.0F * call->in[0].x[i] + 1.0F;
    }
}

static void toy_relevance(const struct op_call *call) {
    double received = op_relevance_of(call, &call->out);
    for (size_t i = 0; i < call->out.rows * call->out.width; i++) {
        call->in[0].g[i] = 3.0F * call->out.g[i];
    }
    op_record(call, 0, received, op_relevance_of(call, &call->in[0]));
}

static const struct op_kind OP_TOY = {.name = "toy",
                                      .ledger_lines = 1,
                                      .forward = toy_forward,
                                      .relevance = toy_relevance,
                                      .gradient = toy_relevance};

/* The same with a result that is made again, and in place. */
static const struct op_kind OP_TOY_AGAIN = {.name = "toy again",
                                            .ledger_lines = 1,
                                            .remade = true,
                                            .forward = toy_forward,
                                            .relevance = toy_relevance,
                                            .gradient = toy_relevance};

/* ---- A toy gate: the product of two values, half to each ---- */

static void gate_forward(const struct op_call *call) {
    for (size_t i = 0; i < call->images * call->out.rows * call->out.width; i++) {
        call->out.x[i] = call->in[0].x[i] * call->in[1].x[i];
    }
}

static void gate_relevance(const struct op_call *call) {
    for (size_t i = 0; i < call->out.rows * call->out.width; i++) {
        call->in[0].g[i] = 0.5F * call->in[1].x[i] * call->out.g[i];
        call->in[1].g[i] = 0.5F * call->in[0].x[i] * call->out.g[i];
    }
}

static const struct op_kind OP_GATE = {.name = "gate",
                                       .forward = gate_forward,
                                       .relevance = gate_relevance,
                                       .gradient = gate_relevance};

/* ---- A toy of q, k and v, as a norm of queries and keys would be: no row without a query is read
 * as one ---- */

static void heads_forward(const struct op_call *call) {
    size_t width = call->out.width;
    for (size_t i = 0; i < call->out.rows * width; i++) {
        if (i % width >= width / 3 || i / width < call->out.query_rows) {
            call->out.x[i] = 0.5F * call->in[0].x[i] - 0.25F;
        }
    }
}

static const struct op_kind OP_HEADS = {.name = "heads", .forward = heads_forward};

/* ---- A toy pool: the mean of all tokens ---- */

static size_t mean_rows(const struct token_layout *tokens) {
    return tokens->count;
}

static void mean_gather(const struct pool_shape *shape, const float *x, float *out) {
    for (size_t i = 0; i < shape->images * shape->width; i++) {
        size_t image = i / shape->width;
        float sum = 0.0F;
        for (size_t r = 0; r < shape->rows; r++) {
            sum += x[(image * shape->rows + r) * shape->width + i % shape->width];
        }
        out[i] = sum / (float) shape->rows;
    }
}

static void mean_spread(const struct pool_shape *shape, const float *g_out, float *g_x) {
    for (size_t i = 0; i < shape->images * shape->rows * shape->width; i++) {
        size_t image = i / (shape->rows * shape->width);
        g_x[i] = g_out[image * shape->width + i % shape->width] / (float) shape->rows;
    }
}

static const struct pool POOL_MEAN = {
    .rows_needed = mean_rows, .gather = mean_gather, .spread = mean_spread};

/* ---- Programs ---- */

struct bench {
    struct program program;
    struct op ops[MAX_OPS];
    struct value values[MAX_OPS + 1];
    struct token_layout tokens;
    struct runner runner;
};

static void begin(struct bench *bench) {
    *bench = (struct bench){.tokens = {.count = ROWS}};
    bench->values[0] = (struct value){.rows = ROWS, .width = WIDTH};
    bench->program =
        (struct program){.ops = bench->ops, .values = bench->values, .value_count = 1, .depth = 0};
}

static size_t add(struct bench *bench, struct op op, size_t rows) {
    op.out = bench->program.value_count;
    op.tokens = &bench->tokens;
    op.pack = OP_NONE;
    bench->values[bench->program.value_count++] = (struct value){.rows = rows, .width = WIDTH};
    bench->ops[bench->program.op_count++] = op;
    bench->program.output = op.out;
    return op.out;
}

static size_t add_simple(struct bench *bench, const struct op_kind *kind, size_t x) {
    return add(bench,
               (struct op){.kind = kind, .lines = {"toy"}, .in = {x, OP_NONE}, .residual = OP_NONE},
               ROWS);
}

static void open(struct bench *bench, size_t images, bool keeps) {
    struct runner *runner = &bench->runner;
    struct vitlrp_error err = {0};
    struct arena arena = arena_measuring();
    runner->program = &bench->program;
    assert_int_equal(memory_plan(&bench->program, images, keeps, &runner->memory, &err), VITLRP_OK);
    assert_int_equal(engine_open(&runner->engine, "auto", 1, &err), VITLRP_OK);
    memory_lay_out(&runner->memory, &bench->program, &runner->engine, 1, &arena);
    runner->bytes = arena.used;
    runner->block = mem_alloc_aligned(runner->bytes, 1);
    memset(runner->block, 0xFF, runner->bytes); /* NaN: what is read must have been written */
    arena = arena_over(runner->block, runner->bytes);
    memory_lay_out(&runner->memory, &bench->program, &runner->engine, 1, &arena);
    assert_int_equal(runner_make_calls(runner, &err), VITLRP_OK);
}

static void close(struct bench *bench) {
    engine_close(&bench->runner.engine);
    memory_close(&bench->runner.memory);
    mem_free(bench->runner.calls);
    mem_free(bench->runner.block);
}

static float *input_of(const struct bench *bench) {
    return memory_value(&bench->runner.memory, bench->program.input, false);
}

static float *g_of(const struct bench *bench) {
    return memory_g(&bench->runner.memory, bench->program.input);
}

static void forward(struct bench *bench, size_t images) {
    float *input = input_of(bench);
    for (size_t i = 0; i < images * ROWS * WIDTH; i++) {
        input[i] = 0.5F + (float) (i % 7);
    }
    runner_forward(&(struct forward_pass){
        .runner = &bench->runner, .images = images, .end = bench->program.op_count});
}

static void backward(struct bench *bench, struct vitlrp_rules rules, struct ledger_lines *lines,
                     size_t g_count) {
    struct op_ledger ledger = ledger_of(lines);
    const struct backward_pass pass = {
        .runner = &bench->runner, .rules = &rules, .ledger = &ledger};
    float *g = memory_g(&bench->runner.memory, bench->program.output);
    for (size_t i = 0; i < g_count; i++) {
        g[i] = 1.0F + (float) (i % 3);
    }
    runner_backward_begin(&pass);
    runner_backward(&pass, 0, bench->program.op_count);
}

static void test_toy_operation(void **unused) {
    static const struct op_kind *const KINDS[] = {&OP_TOY, &OP_TOY_AGAIN};
    (void) unused;
    for (size_t k = 0; k < 2; k++) {
        struct bench bench;
        struct vitlrp_ledger_entry entries[MAX_OPS];
        struct ledger_lines lines = {entries, 0};
        begin(&bench);
        size_t x = add_simple(&bench, KINDS[k], 0);
        add_simple(&bench, &OP_TOY, x);
        open(&bench, 1, true);
        forward(&bench, 1);
        backward(&bench, (struct vitlrp_rules){0}, &lines, ROWS * WIDTH);
        double explained = 0.0;
        double sum = 0.0;
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            float input = 0.5F + (float) (i % 7);
            float seed = 1.0F + (float) (i % 3);
            assert_true(g_of(&bench)[i] == 9.0F * seed);
            explained += (9.0 * input + 4.0) * seed;
            sum += (double) input * g_of(&bench)[i];
        }
        assert_int_equal(lines.count, 2);
        assert_true(fabs(explained - sum - entries[0].absorbed - entries[1].absorbed) < 1e-3);
        close(&bench);
    }
}

/* Two branches of one value, as in a parallel block or a gated MLP: their Gs add up. */
static void test_value_with_two_readers(void **unused) {
    static const struct op_kind *const KINDS[] = {&OP_TOY, &OP_TOY_AGAIN};
    (void) unused;
    for (size_t k = 0; k < 2; k++) {
        struct bench bench;
        struct vitlrp_ledger_entry entries[MAX_OPS];
        struct ledger_lines lines = {entries, 0};
        begin(&bench);
        size_t x = add_simple(&bench, KINDS[k], 0);
        size_t a = add_simple(&bench, &OP_TOY, x);
        size_t b = add_simple(&bench, &OP_TOY, x);
        add(&bench,
            (struct op){.kind = &OP_GATE, .lines = {"gate"}, .in = {a, b}, .residual = OP_NONE},
            ROWS);
        open(&bench, 1, true);
        forward(&bench, 1);
        backward(&bench, (struct vitlrp_rules){0}, &lines, ROWS * WIDTH);
        for (size_t i = 0; i < ROWS * WIDTH; i++) {
            float input = 0.5F + (float) (i % 7);
            float seed = 1.0F + (float) (i % 3);
            float half = 0.5F * (9.0F * input + 4.0F) * seed;
            assert_true(fabsf(g_of(&bench)[i] - 2.0F * 9.0F * half) < 1e-2F);
        }
        close(&bench);
    }
}

static void test_toy_pool(void **unused) {
    struct bench bench;
    struct vitlrp_ledger_entry entries[MAX_OPS];
    struct ledger_lines lines = {entries, 0};
    (void) unused;
    begin(&bench);
    size_t x = add_simple(&bench, &OP_TOY, 0);
    add(&bench,
        (struct op){.kind = &OP_POOL, .in = {x, OP_NONE}, .residual = OP_NONE, .pool = &POOL_MEAN},
        1);
    open(&bench, 1, true);
    forward(&bench, 1);
    backward(&bench, (struct vitlrp_rules){0}, &lines, WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        float seed = 1.0F + (float) (i % WIDTH % 3);
        assert_true(fabsf(g_of(&bench)[i] - 3.0F * seed / (float) ROWS) < 1e-6F);
    }
    close(&bench);
}

/* Without a backward pass, for several images at once, values lie in each other's places. */
static void test_toys_in_a_batch(void **unused) {
    enum { IMAGES = 3 };
    struct bench bench;
    (void) unused;
    begin(&bench);
    size_t x = add_simple(&bench, &OP_TOY_AGAIN, 0);
    x = add_simple(&bench, &OP_TOY, x);
    add(&bench,
        (struct op){.kind = &OP_POOL, .in = {x, OP_NONE}, .residual = OP_NONE, .pool = &POOL_MEAN},
        1);
    open(&bench, IMAGES, false);
    float out[IMAGES * WIDTH];
    float *input = input_of(&bench);
    for (size_t i = 0; i < IMAGES * ROWS * WIDTH; i++) {
        input[i] = (float) (i % WIDTH + i / (ROWS * WIDTH));
    }
    runner_forward(&(struct forward_pass){
        .runner = &bench.runner, .images = IMAGES, .end = bench.program.op_count, .output = out});
    for (size_t i = 0; i < IMAGES * WIDTH; i++) {
        float value = (float) (i % WIDTH + i / WIDTH);
        assert_true(fabsf(out[i] - (9.0F * value + 4.0F)) < 1e-4F);
    }
    close(&bench);
}

/* LayerScale behind a linear layer under epsilon, with a residual around both: the rule sees the
 * layer's own outputs. */
static void test_scale_under_epsilon(void **unused) {
    struct bench bench;
    struct vitlrp_ledger_entry entries[MAX_OPS];
    struct ledger_lines lines = {entries, 0};
    struct random_stream random = random_open(3);
    float weight[WIDTH * WIDTH];
    float bias[WIDTH];
    float factors[WIDTH];
    float g_y[ROWS * WIDTH];
    double expected[ROWS * WIDTH];
    (void) unused;
    for (size_t i = 0; i < WIDTH * WIDTH; i++) {
        weight[i] = (float) random_normal(&random);
        bias[i % WIDTH] = (float) random_normal(&random);
        factors[i % WIDTH] = 1e-3F * (float) random_normal(&random);
    }
    begin(&bench);
    struct op linear = {.kind = &OP_LINEAR,
                        .lines = {"proj"},
                        .role = VITLRP_ROLE_PROJ,
                        .in = {0, OP_NONE},
                        .residual = OP_NONE,
                        .weights = {weight, bias}};
    size_t y = add(&bench, linear, ROWS);
    struct op scale = {
        .kind = &OP_SCALE, .in = {y, OP_NONE}, .residual = 0, .weights = {factors, NULL}};
    add(&bench, scale, ROWS);
    open(&bench, 1, true);
    forward(&bench, 1);
    backward(&bench, (struct vitlrp_rules){.epsilon = 0.5F}, &lines, ROWS * WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        g_y[i] = factors[i % WIDTH] * (1.0F + (float) (i % 3));
    }
    naive_epsilon(input_of(&bench), weight, bias, g_y, ROWS, WIDTH, WIDTH, 0.5, expected);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        double branch = (double) g_of(&bench)[i] - (1.0 + (double) (i % 3));
        assert_true(fabs(branch - expected[i]) < 1e-6);
        assert_true(fabs(expected[i]) < 1.0);
    }
    close(&bench);
}

/* The gate of a gated MLP against its twin in relevance form; under AttnLRP, which gives half to
 * each factor, and under CP-LRP, all that leaves it has entered it. */
static void check_gate(enum vitlrp_attention_rule attention) {
    enum { HALF = WIDTH / 2 };
    struct bench bench;
    struct ledger_lines lines = {NULL, 0};
    double r[2][HALF];
    double h[HALF];
    float g_h[HALF];
    begin(&bench);
    add(&bench,
        (struct op){
            .kind = &OP_GLU, .in = {0, OP_NONE}, .residual = OP_NONE, .activation = VIT_SILU},
        ROWS);
    bench.values[1].width = HALF;
    open(&bench, 1, true);
    forward(&bench, 1);
    const float *out = memory_value(&bench.runner.memory, bench.program.output, false);
    float made[ROWS * HALF];
    memcpy(made, out, sizeof made);
    backward(&bench, (struct vitlrp_rules){.attention = attention}, &lines, ROWS * HALF);
    for (size_t row = 0; row < ROWS; row++) {
        const float *gate = input_of(&bench) + row * WIDTH;
        for (size_t i = 0; i < HALF; i++) {
            g_h[i] = 1.0F + (float) ((row * HALF + i) % 3);
        }
        naive_swiglu(gate, gate + HALF, HALF, h);
        naive_swiglu_relevance(gate, gate + HALF, g_h, HALF, attention == VITLRP_ATTENTION_CP, r[0],
                               r[1]);
        for (size_t i = 0; i < WIDTH; i++) {
            double received = (double) gate[i] * g_of(&bench)[row * WIDTH + i];
            assert_true(fabs(received - r[i / HALF][i % HALF]) < 1e-5 * (1.0 + fabs(received)));
        }
        for (size_t i = 0; i < HALF; i++) {
            assert_true(fabs(made[row * HALF + i] - h[i]) < 1e-5 * (1.0 + fabs(h[i])));
            assert_true(fabs(r[0][i] + r[1][i] - h[i] * g_h[i]) < 1e-9 * (1.0 + fabs(h[i])));
        }
    }
    close(&bench);
}

static void test_gate(void **unused) {
    (void) unused;
    check_gate(VITLRP_ATTENTION_ATTNLRP);
    check_gate(VITLRP_ATTENTION_CP);
}

/* A branch of fewer rows than the stream joins the leading rows of every image. */
static void test_add_of_leading_rows(void **unused) {
    enum { IMAGES = 3, LEADING = 2 };
    struct bench bench;
    float out[IMAGES * LEADING * WIDTH];
    (void) unused;
    begin(&bench);
    size_t branch =
        add(&bench, (struct op){.kind = &OP_TOY, .in = {0, OP_NONE}, .residual = OP_NONE}, LEADING);
    add(&bench, (struct op){.kind = &OP_ADD, .in = {branch, OP_NONE}, .residual = 0}, LEADING);
    open(&bench, IMAGES, false);
    float *input = input_of(&bench);
    for (size_t i = 0; i < IMAGES * ROWS * WIDTH; i++) {
        input[i] = (float) i;
    }
    runner_forward(&(struct forward_pass){
        .runner = &bench.runner, .images = IMAGES, .end = bench.program.op_count, .output = out});
    for (size_t i = 0; i < IMAGES * LEADING * WIDTH; i++) {
        size_t image = i / (LEADING * WIDTH);
        float stream = (float) (image * ROWS * WIDTH + i % (LEADING * WIDTH));
        assert_true(out[i] == 3.0F * (float) i + 1.0F + stream);
    }
    close(&bench);
}

/* Both terms of a sum receive its G. */
static void test_add_passes_both(void **unused) {
    struct bench bench;
    struct vitlrp_ledger_entry entries[MAX_OPS];
    struct ledger_lines lines = {entries, 0};
    (void) unused;
    begin(&bench);
    size_t branch = add_simple(&bench, &OP_TOY_AGAIN, 0);
    add(&bench, (struct op){.kind = &OP_ADD, .in = {branch, OP_NONE}, .residual = 0}, ROWS);
    open(&bench, 1, true);
    forward(&bench, 1);
    backward(&bench, (struct vitlrp_rules){0}, &lines, ROWS * WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        assert_true(g_of(&bench)[i] == 4.0F * (1.0F + (float) (i % 3)));
    }
    close(&bench);
}

/* What leaves a program is where its caller wants it, though its last operation has nothing to
 * do. */
static void test_output_is_no_view(void **unused) {
    struct bench bench;
    float out[WIDTH] = {0};
    const struct pool *pool = pool_of(VIT_POOL_CLS);
    (void) unused;
    begin(&bench);
    bench.values[0].rows = 1;
    add(&bench,
        (struct op){.kind = &OP_POOL, .in = {0, OP_NONE}, .residual = OP_NONE, .pool = pool}, 1);
    open(&bench, 1, false);
    for (size_t i = 0; i < WIDTH; i++) {
        input_of(&bench)[i] = (float) (i + 1);
    }
    runner_forward(&(struct forward_pass){
        .runner = &bench.runner, .images = 1, .end = bench.program.op_count, .output = out});
    for (size_t i = 0; i < WIDTH; i++) {
        assert_true(out[i] == (float) (i + 1));
    }
    close(&bench);
}

/* An observer that changes what it sees, as an edit of hidden units does: half of the values of one
 * operation going forward, none of the G of some columns going backward. */
static void change(void *user, const struct op_call *call) {
    const struct op_array *array = call->backward ? &call->in[0] : &call->out;
    float *values = call->backward ? array->g : array->x;
    *(size_t *) user += 1;
    for (size_t i = 0; call->op->out == 1 && i < array->rows * array->width; i++) {
        values[i] *= call->backward ? (float) (i % WIDTH % 2) : 0.5F;
    }
}

static void test_observer_changes_what_it_sees(void **unused) {
    struct bench bench;
    size_t seen = 0;
    const struct observer observer = {change, &seen};
    const struct vitlrp_rules rules = {0};
    (void) unused;
    begin(&bench);
    size_t x = add_simple(&bench, &OP_TOY, 0);
    add_simple(&bench, &OP_TOY, x);
    open(&bench, 1, true);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        input_of(&bench)[i] = (float) i;
    }
    runner_forward(&(struct forward_pass){.runner = &bench.runner,
                                          .images = 1,
                                          .end = bench.program.op_count,
                                          .observers = &observer,
                                          .observer_count = 1});
    const float *out = memory_value(&bench.runner.memory, bench.program.output, false);
    float *g = memory_g(&bench.runner.memory, bench.program.output);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        assert_true(out[i] == 3.0F * 0.5F * (3.0F * (float) i + 1.0F) + 1.0F);
        g[i] = 1.0F;
    }
    const struct backward_pass pass = {
        .runner = &bench.runner, .rules = &rules, .observers = &observer, .observer_count = 1};
    runner_backward_begin(&pass);
    runner_backward(&pass, 0, bench.program.op_count);
    for (size_t i = 0; i < ROWS * WIDTH; i++) {
        assert_true(g_of(&bench)[i] == (i % WIDTH % 2 == 0 ? 0.0F : 9.0F));
    }
    assert_int_equal(seen, 4);
    close(&bench);
}

/* ---- Places ---- */

static void test_buffers_never_meet(void **unused) {
    enum { COUNT = 200, STEPS = 60 };
    struct random_stream random = random_open(11);
    struct buffer items[COUNT];
    size_t offsets[COUNT];
    size_t active[COUNT];
    (void) unused;
    for (size_t i = 0; i < COUNT; i++) {
        size_t first = random_below(&random, STEPS);
        items[i] = (struct buffer){.floats = 1 + random_below(&random, 500),
                                   .first = first,
                                   .last = first + random_below(&random, 6),
                                   .offset = &offsets[i]};
    }
    struct buffer_list list = {items, COUNT};
    size_t end = buffers_place(&list, active);
    size_t most = 0;
    for (size_t step = 0; step < STEPS; step++) {
        size_t alive = 0;
        for (size_t i = 0; i < COUNT; i++) {
            alive += items[i].first <= step && step <= items[i].last ? items[i].floats : 0;
        }
        most = alive > most ? alive : most;
    }
    assert_true(end >= most && end < 2 * most);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(*items[i].offset % 16, 0);
        assert_true(*items[i].offset + items[i].floats <= end);
        for (size_t k = 0; k < i; k++) {
            bool together = items[i].first <= items[k].last && items[k].first <= items[i].last;
            bool apart = *items[i].offset + items[i].floats <= *items[k].offset ||
                         *items[k].offset + items[k].floats <= *items[i].offset;
            assert_true(!together || apart);
        }
    }
}

/* ---- Attention ---- */

enum { HEADS = 2, MAPS = HEADS * ROWS * ROWS };

static void copy_maps(void *user, const struct vit_attention_view *view) {
    assert_int_equal(view->rows, ROWS);
    memcpy(user, view->a, MAPS * sizeof *view->a);
}

/* Two operations whose results are made again, q, k and v for so many queries, and an operation on
 * these before the attention. */
static void show_attention(size_t queries, float out[MAPS]) {
    struct bench bench;
    struct vitlrp_error err = {0};
    float maps[MAPS];
    float weights[3 * WIDTH * WIDTH + 3 * WIDTH];
    struct vit_attention_visitor visitor = {copy_maps, out};
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        weights[i] = 0.05F * (float) (i * i % 11) - 0.25F;
    }
    begin(&bench);
    bench.program.depth = 1;
    size_t x = add_simple(&bench, &OP_TOY_AGAIN, 0);
    size_t again = add_simple(&bench, &OP_TOY_AGAIN, x);
    struct op op = {.kind = &OP_QKV,
                    .lines = {"qkv"},
                    .in = {again, OP_NONE},
                    .residual = OP_NONE,
                    .weights = {weights, weights + 3 * WIDTH * WIDTH},
                    .heads = HEADS};
    x = add(&bench, op, ROWS);
    op =
        (struct op){.kind = &OP_HEADS, .lines = {"heads"}, .in = {x, OP_NONE}, .residual = OP_NONE};
    size_t made = add(&bench, op, ROWS);
    bench.values[x] = (struct value){.rows = ROWS, .width = 3 * WIDTH, .query_rows = queries};
    bench.values[made] = bench.values[x];
    op.kind = &OP_ATTENTION;
    op.in[0] = made;
    op.heads = HEADS;
    add(&bench, op, queries);
    open(&bench, 1, true);
    forward(&bench, 1);
    /* NaN, since the place is another value's by then. */
    memset(memory_value(&bench.runner.memory, again, false), 0xFF, ROWS * WIDTH * sizeof(float));
    struct vit_session session = {.runner = bench.runner, .maps = {.a = maps}, .has_forward = true};
    assert_int_equal(vit_visit_attention(&session, &visitor, &err), VITLRP_OK);
    close(&bench);
}

/* The queries that a forward pass left out are made when the attention is shown: from what is made
 * again, and through what stands between them and the attention. */
static void test_queries_are_completed(void **unused) {
    float lean[MAPS];
    float full[MAPS];
    float differences = 0.0F;
    (void) unused;
    show_attention(1, lean);
    show_attention(ROWS, full);
    for (size_t i = 0; i < MAPS; i++) {
        assert_true(fabsf(lean[i] - full[i]) < 1e-6F);
        differences += fabsf(full[i] - full[i % ROWS]);
    }
    assert_true(differences > 0.1F); /* the rows are not alike */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_toy_operation),
        cmocka_unit_test(test_value_with_two_readers),
        cmocka_unit_test(test_toy_pool),
        cmocka_unit_test(test_toys_in_a_batch),
        cmocka_unit_test(test_scale_under_epsilon),
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_add_of_leading_rows),
        cmocka_unit_test(test_add_passes_both),
        cmocka_unit_test(test_output_is_no_view),
        cmocka_unit_test(test_observer_changes_what_it_sees),
        cmocka_unit_test(test_buffers_never_meet),
        cmocka_unit_test(test_queries_are_completed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
