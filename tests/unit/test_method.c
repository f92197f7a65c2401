/* The methods against the maps of an independent float64 program, and what an attributor refuses.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/attention_share.h"
#include "base/mem.h"
#include "support/attribution.h"
#include "support/golden.h"

#include "support/unit.h"

/* Float32 against float64. */
#define TOLERANCE 1e-4

struct golden_case {
    const char *method;
    const char *file; /* patches_FILE.npy, and relevance_FILE.npy where there are pixels */
    bool pixels;
    enum vitlrp_head_fusion fusion;
    double discard_ratio;
    enum vitlrp_score score;
    float share; /* 0: the method's own */
};

static const struct golden_case CASES[] = {
    {.method = "attnlrp", .file = "attnlrp_paper", .pixels = true},
    {.method = "cp-lrp", .file = "cplrp_paper", .pixels = true},
    {.method = "attnlrp-eps", .file = "attnlrp_epsilon", .pixels = true},
    {.method = "rollout", .file = "rollout_mean"},
    {.method = "rollout", .file = "rollout_max", .fusion = VITLRP_FUSE_MAX},
    {.method = "rollout", .file = "rollout_min", .fusion = VITLRP_FUSE_MIN},
    {.method = "rollout",
     .file = "rollout_max_discard0.9",
     .fusion = VITLRP_FUSE_MAX,
     .discard_ratio = 0.9},
    {.method = "raw-attention", .file = "raw_attention"},
    {.method = "grad-rollout", .file = "grad_rollout"},
    {.method = "chefer", .file = "chefer_generic"},
    {.method = "attn-gradcam", .file = "attention_gradcam"},
    {.method = "gradcam", .file = "gradcam_norm1"},
    {.method = "input-x-gradient", .file = "input_x_gradient", .pixels = true},
    {.method = "integrated-gradients", .file = "integrated_gradients_32", .pixels = true},
    {.method = "attnlrp-eps", .file = "attnlrp_epsilon_log_odds", .score = VITLRP_SCORE_LOG_ODDS},
    {.method = "attnlrp-eps", .file = "attnlrp_epsilon_contrast", .score = VITLRP_SCORE_CONTRAST},
    {.method = "input-x-gradient",
     .file = "input_x_gradient_log_odds",
     .score = VITLRP_SCORE_LOG_ODDS},
    {.method = "attnlrp-eps", .file = "attnlrp_epsilon_share_0.3", .share = 0.3F},
    {.method = "attnlrp-eps", .file = "attnlrp_epsilon_share_1", .share = 1.0F},
    {.method = "libra", .file = "libra"},
    {.method = "token-drop", .file = "token_drop"},
    {.method = "token-drop", .file = "token_drop_contrast", .score = VITLRP_SCORE_CONTRAST},
    {.method = "attnlrp-drop", .file = "attnlrp_drop"},
    {.method = "libra-chefer", .file = "libra_chefer"},
    {.method = "libra-chefer", .file = "libra_chefer_contrast", .score = VITLRP_SCORE_CONTRAST},
    {.method = "daam", .file = "daam"},
    {.method = "daam", .file = "daam_contrast", .score = VITLRP_SCORE_CONTRAST},
};

static double error_of(const char *kind, const char *file, size_t rank, const float *found,
                       size_t count) {
    char name[128];
    snprintf(name, sizeof name, "parity/%s_%s.npy", kind, file);
    float *wanted = golden_read(name, rank, count);
    double error = relative_error(found, wanted, count);
    mem_free(wanted);
    return error;
}

static void test_golden_maps(void **unused) {
    float patches[PARITY_PATCHES];
    float pixels[PARITY_INPUT];
    (void) unused;
    struct attribution seen = attribution_open(NULL, 2);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vitlrp_method_options options = defaults_of(CASES[i].method);
        options.head_fusion = CASES[i].fusion;
        options.discard_ratio = CASES[i].discard_ratio;
        options.score = CASES[i].score;
        if (CASES[i].share > 0.0F) {
            attention_share_set(&options.rules, CASES[i].share);
        }
        attribute_class(seen.attributor, CASES[i].method, seen.input, PARITY_TARGET, &options,
                        patches, CASES[i].pixels ? pixels : NULL);
        double error = error_of("patches", CASES[i].file, 1, patches, PARITY_PATCHES);
        double pixel_error =
            CASES[i].pixels ? error_of("relevance", CASES[i].file, 3, pixels, PARITY_INPUT) : 0.0;
        if (!(error < TOLERANCE && pixel_error < TOLERANCE)) {
            fail_msg("%s: relative error %g of the patches, %g of the pixels", CASES[i].file, error,
                     pixel_error);
        }
    }
    attribution_close(&seen);
}

