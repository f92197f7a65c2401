/* Methods that no reference program covers, against slow and obvious ways to the same map. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "support/naive_vit.h"

#include "support/unit.h"

enum { MATRIX = PARITY_TOKENS * PARITY_TOKENS, MATRICES = PARITY_HEADS * MATRIX };

struct fixture {
    struct vit_model *model;
    float *input;
};

static int set_up(void **state) {
    struct fixture *fixture = mem_calloc(1, sizeof *fixture);
    fixture->model = parity_model();
    fixture->input = parity_input();
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    vit_model_free(fixture->model);
    mem_free(fixture->input);
    mem_free(fixture);
    return 0;
}

/* One method on the fixture's input. */
static void attribute(const struct fixture *fixture, const char *method,
                      const struct vitlrp_method_options *options, float *patches, float *pixels) {
    attribute_alone(fixture->model, method, fixture->input, PARITY_TARGET, options, patches,
                    pixels);
}

static void check(const char *method, const float *found, const float *wanted, size_t count) {
    double error = relative_error(found, wanted, count);
    if (!(error < 1e-4)) {
        fail_msg("%s: relative error %g", method, error);
    }
}

static struct vit_session *open_session(const struct vit_model *model) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    struct vit_session_options options = {
        .threads = 1, .keep_all_tokens = true, .attention_maps = true, .backend = "auto"};
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    return session;
}

/* The input with the patches where keep is 0 set to 0. */
static void hide(const float *input, const bool *keep, float *out) {
    for (size_t i = 0; i < PARITY_INPUT; i++) {
        out[i] = keep[i / 32 % 32 / 8 * 4 + i % 32 / 8] ? input[i] : 0.0F;
    }
}

static void test_naive_vit_is_the_model(void **state) {
    const struct fixture *fixture = *state;
    double logits[PARITY_CLASSES];
    float *wanted = golden_read("parity/logits.npy", 1, PARITY_CLASSES);
    naive_vit(fixture->model, fixture->input, (struct naive_nudge){.block = -1}, PARITY_DEPTH - 1,
              logits);
    for (size_t i = 0; i < PARITY_CLASSES; i++) {
        assert_true(fabs(logits[i] - wanted[i]) < 1e-6);
    }
    mem_free(wanted);
}

static void test_occlusion(void **state) {
    const struct fixture *fixture = *state;
    float found[PARITY_PATCHES];
    float wanted[PARITY_PATCHES];
    float input[PARITY_INPUT];
    double whole[PARITY_CLASSES];
    double without[PARITY_CLASSES];
    struct naive_nudge none = {.block = -1};
    naive_vit(fixture->model, fixture->input, none, PARITY_DEPTH - 1, whole);
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        bool keep[PARITY_PATCHES];
        for (size_t i = 0; i < PARITY_PATCHES; i++) {
            keep[i] = i != p;
        }
        hide(fixture->input, keep, input);
        naive_vit(fixture->model, input, none, PARITY_DEPTH - 1, without);
        wanted[p] = (float) (whole[PARITY_TARGET] - without[PARITY_TARGET]);
    }
    attribute(fixture, "occlusion", NULL, found, NULL);
    check("occlusion", found, wanted, PARITY_PATCHES);
}

/* d logit / d A[block, head, row, column] by central differences. */
static double difference_quotient(const struct fixture *fixture, struct naive_nudge nudge,
                                  int32_t last_block) {
    double above[PARITY_CLASSES];
    double below[PARITY_CLASSES];
    nudge.amount = 1e-5;
    naive_vit(fixture->model, fixture->input, nudge, last_block, above);
    nudge.amount = -1e-5;
    naive_vit(fixture->model, fixture->input, nudge, last_block, below);
    return (above[PARITY_TARGET] - below[PARITY_TARGET]) / 2e-5;
}

