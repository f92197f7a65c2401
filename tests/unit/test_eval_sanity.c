/* Randomised models and perturbed inputs. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/eval_run.h"
#include "eval/metric.h"
#include "eval/randomize.h"
#include "eval/statistics.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "support/load_checks.h"
#include "support/photo_set.h"
#include "vit/model/weights.h"

#include "support/unit.h"

static void test_copy_is_equal_and_apart(void **unused) {
    struct vit_model *model = parity_model();
    struct vit_model *copy = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(randomize_copy(model, &copy, &err), VITLRP_OK);
    assert_true(weights_difference(model, copy) == 0.0);
    assert_string_equal(copy->layout, model->layout);
    assert_int_equal(copy->parameters, model->parameters);
    slot_data(copy, SLOT_HEAD_BIAS, 0)[0] += 1.0F;
    assert_true(weights_difference(model, copy) > 0.5);
    vit_model_free(copy);
    vit_model_free(model);
}

static void moments(const float *values, size_t count, double *mean, double *deviation) {
    double sum = 0.0;
    double squares = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) values[i];
        squares += (double) values[i] * (double) values[i];
    }
    *mean = sum / (double) count;
    *deviation = sqrt(squares / (double) count - *mean * *mean);
}

static void test_stages_cover_every_weight_once(void **unused) {
    struct vit_model *model = parity_model();
    struct vit_model *copy = NULL;
    struct vit_model *again = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(randomize_copy(model, &copy, &err), VITLRP_OK);
    assert_int_equal(randomize_stage_count(&model->config), 5);
    size_t fc1 = (size_t) model->config.mlp_dim * (size_t) model->config.dim;
    for (size_t stage = 0; stage < 5; stage++) {
        const float *last_block = slot_data(copy, SLOT_FC1_WEIGHT, 2);
        const float *original = slot_data(model, SLOT_FC1_WEIGHT, 2);
        int same = memcmp(last_block, original, fc1 * sizeof *original) == 0;
        assert_int_equal(same, stage < 2);
        randomize_stage(copy, stage, 3);
    }
    for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_size size = slot_size(&model->config, slot);
        for (size_t block = 0; block < slot_repeats(&model->config, slot); block++) {
            const float *a = slot_data(model, slot, block);
            const float *b = slot_data(copy, slot, block);
            double mean[2];
            double deviation[2];
            size_t count = size.rows * size.columns;
            moments(a, count, &mean[0], &deviation[0]);
            moments(b, count, &mean[1], &deviation[1]);
            assert_true(deviation[0] == 0.0 || memcmp(a, b, count * sizeof *a) != 0);
            if (count >= 1024) {
                assert_true(fabs(mean[1] - mean[0]) < 0.15 * deviation[0]);
                assert_true(fabs(deviation[1] / deviation[0] - 1.0) < 0.1);
            }
        }
    }
    /* The draw depends on the seed and the place, not on what was drawn before. */
    assert_int_equal(randomize_copy(model, &again, &err), VITLRP_OK);
    randomize_stage(again, 1, 3);
    assert_memory_equal(slot_data(again, SLOT_FC1_WEIGHT, 2), slot_data(copy, SLOT_FC1_WEIGHT, 2),
                        fc1 * sizeof(float));
    vit_model_free(again);
    vit_model_free(copy);
    vit_model_free(model);
}

/* Maps and what is found of them, of few points and all images. */
static void run_of(const struct eval_run_options *options, const struct photo_set *set,
                   struct evaluation *out) {
    struct vitlrp_error err = {0};
    assert_int_equal(eval_run(options, set->items, set->count, out, &err), VITLRP_OK);
}

static double mean_of(const struct evaluation *evaluation, enum eval_metric metric, size_t method) {
    double sum = 0.0;
    size_t count = 0;
    for (size_t i = 0; i < evaluation->image_count; i++) {
        double value = eval_metric_value(evaluation, &evaluation->images[i], method,
                                         eval_measure_first(metric));
        sum += isnan(value) ? 0.0 : value;
        count += isnan(value) ? 0 : 1;
    }
    return count == 0 ? (double) NAN : sum / (double) count;
}

