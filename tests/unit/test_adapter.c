/* LoRA adapters beside a model: what is added to a weight is alpha / rank times B A, other weights
 * keep their bits, and what is no plain LoRA is refused by name. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "support/load_checks.h"
#include "vit/model/weights.h"
#include "vitlrp.h"

#include "support/unit.h"

enum { DIM = 8, MLP = 16, RANK = 2 };

#define LAYER "base_model.model.blocks.1.attn.proj"
#define PLAIN_KEYS                                                                                 \
    "\"peft_type\": \"LORA\", \"r\": 2, \"bias\": \"none\", \"use_dora\": false, "                 \
    "\"rank_pattern\": {}, \"layer_replication\": null, \"eva_config\": [], "                      \
    "\"init_lora_weights\": true"

/* A model of two blocks, and an adapter of one layer. */
static void write_files(const struct scratch *scratch, struct pth_list *adapter) {
    static struct pth_list model;
    struct vit_config config = small_config();
    pth_timm(&model, &config);
    safetensors_write(scratch, "model.safetensors", &model);
    adapter->count = 0;
    pth_add(adapter, LAYER ".lora_A.weight", RANK, DIM, 0, 0);
    pth_add(adapter, LAYER ".lora_B.weight", DIM, RANK, 0, 0);
    safetensors_write(scratch, "lora/adapter_model.safetensors", adapter);
}

static enum vitlrp_status load(const struct scratch *scratch, bool adapted,
                               struct vit_model **model, struct vitlrp_error *err) {
    char path[256];
    char adapter[256];
    scratch_path(scratch, "model.safetensors", path, sizeof path);
    scratch_path(scratch, "lora", adapter, sizeof adapter);
    const struct vit_load_options options = {.heads = 2, .adapter_path = adapted ? adapter : NULL};
    *model = NULL;
    return vit_model_load(path, &options, model, err);
}

/* Scale B A, of row and column. */
static double product_at(double scale, size_t row, size_t column) {
    double sum = 0.0;
    for (size_t k = 0; k < RANK; k++) {
        sum += scale * (double) pth_value(LAYER ".lora_B.weight", row * RANK + k) *
               (double) pth_value(LAYER ".lora_A.weight", k * DIM + column);
    }
    return sum;
}

static void check_merged(const struct vit_model *plain, const struct vit_model *adapted,
                         double scale) {
    const float *before = slot_data(plain, SLOT_PROJ_WEIGHT, 1);
    const float *after = slot_data(adapted, SLOT_PROJ_WEIGHT, 1);
    double largest = 0.0;
    for (size_t i = 0; i < DIM * DIM; i++) {
        double added = product_at(scale, i / DIM, i % DIM);
        assert_true(fabs((double) after[i] - (double) before[i] - added) < 1e-6);
        largest = fmax(largest, fabs(added));
    }
    assert_true(largest > 1e-4);
    assert_memory_equal(slot_data(plain, SLOT_PROJ_WEIGHT, 0),
                        slot_data(adapted, SLOT_PROJ_WEIGHT, 0), DIM * DIM * sizeof(float));
    assert_memory_equal(slot_data(plain, SLOT_FC1_WEIGHT, 1),
                        slot_data(adapted, SLOT_FC1_WEIGHT, 1), MLP * DIM * sizeof(float));
}

static void test_merged(void **unused) {
    static const struct {
        const char *config;
        double scale;
    } CASES[] = {
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6}", 6.0 / RANK},
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6, \"use_rslora\": true}", 6.0 / 1.41421356237309505}};
    struct scratch scratch = scratch_open();
    struct pth_list adapter;
    struct vit_model *plain;
    struct vitlrp_error err = {0};
    (void) unused;
    write_files(&scratch, &adapter);
    assert_int_equal(load(&scratch, false, &plain, &err), VITLRP_OK);
    for (size_t i = 0; i < 2; i++) {
        struct vit_model *adapted;
        scratch_text(&scratch, "lora/adapter_config.json", CASES[i].config);
        if (load(&scratch, true, &adapted, &err) != VITLRP_OK) {
            fail_msg("%s", err.message);
        }
        check_merged(plain, adapted, CASES[i].scale);
        vit_model_free(adapted);
    }
    vit_model_free(plain);
    scratch_close(&scratch);
}

#define QKV "base_model.model.blocks.0.attn.qkv"