static void test_legrad(void **state) {
    const struct fixture *fixture = *state;
    float found[PARITY_PATCHES];
    float wanted[PARITY_PATCHES];
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        double sum = 0.0;
        for (size_t i = 0; i < (size_t) PARITY_DEPTH * PARITY_HEADS; i++) {
            int32_t block = (int32_t) (i / PARITY_HEADS);
            struct naive_nudge nudge = {
                .block = block, .head = i % PARITY_HEADS, .row = 0, .column = p + 1};
            sum += fmax(difference_quotient(fixture, nudge, block), 0.0);
        }
        wanted[p] = (float) (sum / (PARITY_DEPTH * PARITY_HEADS * PARITY_TOKENS));
    }
    attribute(fixture, "legrad", NULL, found, NULL);
    check("legrad", found, wanted, PARITY_PATCHES);
}

/* Every block's attention and a G of it. */
struct matrices {
    float a[PARITY_DEPTH][MATRICES];
    float g_a[PARITY_DEPTH][MATRICES];
};

static void copy_view(void *user, const struct vit_attention_view *view) {
    struct matrices *matrices = user;
    assert_int_equal(view->rows, PARITY_TOKENS);
    memcpy(matrices->a[view->block], view->a, sizeof matrices->a[0]);
    if (view->g_a != NULL) {
        memcpy(matrices->g_a[view->block], view->g_a, sizeof matrices->g_a[0]);
    }
}

static void backward(struct vit_session *session, const struct vitlrp_rules *rules,
                     struct matrices *matrices) {
    struct vitlrp_error err = {0};
    struct vit_relevance relevance = {.visitor = {copy_view, matrices}};
    assert_int_equal(vit_relevance(session, &(struct vitlrp_target){PARITY_TARGET, 1.0F}, 1, rules,
                                   &relevance, &err),
                     VITLRP_OK);
}

/* The gradient that the backward pass shows is the model's, in every row of a block inside. */
static void test_attention_gradient(void **state) {
    const struct fixture *fixture = *state;
    struct matrices *matrices = mem_calloc(1, sizeof *matrices);
    struct vitlrp_error err = {0};
    struct vit_session *session = open_session(fixture->model);
    assert_int_equal(vit_forward(session, fixture->input, NULL, &err), VITLRP_OK);
    backward(session, NULL, matrices);
    for (size_t i = 5; i < MATRICES; i += 97) {
        struct naive_nudge nudge = {.block = 1,
                                    .head = i / MATRIX,
                                    .row = i % MATRIX / PARITY_TOKENS,
                                    .column = i % PARITY_TOKENS};
        double wanted = difference_quotient(fixture, nudge, PARITY_DEPTH - 1);
        assert_true(fabs(matrices->g_a[1][i] - wanted) < 1e-5 + 1e-4 * fabs(wanted));
    }
    vit_session_close(session);
    mem_free(matrices);
}

/* r <- (I + M) r for whole matrices, first block first: the definition, literally. */
static void multiply_in(const double *m, double *r) {
    double product[MATRIX];
    for (size_t i = 0; i < MATRIX; i++) {
        size_t row = i / PARITY_TOKENS;
        product[i] = r[i];
        for (size_t t = 0; t < PARITY_TOKENS; t++) {
            product[i] += m[row * PARITY_TOKENS + t] * r[t * PARITY_TOKENS + i % PARITY_TOKENS];
        }
    }
    memcpy(r, product, sizeof product);
}

