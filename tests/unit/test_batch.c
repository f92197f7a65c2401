/* Many inputs at once give what a session gives one by one. */
#include <string.h>

#include "base/mem.h"
#include "support/attribution.h"
#include "support/golden.h"
#include "vit/program/batch.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum { CLASSES = 10, INPUT = 3 * 32 * 32, PATCHES = 16, COUNT = 7 };

static struct vit_batch *open_batch(const struct vit_model *model, size_t threads,
                                    size_t capacity) {
    struct vit_batch *batch = NULL;
    struct vitlrp_error err = {0};
    struct vit_batch_options options = {
        .threads = threads, .capacity = capacity, .backend = "auto"};
    assert_int_equal(vit_batch_open(model, &options, &batch, &err), VITLRP_OK);
    return batch;
}

/* The logits of `count` inputs, one session call each. */
static void one_by_one(const struct vit_model *model, const float *inputs, float *logits) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    struct vit_session_options options = {.threads = 1, .backend = "auto"};
    assert_int_equal(vit_session_open(model, &options, &session, &err), VITLRP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(vit_forward(session, inputs + i * INPUT, logits + i * CLASSES, &err),
                         VITLRP_OK);
    }
    vit_session_close(session);
}

static void test_batch_equals_sessions(void **unused) {
    float inputs[COUNT * INPUT];
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    struct test_random random = {5};
    struct vitlrp_error err = {0};
    (void) unused;
    struct vit_model *model = parity_model();
    test_fill(&random, inputs, COUNT * INPUT, 2.0);
    one_by_one(model, inputs, expected);
    for (size_t capacity = 0; capacity <= COUNT + 1; capacity++) {
        struct vit_batch *batch = open_batch(model, 1 + capacity % 3, capacity);
        assert_int_equal(vit_batch_forward(batch, COUNT, inputs, logits, &err), VITLRP_OK);
        assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
        assert_int_equal(vit_batch_inputs(batch), COUNT);
        vit_batch_close(batch);
    }
    vit_model_free(model);
}

/* Of a model whose weights are drawn: 32 x 32 pixels in patches of 8 x 8. */
static struct vit_config drawn_config(int32_t prefix, int32_t depth) {
    return (struct vit_config){.image_height = 32,
                               .image_width = 32,
                               .patch_height = 8,
                               .patch_width = 8,
                               .grid_height = 4,
                               .grid_width = 4,
                               .prefix = prefix,
                               .dim = 32,
                               .depth = depth,
                               .heads = 4,
                               .mlp_dim = 64,
                               .classes = CLASSES,
                               .layer_norm_eps = 1e-6F};
}

/* Each image of a batch has its own rows, whichever of them a pool reads. */
static void test_every_pool(void **unused) {
    static const enum vit_pool POOLS[] = {VIT_POOL_CLS, VIT_POOL_MEAN, VIT_POOL_MEAN_ALL,
                                          VIT_POOL_SECOND, VIT_POOL_CLS_MEAN};
    struct vit_config config = drawn_config(2, 2);
    float inputs[COUNT * INPUT];
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    struct test_random random = {8};
    struct vitlrp_error err = {0};
    (void) unused;
    test_fill(&random, inputs, COUNT * INPUT, 2.0);
    for (size_t i = 0; i < sizeof POOLS / sizeof POOLS[0]; i++) {
        struct vit_model *model = NULL;
        config.pool = POOLS[i];
        assert_int_equal(vit_model_random(&config, 1, &model, &err), VITLRP_OK);
        one_by_one(model, inputs, expected);
        struct vit_batch *batch = open_batch(model, 1, 3);
        assert_int_equal(vit_batch_forward(batch, COUNT, inputs, logits, &err), VITLRP_OK);
        assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
        vit_batch_close(batch);
        vit_model_free(model);
    }
}

/* The pixels of `original` with the masked patches of 8 x 8 taken from `replacement`. */
static void mix_pixels(const float *original, const float *replacement, const uint8_t *mask,
                       float *out) {
    for (size_t i = 0; i < INPUT; i++) {
        size_t y = i / 32 % 32;
        size_t x = i % 32;
        out[i] = mask[y / 8 * 4 + x / 8] != 0 ? replacement[i] : original[i];
    }
}

static void test_mixed_equals_mixing_pixels(void **unused) {
    float both[2 * INPUT];
    float inputs[COUNT * INPUT];
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    uint8_t masks[COUNT * PATCHES];
    struct test_random random = {6};
    struct vitlrp_error err = {0};
    (void) unused;
    struct vit_model *model = parity_model();
    test_fill(&random, both, 2 * INPUT, 2.0);
    for (size_t i = 0; i < COUNT * PATCHES; i++) {
        masks[i] = (uint8_t) test_below(&random, 2);
    }
    for (size_t i = 0; i < COUNT; i++) {
        mix_pixels(both, both + INPUT, masks + i * PATCHES, inputs + i * INPUT);
    }
    one_by_one(model, inputs, expected);
    for (size_t capacity = 0; capacity <= 3; capacity++) {
        struct vit_batch *batch = open_batch(model, 2, capacity);
        assert_int_equal(
            vit_batch_forward_mixed(batch, &(struct vit_mixture){both, both + INPUT, masks, COUNT},
                                    logits, &err),
            VITLRP_OK);
        assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
        vit_batch_close(batch);
    }
    vit_model_free(model);
}

/* The first block is the last one too: of its queries only CLS's are there. */
static void test_mixed_with_one_block(void **unused) {
    struct vit_config config = drawn_config(1, 1);
    struct vit_model *model = NULL;
    float both[2 * INPUT];
    float inputs[COUNT * INPUT];
    float expected[COUNT * CLASSES];
    float logits[COUNT * CLASSES];
    uint8_t masks[COUNT * PATCHES];
    struct test_random random = {7};
    struct vitlrp_error err = {0};
    (void) unused;
    assert_int_equal(vit_model_random(&config, 1, &model, &err), VITLRP_OK);
    test_fill(&random, both, 2 * INPUT, 2.0);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t p = 0; p < PATCHES; p++) {
            masks[i * PATCHES + p] = (uint8_t) test_below(&random, 2);
        }
        mix_pixels(both, both + INPUT, masks + i * PATCHES, inputs + i * INPUT);
    }
    one_by_one(model, inputs, expected);
    struct vit_batch *batch = open_batch(model, 1, 2);
    assert_int_equal(
        vit_batch_forward_mixed(batch, &(struct vit_mixture){both, both + INPUT, masks, COUNT},
                                logits, &err),
        VITLRP_OK);
    assert_true(largest_difference(logits, expected, COUNT * CLASSES) < 1e-5);
    vit_batch_close(batch);
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batch_equals_sessions),
        cmocka_unit_test(test_every_pool),
        cmocka_unit_test(test_mixed_equals_mixing_pixels),
        cmocka_unit_test(test_mixed_with_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
