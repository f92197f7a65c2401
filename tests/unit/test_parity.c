/* Parity with the independent float64 program whose results are in golden/parity: every weight file
 * gives its logits and block outputs, every LRP case its relevances, and the ledger closes. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "support/golden.h"
#include "support/load_checks.h"
#include "vit/math/gemm.h"
#include "vit/program/session.h"

#include "support/unit.h"

enum { TOKENS = 17, DIM = 32, MLP = 128, CLASSES = 10, INPUT = 3 * 32 * 32, PATCHES = 16 };

static struct vit_session *open_session_with(const struct vit_model *model,
                                             const struct vit_session_options *options) {
    struct vit_session *session = NULL;
    struct vitlrp_error err = {0};
    if (vit_session_open(model, options, &session, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    return session;
}

static struct vit_session *open_session(const struct vit_model *model, size_t threads,
                                        bool keep_all_tokens) {
    return open_session_with(
        model, &(struct vit_session_options){
                   .threads = threads, .keep_all_tokens = keep_all_tokens, .backend = "auto"});
}

static void run_forward(struct vit_session *session, float *logits) {
    struct vitlrp_error err = {0};
    float *input = golden_read("parity/input.npy", 3, INPUT);
    if (vit_forward(session, input, logits, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    mem_free(input);
}

static double logits_error(struct vit_model *model, size_t threads) {
    float logits[CLASSES];
    float *expected = golden_read("parity/logits.npy", 1, CLASSES);
    struct vit_session *session = open_session(model, threads, false);
    run_forward(session, logits);
    double error = largest_difference(logits, expected, CLASSES);
    vit_session_close(session);
    mem_free(expected);
    return error;
}

static void test_logits_of_every_file(void **unused) {
    static const struct {
        const char *file;
        double tolerance;
    } cases[] = {{"timm.safetensors", 1e-4},
                 {"timm_wrapped.pth", 1e-4},
                 {"torchvision.pth", 1e-4},
                 {"torchvision_legacy_container.pth", 1e-4},
                 {"torchvision_legacy_names.pth", 1e-4},
                 {"huggingface/model.safetensors", 1e-4},
                 {"jax.npz", 1e-4},
                 {"timm_f16.safetensors", 2e-2},
                 {"timm_bf16.safetensors", 2e-2}};
    (void) unused;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vit_model *model = expect_parity(cases[i].file);
        double error = logits_error(model, 1);
        if (error > cases[i].tolerance) {
            fail_msg("%s: logits off by %g", cases[i].file, error);
        }
        vit_model_free(model);
    }
}

/* The suite can fail: one flipped weight turns parity red. */
static void test_a_flipped_weight_is_seen(void **unused) {
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    size_t at = (size_t) (model->weights.blocks[1].fc1_weight - model->storage) + 5;
    model->storage[at] = -model->storage[at] - 0.5F;
    assert_true(logits_error(model, 1) > 1e-4);
    vit_model_free(model);
}

static void test_block_outputs(void **unused) {
    static const char *const files[] = {"parity/tokens_after_embedding.npy",
                                        "parity/block0_output.npy", "parity/block1_output.npy",
                                        "parity/block2_output.npy"};
    float logits[CLASSES];
    float output[TOKENS * DIM];
    struct vitlrp_error err;
    (void) unused;
    struct vit_model *model = expect_parity("torchvision.pth");
    struct vit_session *session = open_session(model, 2, true);
    run_forward(session, logits);
    for (int32_t block = -1; block < 3; block++) {
        float *expected = golden_read(files[block + 1], 2, TOKENS * DIM);
        assert_int_equal(vit_block_output(session, block, output, &err), VITLRP_OK);
        assert_true(largest_difference(output, expected, TOKENS * DIM) < 1e-4);
        mem_free(expected);
    }
    vit_session_close(session);
    vit_model_free(model);
}

static struct vitlrp_rules rules_of(const json_t *description) {
    const json_t *gamma = json_object_get(description, "gamma");
    const char *attention = json_get_string(description, "attention");
    struct vitlrp_rules rules = {
        .attention = strcmp(attention, "cp") == 0 ? VITLRP_ATTENTION_CP : VITLRP_ATTENTION_ATTNLRP};
    rules.gamma[VITLRP_ROLE_CONV] = (float) json_number_value(json_object_get(gamma, "conv"));
    rules.gamma[VITLRP_ROLE_QKV] = (float) json_number_value(json_object_get(gamma, "qkv"));
    rules.gamma[VITLRP_ROLE_PROJ] = (float) json_number_value(json_object_get(gamma, "proj"));
    rules.gamma[VITLRP_ROLE_FC1] = (float) json_number_value(json_object_get(gamma, "fc1"));
    rules.gamma[VITLRP_ROLE_FC2] = (float) json_number_value(json_object_get(gamma, "fc2"));
    rules.gamma[VITLRP_ROLE_HEAD] = (float) json_number_value(json_object_get(gamma, "head"));
    return rules;
}