/* What the model's file stores its weights as, not what they are merged as. */
static void test_stored_type(void **unused) {
    static struct pth_list model;
    struct vit_config config = small_config();
    struct scratch scratch = scratch_open();
    struct pth_list adapter;
    struct vit_model *adapted;
    struct vitlrp_error err = {0};
    struct bytes bytes;
    (void) unused;
    write_files(&scratch, &adapter);
    pth_timm(&model, &config);
    safetensors_make(&model, "F16", NULL, &bytes);
    scratch_write(&scratch, "model.safetensors", bytes.data, bytes.size);
    bytes_free(&bytes);
    adapter.count = 0;
    pth_add(&adapter, QKV ".lora_A.weight", RANK, DIM, 0, 0);
    pth_add(&adapter, QKV ".lora_B.weight", 3 * DIM, RANK, 0, 0);
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    scratch_text(&scratch, "lora/adapter_config.json", "{" PLAIN_KEYS ", \"lora_alpha\": 6}");
    if (load(&scratch, true, &adapted, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(adapted->stored_as, "F16");
    vit_model_free(adapted);
    scratch_close(&scratch);
}

static void expect_refusal(const struct scratch *scratch, enum vitlrp_status wanted,
                           const char *word) {
    struct vit_model *model;
    struct vitlrp_error err = {0};
    assert_int_equal(load(scratch, true, &model, &err), wanted);
    assert_null(model);
    if (strstr(err.message, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, word);
    }
}

static void test_configurations_that_are_refused(void **unused) {
    static const struct {
        const char *config;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {
        {"{\"lora_alpha\": 6}", VITLRP_UNSUPPORTED, "peft_type is"},
        {"{\"peft_type\": \"IA3\", \"lora_alpha\": 6}", VITLRP_UNSUPPORTED, "IA3"},
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6, \"new_key\": 1}", VITLRP_UNSUPPORTED, "new_key"},
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6, \"loftq_config\": {\"a\": 1}}", VITLRP_UNSUPPORTED,
         "loftq_config"},
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6, \"eva\": [1]}", VITLRP_UNSUPPORTED, "eva"},
        {"{" PLAIN_KEYS ", \"lora_alpha\": 6, \"corda\": \"all\"}", VITLRP_UNSUPPORTED, "corda"},
        {"{\"peft_type\": \"LORA\", \"lora_alpha\": 6, \"init_lora_weights\": \"pissa\"}",
         VITLRP_UNSUPPORTED, "init_lora_weights"},
        {"{" PLAIN_KEYS "}", VITLRP_FORMAT, "lora_alpha"}};
    struct scratch scratch = scratch_open();
    struct pth_list adapter;
    (void) unused;
    write_files(&scratch, &adapter);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        scratch_text(&scratch, "lora/adapter_config.json", CASES[i].config);
        expect_refusal(&scratch, CASES[i].status, CASES[i].word);
    }
    scratch_close(&scratch);
}

/* Of another shape, or for nothing that the model has, or a factor alone. */
static void test_factors_that_are_refused(void **unused) {
    struct scratch scratch = scratch_open();
    struct pth_list adapter;
    (void) unused;
    write_files(&scratch, &adapter);
    scratch_text(&scratch, "lora/adapter_config.json", "{" PLAIN_KEYS ", \"lora_alpha\": 6}");
    pth_reshape(&adapter, LAYER ".lora_A.weight", RANK + 1, DIM, 0, 0);
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    expect_refusal(&scratch, VITLRP_MISMATCH, "do not fit");
    pth_reshape(&adapter, LAYER ".lora_A.weight", RANK, DIM + 1, 0, 0);
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    expect_refusal(&scratch, VITLRP_MISMATCH, "do not fit");
    pth_reshape(&adapter, LAYER ".lora_A.weight", RANK, DIM, 0, 0);
    pth_reshape(&adapter, LAYER ".lora_B.weight", DIM + 1, RANK, 0, 0);
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    expect_refusal(&scratch, VITLRP_MISMATCH, "do not fit");
    pth_remove(&adapter, LAYER ".lora_B.weight");
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    expect_refusal(&scratch, VITLRP_MISMATCH, "");
    scratch_close(&scratch);
}

#define SAVED "base_model.model.heads.head"

/* A module that was trained whole is the adapter's, by a part of its tensors' names: "head" is the
 * second part of torchvision's, behind one that begins alike. */
