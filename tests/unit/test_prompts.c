/* Models whose outputs are an image's cosines with texts: logits, slopes and the gradient of single
 * attention matrices are those of the float64 twin, the ledger closes under every rule, batches
 * give what sessions give, and under the rules the head is that of a classifier whose rows were
 * divided by the norm of the embedding. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "support/arrays.h"
#include "support/form_bench.h"
#include "support/naive_vit.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 12, HEADS = 3, WIDTH = 7, TOKENS = 1 + FORM_PATCHES };

struct prompt_case {
    const char *name;
    bool projects;      /* the embedding has a projection */
    enum slot extra[4]; /* weights besides, 0 at the end */
    enum slot absent;   /* one that a plain model has; 0: none */
};

static const struct prompt_case CASES[] = {
    {.name = "CLIP", .projects = true, .absent = SLOT_HEAD_BIAS},
    {.name = "SigLIP", .extra = {SLOT_LOGIT_BIAS}},
    {.name = "both, with biases", .projects = true, .extra = {SLOT_LOGIT_BIAS, SLOT_PROMPT_BIAS}},
};

enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

static struct form form_of(const struct prompt_case *kind) {
    struct vit_config config = form_config();
    config.dim = DIM;
    config.heads = HEADS;
    config.compared = kind->projects ? WIDTH : 0;
    config.unusual = slot_unusual(SLOT_PROMPT_WEIGHT, true);
    for (size_t i = 0; kind->extra[i] != 0; i++) {
        config.unusual |= slot_unusual(kind->extra[i], true);
    }
    if (!kind->projects) {
        config.unusual |= slot_unusual(SLOT_HEAD_WEIGHT, false);
        config.unusual |= slot_unusual(SLOT_HEAD_BIAS, false);
    } else if (kind->absent != 0) {
        config.unusual |= slot_unusual(kind->absent, false);
    }
    return (struct form){.name = kind->name, .config = config, .strength = 0.5F};
}

static void test_against_the_twin(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_twin(&form);
        form.all_tokens = true;
        form_check_twin(&form);
    }
}

/* The bias of the cosines is absorbed whatever the gamma of the head; its projection has no line.
 */
static void see_ledger(const struct form_bench *bench, const struct vitlrp_rules *rules,
                       const struct vitlrp_ledger_entry *ledger, size_t lines) {
    const float *bias = bench->model->weights.logit_bias;
    size_t heads = 0;
    size_t biases = 0;
    (void) rules;
    for (size_t i = 0; i < lines; i++) {
        heads += strcmp(ledger[i].kind, "head") == 0 ? 1 : 0;
        if (strcmp(ledger[i].kind, "logit_bias") == 0) {
            biases++;
            assert_true(fabs(ledger[i].absorbed - (double) bias[0]) < 1e-5);
        }
    }
    assert_int_equal(heads, 1);
    assert_int_equal(biases, bias == NULL ? 0 : 1);
}

static void test_ledger_closes(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_ledger(&form, see_ledger);
    }
}

static void test_batches(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct form form = form_of(&CASES[i]);
        form_check_batches(&form);
    }
}

/* ---- Gradients ---- */

/* <u, ds/du> is 0 for a cosine, which does not change with the norm of u: the gradient of a logit
 * has no part along what the norm divides. Seen where the last norm ends, whose weights scale u. */
static void test_gradient_along_the_embedding(void **unused) {
    struct form form = form_of(&CASES[0]);
    struct form_bench bench = form_bench_open(&form);
    float *weights = slot_data(bench.model, SLOT_NORM_WEIGHT, 0);
    float *shifts = slot_data(bench.model, SLOT_NORM_BIAS, 0);
    double before = form_twin_logit(&bench, bench.input, 1);
    (void) unused;
    for (size_t d = 0; d < DIM; d++) {
        weights[d] *= 3.0F;
        shifts[d] *= 3.0F;
    }
    struct vitlrp_error err = {0};
    assert_int_equal(vit_forward(bench.session, bench.input, bench.logits, &err), VITLRP_OK);
    assert_true(fabs((double) bench.logits[1] - before) < 1e-5);
    form_bench_close(&bench);
}

struct shown {
    float g[HEADS][TOKENS];
};

static void show(void *user, const struct vit_attention_view *view) {
    struct shown *shown = user;
    assert_int_equal(view->rows, 1);
    memcpy(shown->g, view->g_a, sizeof shown->g);
}

static double twin_quotient(const struct form_bench *bench, struct naive_nudge nudge) {
    double logits[2][FORM_CLASSES];
    for (size_t side = 0; side < 2; side++) {
        nudge.amount = side == 0 ? -1e-4 : 1e-4;
        naive_vit(bench->model, bench->input, nudge, nudge.block, logits[side]);
    }
    return (logits[1][1] - logits[0][1]) / 2e-4;
}