/* The comparison can fail: another class gives another map, unless the method ignores it. */
static void test_other_class_other_map(void **unused) {
    float maps[2][PARITY_PATCHES];
    (void) unused;
    struct attribution seen = attribution_open(NULL, 1);
    for (size_t i = 0; i < vit_method_count(); i++) {
        const struct vit_method *method = vit_method_at(i);
        for (int32_t k = 0; k < 2; k++) {
            attribute_class(seen.attributor, method->name, seen.input, k == 0 ? PARITY_TARGET : 1,
                            NULL, maps[k], NULL);
        }
        bool same = memcmp(maps[0], maps[1], sizeof maps[0]) == 0;
        if (same != method->ignores_class) {
            fail_msg("%s: the maps of two classes %s", method->name, same ? "agree" : "differ");
        }
    }
    attribution_close(&seen);
}

/* A pixel map sums to the patch map, whatever the method. */
static void test_pixels_sum_to_patches(void **unused) {
    float patches[PARITY_PATCHES];
    float pixels[PARITY_INPUT];
    (void) unused;
    struct attribution seen = attribution_open(NULL, 1);
    for (size_t i = 0; i < vit_method_count(); i++) {
        const struct vit_method *method = vit_method_at(i);
        double sums[PARITY_PATCHES] = {0.0};
        if (!method->has_pixels) {
            continue;
        }
        attribute_class(seen.attributor, method->name, seen.input, PARITY_TARGET, NULL, patches,
                        pixels);
        for (size_t p = 0; p < PARITY_INPUT; p++) {
            sums[p / 32 % 32 / 8 * 4 + p % 32 / 8] += pixels[p];
        }
        for (size_t p = 0; p < PARITY_PATCHES; p++) {
            assert_true(fabs(sums[p] - patches[p]) < 1e-4 * (fabs(patches[p]) + 0.01));
        }
    }
    attribution_close(&seen);
}

/* An explained difference of logits, through the table. */
static void test_contrast(void **unused) {
    float patches[PARITY_PATCHES];
    float pixels[PARITY_INPUT];
    const struct vitlrp_target targets[2] = {{PARITY_TARGET, 1.0F}, {1, -1.0F}};
    struct vitlrp_error err = {0};
    (void) unused;
    struct attribution seen = attribution_open(vit_method_find("attnlrp"), 1);
    struct vitlrp_method_options options = defaults_of("attnlrp");
    struct vit_method_request request = {.input = seen.input,
                                         .targets = targets,
                                         .target_count = 2,
                                         .options = &options,
                                         .patches = patches,
                                         .pixels = pixels};
    assert_int_equal(
        vit_attributor_run(seen.attributor, vit_method_find("attnlrp"), &request, &err), VITLRP_OK);
    assert_true(error_of("relevance", "attnlrp_contrast", 3, pixels, PARITY_INPUT) < TOLERANCE);
    attribution_close(&seen);
}

static void test_table(void **unused) {
    static const char *const names[] = {"attnlrp",
                                        "cp-lrp",
                                        "attnlrp-eps",
                                        "attnlrp-rollout",
                                        "libra",
                                        "attnlrp-masked",
                                        "attnlrp-drop",
                                        "rollout",
                                        "chefer",
                                        "raw-attention",
                                        "grad-rollout",
                                        "attn-gradcam",
                                        "gradcam",
                                        "legrad",
                                        "input-x-gradient",
                                        "integrated-gradients",
                                        "smoothgrad",
                                        "libra-chefer",
                                        "daam",
                                        "occlusion",
                                        "token-drop",
                                        "rise",
                                        "random",
                                        "centre"};
    (void) unused;
    assert_int_equal(vit_method_count(), sizeof names / sizeof names[0]);
    assert_string_equal(vit_method_at(0)->name, "attnlrp");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct vit_method *method = vit_method_find(names[i]);
        assert_non_null(method);
        assert_true(strlen(method->summary) <= 78);
        assert_true(method->attribute != NULL);
    }
    assert_null(vit_method_find("lime"));
    assert_null(vit_method_find(""));
}