static void test_randomization(void **unused) {
    const char *const methods[] = {"attnlrp", "centre", "rollout", NULL};
    struct photo_set set;
    (void) unused;
    photo_set_open(&set, 16);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.steps = 1;
    set.items[5].path = "/nowhere/at/all.jpg";
    for (int32_t parts = 0; parts <= 6; parts++) {
        struct evaluation found;
        options.protocol.randomized = parts;
        run_of(&options, &set, &found);
        assert_int_equal(found.protocol.randomized, parts < 5 ? parts : 5); /* as there are */
        assert_true(isnan(mean_of(&found, EVAL_MAX_SENSITIVITY, 0)));
        if (parts == 0) {
            assert_true(isnan(mean_of(&found, EVAL_RHO_RANDOMIZED, 0)));
        } else {
            double rollout = mean_of(&found, EVAL_RHO_RANDOMIZED, 2);
            assert_true(fabs(mean_of(&found, EVAL_RHO_RANDOMIZED, 0)) < 0.7);
            /* A fixed prior does not depend on the model. */
            assert_true(fabs(mean_of(&found, EVAL_RHO_RANDOMIZED, 1) - 1.0) < 1e-9);
            /* Rollout reads no head: nothing changes until a block does. */
            assert_int_equal(fabs(rollout - 1.0) < 1e-9, parts == 1);
            assert_true(parts < 5 || rollout < 0.9);
        }
        evaluation_free(&found);
    }
    photo_set_close(&set);
}

/* The twin: maps of a model that is randomised by hand, compared by hand. */
static void test_randomization_twin(void **unused) {
    const char *const methods[] = {"attnlrp", NULL};
    struct photo_set set;
    struct evaluation found;
    struct evaluation plain;
    struct evaluation other;
    struct vit_model *copy = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 3);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.steps = 1;
    options.protocol.seed = 9;
    run_of(&options, &set, &plain);
    options.protocol.randomized = 2;
    run_of(&options, &set, &found);
    options.protocol.randomized = 0;
    assert_int_equal(randomize_copy(options.model, &copy, &err), VITLRP_OK);
    randomize_stage(copy, 0, 9);
    randomize_stage(copy, 1, 9);
    for (size_t i = 0; i < set.count; i++) {
        set.items[i].label = plain.images[i].output;
    }
    options.model = copy;
    options.protocol.target = VITLRP_EVAL_LABEL;
    run_of(&options, &set, &other);
    size_t patches = (size_t) plain.grid_height * (size_t) plain.grid_width;
    for (size_t i = 0; i < set.count; i++) {
        double rho = NAN;
        assert_int_equal(statistics_spearman(plain.images[i].methods[0].patches,
                                             other.images[i].methods[0].patches, patches, &rho,
                                             &err),
                         VITLRP_OK);
        assert_true(found.images[i].methods[0].rho_randomized == rho && rho < 1.0);
        assert_memory_equal(found.images[i].methods[0].patches, plain.images[i].methods[0].patches,
                            patches * sizeof(float));
    }
    evaluation_free(&other);
    evaluation_free(&found);
    evaluation_free(&plain);
    vit_model_free(copy);
    photo_set_close(&set);
}

static void test_max_sensitivity(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    struct photo_set set;
    struct evaluation few;
    struct evaluation more;
    (void) unused;
    photo_set_open(&set, 8);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.steps = 1;
    options.protocol.sensitivity = 3;
    run_of(&options, &set, &few);
    options.protocol.sensitivity = 6;
    options.threads = 2;
    run_of(&options, &set, &more);
    bool rises = false;
    for (size_t i = 0; i < set.count; i++) {
        const struct eval_method_result *a = few.images[i].methods;
        const struct eval_method_result *b = more.images[i].methods;
        assert_true(a[0].max_sensitivity > 0.01 && a[0].max_sensitivity < 10.0);
        assert_true(b[0].max_sensitivity >= a[0].max_sensitivity); /* the largest of more samples */
        rises = rises || b[0].max_sensitivity > a[0].max_sensitivity;
        assert_true(a[1].max_sensitivity == 0.0); /* seeded by the image's name alone */
        assert_true(isnan(a[0].rho_randomized));
        /* What follows the check is measured on the image without noise. */
        assert_memory_equal(a[0].curves[0].of[EVAL_CURVE_MORF_LOGIT],
                            b[0].curves[0].of[EVAL_CURVE_MORF_LOGIT], 2 * sizeof(float));
    }
    assert_true(rises);
    evaluation_free(&more);
    evaluation_free(&few);
    photo_set_close(&set);
}

static int32_t at_once(void *user) {
    (void) user;
    return 1;
}

static void test_cancelling(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct evaluation found;
    (void) unused;
    photo_set_open(&set, 2);
    struct eval_run_options options = photo_set_options(&set, methods);
    options.protocol.randomized = 1;
    options.observer.cancelled = at_once;
    run_of(&options, &set, &found);
    assert_true(found.cancelled && found.image_count == 0);
    evaluation_free(&found);
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_equal_and_apart),
        cmocka_unit_test(test_stages_cover_every_weight_once),
        cmocka_unit_test(test_randomization),
        cmocka_unit_test(test_randomization_twin),
        cmocka_unit_test(test_max_sensitivity),
        cmocka_unit_test(test_cancelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