/* As if the model ended after each block: norm and products are those of its stream. */
static void check_blocks(const struct form_bench *bench) {
    const struct vitlrp_target target = {1, 1.0F};
    struct vitlrp_error err = {0};
    for (int32_t block = 0; block < FORM_DEPTH; block++) {
        struct shown shown;
        const struct vit_attention_visitor visitor = {show, &shown};
        assert_int_equal(vit_block_gradient(bench->session, block, &target, 1, &visitor, &err),
                         VITLRP_OK);
        for (size_t i = 0; i < (size_t) HEADS * TOKENS; i++) {
            struct naive_nudge nudge = {
                .block = block, .head = i / TOKENS, .row = 0, .column = i % TOKENS};
            form_check_slope(bench, (double) shown.g[i / TOKENS][i % TOKENS],
                             twin_quotient(bench, nudge));
        }
    }
}

/* Afterwards the session is as it was. */
static void test_gradient_of_blocks(void **unused) {
    (void) unused;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        static const struct vitlrp_rules RULES = {
            .gamma = {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}};
        struct form form = form_of(&CASES[i]);
        form.maps = true;
        struct form_bench bench = form_bench_open(&form);
        float before[FORM_INPUT];
        float after[FORM_INPUT];
        struct vit_relevance relevance = {.pixels = before};
        form_relevance(&bench, &RULES, &relevance);
        check_blocks(&bench);
        relevance.pixels = after;
        form_relevance(&bench, &RULES, &relevance);
        assert_memory_equal(before, after, sizeof before);
        form_bench_close(&bench);
    }
}

/* ---- A model and its texts ---- */

static struct vit_model *encoder(bool projects) {
    struct form form = form_of(&CASES[projects ? 0 : 1]);
    form.config.compared = 0;
    form.config.classes = projects ? WIDTH : DIM;
    form.config.unusual &= ~slot_unusual(SLOT_PROMPT_WEIGHT, true);
    form.config.unusual &= ~slot_unusual(SLOT_LOGIT_BIAS, true);
    struct vit_model *model = form_model(&form);
    model->outputs = projects ? VITLRP_OUTPUTS_EMBEDDING : VITLRP_OUTPUTS_FEATURE;
    model->prompt_probability = projects ? VITLRP_PROBABILITY_SOFTMAX : VITLRP_PROBABILITY_SIGMOID;
    model->logit_scale = projects ? 0.0 : 20.0;
    model->logit_bias = projects ? 0.0 : -6.0;
    return model;
}

struct pass {
    struct vit_session *session;
    float outputs[DIM];
    float pixels[FORM_INPUT];
};

static void pass_open(struct pass *pass, const struct vit_model *model) {
    const struct vit_session_options options = {.threads = 1, .backend = "openblas"};
    struct test_random random = {9};
    struct vitlrp_error err = {0};
    float *input = random_floats(&random, FORM_INPUT, 2.0);
    assert_int_equal(vit_session_open(model, &options, &pass->session, &err), VITLRP_OK);
    assert_int_equal(vit_forward(pass->session, input, pass->outputs, &err), VITLRP_OK);
    mem_free(input);
}

static void pass_explain(struct pass *pass, int32_t output) {
    static const struct vitlrp_rules RULES = {.gamma = {0.25F, 0.0F, 0.0F, 0.05F, 0.05F, 0.05F}};
    const struct vitlrp_target target = {output, 1.0F};
    struct vit_relevance relevance = {.pixels = pass->pixels};
    struct vitlrp_error err = {0};
    assert_int_equal(vit_relevance(pass->session, &target, 1, &RULES, &relevance, &err), VITLRP_OK);
}

static double cosine(const float *a, const float *b, size_t width) {
    double product = 0.0;
    double squares[2] = {0.0, 0.0};
    for (size_t d = 0; d < width; d++) {
        product += (double) a[d] * b[d];
        squares[0] += (double) a[d] * a[d];
        squares[1] += (double) b[d] * b[d];
    }
    return product / sqrt(squares[0] * squares[1]);
}

/* The same model with a head by hand: rows of the texts over the norm of the embedding. */
static struct vit_model *classifier_of(const struct vit_model *prompts, double norm) {
    struct form form = {.config = prompts->config, .strength = 0.5F};
    form.config.compared = 0;
    form.config.unusual &=
        ~(slot_unusual(SLOT_PROMPT_WEIGHT, true) | slot_unusual(SLOT_LOGIT_BIAS, true) |
          slot_unusual(SLOT_HEAD_WEIGHT, false));
    form.config.unusual |= slot_unusual(SLOT_HEAD_BIAS, false);
    struct vit_model *model = form_model(&form); /* of the same seed */
    float *head = slot_data(model, SLOT_HEAD_WEIGHT, 0);
    for (size_t i = 0; i < (size_t) model->config.classes * DIM; i++) {
        head[i] = (float) ((double) prompts->weights.prompt_weight[i] / norm);
    }
    return model;
}

