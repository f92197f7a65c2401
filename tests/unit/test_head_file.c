/* Heads in files of their own: their names, what their shapes say, and what is refused. */
#include <string.h>

#include "support/load_checks.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 8, CLASSES = 4 };

/* Loads a small model with that head; `blocks` of them. */
static enum vitlrp_status load_with(const struct scratch *scratch, const struct pth_list *head,
                                    int32_t blocks, struct vit_model **out,
                                    struct vitlrp_error *err) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    char path[256];
    config.depth = blocks;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &bytes);
    safetensors_write(scratch, "head.file", head);
    scratch_path(scratch, "head.file", path, sizeof path);
    const struct vit_load_options options = {.heads = 2, .head = path};
    enum vitlrp_status status =
        vit_model_load_memory(bytes.data, bytes.size, "m", &options, out, err);
    bytes_free(&bytes);
    return status;
}

static struct pth_list head_of(const char *weight, const char *bias, size_t inputs) {
    struct pth_list list = {.count = 0};
    pth_add(&list, weight, CLASSES, inputs, 0, 0);
    if (bias != NULL) {
        pth_add(&list, bias, CLASSES, 0, 0, 0);
    }
    return list;
}

static struct vit_model *expect_head(const struct scratch *scratch, const struct pth_list *head,
                                     int32_t blocks) {
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    if (load_with(scratch, head, blocks, &model, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(model->config.classes, CLASSES);
    assert_int_equal(model->outputs, VITLRP_OUTPUTS_CLASSES);
    assert_true(model->head_given);
    return model;
}

/* Under every name the weights are those of the file, and records name its bytes. */
static void test_names(void **unused) {
    static const char *const NAMES[][2] = {{"weight", "bias"},
                                           {"head.weight", "head.bias"},
                                           {"linear_head.weight", "linear_head.bias"},
                                           {"classifier.weight", "classifier.bias"},
                                           {"fc.weight", "fc.bias"},
                                           {"1.weight", "1.bias"},
                                           {"module.head.weight", "module.head.bias"},
                                           {"_orig_mod.fc.weight", "_orig_mod.fc.bias"},
                                           {"head.weight", NULL}};
    struct scratch scratch = scratch_open();
    (void) unused;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        struct pth_list head = head_of(NAMES[i][0], NAMES[i][1], DIM);
        struct vit_model *model = expect_head(&scratch, &head, 2);
        for (size_t k = 0; k < CLASSES * DIM; k++) {
            assert_true(model->weights.head_weight[k] == pth_value(NAMES[i][0], k));
        }
        assert_true((model->weights.head_bias == NULL) == (NAMES[i][1] == NULL));
        assert_int_equal(model->config.pool, VIT_POOL_CLS);
        assert_int_equal(model->origin.sidecar_count, 1);
        assert_string_equal(model->origin.sidecars[0].name, "head");
        assert_true(model->origin.sidecars[0].bytes.size > CLASSES * DIM * sizeof(float));
        vit_model_free(model);
    }
    scratch_close(&scratch);
}

static void test_shapes(void **unused) {
    struct scratch scratch = scratch_open();
    (void) unused;
    struct pth_list head = head_of("weight", "bias", 2 * DIM);
    struct vit_model *model = expect_head(&scratch, &head, 2);
    assert_int_equal(model->config.pool, VIT_POOL_CLS_MEAN);
    assert_int_equal(model->config.taps, 0);
    vit_model_free(model);
    head = head_of("weight", "bias", 5 * DIM);
    model = expect_head(&scratch, &head, 4);
    assert_int_equal(model->config.pool, VIT_POOL_CLS_MEAN);
    assert_int_equal(model->config.taps, 3);
    vit_model_free(model);
    scratch_close(&scratch);
}

static void expect_refused_head(const struct scratch *scratch, const struct pth_list *head,
                                enum vitlrp_status wanted, const char *word) {
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    enum vitlrp_status status = load_with(scratch, head, 3, &model, &err);
    if (status != wanted || strstr(err.message, word) == NULL) {
        fail_msg("status %d, wanted %d; '%s' in: %s", status, wanted, word, err.message);
    }
    assert_null(model);
}

static void test_refused(void **unused) {
    struct scratch scratch = scratch_open();
    (void) unused;
    struct pth_list head = head_of("weight", "bias", 3 * DIM);
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "the head has 24 inputs");
    head = head_of("weight", "bias", DIM + 1);
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "the head has 9 inputs");
    head = head_of("weight", "bias", 5 * DIM); /* of three blocks */
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "reads 4 blocks");
    head = head_of("linear.weight", "linear.bias", 2 * DIM); /* DINO's: interleaved */
    expect_refused_head(&scratch, &head, VITLRP_UNSUPPORTED,
                        "'linear.weight' is no part of a head");
    head = head_of("weight", "head.bias", DIM);
    pth_add(&head, "fc.weight", CLASSES, DIM, 0, 0);
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "for the same place");
    head = (struct pth_list){.count = 0};
    pth_add(&head, "bias", CLASSES, 0, 0, 0);
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "'weight' is missing");
    head = head_of("2.weight", "2.bias", DIM); /* two layers: nothing states the activation */
    pth_add(&head, "0.weight", DIM, DIM, 0, 0);
    expect_refused_head(&scratch, &head, VITLRP_MISMATCH, "the activation between them");
    scratch_close(&scratch);
}

/* A told activation that no head can have is a fault of the caller's. */
static void test_activation(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    struct vit_load_options options = {.heads = 2, .head_activation = "tanh"};
    (void) unused;
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &bytes);
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err),
                     VITLRP_USAGE);
    options.head_activation = "silu";
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err),
                     VITLRP_USAGE);
    assert_null(model);
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_activation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