static enum vitlrp_status try_run(struct vit_attributor *attributor, const char *name,
                                  struct vit_method_request request) {
    struct vitlrp_error err = {0};
    return vit_attributor_run(attributor, vit_method_find(name), &request, &err);
}

static void test_requests_that_are_refused(void **unused) {
    float patches[PARITY_PATCHES];
    float pixels[PARITY_INPUT];
    struct vitlrp_target target = {0, 1.0F};
    (void) unused;
    struct vit_model *model = parity_model();
    float *input = parity_input();
    struct vit_attributor *one = attributor_for(model, vit_method_find("rollout"), 1);
    struct vit_attributor *all = attributor_for(model, NULL, 1);
    struct vitlrp_method_options options = defaults_of("rollout");
    struct vit_method_request request = {.input = input,
                                         .targets = &target,
                                         .target_count = 1,
                                         .options = &options,
                                         .patches = patches};
    assert_int_equal(try_run(one, "rollout", request), VITLRP_USAGE); /* no forward pass */
    attributor_see(one, model, input);
    attributor_see(all, model, input);
    assert_int_equal(try_run(one, "rollout", request), VITLRP_OK);
    assert_int_equal(try_run(one, "chefer", request), VITLRP_USAGE);
    request.pixels = pixels;
    assert_int_equal(try_run(one, "rollout", request), VITLRP_USAGE);
    request.pixels = NULL;
    options.discard_ratio = 1.0;
    assert_int_equal(try_run(one, "rollout", request), VITLRP_USAGE);
    options.discard_ratio = NAN;
    assert_int_equal(try_run(one, "rollout", request), VITLRP_USAGE);
    options = defaults_of("smoothgrad");
    options.noise = -0.1;
    assert_int_equal(try_run(all, "smoothgrad", request), VITLRP_USAGE);
    options = defaults_of("rise");
    options.samples = 0;
    assert_int_equal(try_run(all, "rise", request), VITLRP_USAGE);
    options.samples = VIT_MAX_SAMPLES + 1;
    assert_int_equal(try_run(all, "rise", request), VITLRP_USAGE);
    options = defaults_of("chefer");
    options.score = VITLRP_SCORE_CONTRAST;
    assert_int_equal(try_run(all, "chefer", request), VITLRP_OK);
    model->probability = VITLRP_PROBABILITY_SIGMOID; /* each class by itself: there are no others */
    assert_int_equal(try_run(all, "chefer", request), VITLRP_USAGE);
    options.score = VITLRP_SCORE_LOGIT;
    assert_int_equal(try_run(all, "chefer", request), VITLRP_OK);
    target.output = PARITY_CLASSES;
    assert_int_equal(try_run(all, "chefer", request), VITLRP_USAGE);
    assert_int_equal(try_run(all, "occlusion", request), VITLRP_USAGE);
    request.target_count = 0;
    assert_int_equal(try_run(all, "chefer", request), VITLRP_USAGE);
    vit_attributor_close(one);
    vit_attributor_close(all);
    mem_free(input);
    vit_model_free(model);
}

