/* The same bits from every method: for any number of threads, from an attributor of its own or of
 * many methods, after other methods, and again. */
#include <string.h>

#include "base/mem.h"
#include "support/attribution.h"
#include "support/golden.h"

#include "support/unit.h"

enum { CLASSES = 10, PATCHES = 64, PIXELS = 3 * 64 * 64 };

/* Wide enough for products to be split among threads. */
static struct vit_model *wide_model(void) {
    struct vit_config config = {.image_height = 64,
                                .image_width = 64,
                                .patch_height = 8,
                                .patch_width = 8,
                                .grid_height = 8,
                                .grid_width = 8,
                                .prefix = 1,
                                .dim = 192,
                                .depth = 2,
                                .heads = 3,
                                .mlp_dim = 768,
                                .classes = CLASSES,
                                .layer_norm_eps = 1e-6F,
                                .activation = VIT_GELU_ERF};
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    assert_int_equal(vit_model_random(&config, 3, &model, &err), VITLRP_OK);
    return model;
}

/* Few samples, so that all methods take no time. */
static struct vitlrp_method_options options_of(const struct vit_method *method, uint64_t seed) {
    struct vitlrp_method_options options = defaults_of(method->name);
    options.samples = options.samples > 20 ? 20 : options.samples;
    options.seed = seed;
    return options;
}

struct maps {
    float patches[PATCHES];
    float pixels[PIXELS];
};

static void run(struct vit_attributor *attributor, const struct vit_method *method,
                const float *input, uint64_t seed, struct maps *maps) {
    struct vitlrp_method_options options = options_of(method, seed);
    attribute_class(attributor, method->name, input, 2, &options, maps->patches,
                    method->has_pixels ? maps->pixels : NULL);
}

static void check_same(const struct vit_method *method, const char *what, const struct maps *a,
                       const struct maps *b) {
    if (memcmp(a, b, sizeof *a) != 0) {
        fail_msg("%s: other bits %s", method->name, what);
    }
}

static void test_any_threads(void **unused) {
    float *input = mem_calloc(PIXELS, sizeof *input);
    struct maps *expected = mem_calloc(vit_method_count(), sizeof *expected);
    struct test_random random = {9};
    (void) unused;
    struct vit_model *model = wide_model();
    test_fill(&random, input, PIXELS, 2.0);
    for (size_t threads = 1; threads <= 5; threads++) {
        struct vit_attributor *attributor = attributor_for(model, NULL, threads);
        attributor_see(attributor, model, input);
        for (size_t i = 0; i < vit_method_count(); i++) {
            struct maps maps = {{0.0F}, {0.0F}};
            run(attributor, vit_method_at(i), input, 7, threads == 1 ? &expected[i] : &maps);
            if (threads > 1) {
                check_same(vit_method_at(i), "with more threads", &maps, &expected[i]);
            }
        }
        vit_attributor_close(attributor);
    }
    mem_free(input);
    mem_free(expected);
    vit_model_free(model);
}

static void test_alone_or_among_others(void **unused) {
    float *input = mem_calloc(PIXELS, sizeof *input);
    struct test_random random = {10};
    (void) unused;
    struct vit_model *model = wide_model();
    test_fill(&random, input, PIXELS, 2.0);
    struct vit_attributor *all = attributor_for(model, NULL, 2);
    attributor_see(all, model, input);
    for (size_t i = vit_method_count(); i-- > 0;) {
        const struct vit_method *method = vit_method_at(i);
        struct maps among = {{0.0F}, {0.0F}};
        struct maps again = {{0.0F}, {0.0F}};
        struct maps alone = {{0.0F}, {0.0F}};
        struct vit_attributor *one = attributor_for(model, method, 2);
        attributor_see(one, model, input);
        run(one, method, input, 7, &alone);
        run(all, method, input, 7, &among);
        run(all, method, input, 7, &again);
        check_same(method, "among other methods", &among, &alone);
        check_same(method, "the second time", &again, &alone);
        vit_attributor_close(one);
    }
    vit_attributor_close(all);
    mem_free(input);
    vit_model_free(model);
}

/* The seed counts, and only for methods that read it. */
static void test_another_seed(void **unused) {
    float *input = mem_calloc(PIXELS, sizeof *input);
    struct test_random random = {11};
    (void) unused;
    struct vit_model *model = wide_model();
    test_fill(&random, input, PIXELS, 2.0);
    struct vit_attributor *all = attributor_for(model, NULL, 1);
    attributor_see(all, model, input);
    for (size_t i = 0; i < vit_method_count(); i++) {
        const struct vit_method *method = vit_method_at(i);
        struct maps maps[2] = {{{0.0F}, {0.0F}}, {{0.0F}, {0.0F}}};
        run(all, method, input, 7, &maps[0]);
        run(all, method, input, 8, &maps[1]);
        bool same = memcmp(&maps[0], &maps[1], sizeof maps[0]) == 0;
        if (same != ((method->reads & VITLRP_READS_SEED) == 0)) {
            fail_msg("%s: two seeds give %s maps", method->name, same ? "equal" : "different");
        }
    }
    vit_attributor_close(all);
    mem_free(input);
    vit_model_free(model);
}

/* After a method that has moved the session on, restore brings the forward pass back. */
static void test_restore(void **unused) {
    float before[PARITY_TOKENS * 32];
    float after[PARITY_TOKENS * 32];
    float patches[PARITY_PATCHES];
    struct vitlrp_error err = {0};
    (void) unused;
    struct vit_model *model = parity_model();
    float *input = parity_input();
    struct vit_attributor *attributor = attributor_for(model, NULL, 1);
    struct vit_session *session = vit_attributor_session(attributor);
    attributor_see(attributor, model, input);
    assert_int_equal(vit_block_output(session, 1, before, &err), VITLRP_OK);
    attribute_class(attributor, "smoothgrad", input, 1, NULL, patches, NULL);
    assert_int_equal(vit_block_output(session, 1, after, &err), VITLRP_OK);
    assert_memory_not_equal(before, after, sizeof before);
    assert_int_equal(vit_attributor_restore(attributor, input, &err), VITLRP_OK);
    assert_int_equal(vit_block_output(session, 1, after, &err), VITLRP_OK);
    assert_memory_equal(before, after, sizeof before);
    vit_attributor_close(attributor);
    mem_free(input);
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_threads),
        cmocka_unit_test(test_alone_or_among_others),
        cmocka_unit_test(test_another_seed),
        cmocka_unit_test(test_restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