static void test_saved_module(void **unused) {
    static struct pth_list model;
    struct vit_config config = small_config();
    size_t classes = (size_t) config.classes;
    struct scratch scratch = scratch_open();
    struct pth_list adapter;
    struct vit_model *adapted;
    struct vitlrp_error err = {0};
    (void) unused;
    write_files(&scratch, &adapter);
    pth_torchvision(&model, &config);
    safetensors_write(&scratch, "model.safetensors", &model);
    adapter.count = 0;
    pth_add(&adapter, SAVED ".weight", classes, DIM, 0, 0);
    pth_add(&adapter, SAVED ".bias", classes, 0, 0, 0);
    safetensors_write(&scratch, "lora/adapter_model.safetensors", &adapter);
    scratch_text(&scratch, "lora/adapter_config.json",
                 "{" PLAIN_KEYS ", \"lora_alpha\": 6, \"modules_to_save\": [\"head\"]}");
    if (load(&scratch, true, &adapted, &err) != VITLRP_OK) {
        fail_msg("%s", err.message);
    }
    for (size_t i = 0; i < classes * DIM; i++) {
        assert_true(slot_data(adapted, SLOT_HEAD_WEIGHT, 0)[i] == pth_value(SAVED ".weight", i));
    }
    vit_model_free(adapted);
    scratch_text(&scratch, "lora/adapter_config.json",
                 "{" PLAIN_KEYS ", \"lora_alpha\": 6, \"modules_to_save\": [\"ead\", \"hea\"]}");
    expect_refusal(&scratch, VITLRP_UNSUPPORTED, "no part of a plain LoRA");
    scratch_close(&scratch);
}

/* A model whose file is called as the adapter's is. The hash is of both, in the order of names. */
static void test_files_of_one_name(void **unused) {
    (void) unused;
    struct pth_list adapter;
    struct vitlrp_error err = {0};
    char paths[3][128];
    char digests[3][SHA256_TEXT];
    char lines[512] = "";
    char wanted[SHA256_TEXT];
    char found[SHA256_TEXT];
    struct vitlrp_model *model = NULL;
    struct scratch scratch = scratch_open();
    write_files(&scratch, &adapter);
    scratch_text(&scratch, "lora/adapter_config.json", "{" PLAIN_KEYS ", \"lora_alpha\": 6}");
    scratch_path(&scratch, "model.safetensors", paths[0], sizeof paths[0]);
    scratch_path(&scratch, "adapter_model.safetensors", paths[1], sizeof paths[1]);
    assert_int_equal(rename(paths[0], paths[1]), 0);
    scratch_path(&scratch, "lora/adapter_config.json", paths[0], sizeof paths[0]);
    scratch_path(&scratch, "lora/adapter_model.safetensors", paths[2], sizeof paths[2]);
    for (size_t i = 0; i < 3; i++) {
        struct bytes bytes;
        assert_int_equal(file_read(paths[i], 1 << 20, &bytes, &err), VITLRP_OK);
        assert_int_equal(sha256_bytes(bytes.data, bytes.size, digests[i], &err), VITLRP_OK);
        bytes_free(&bytes);
    }
    snprintf(lines, sizeof lines,
             "%s  adapter_config.json\n%s  adapter_model.safetensors\n"
             "%s  adapter_model.safetensors\n",
             digests[0], digests[1], digests[2]);
    assert_int_equal(sha256_bytes(lines, strlen(lines), wanted, &err), VITLRP_OK);

    struct vitlrp_model_options options;
    vitlrp_model_options_init(&options);
    options.heads = 2;
    scratch_path(&scratch, "lora", paths[0], sizeof paths[0]);
    options.adapter_path = paths[0];
    assert_int_equal(vitlrp_model_open(paths[1], &options, &model, &err), VITLRP_OK);
    assert_int_equal(vitlrp_model_sha256(model, found, &err), VITLRP_OK);
    assert_string_equal(found, wanted);
    vitlrp_model_close(model);
    scratch_close(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_merged),
                                       cmocka_unit_test(test_stored_type),
                                       cmocka_unit_test(test_configurations_that_are_refused),
                                       cmocka_unit_test(test_factors_that_are_refused),
                                       cmocka_unit_test(test_saved_module),
                                       cmocka_unit_test(test_files_of_one_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