/* The relative error of a result against golden/parity/<kind>_<name>.npy. */
static double case_error(const char *kind, const char *name, size_t rank, const float *result,
                         size_t count) {
    char file[256];
    snprintf(file, sizeof file, "parity/%s_%s.npy", kind, name);
    float *expected = golden_read(file, rank, count);
    double error = relative_error(result, expected, count);
    mem_free(expected);
    return error;
}

static void check_ledger(const char *name, const struct vit_relevance *relevance, size_t length) {
    double total = relevance->sum;
    for (size_t i = 0; i < length; i++) {
        total += relevance->ledger[i].absorbed;
    }
    if (!(fabs(total - relevance->explained) <= 1e-4 * fabs(relevance->explained))) {
        fail_msg("%s: the ledger sums to %.9g, the logit is %.9g", name, total,
                 relevance->explained);
    }
}

/* What the error of a sum of relevance counts against: the sum or, of a contrast in fewer bits, the
 * two logits whose difference it is, since a small difference keeps the error of both. */
static double size_of_sum(struct vit_session *session, double sum,
                          const struct vitlrp_target *targets, bool is_contrast) {
    float logits[CLASSES];
    if (!is_contrast || vit_session_describe(session).precision != VITLRP_PRECISION_BF16) {
        return fabs(sum);
    }
    run_forward(session, logits);
    return fabs((double) logits[targets[0].output]) + fabs((double) logits[targets[1].output]);
}

static void check_case(struct vit_session *session, const struct vit_model *model, const char *name,
                       const json_t *description, double tolerance) {
    float pixels[INPUT];
    float patches[PATCHES];
    float neurons[TOKENS * MLP];
    struct vitlrp_ledger_entry ledger[64];
    struct vitlrp_error err = {0};
    struct vitlrp_rules rules = rules_of(description);
    struct vitlrp_target targets[2] = {
        {(int32_t) json_integer_value(json_object_get(description, "target")), 1.0F}, {0, -1.0F}};
    const json_t *minus = json_object_get(description, "minus");
    targets[1].output = (int32_t) json_integer_value(minus);
    struct vit_relevance relevance = {.pixels = pixels,
                                      .patches = patches,
                                      .neurons = neurons,
                                      .neurons_block = 1,
                                      .ledger = ledger};
    assert_true(vit_ledger_length(model) <= 64);
    if (vit_relevance(session, targets, minus == NULL ? 1 : 2, &rules, &relevance, &err) !=
        VITLRP_OK) {
        fail_msg("%s: %s", name, err.message);
    }
    double error = case_error("relevance", name, 3, pixels, INPUT);
    double patch_error = case_error("patches", name, 1, patches, PATCHES);
    if (!(error < tolerance) || !(patch_error < tolerance)) {
        fail_msg("%s: relative error %g of the pixels, %g of the patches", name, error,
                 patch_error);
    }
    if (strcmp(name, "attnlrp_paper") == 0) {
        char file[] = "attnlrp_paper_block1_fc1";
        assert_true(case_error("neurons", file, 2, neurons, TOKENS * MLP) < tolerance);
    }
    double sum = json_number_value(json_object_get(description, "sum"));
    assert_true(fabs(relevance.sum - sum) <
                tolerance * size_of_sum(session, sum, targets, minus != NULL));
    check_ledger(name, &relevance, vit_ledger_length(model));
}

/* Every LRP case of expected.json, after one forward pass. */
static void check_all_cases(const struct vit_session_options *options, double tolerance) {
    char path[512];
    float logits[CLASSES];
    json_t *expected = NULL;
    struct vitlrp_error err = {0};
    const char *name;
    json_t *description;
    size_t checked = 0;
    snprintf(path, sizeof path, "%s/golden/parity/expected.json", TEST_DATA);
    assert_int_equal(json_read_object(path, (size_t) 1 << 20, &expected, &err), VITLRP_OK);
    struct vit_model *model = expect_parity("timm.safetensors");
    struct vit_session *session = open_session_with(model, options);
    run_forward(session, logits);
    json_object_foreach(json_object_get(expected, "cases"), name, description) {
        if (json_object_get(description, "gamma") != NULL) {
            check_case(session, model, name, description, tolerance);
            checked++;
        }
    }
    assert_int_equal(checked, 7);
    vit_session_close(session);
    vit_model_free(model);
    json_decref(expected);
}