static void check_prompts(bool projects) {
    struct vit_model *base = encoder(projects);
    struct vit_model *prompts = NULL;
    struct vitlrp_error err = {0};
    struct test_random random = {3};
    struct pass image, whole, by_hand;
    float embedding[DIM] = {0};
    const size_t width = projects ? WIDTH : DIM;
    double scale = projects ? 100.0 : 20.0;
    float *rows = random_floats(&random, 4 * width, 1.0);
    pass_open(&image, base);
    assert_int_equal(vit_model_prompts(base, rows, 4, &prompts, &err), VITLRP_OK);
    vit_model_free(base);
    assert_int_equal(prompts->config.classes, 4);
    assert_true(prompts->logit_scale == scale && prompts->outputs == VITLRP_OUTPUTS_CLASSES);
    pass_open(&whole, prompts);
    assert_int_equal(vit_session_embedding(whole.session, embedding, &err), VITLRP_OK);
    assert_memory_equal(embedding, image.outputs, width * sizeof *embedding);
    assert_int_equal(vit_session_embedding(image.session, embedding, &err), VITLRP_OK);
    assert_memory_equal(embedding, image.outputs, width * sizeof *embedding);
    for (size_t c = 0; c < 4; c++) {
        double logit =
            scale * cosine(image.outputs, rows + c * width, width) - (projects ? 0.0 : 6.0);
        assert_true(fabs((double) whole.outputs[c] - logit) < 1e-5 * fmax(1.0, fabs(logit)));
    }
    double square = 0.0;
    for (size_t d = 0; d < width; d++) {
        square += (double) embedding[d] * embedding[d];
    }
    struct vit_model *classifier = classifier_of(prompts, sqrt(square));
    pass_open(&by_hand, classifier);
    pass_explain(&whole, 2);
    pass_explain(&by_hand, 2);
    assert_true(relative_error(whole.pixels, by_hand.pixels, FORM_INPUT) < 1e-5);
    vit_session_close(image.session);
    vit_session_close(whole.session);
    vit_session_close(by_hand.session);
    vit_model_free(classifier);
    vit_model_free(prompts);
    mem_free(rows);
}

static void test_prompts(void **unused) {
    (void) unused;
    check_prompts(true);
    check_prompts(false);
}

/* The softmax of one text is always 1; the sigmoid is not. */
static void test_one_prompt(void **unused) {
    (void) unused;
    for (int projects = 0; projects < 2; projects++) {
        struct vit_model *base = encoder(projects != 0);
        struct vit_model *prompts = NULL;
        struct vitlrp_error err = {0};
        const float row[DIM] = {1.0F, 2.0F};
        assert_int_equal(vit_model_prompts(base, row, 1, &prompts, &err), VITLRP_OK);
        assert_int_equal(prompts->probability,
                         projects != 0 ? VITLRP_PROBABILITY_NONE : VITLRP_PROBABILITY_SIGMOID);
        vit_model_free(prompts);
        vit_model_free(base);
    }
}

static void test_refused(void **unused) {
    struct vit_model *base = encoder(true);
    struct vit_model *prompts = NULL;
    struct vitlrp_error err = {0};
    float rows[2 * WIDTH] = {1.0F};
    (void) unused;
    assert_int_equal(vit_model_prompts(base, rows, 0, &prompts, &err), VITLRP_USAGE);
    assert_int_equal(vit_model_prompts(base, rows, 2, &prompts, &err), VITLRP_NUMERIC);
    assert_non_null(strstr(err.message, "text embedding 1 has no direction"));
    rows[WIDTH] = INFINITY;
    assert_int_equal(vit_model_prompts(base, rows, 2, &prompts, &err), VITLRP_NUMERIC);
    rows[WIDTH] = NAN;
    assert_int_equal(vit_model_prompts(base, rows, 2, &prompts, &err), VITLRP_NUMERIC);
    rows[WIDTH] = 1.0F;
    base->limits.max_bytes = 64;
    assert_int_equal(vit_model_prompts(base, rows, 2, &prompts, &err), VITLRP_LIMIT);
    base->outputs = VITLRP_OUTPUTS_CLASSES;
    assert_int_equal(vit_model_prompts(base, rows, 2, &prompts, &err), VITLRP_USAGE);
    assert_null(prompts);
    vit_model_free(base);
}

/* An image whose embedding is 0 is like nothing, and that is no number. */
static void test_no_direction(void **unused) {
    struct vit_model *base = encoder(true);
    struct vit_model *prompts = NULL;
    const struct vit_session_options options = {.threads = 1, .backend = "openblas"};
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    const float row[WIDTH] = {1.0F};
    float input[FORM_INPUT] = {0};
    (void) unused;
    memset(slot_data(base, SLOT_HEAD_WEIGHT, 0), 0, (size_t) WIDTH * DIM * sizeof(float));
    assert_int_equal(vit_model_prompts(base, row, 1, &prompts, &err), VITLRP_OK);
    assert_int_equal(vit_session_open(prompts, &options, &session, &err), VITLRP_OK);
    assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_NUMERIC);
    vit_session_close(session);
    vit_model_free(prompts);
    vit_model_free(base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_the_twin),
        cmocka_unit_test(test_ledger_closes),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_gradient_along_the_embedding),
        cmocka_unit_test(test_gradient_of_blocks),
        cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_one_prompt),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
