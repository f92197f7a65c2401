/* f29: tokens and work are limits, told before the work. */
#include <math.h>
#include <string.h>

#include "support/load_checks.h"
#include "support/unit.h"
#include "vit/methods/method.h"
#include "vit/program/work.h"
#include "vitlrp.h"

/* A model of so many patches a side, each of one pixel, with these limits. */
static struct vit_model *model_of(int32_t side, int32_t depth,
                                  const struct vitlrp_model_limits *limits) {
    struct vit_config config = small_config();
    struct vit_model *model = NULL;
    config.patch_height = config.patch_width = 1;
    config.image_height = config.image_width = config.grid_height = config.grid_width = side;
    config.depth = depth;
    assert_int_equal(vit_model_random(&config, 1, &model, NULL), VITLRP_OK);
    model->limits = *limits;
    return model;
}

static enum vitlrp_status open_for(const struct vit_model *model, const char *method,
                                   struct vit_attributor **out, struct vitlrp_error *err) {
    const struct vit_method *methods[] = {vit_method_find(method)};
    struct vit_attributor_options options = {
        .threads = 1, .backend = "openblas", .methods = methods, .method_count = 1};
    *out = NULL;
    return vit_attributor_open(model, &options, out, err);
}

static void test_f29_tokens(void **unused) {
    struct vitlrp_model_limits limits = vit_load_limits_default();
    struct vitlrp_error err = {0};
    struct vit_attributor *attributor;
    (void) unused;
    struct vit_model *model = model_of(181, 1, &limits);
    assert_int_equal(open_for(model, "attnlrp", &attributor, &err), VITLRP_LIMIT);
    assert_non_null(strstr(err.message, "181 x 181 pixels (width x height) has 32762 tokens, more "
                                        "than the limit of 20000 tokens"));
    vit_model_free(model);
    limits.max_tokens = 5;
    model = model_of(2, 1, &limits);
    assert_int_equal(open_for(model, "attnlrp", &attributor, &err), VITLRP_OK);
    vit_attributor_close(attributor);
    vit_model_free(model);
    limits.max_tokens = 4;
    model = model_of(2, 1, &limits);
    assert_int_equal(open_for(model, "occlusion", &attributor, &err), VITLRP_LIMIT);
    vit_model_free(model);
}

/* Few tokens, many blocks. */
static void test_f29_operations(void **unused) {
    struct vitlrp_model_limits limits = vit_load_limits_default();
    struct vitlrp_error err = {0};
    struct vit_attributor *attributor;
    (void) unused;
    limits.max_operations = 50000000;
    struct vit_model *model = model_of(10, 4, &limits);
    assert_int_equal(open_for(model, "attnlrp", &attributor, &err), VITLRP_OK);
    vit_attributor_close(attributor);
    vit_model_free(model);
    model = model_of(10, 40, &limits);
    assert_int_equal(open_for(model, "attnlrp", &attributor, &err), VITLRP_LIMIT);
    assert_non_null(strstr(err.message, "operations, more than the limit of 5e+07 operations"));
    vit_model_free(model);
}

/* A pass that is allowed, as often as there are patches or samples. */
static void test_f29_methods_times_patches(void **unused) {
    static const char *const METHODS[] = {"occlusion", "rise", "integrated-gradients"};
    struct vitlrp_model_limits limits = vit_load_limits_default();
    struct vitlrp_error err = {0};
    float input[3 * 40 * 40] = {0};
    float patches[40 * 40];
    const struct vitlrp_target target = {0, 1.0F};
    (void) unused;
    struct vit_model *model = model_of(40, 1, &limits);
    for (size_t i = 0; i < 3; i++) {
        struct vit_attributor *attributor;
        struct vitlrp_method_options options;
        const struct vit_method *method = vit_method_find(METHODS[i]);
        vit_method_defaults(method, &options);
        options.samples = 1600;
        model->limits.max_operations = limits.max_operations;
        assert_int_equal(open_for(model, METHODS[i], &attributor, &err), VITLRP_OK);
        assert_int_equal(vit_attributor_forward(attributor, input, NULL, &err), VITLRP_OK);
        struct vit_method_request request = {.input = input,
                                             .targets = &target,
                                             .target_count = 1,
                                             .options = &options,
                                             .patches = patches};
        double pass = vit_session_work(vit_attributor_session(attributor));
        model->limits.max_operations = (int64_t) (1.5 * pass);
        assert_int_equal(vit_attributor_run(attributor, method, &request, &err), VITLRP_LIMIT);
        assert_non_null(strstr(err.message, "needs 1600 forward passes of"));
        vit_attributor_close(attributor);
    }
    vit_model_free(model);
}

/* Twice the tokens: four times the attention, twice the rest. */
static void test_work_grows(void **unused) {
    struct vitlrp_model_limits limits = vit_load_limits_default();
    double work[3];
    (void) unused;
    for (int32_t i = 0; i < 3; i++) {
        struct program *program = NULL;
        const struct program_request request = {.keeps = true};
        struct vit_model *model = model_of(16 << i, 4, &limits);
        assert_int_equal(program_open(model, &request, &program, NULL), VITLRP_OK);
        work[i] = work_forward(program);
        program_close(program);
        vit_model_free(model);
    }
    assert_true(work[1] > 8.0 * work[0] && work[1] < 16.0 * work[0]);
    assert_true(work[2] > 14.0 * work[1] && work[2] < 16.0 * work[1]);
}

/* What a program is told before it begins. */
static void test_f29_public(void **unused) {
    struct vitlrp_model *model = NULL;
    struct vitlrp_session *session = NULL;
    struct vitlrp_session_options options;
    struct vitlrp_method_options method;
    struct vitlrp_error error;
    double operations[3] = {0};
    (void) unused;
    vitlrp_session_options_init(&options);
    options.methods = "attnlrp,occlusion";
    assert_int_equal(vitlrp_model_open_builtin(NULL, &model, &error), VITLRP_OK);
    assert_int_equal(vitlrp_session_open(model, &options, &session, &error), VITLRP_OK);
    assert_int_equal(vitlrp_method_options_init(&method, "attnlrp", &error), VITLRP_OK);
    for (int32_t i = 0; i < 3; i++) {
        assert_int_equal(vitlrp_session_operations(session, &method, i, &operations[i], &error),
                         VITLRP_OK);
    }
    assert_true(operations[0] > vitlrp_session_forward_flops(session));
    assert_true(operations[0] < 2.0 * vitlrp_session_forward_flops(session));
    assert_true(fabs(operations[1] - 4.0 * operations[0]) < 1e-6 * operations[1]);
    assert_true(fabs(operations[2] - 7.0 * operations[0]) < 1e-6 * operations[2]);
    assert_int_equal(vitlrp_session_operations(session, &method, -1, operations, &error),
                     VITLRP_USAGE);
    vitlrp_session_close(session);
    vitlrp_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f29_tokens), cmocka_unit_test(test_f29_operations),
        cmocka_unit_test(test_f29_methods_times_patches), cmocka_unit_test(test_work_grows),
        cmocka_unit_test(test_f29_public)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
