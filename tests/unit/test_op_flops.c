/* Operations that kinds count, against the products of their equations written out: two for each
 * multiply-add, of one image and of several, of texts of different lengths. */
#include "vit/ops/op_attention.h"
#include "vit/ops/op_qkv.h"

#include "support/unit.h"

extern const struct op_kind OP_ATTENTION_ROW; /* vit/ops/op_attention_row.c */
extern const struct op_kind OP_PROBE;         /* vit/ops/op_probe.c */

enum { TOKENS = 7, DIM = 6, HEADS = 2, WIDE = 10, SKIPS = 2 };

static const struct vitlrp_rules ATTNLRP = {.attention = VITLRP_ATTENTION_ATTNLRP};
static const struct vitlrp_rules CP = {.attention = VITLRP_ATTENTION_CP};

static struct op plain_op(const struct op_kind *kind, const struct token_layout *tokens) {
    return (struct op){.kind = kind,
                       .role = VITLRP_ROLE_FC1,
                       .residual = OP_NONE,
                       .pack = OP_NONE,
                       .heads = HEADS,
                       .tokens = tokens};
}

static void assert_counts(const struct op_call *call, double forward, double backward) {
    assert_true(call->op->kind->flops(call) == forward);
    if (call->op->kind->flops_relevance != NULL) {
        assert_true(call->op->kind->flops_relevance(call) == backward);
    }
}

/* Y = X W^T; the epsilon rule has one product, the gamma rule three, or two with a kept total. */
static void test_linear(void **unused) {
    struct vitlrp_rules rules = ATTNLRP;
    bool total_is_made = false;
    float total = 0.0F;
    const struct op op = plain_op(&OP_LINEAR, NULL);
    struct op_call call = {.op = &op,
                           .rules = &rules,
                           .in = {{.rows = TOKENS, .width = DIM}},
                           .out = {.rows = TOKENS, .width = WIDE},
                           .total_is_made = &total_is_made};
    const double product = 2.0 * TOKENS * DIM * WIDE;
    (void) unused;
    for (size_t images = 1; images <= 3; images += 2) {
        call.images = images;
        assert_counts(&call, (double) images * product, product);
    }
    rules.gamma[VITLRP_ROLE_FC1] = 0.25F;
    assert_counts(&call, 3.0 * product, 3.0 * product);
    total_is_made = true;
    assert_counts(&call, 3.0 * product, 3.0 * product);
    call.total = &total;
    assert_counts(&call, 3.0 * product, 2.0 * product);
    total_is_made = false;
    assert_counts(&call, 3.0 * product, 3.0 * product);
}

/* Queries of the rows that leave, keys and values of all; under CP-LRP values alone have G. */
static void test_qkv(void **unused) {
    const struct op op = plain_op(&OP_QKV, NULL);
    const double part = 2.0 * DIM * DIM;
    (void) unused;
    for (size_t queries = 1; queries <= TOKENS; queries += TOKENS - 1) {
        for (size_t images = 1; images <= 3; images += 2) {
            struct op_call call = {
                .op = &op,
                .rules = &ATTNLRP,
                .images = images,
                .in = {{.rows = TOKENS, .width = DIM}},
                .out = {.rows = TOKENS, .width = 3 * DIM, .query_rows = queries}};
            double all = part * (double) (queries + 2 * TOKENS);
            assert_counts(&call, (double) images * all, all);
            call.rules = &CP;
            assert_counts(&call, (double) images * all, part * TOKENS);
        }
    }
}

/* Q K^T and A V; backwards four products, five of two softmaxes, one where A is a constant. */
static void test_attention(void **unused) {
    static const size_t STARTS[] = {0, 2, TOKENS};
    static const struct text_rows TEXTS = {.count = 2, .starts = STARTS};
    static const float VECTORS[4 * DIM] = {0.0F};
    const struct token_layout tokens = {.count = TOKENS};
    struct op op = plain_op(&OP_ATTENTION, &tokens);
    struct op_call call = {.op = &op,
                           .rules = &ATTNLRP,
                           .in = {{.rows = TOKENS, .width = 3 * DIM}},
                           .out = {.rows = 3, .width = DIM}};
    const double product = 2.0 * 3 * TOKENS * DIM;
    (void) unused;
    for (size_t images = 1; images <= 3; images += 2) {
        call.images = images;
        assert_counts(&call, 2.0 * (double) images * product, 4.0 * product);
    }
    op.weights[1] = VECTORS;
    assert_counts(&call, 6.0 * product, 5.0 * product);
    call.rules = &CP;
    assert_counts(&call, 6.0 * product, product);
    op.weights[1] = NULL;
    call.images = 1;
    call.out.rows = TOKENS;
    call.texts = &TEXTS;
    assert_true(OP_ATTENTION.flops(&call) == 2.0 * 2.0 * DIM * (2 * 2 + 5 * 5));
}

/* One query: its row of the layer, q K^T by way of the heads' keys, and the values of its sum. */
static void test_attention_row(void **unused) {
    const struct op op = plain_op(&OP_ATTENTION_ROW, NULL);
    (void) unused;
    for (size_t images = 1; images <= 3; images += 2) {
        const struct op_call call = {.op = &op,
                                     .images = images,
                                     .in = {{.rows = TOKENS, .width = DIM}},
                                     .out = {.rows = 1, .width = DIM}};
        double layers = 3.0 * 2.0 * DIM * DIM;
        double mixed = 2.0 * 2.0 * HEADS * TOKENS * DIM;
        assert_counts(&call, (double) images * (layers + mixed), 0.0);
    }
}

/* The tokens that it reads; the probe's own query is made once, whatever the number of images. */
static void test_probe(void **unused) {
    static const float PROBE[DIM] = {0.0F};
    struct op op = plain_op(&OP_PROBE, NULL);
    const double query = 2.0 * DIM * DIM;
    const double product = 2.0 * (TOKENS - SKIPS) * DIM;
    (void) unused;
    op.skips = SKIPS;
    for (size_t images = 1; images <= 3; images += 2) {
        struct op_call call = {.op = &op,
                               .rules = &ATTNLRP,
                               .images = images,
                               .in = {{.rows = TOKENS, .width = 2 * DIM}},
                               .out = {.rows = 1, .width = DIM}};
        double n = (double) images;
        op.weights[0] = NULL;
        assert_counts(&call, 2.0 * n * product, 3.0 * n * product);
        op.weights[0] = PROBE;
        assert_counts(&call, query + 2.0 * n * product, query + 3.0 * n * product);
        call.rules = &CP;
        assert_counts(&call, query + 2.0 * n * product, query + n * product);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear), cmocka_unit_test(test_qkv), cmocka_unit_test(test_attention),
        cmocka_unit_test(test_attention_row), cmocka_unit_test(test_probe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