/* The last values that are still allowed. */
static void test_values_at_their_bounds(void **unused) {
    float patches[PARITY_PATCHES];
    const struct vitlrp_target target = {0, 1.0F};
    (void) unused;
    struct attribution seen = attribution_open(NULL, 1);
    struct vitlrp_method_options options = defaults_of("rollout");
    struct vit_method_request request = {.input = seen.input,
                                         .targets = &target,
                                         .target_count = 1,
                                         .options = &options,
                                         .patches = patches};
    options.discard_ratio = 0.0;
    assert_int_equal(try_run(seen.attributor, "rollout", request), VITLRP_OK);
    options = defaults_of("smoothgrad");
    options.samples = 1;
    options.noise = 0.0;
    assert_int_equal(try_run(seen.attributor, "smoothgrad", request), VITLRP_OK);
    options.noise = INFINITY;
    assert_int_equal(try_run(seen.attributor, "smoothgrad", request), VITLRP_USAGE);
    options = defaults_of("chefer");
    options.score = VITLRP_SCORE_CONTRAST;
    /* As the check sees it: one other class is enough, none is not. */
    seen.model->config.classes = 2;
    assert_int_equal(vit_score_check(seen.model, options.score, NULL), VITLRP_OK);
    seen.model->config.classes = 1;
    assert_int_equal(vit_score_check(seen.model, options.score, NULL), VITLRP_USAGE);
    assert_int_equal(vit_score_check(seen.model, VITLRP_SCORE_LOGIT, NULL), VITLRP_OK);
    seen.model->config.classes = PARITY_CLASSES;
    attribution_close(&seen);
}

/* What a method cannot give is refused, whichever part of it is asked for. */
static void test_parts_that_a_method_lacks(void **unused) {
    float patches[PARITY_PATCHES];
    float neurons[1];
    struct vitlrp_ledger_entry ledger[1];
    const struct vit_inside inside = {0};
    struct vit_through through = {0};
    struct vit_conductance conductance = {0};
    const struct vitlrp_target target = {0, 1.0F};
    (void) unused;
    struct attribution seen = attribution_open(NULL, 1);
    struct vitlrp_method_options options = defaults_of("chefer");
    const struct vit_method_request plain = {.input = seen.input,
                                             .targets = &target,
                                             .target_count = 1,
                                             .options = &options,
                                             .patches = patches};
    struct vit_method_request requests[5] = {plain, plain, plain, plain, plain};
    requests[0].ledger = ledger;
    requests[1].neurons = neurons;
    requests[2].inside = &inside;
    requests[3].through = &through;
    requests[4].conductance = &conductance;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(try_run(seen.attributor, "chefer", requests[i]), VITLRP_USAGE);
    }
    assert_int_equal(try_run(seen.attributor, "chefer", plain), VITLRP_OK);
    attribution_close(&seen);
}

/* Operations: a forward pass as often as a method runs it, with three more for a backward pass. */
static void test_work_of_methods(void **unused) {
    static const struct {
        const char *name;
        int32_t samples;
        double passes;
    } WORKS[] = {{"random", 0, 0.0},
                 {"attnlrp", 0, 3.0},
                 {"cp-lrp", 0, 3.0},
                 {"smoothgrad", 5, 3.0 * 5.0},
                 {"rise", 7, 7.0},
                 {"occlusion", 0, PARITY_PATCHES},
                 {"token-drop", 0, PARITY_PATCHES},
                 {"attnlrp-masked", 8, 3.0 * 8.0}};
    (void) unused;
    struct vit_model *model = parity_model();
    struct vit_attributor *attributor = attributor_for(model, NULL, 1);
    double pass = vit_session_work(vit_attributor_session(attributor));
    assert_true(pass > 0.0);
    for (size_t i = 0; i < sizeof WORKS / sizeof WORKS[0]; i++) {
        struct vitlrp_method_options options = defaults_of(WORKS[i].name);
        options.samples = WORKS[i].samples;
        double work = vit_attributor_work(attributor, vit_method_find(WORKS[i].name), &options);
        if (work != WORKS[i].passes * pass) {
            fail_msg("%s: %g passes", WORKS[i].name, work / pass);
        }
    }
    struct vitlrp_method_options halves = defaults_of("attnlrp-masked");
    halves.masks = VITLRP_MASKS_HALVES;
    assert_true(vit_attributor_work(attributor, vit_method_find("attnlrp-masked"), &halves) ==
                3.0 * 2.0 * pass);
    vit_attributor_close(attributor);
    vit_model_free(model);
}

