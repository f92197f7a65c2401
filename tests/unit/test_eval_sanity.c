/* Randomised models and perturbed inputs. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "eval/randomize.h"
#include "eval/sanity.h"
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
    char name[24];
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
    randomize_stage_name(&model->config, 0, name);
    assert_string_equal(name, "head");
    randomize_stage_name(&model->config, 1, name);
    assert_string_equal(name, "block 2");
    randomize_stage_name(&model->config, 4, name);
    assert_string_equal(name, "embedding");
    vit_model_free(again);
    vit_model_free(copy);
    vit_model_free(model);
}

static void test_randomization(void **unused) {
    const char *const methods[] = {"attnlrp", "centre", "rollout", NULL};
    struct photo_set set;
    struct sanity_randomization found;
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 16);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct sanity_options options = sanity_options_default(&evaluate);
    set.items[5].path = "/nowhere/at/all.jpg";
    assert_int_equal(sanity_randomize(&options, set.items, set.count, &found, &err), VITLRP_OK);
    assert_int_equal(found.stage_count, 5);
    assert_string_equal(found.stages[4], "embedding");
    for (size_t stage = 0; stage < 5; stage++) {
        const struct vitlrp_statistic *row = found.correlation + stage * 3;
        assert_int_equal(row[0].n, 15);
        assert_true(fabs(row[0].mean) < 0.7);        /* depends on the model */
        assert_true(fabs(row[1].mean - 1.0) < 1e-9); /* a fixed prior does not */
        assert_true(row[0].lo <= row[0].mean && row[0].mean <= row[0].hi);
    }
    /* Rollout reads no head: nothing changes until a block does. */
    assert_true(fabs(found.correlation[2].mean - 1.0) < 1e-9);
    assert_true(fabs(found.absolute[2].mean - 1.0) < 1e-9);
    assert_true(found.correlation[4 * 3 + 2].mean < 0.9);
    sanity_randomization_free(&found);
    photo_set_close(&set);
}

static void test_max_sensitivity(void **unused) {
    const char *const methods[] = {"attnlrp", "random", NULL};
    struct photo_set set;
    struct vitlrp_statistic small[2];
    struct vitlrp_statistic large[2];
    struct vitlrp_statistic more[2];
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 8);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct sanity_options options = sanity_options_default(&evaluate);
    options.samples = 3;
    options.radius = 1e-4;
    assert_int_equal(sanity_max_sensitivity(&options, set.items, set.count, small, &err),
                     VITLRP_OK);
    options.radius = 0.2;
    assert_int_equal(sanity_max_sensitivity(&options, set.items, set.count, large, &err),
                     VITLRP_OK);
    options.samples = 6;
    evaluate.threads = 2;
    assert_int_equal(sanity_max_sensitivity(&options, set.items, set.count, more, &err), VITLRP_OK);
    assert_int_equal(small[0].n, 8);
    assert_true(small[0].mean > 0.0 && small[0].mean < 0.01);
    assert_true(large[0].mean > 10.0 * small[0].mean);
    assert_true(more[0].mean >= large[0].mean); /* the largest of more samples */
    assert_true(large[1].mean == 0.0);          /* seeded by the image's name alone */
    options.radius = 0.0;
    assert_int_equal(sanity_max_sensitivity(&options, set.items, set.count, more, &err),
                     VITLRP_USAGE);
    photo_set_close(&set);
}

static int32_t at_once(void *user) {
    (void) user;
    return 1;
}

static void test_cancelling(void **unused) {
    const char *const methods[] = {"random", NULL};
    struct photo_set set;
    struct sanity_randomization found;
    struct vitlrp_error err = {0};
    (void) unused;
    photo_set_open(&set, 2);
    struct eval_run_options evaluate = photo_set_options(&set, methods);
    struct sanity_options options = sanity_options_default(&evaluate);
    evaluate.observer.cancelled = at_once;
    assert_int_equal(sanity_randomize(&options, set.items, 2, &found, &err), VITLRP_CANCELLED);
    photo_set_close(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_is_equal_and_apart),
        cmocka_unit_test(test_stages_cover_every_weight_once),
        cmocka_unit_test(test_randomization),
        cmocka_unit_test(test_max_sensitivity),
        cmocka_unit_test(test_cancelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