static void test_lrp_rollout(void **state) {
    const struct fixture *fixture = *state;
    float found[PARITY_PATCHES];
    float wanted[PARITY_PATCHES];
    double r[MATRIX] = {0.0};
    struct vitlrp_error err = {0};
    struct matrices *gradient = mem_calloc(1, sizeof *gradient);
    struct matrices *relevance = mem_calloc(1, sizeof *relevance);
    struct vit_session *session = open_session(fixture->model);
    struct vitlrp_rules rules = defaults_of("attnlrp").rules;
    assert_int_equal(vit_forward(session, fixture->input, NULL, &err), VITLRP_OK);
    backward(session, NULL, gradient);
    backward(session, &rules, relevance);
    for (size_t t = 0; t < PARITY_TOKENS; t++) {
        r[t * PARITY_TOKENS + t] = 1.0;
    }
    for (size_t block = 0; block < PARITY_DEPTH; block++) {
        double m[MATRIX] = {0.0};
        for (size_t i = 0; i < MATRICES; i++) {
            double value = (double) gradient->g_a[block][i] * relevance->a[block][i] *
                           relevance->g_a[block][i];
            m[i % MATRIX] += fmax(value, 0.0) / PARITY_HEADS;
        }
        multiply_in(m, r);
    }
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        wanted[p] = (float) r[p + 1];
    }
    attribute(fixture, "attnlrp-rollout", NULL, found, NULL);
    check("attnlrp-rollout", found, wanted, PARITY_PATCHES);
    vit_session_close(session);
    mem_free(gradient);
    mem_free(relevance);
}

/* All rows of the last block are shown although the forward pass made only CLS's query, and a
 * relevance afterwards has the bits that it would have had. */
static void test_all_rows_are_shown(void **state) {
    const struct fixture *fixture = *state;
    struct matrices *lean = mem_calloc(1, sizeof *lean);
    struct matrices *full = mem_calloc(1, sizeof *full);
    float maps[2][PARITY_PATCHES];
    struct vitlrp_error err = {0};
    struct vit_session *session = open_session(fixture->model);
    assert_int_equal(vit_forward(session, fixture->input, NULL, &err), VITLRP_OK);
    struct vit_attention_visitor visitor = {copy_view, full};
    assert_int_equal(vit_visit_attention(session, &visitor, &err), VITLRP_OK);
    struct vit_attributor *attributor = attributor_for(fixture->model, NULL, 1);
    attributor_see(attributor, fixture->model, fixture->input);
    attribute_class(attributor, "attnlrp", fixture->input, PARITY_TARGET, NULL, maps[0], NULL);
    visitor.user = lean;
    assert_int_equal(vit_visit_attention(vit_attributor_session(attributor), &visitor, &err),
                     VITLRP_OK);
    attribute_class(attributor, "attnlrp", fixture->input, PARITY_TARGET, NULL, maps[1], NULL);
    assert_true(largest_difference(lean->a[0], full->a[0], PARITY_DEPTH * MATRICES) < 1e-6);
    assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
    vit_attributor_close(attributor);
    vit_session_close(session);
    mem_free(lean);
    mem_free(full);
}

/* The definition, with the same draws: q, then one number per patch; every second copy is the
 * complement. */
static void test_masked(void **state) {
    const struct fixture *fixture = *state;
    float found[PARITY_PATCHES];
    float wanted[PARITY_PATCHES];
    float input[PARITY_INPUT];
    float map[PARITY_PATCHES];
    double sum[PARITY_PATCHES] = {0.0};
    double shown[PARITY_PATCHES] = {0.0};
    bool keep[PARITY_PATCHES];
    struct vitlrp_error err = {0};
    struct vitlrp_method_options options = defaults_of("attnlrp-masked");
    options.seed = 11;
    options.samples = 7;
    struct random_stream stream = random_open(options.seed);
    struct vit_session *session = open_session(fixture->model);
    for (int32_t copy = 0; copy <= options.samples; copy++) {
        double q = copy == 0 ? 1.0 : copy % 2 == 1 ? random_uniform(&stream) : 0.0;
        for (size_t p = 0; p < PARITY_PATCHES; p++) {
            keep[p] = copy == 0 ? true : copy % 2 == 1 ? random_uniform(&stream) < q : !keep[p];
        }
        hide(fixture->input, keep, input);
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        struct vit_relevance relevance = {.patches = map};
        assert_int_equal(vit_relevance(session, &(struct vitlrp_target){PARITY_TARGET, 1.0F}, 1,
                                       &options.rules, &relevance, &err),
                         VITLRP_OK);
        for (size_t p = 0; p < PARITY_PATCHES; p++) {
            sum[p] += keep[p] ? map[p] : 0.0;
            shown[p] += keep[p] ? 1.0 : 0.0;
        }
    }
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        wanted[p] = (float) (sum[p] / shown[p]);
    }
    attribute(fixture, "attnlrp-masked", &options, found, NULL);
    check("attnlrp-masked", found, wanted, PARITY_PATCHES);
    vit_session_close(session);
}