static void test_relevance_cases(void **unused) {
    (void) unused;
    check_all_cases(&(struct vit_session_options){.threads = 1, .backend = "openblas"}, 1e-4);
}

static void test_relevance_cases_with_all_tokens(void **unused) {
    (void) unused;
    check_all_cases(
        &(struct vit_session_options){
            .threads = 3, .keep_all_tokens = true, .backend = "openblas", .many_passes = true},
        1e-4);
}

/* The same with oneDNN; a build without it must say so. */
static void test_relevance_cases_with_onednn(void **unused) {
    const struct gemm_backend *backend = NULL;
    struct vitlrp_error err = {0};
    (void) unused;
    if (gemm_backend_find("onednn", &backend, &err) == VITLRP_OK) {
        struct vit_session_options options = {.threads = 1, .backend = "onednn"};
        check_all_cases(&options, 1e-4);
        options.threads = 2;
        options.keep_all_tokens = true;
        options.many_passes = true;
        check_all_cases(&options, 1e-4);
    } else {
        assert_non_null(strstr(err.message, "onednn was not found"));
    }
}

/* Fewer bits cost what the documentation says. Where the processor has no such instructions,
 * float32 takes their place and is within these bounds all the more. */
static void test_relevance_cases_in_fewer_bits(void **unused) {
    struct vit_session_options options = {
        .threads = 1, .backend = "auto", .precision = VITLRP_PRECISION_MIXED, .keep_totals = true};
    (void) unused;
    check_all_cases(&options, 1e-3);
    options.threads = 2;
    options.many_passes = true;
    check_all_cases(&options, 1e-3);
    options.precision = VITLRP_PRECISION_BF16;
    check_all_cases(&options, 2e-2);
    options.precision = VITLRP_PRECISION_BF16X3;
    check_all_cases(&options, 1e-4);
}

/* gamma = infinity is the limit of large gammas, and stays finite where gamma itself would
 * overflow. */
static void test_gamma_infinity_is_the_limit(void **unused) {
    static const float gammas[] = {INFINITY, 1e6F, 3e38F};
    float maps[3][INPUT];
    float logits[CLASSES];
    struct vitlrp_error err = {0};
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    struct vit_session *session = open_session(model, 1, false);
    run_forward(session, logits);
    for (size_t i = 0; i < 3; i++) {
        float g = gammas[i];
        struct vitlrp_rules rules = {VITLRP_ATTENTION_ATTNLRP, {g, g, g, g, g, g}, 0.0F, 0.0F};
        struct vit_relevance relevance = {.pixels = maps[i]};
        assert_int_equal(
            vit_relevance(session, &(struct vitlrp_target){8, 1.0F}, 1, &rules, &relevance, &err),
            VITLRP_OK);
    }
    assert_true(relative_error(maps[1], maps[0], INPUT) < 1e-4);
    assert_true(relative_error(maps[2], maps[0], INPUT) < 1e-6);
    vit_session_close(session);
    vit_model_free(model);
}

/* The plain gradient through the same backward pass, and R = x G. */
static void test_input_x_gradient(void **unused) {
    float pixels[INPUT];
    float input_g[INPUT];
    float logits[CLASSES];
    struct vitlrp_error err = {0};
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    struct vit_session *session = open_session(model, 1, false);
    run_forward(session, logits);
    struct vit_relevance relevance = {.pixels = pixels, .input_g = input_g};
    assert_int_equal(
        vit_relevance(session, &(struct vitlrp_target){8, 1.0F}, 1, NULL, &relevance, &err),
        VITLRP_OK);
    double error = case_error("relevance", "input_x_gradient", 3, pixels, INPUT);
    if (!(error < 1e-4)) {
        fail_msg("relative error %g", error);
    }
    float *input = golden_read("parity/input.npy", 3, INPUT);
    for (size_t i = 0; i < INPUT; i++) {
        assert_true(pixels[i] == input[i] * input_g[i]);
    }
    mem_free(input);
    vit_session_close(session);
    vit_model_free(model);
}