static void test_bytes_are_told_and_limited(void **unused) {
    const struct vit_method *methods[] = {vit_method_find("attnlrp"),
                                          vit_method_find("attnlrp-rollout")};
    struct vit_attributor_options options = {
        .threads = 1, .backend = "auto", .methods = methods, .method_count = 1};
    struct vit_attributor *attributor = NULL;
    struct vitlrp_error err = {0};
    size_t few = 0;
    size_t many = 0;
    (void) unused;
    struct vit_model *model = parity_model();
    assert_int_equal(vit_attributor_bytes(model, &options, &few, &err), VITLRP_OK);
    options.method_count = 2;
    assert_int_equal(vit_attributor_bytes(model, &options, &many, &err), VITLRP_OK);
    size_t matrices = PARITY_HEADS * PARITY_TOKENS * PARITY_TOKENS * sizeof(float);
    assert_true(many - few >= (PARITY_DEPTH + 2) * matrices);
    options.max_bytes = many - 1;
    assert_int_equal(vit_attributor_open(model, &options, &attributor, &err), VITLRP_LIMIT);
    assert_null(attributor);
    options.max_bytes = many;
    assert_int_equal(vit_attributor_open(model, &options, &attributor, &err), VITLRP_OK);
    vit_attributor_close(attributor);
    vit_attributor_close(NULL);
    vit_model_free(model);
}

/* Scratch of a method alone, beside its session and its batch. */
static size_t scratch_of(const struct vit_model *model, const char *name) {
    const struct vit_method *method = vit_method_find(name);
    const struct vit_attributor_options options = {
        .threads = 1, .backend = "auto", .methods = &method, .method_count = 1};
    const struct vit_session_options session = {
        .threads = 1, .backend = "auto", .attention_maps = method->needs_attention};
    const struct vit_batch_options batch = {.threads = 1, .backend = "auto"};
    struct vit_session_size size = {0};
    struct vitlrp_error err = {0};
    size_t bytes = 0;
    size_t batch_bytes = 0;
    assert_int_equal(vit_attributor_bytes(model, &options, &bytes, &err), VITLRP_OK);
    assert_int_equal(vit_session_measure(model, &session, &size, &err), VITLRP_OK);
    if (method->needs_batch) {
        assert_int_equal(vit_batch_bytes(model, &batch, &batch_bytes, &err), VITLRP_OK);
    }
    return bytes - size.bytes - batch_bytes;
}

/* A method takes the scratch that it says, and not that of others: each row within the gaps between
 * its pieces. */
static void test_scratch_of_methods(void **unused) {
    static const size_t PASSES = 1024 / PARITY_TOKENS; /* that a batch runs at once */
    static const size_t PLANE = PARITY_INPUT / 3;
    const size_t outputs = PASSES * PARITY_CLASSES * sizeof(float);
    const size_t pixels = 3 * PARITY_INPUT * sizeof(float) + PARITY_INPUT * sizeof(double);
    const struct {
        const char *name;
        size_t bytes;
    } METHODS[] = {
        {"random", 0},
        {"attnlrp", 0},
        {"smoothgrad", pixels},
        {"occlusion", PARITY_INPUT * sizeof(float) + PASSES * PARITY_PATCHES + outputs},
        {"token-drop", PASSES * PARITY_PATCHES + PARITY_PATCHES * sizeof(float) + outputs},
        {"rise", pixels + PASSES * (PARITY_INPUT + PLANE) * sizeof(float) + outputs}};
    const size_t every = PARITY_CLASSES * (2 * sizeof(float) + sizeof(struct vitlrp_target));
    (void) unused;
    struct vit_model *model = parity_model();
    for (size_t i = 0; i < sizeof METHODS / sizeof METHODS[0]; i++) {
        size_t found = scratch_of(model, METHODS[i].name);
        size_t least = every + METHODS[i].bytes;
        if (found < least ||
            found > least + 16 * (64 + 128)) { /* a gap has 128 under a sanitizer */
            fail_msg("%s: %zu bytes, of which %zu are used", METHODS[i].name, found, least);
        }
    }
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_golden_maps),
        cmocka_unit_test(test_other_class_other_map),
        cmocka_unit_test(test_pixels_sum_to_patches),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_requests_that_are_refused),
        cmocka_unit_test(test_values_at_their_bounds),
        cmocka_unit_test(test_parts_that_a_method_lacks),
        cmocka_unit_test(test_work_of_methods),
        cmocka_unit_test(test_bytes_are_told_and_limited),
        cmocka_unit_test(test_scratch_of_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