/* Masks of halves: the whole image, half of its patches, the others, whatever `samples` says. */
static void test_halves(void **state) {
    const struct fixture *fixture = *state;
    enum { HALF = PARITY_PATCHES / 2 };
    float found[PARITY_PATCHES];
    float wanted[PARITY_PATCHES];
    float input[PARITY_INPUT];
    float maps[3][PARITY_PATCHES];
    bool keep[3][PARITY_PATCHES];
    size_t left = HALF;
    struct vitlrp_error err = {0};
    struct vitlrp_method_options options = defaults_of("attnlrp-masked");
    options.seed = 11;
    options.masks = VITLRP_MASKS_HALVES;
    struct random_stream stream = random_open(options.seed);
    struct vit_session *session = open_session(fixture->model);
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        keep[0][p] = true;
        keep[1][p] = random_below(&stream, PARITY_PATCHES - p) < left;
        keep[2][p] = !keep[1][p];
        left -= keep[1][p] ? 1 : 0;
    }
    assert_int_equal(left, 0);
    for (size_t copy = 0; copy < 3; copy++) {
        struct vit_relevance relevance = {.patches = maps[copy]};
        hide(fixture->input, keep[copy], input);
        assert_int_equal(vit_forward(session, input, NULL, &err), VITLRP_OK);
        assert_int_equal(vit_relevance(session, &(struct vitlrp_target){PARITY_TARGET, 1.0F}, 1,
                                       &options.rules, &relevance, &err),
                         VITLRP_OK);
    }
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        wanted[p] = 0.5F * (maps[0][p] + maps[keep[1][p] ? 1 : 2][p]);
    }
    attribute(fixture, "attnlrp-masked", &options, found, NULL);
    check("attnlrp-masked of halves", found, wanted, PARITY_PATCHES);
    vit_session_close(session);
}

/* Without noise it is the plain gradient without its sign. */
static void test_smoothgrad_without_noise(void **state) {
    const struct fixture *fixture = *state;
    float found[PARITY_INPUT];
    float patches[PARITY_PATCHES];
    float wanted[PARITY_INPUT];
    struct vitlrp_error err = {0};
    struct vit_relevance relevance = {.input_g = wanted};
    struct vit_session *session = open_session(fixture->model);
    assert_int_equal(vit_forward(session, fixture->input, NULL, &err), VITLRP_OK);
    assert_int_equal(vit_relevance(session, &(struct vitlrp_target){PARITY_TARGET, 1.0F}, 1, NULL,
                                   &relevance, &err),
                     VITLRP_OK);
    for (size_t i = 0; i < PARITY_INPUT; i++) {
        wanted[i] = fabsf(wanted[i]);
    }
    struct vitlrp_method_options options = defaults_of("smoothgrad");
    options.noise = 0.0;
    options.samples = 3;
    attribute(fixture, "smoothgrad", &options, patches, found);
    check("smoothgrad", found, wanted, PARITY_INPUT);
    options.noise = 0.15;
    attribute(fixture, "smoothgrad", &options, patches, found);
    assert_true(relative_error(found, wanted, PARITY_INPUT) > 1e-2);
    vit_session_close(session);
}

/* A model that gives every class the same probability, whatever it sees: the map is that
 * probability everywhere, since masks show every pixel as often as their weight divides by. */