static void test_same_input_same_bits(void **unused) {
    float maps[2][INPUT];
    float logits[CLASSES];
    struct vitlrp_error err = {0};
    struct vitlrp_rules rules = {
        VITLRP_ATTENTION_ATTNLRP, {0.25F, 0.1F, 0.1F, 0.05F, 0.05F, 0.05F}, 0.0F, 0.0F};
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    for (size_t i = 0; i < 2; i++) {
        struct vit_session *session = open_session(model, 2, false);
        for (size_t repeat = 0; repeat <= i; repeat++) {
            run_forward(session, logits);
            struct vit_relevance relevance = {.pixels = maps[i]};
            assert_int_equal(vit_relevance(session, &(struct vitlrp_target){3, 1.0F}, 1, &rules,
                                           &relevance, &err),
                             VITLRP_OK);
        }
        vit_session_close(session);
    }
    assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
    vit_model_free(model);
}

/* What several attributions of a forward pass share is kept on request, and changes no bit: not for
 * another gamma, not after another input. */
static void test_kept_totals_change_nothing(void **unused) {
    static const float gammas[] = {0.05F, 1.0F, 0.0F, INFINITY};
    float maps[2][INPUT];
    float logits[CLASSES];
    struct vitlrp_error err = {0};
    struct vit_session *sessions[2] = {NULL, NULL};
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    float *input = golden_read("parity/input.npy", 3, INPUT);
    for (size_t i = 0; i < 2; i++) {
        struct vit_session_options options = {
            .threads = 1, .keep_totals = i == 1, .backend = "auto"};
        assert_int_equal(vit_session_open(model, &options, &sessions[i], &err), VITLRP_OK);
    }
    for (size_t round = 0; round < 8; round++) {
        float g = gammas[round % 4];
        struct vitlrp_rules rules = {
            VITLRP_ATTENTION_ATTNLRP, {0.25F, g, 0.0F, g, g, g}, 0.0F, 0.0F};
        struct vitlrp_target target = {(int32_t) round, 1.0F};
        for (size_t i = 0; i < 2; i++) {
            struct vit_relevance relevance = {.pixels = maps[i]};
            if (round % 4 == 0) {
                assert_int_equal(vit_forward(sessions[i], input, logits, &err), VITLRP_OK);
            }
            assert_int_equal(vit_relevance(sessions[i], &target, 1, &rules, &relevance, &err),
                             VITLRP_OK);
        }
        assert_memory_equal(maps[0], maps[1], sizeof maps[0]);
        input[round] += 1.0F;
    }
    vit_session_close(sessions[0]);
    vit_session_close(sessions[1]);
    mem_free(input);
    vit_model_free(model);
}

static void test_requests_out_of_range_are_refused(void **unused) {
    float logits[CLASSES];
    float pixels[INPUT];
    struct vitlrp_error err = {0};
    struct vitlrp_rules rules = {0};
    struct vit_relevance relevance = {.pixels = pixels};
    (void) unused;
    struct vit_model *model = expect_parity("timm.safetensors");
    struct vit_session *session = open_session(model, 1, false);
    struct vitlrp_target target = {0, 1.0F};
    assert_int_equal(vit_relevance(session, &target, 1, &rules, &relevance, &err), VITLRP_USAGE);
    run_forward(session, logits);
    assert_int_equal(vit_relevance(session, &target, 0, &rules, &relevance, &err), VITLRP_USAGE);
    target.output = CLASSES;
    assert_int_equal(vit_relevance(session, &target, 1, &rules, &relevance, &err), VITLRP_USAGE);
    assert_int_equal(vit_block_output(session, 2, pixels, &err), VITLRP_USAGE);
    float *input = golden_read("parity/input.npy", 3, INPUT);
    input[7] = NAN;
    assert_int_equal(vit_forward(session, input, logits, &err), VITLRP_NUMERIC);
    mem_free(input);
    struct vit_session_options options = {.threads = 1, .input_height = 33, .backend = "auto"};
    struct vit_session_size size = {0};
    assert_int_equal(vit_session_measure(model, &options, &size, &err), VITLRP_MISMATCH);
    vit_session_close(session);
    vit_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_of_every_file),
        cmocka_unit_test(test_a_flipped_weight_is_seen),
        cmocka_unit_test(test_block_outputs),
        cmocka_unit_test(test_relevance_cases),
        cmocka_unit_test(test_relevance_cases_with_all_tokens),
        cmocka_unit_test(test_relevance_cases_with_onednn),
        cmocka_unit_test(test_relevance_cases_in_fewer_bits),
        cmocka_unit_test(test_gamma_infinity_is_the_limit),
        cmocka_unit_test(test_input_x_gradient),
        cmocka_unit_test(test_same_input_same_bits),
        cmocka_unit_test(test_kept_totals_change_nothing),
        cmocka_unit_test(test_requests_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