static void test_rise_of_an_indifferent_model(void **state) {
    const struct fixture *fixture = *state;
    float pixels[PARITY_INPUT];
    float patches[PARITY_PATCHES];
    struct vitlrp_method_options options = defaults_of("rise");
    size_t weights = (size_t) (fixture->model->weights.head_weight - fixture->model->storage);
    size_t biases = (size_t) (fixture->model->weights.head_bias - fixture->model->storage);
    for (size_t i = 0; i < PARITY_CLASSES * (size_t) fixture->model->config.dim; i++) {
        fixture->model->storage[weights + i] = 0.0F;
    }
    for (size_t i = 0; i < PARITY_CLASSES; i++) {
        fixture->model->storage[biases + i] = 0.5F;
    }
    options.samples = 4000;
    attribute(fixture, "rise", &options, patches, pixels);
    for (size_t i = 0; i < 32 * 32; i++) {
        double sum = (double) pixels[i] + pixels[1024 + i] + pixels[2048 + i];
        assert_true(fabs(sum - 0.1) < 0.1 * 5.0 / sqrt(4000.0));
    }
}

/* RISE finds what the model needs: a class is more likely where the patches it lives on are seen.
 */
static void test_rise_agrees_with_occlusion(void **state) {
    const struct fixture *fixture = *state;
    float rise[PARITY_PATCHES];
    float occlusion[PARITY_PATCHES];
    double mean[2] = {0.0, 0.0};
    double product[3] = {0.0, 0.0, 0.0};
    struct vitlrp_method_options options = defaults_of("rise");
    options.samples = 6000;
    attribute(fixture, "rise", &options, rise, NULL);
    attribute(fixture, "occlusion", NULL, occlusion, NULL);
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        mean[0] += rise[p] / PARITY_PATCHES;
        mean[1] += occlusion[p] / PARITY_PATCHES;
    }
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        product[0] += (rise[p] - mean[0]) * (occlusion[p] - mean[1]);
        product[1] += (rise[p] - mean[0]) * (rise[p] - mean[0]);
        product[2] += (occlusion[p] - mean[1]) * (occlusion[p] - mean[1]);
    }
    double correlation = product[0] / sqrt(product[1] * product[2]);
    if (!(correlation > 0.5)) {
        fail_msg("correlation %g", correlation);
    }
}

static void test_controls(void **state) {
    const struct fixture *fixture = *state;
    float map[PARITY_PATCHES];
    double sum = 0.0;
    struct vitlrp_method_options options = defaults_of("random");
    for (uint64_t seed = 0; seed < 1000; seed++) {
        options.seed = seed;
        attribute(fixture, "random", &options, map, NULL);
        for (size_t p = 0; p < PARITY_PATCHES; p++) {
            assert_true(map[p] >= 0.0F && map[p] <= 1.0F);
            sum += map[p];
        }
    }
    assert_true(fabs(sum / 16000.0 - 0.5) < 5.0 / sqrt(12.0 * 16000.0));
    attribute(fixture, "centre", NULL, map, NULL);
    for (size_t p = 0; p < PARITY_PATCHES; p++) {
        assert_true(map[p] == map[15 - p]);
        assert_true(map[p] <= map[5]);
    }
    assert_true(map[0] < map[1] && map[1] < map[5]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_naive_vit_is_the_model),
        cmocka_unit_test(test_occlusion),
        cmocka_unit_test(test_legrad),
        cmocka_unit_test(test_attention_gradient),
        cmocka_unit_test(test_lrp_rollout),
        cmocka_unit_test(test_all_rows_are_shown),
        cmocka_unit_test(test_masked),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_smoothgrad_without_noise),
        cmocka_unit_test(test_rise_agrees_with_occlusion),
        cmocka_unit_test(test_controls),
        cmocka_unit_test_setup_teardown(test_rise_of_an_indifferent_model, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
