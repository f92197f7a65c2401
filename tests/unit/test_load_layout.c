/* Which tensors make a ViT: what is missing, left over, of another shape or of another architecture
 * is named; what is optional may be absent; what the configuration says is believed. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/load_checks.h"

#include "support/unit.h"

struct edit_case {
    const char *removed; /* NULL: none */
    const char *added;
    size_t shape[4];
    enum vitlrp_status status;
    const char *word;
};

/* What is changed of a model that could be read, and what is said of it then. */
static const struct edit_case EDITS[] = {
    {"blocks.1.attn.qkv.weight",
     NULL,
     {0},
     VITLRP_MISMATCH,
     "'blocks.1.attn.qkv.weight' is missing; it must have shape [24, 8]"},
    {"blocks.0.norm2.bias", NULL, {0}, VITLRP_MISMATCH, "'blocks.0.norm2.bias' is missing"},
    {"patch_embed.proj.weight", NULL, {0}, VITLRP_MISMATCH, "'patch_embed.proj.weight'"},
    {"pos_embed", NULL, {0}, VITLRP_MISMATCH, "'pos_embed' is missing"},
    {"norm.weight", NULL, {0}, VITLRP_MISMATCH, "'norm.weight' is missing"},
    {"norm.bias", NULL, {0}, VITLRP_MISMATCH, "'norm.bias' is missing"},
    {"head.weight", NULL, {0}, VITLRP_MISMATCH, "'head.weight' is missing"},
    {"cls_token", NULL, {0}, VITLRP_MISMATCH, "'cls_token' is missing"},
    {"blocks.1.mlp.fc1.weight",
     "blocks.1.mlp.fc1.weight",
     {17, 8},
     VITLRP_MISMATCH,
     "'blocks.1.mlp.fc1.weight' has shape [17, 8] instead of [16, 8]"},
    {"blocks.0.attn.qkv.weight",
     "blocks.0.attn.qkv.weight",
     {8, 24},
     VITLRP_MISMATCH,
     "has shape [8, 24] instead of [24, 8]"},
    {"blocks.0.norm1.weight",
     "blocks.0.norm1.weight",
     {8, 1},
     VITLRP_MISMATCH,
     "has shape [8, 1] instead of [8]"},
    {"patch_embed.proj.weight",
     "patch_embed.proj.weight",
     {8, 2, 4, 4},
     VITLRP_MISMATCH,
     "has shape [8, 2, 4, 4] instead of [8, 3, 4, 4]"},
    {"cls_token", "cls_token", {1, 1, 9}, VITLRP_MISMATCH, "'cls_token'"},
    {"head.bias", "head.bias", {4}, VITLRP_MISMATCH, "has shape [4] instead of [3]"},
    {"pos_embed", "pos_embed", {1, 8, 8}, VITLRP_MISMATCH, "no square of patches"},
    {NULL,
     "blocks.0.layer_scale1.lambda1",
     {8},
     VITLRP_UNSUPPORTED,
     "tensor 'blocks.0.layer_scale1.lambda1' (LayerScale) is not supported yet"},
    {NULL, "blocks.0.ls1.gamma", {7}, VITLRP_MISMATCH, "has shape [7] instead of [8]"},
    {NULL, "dist_token", {1, 1, 8}, VITLRP_MISMATCH, "5 position embeddings are no square"},
    {NULL, "head_dist.weight", {3, 8}, VITLRP_MISMATCH, "'dist_token' is missing"},
    {NULL, "norm_pre.weight", {8}, VITLRP_MISMATCH, "'norm_pre.bias' is missing"},
    {NULL, "fc_norm.weight", {8}, VITLRP_MISMATCH, "nothing states which is used"},
    {NULL, "blocks.0.mlp.w12.weight", {16, 8}, VITLRP_MISMATCH, "for the same place"},
    {NULL, "blocks.0.mlp.fc1_g.weight", {16, 8}, VITLRP_MISMATCH, "for the same place"},
    {NULL, "blocks.0.attn.q_proj.weight", {8, 8}, VITLRP_MISMATCH, "for the same place"},
    {NULL, "blocks.0.mlp.fc1_y.weight", {16, 8}, VITLRP_UNSUPPORTED, "no part of"},
    {NULL,
     "blocks.0.attn.q_norm.weight",
     {4},
     VITLRP_MISMATCH,
     "'blocks.1.attn.q_norm.weight' is missing"},
    {NULL, "blocks.0.attn.relative_position_index", {4}, VITLRP_MISMATCH, "but no table of them"},
    {NULL, "rope.freqs", {2, 2, 2, 3}, VITLRP_MISMATCH, "heads of size 4 (2 of dim 8) do not suit"},
    {NULL, "rope_embed.periods", {2}, VITLRP_MISMATCH, "heads of size 4 (2 of dim 8) do not suit"},
    {NULL, "blocks.0.attn.lambda_q1", {2}, VITLRP_MISMATCH, "'blocks.1.attn.lambda_q1' is missing"},
    {NULL, "blocks.0.attn.lambda_a", {1}, VITLRP_UNSUPPORTED, "differential attention"},
    {NULL, "pre_logits.fc.weight", {8, 8}, VITLRP_UNSUPPORTED, "a layer before the head"},
    {NULL, "something.else", {8}, VITLRP_UNSUPPORTED, "'something.else' (no part of"},
    {NULL, "blocks.00.norm1.weight", {8}, VITLRP_UNSUPPORTED, "'blocks.00.norm1.weight'"},
    {NULL, "blocks.99999.norm1.weight", {8}, VITLRP_UNSUPPORTED, "no part of"},
    {NULL, "blocks.-1.norm1.weight", {8}, VITLRP_UNSUPPORTED, "no part of"},
    {NULL, "blocks..norm1.weight", {8}, VITLRP_UNSUPPORTED, "no part of"},
    {NULL, "blocks.3.norm1.weight", {8}, VITLRP_MISMATCH, "'blocks.2.norm1.weight' is missing"},
    {NULL, "model.cls_token", {1, 1, 8}, VITLRP_MISMATCH, "for the same place"},
};

static void test_edited_models(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    for (size_t i = 0; i < sizeof EDITS / sizeof EDITS[0]; i++) {
        const struct edit_case *edit = &EDITS[i];
        struct pth_list list;
        struct bytes bytes;
        pth_timm(&list, &config);
        if (edit->removed != NULL) {
            pth_remove(&list, edit->removed);
        }
        if (edit->added != NULL) {
            pth_add(&list, edit->added, edit->shape[0], edit->shape[1], edit->shape[2],
                    edit->shape[3]);
        }
        safetensors_make(&list, "F32", NULL, &bytes);
        expect_refused_free(&bytes, edit->status, edit->word);
    }
}

static void test_other_networks(void **unused) {
    (void) unused;
    struct pth_list list = {.count = 0};
    struct bytes bytes;
    pth_add(&list, "conv1.weight", 4, 3, 7, 7);
    pth_add(&list, "bn1.weight", 4, 0, 0, 0);
    pth_add(&list, "layer1.0.conv1.weight", 4, 4, 3, 3);
    pth_add(&list, "fc.weight", 3, 4, 0, 0);
    pth_make(&list, &(struct pth_options){0}, &bytes);
    expect_refused_free(&bytes, VITLRP_UNSUPPORTED,
                        "first tensors: 'conv1.weight' 'bn1.weight' 'layer1.0.conv1.weight'");
    list.count = 0;
    pth_add(&list, "cls_token", 1, 1, 8, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "'patch_embed.proj.weight' is missing");
    /* Both names of torchvision's MLP at once. */
    struct vit_config config = small_config();
    pth_torchvision(&list, &config);
    pth_add(&list, "encoder.layers.encoder_layer_0.mlp.linear_1.bias", 16, 0, 0, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "for the same place");
}

static void test_optional_parts(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    pth_timm(&list, &config);
    pth_remove(&list, "blocks.0.attn.qkv.bias");
    pth_remove(&list, "blocks.1.attn.qkv.bias");
    pth_reshape(&list, "pos_embed", 1, 4, 8, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_null(model->weights.blocks[0].qkv_bias);
    assert_null(model->weights.blocks[1].qkv_bias);
    for (size_t i = 0; i < 32; i++) {
        assert_true(i >= 8 || model->weights.position[i] == 0.0F);
        assert_true(model->weights.position[8 + i] == pth_value("pos_embed", i));
    }
    assert_int_equal(model->config.grid_height, 2);
    vit_model_free(model);
}

/* A grid of one patch is a square too. */
static void test_one_patch(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    pth_timm(&list, &config);
    pth_reshape(&list, "pos_embed", 1, 2, 8, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_int_equal(model->config.grid_height, 1);
    assert_int_equal(model->config.grid_width, 1);
    vit_model_free(model);
}

/* LayerScale, in timm's naming and in DeiT's: an operation of its own where it is there, 1 in the
 * blocks that lack it. */
static void test_layer_scale(void **unused) {
    static const char *const names[] = {"blocks.1.ls2.gamma", "blocks.1.gamma_2"};
    (void) unused;
    for (size_t n = 0; n < 2; n++) {
        struct vit_config config = small_config();
        struct pth_list list;
        struct bytes bytes;
        pth_timm(&list, &config);
        pth_add(&list, names[n], 8, 0, 0, 0);
        safetensors_make(&list, "F32", NULL, &bytes);
        struct vit_model *model = expect_loaded_free(&bytes, 2);
        for (size_t i = 0; i < 8 * 16; i++) {
            assert_true(model->weights.blocks[1].fc2_weight[i] ==
                        pth_value("blocks.1.mlp.fc2.weight", i));
        }
        for (size_t i = 0; i < 8; i++) {
            assert_true(model->weights.blocks[1].fc2_scale[i] == pth_value(names[n], i));
            assert_true(model->weights.blocks[0].fc2_scale[i] == 1.0F);
        }
        assert_null(model->weights.blocks[0].proj_scale);
        vit_model_free(model);
    }
}

struct metadata_case {
    const char *metadata;
    enum vitlrp_status status;
    const char *word;
};

static void test_metadata(void **unused) {
    static const struct metadata_case refused[] = {
        {"{", VITLRP_FORMAT, "\"vitlrp\" metadata: not valid JSON"},
        {"[]", VITLRP_FORMAT, "not a JSON object"},
        {"{\"architecture\":\"swin\"}", VITLRP_UNSUPPORTED, "swin"},
        {"{\"pool\":\"median\"}", VITLRP_UNSUPPORTED, "median"},
        {"{\"activation\":\"tanh\"}", VITLRP_UNSUPPORTED, "activation"},
        {"{\"num_heads\":0}", VITLRP_MISMATCH, "num_heads"},
        {"{\"num_heads\":\"2\"}", VITLRP_MISMATCH, "num_heads"},
        {"{\"layer_norm_eps\":-1}", VITLRP_MISMATCH, "layer_norm_eps"},
        {"{\"layer_norm_eps\":\"x\"}", VITLRP_MISMATCH, "layer_norm_eps"},
        {"{\"image_size\":12}", VITLRP_MISMATCH, "do not fit a 12x12 input"},
        {"{\"image_size\":[8]}", VITLRP_MISMATCH, "image_size"},
        {"{\"image_size\":0}", VITLRP_MISMATCH, "image_size"},
        {"{\"image_size\":2}", VITLRP_MISMATCH, "do not fit"},
    };
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        pth_timm(&list, &config);
        safetensors_make(&list, "F32", refused[i].metadata, &bytes);
        expect_refused_free(&bytes, refused[i].status, refused[i].word);
    }
    /* Six patches, as two rows of three: only the configuration can tell. */
    pth_timm(&list, &config);
    pth_reshape(&list, "pos_embed", 1, 7, 8, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "7 position embeddings are no square");
    safetensors_make(&list, "F32",
                     "{\"image_size\":[8,12],\"num_heads\":4,\"layer_norm_eps\":1e-5,"
                     "\"activation\":\"gelu_tanh\",\"architecture\":\"vit\",\"pool\":\"cls\"}",
                     &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 0);
    assert_int_equal(model->config.grid_height, 2);
    assert_int_equal(model->config.grid_width, 3);
    assert_int_equal(model->config.image_width, 12);
    assert_int_equal(model->config.heads, 4);
    assert_true(model->config.layer_norm_eps == 1e-5F);
    assert_int_equal(model->config.activation, VIT_GELU_TANH);
    assert_non_null(json_object_get(model->metadata, "pool"));
    vit_model_free(model);
}

/* 2048 x 2048 patches of 1048576 x 1 pixels: the input's height is 2^31. */
static void test_f04_huge_patches(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    config.dim = 2;
    config.patch_height = 1 << 20;
    config.patch_width = 1;
    config.grid_height = 2048;
    config.grid_width = 2048;
    pth_timm(&list, &config);
    safetensors_make(&list, "F16", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_LIMIT, "2048 x 2048 patches of 1 x 1048576 pixels");
}

static void test_heads(void **unused) {
    (void) unused;
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    struct vit_model *model = NULL;
    struct vitlrp_error err = {0};
    pth_timm(&list, &config);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_load_options options = {.heads = 0};
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err),
                     VITLRP_MISMATCH);
    assert_int_equal(err.topic, VITLRP_TOPIC_HEADS);
    assert_null(strstr(err.message, "--heads"));
    options.heads = 3;
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err),
                     VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "do not divide"));
    options.heads = -1;
    assert_int_equal(vit_model_load_memory(bytes.data, bytes.size, "m", &options, &model, &err),
                     VITLRP_MISMATCH);
    bytes_free(&bytes);
    /* The user's word goes before the file's. */
    safetensors_make(&list, "F32", "{\"num_heads\":4}", &bytes);
    model = expect_loaded_free(&bytes, 2);
    assert_int_equal(model->config.heads, 2);
    vit_model_free(model);
}

/* ---- Hugging Face folders */

static char folder[] = "/tmp/vitlrp-test-XXXXXX";

static void put_file(const char *name, const char *text, size_t size) {
    char path[256];
    struct vitlrp_error err = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, text, size, &err), VITLRP_OK);
}

static void drop_file(const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void keep_message(void *user, int level, const char *message) {
    (void) level;
    snprintf(user, 512, "%s", message);
}

static enum vitlrp_status load_folder(struct vit_model **model, char *logged,
                                      struct vitlrp_error *err) {
    struct vitlrp_log log = {keep_message, logged};
    struct vit_load_options options = {.log = &log};
    return vit_model_load(folder, &options, model, err);
}

#define VIT "{\"model_type\":\"vit\",\"architectures\":[\"ViTForImageClassification\"]"

static void test_folders(void **unused) {
    static const struct metadata_case refused[] = {
        {"{", VITLRP_FORMAT, "config.json: not valid JSON"},
        {"{\"model_type\":\"swin\"}", VITLRP_UNSUPPORTED, "swin"},
        {VIT ",\"num_attention_heads\":2,\"hidden_act\":\"tanh\"}", VITLRP_UNSUPPORTED,
         "hidden_act"},
        {VIT ",\"hidden_size\":64}", VITLRP_MISMATCH, "hidden_size), but 32 (tensors)"},
        {VIT ",\"num_hidden_layers\":12}", VITLRP_MISMATCH, "num_hidden_layers"},
        {VIT ",\"intermediate_size\":\"x\"}", VITLRP_MISMATCH, "intermediate_size"},
        {VIT ",\"num_attention_heads\":2,\"image_size\":64}", VITLRP_MISMATCH, "do not fit"},
        {VIT ",\"num_attention_heads\":5}", VITLRP_MISMATCH, "5 attention heads do not divide"},
        {"{}", VITLRP_MISMATCH, "12 attention heads do not divide"},
    };
    static const char CONFIG[] = "{\"model_type\":\"vit\",\"architectures\":["
                                 "\"ViTForImageClassification\"],\"num_attention_heads\":2,"
                                 "\"image_size\":32,\"hidden_size\":32,\"num_hidden_layers\":3,"
                                 "\"hidden_act\":\"quick_gelu\"}";
    (void) unused;
    struct bytes weights;
    struct vitlrp_error err = {0};
    struct vit_model *model = NULL;
    char logged[512] = "";
    assert_int_equal(load_folder(&model, logged, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "neither model.safetensors nor pytorch_model.bin"));
    put_file("model.safetensors.index.json", "{}", 2);
    assert_int_equal(load_folder(&model, logged, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "weight_map is missing"));
    drop_file("model.safetensors.index.json");
    assert_int_equal(file_read(TEST_DATA "/golden/parity/huggingface/model.safetensors",
                               (size_t) 1 << 24, &weights, &err),
                     VITLRP_OK);
    put_file("model.safetensors", (const char *) weights.data, weights.size);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        put_file("config.json", refused[i].metadata, strlen(refused[i].metadata));
        enum vitlrp_status status = load_folder(&model, logged, &err);
        if (status != refused[i].status || strstr(err.message, refused[i].word) == NULL) {
            fail_msg("%s: status %d, %s", refused[i].metadata, status, err.message);
        }
    }
    put_file("config.json", CONFIG, strlen(CONFIG));
    assert_int_equal(load_folder(&model, logged, &err), VITLRP_OK);
    assert_int_equal(model->config.heads, 2);
    assert_int_equal(model->config.activation, VIT_GELU_QUICK);
    assert_true(model->config.layer_norm_eps == 1e-12F);
    assert_non_null(model->config_json);
    assert_null(model->preprocessor);
    vit_model_free(model);
    put_file("preprocessor_config.json", "{\"size\":32", 10);
    assert_int_equal(load_folder(&model, logged, &err), VITLRP_FORMAT);
    assert_non_null(strstr(err.message, "preprocessor_config.json"));
    drop_file("preprocessor_config.json");
    drop_file("config.json");
    drop_file("model.safetensors");
    bytes_free(&weights);
}

/* The pooler that Hugging Face's base models carry plays no part in classification. */
static void test_pooler_is_left_out(void **unused) {
    (void) unused;
    struct bytes weights;
    struct vitlrp_error err = {0};
    char logged[512] = "";
    struct vit_model *model = NULL;
    assert_int_equal(file_read(TEST_DATA "/golden/parity/huggingface/model.safetensors",
                               (size_t) 1 << 24, &weights, &err),
                     VITLRP_OK);
    /* A norm's name becomes the pooler's; that the norm is then missing shows that it was taken
     * out. */
    char *found = NULL;
    for (size_t i = 8; i < 6000 && found == NULL; i++) {
        if (memcmp(weights.data + i, "\"vit.layernorm.weight\"", 22) == 0) {
            found = (char *) weights.data + i;
        }
    }
    assert_non_null(found);
    memcpy(found, "\"pooler.dense.weight\" ", 22);
    struct vitlrp_log log = {keep_message, logged};
    struct vit_load_options options = {.heads = 4, .log = &log};
    enum vitlrp_status status =
        vit_model_load_memory(weights.data, weights.size, "m", &options, &model, &err);
    assert_int_equal(status, VITLRP_MISMATCH);
    assert_non_null(strstr(err.message, "'layernorm.weight' is missing"));
    assert_non_null(strstr(logged, "'pooler.dense.weight' is not needed"));
    bytes_free(&weights);
}

static int make_folder(void **state) {
    (void) state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int drop_folder(void **state) {
    (void) state;
    return rmdir(folder);
}

/* Tensors that are to be ignored: what the patterns leave is read; a pattern that finds nothing, or
 * leaves nothing, is refused. */
static void test_ignored_tensors(void **unused) {
    static const struct {
        const char *patterns;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {{NULL, VITLRP_UNSUPPORTED, "extra"},
                 {"extra.*", VITLRP_UNSUPPORTED, "more"},
                 {"extra.*,more.*", VITLRP_OK, ""},
                 {"*.surplus", VITLRP_OK, ""},
                 {"extra.*,more.*,none.*", VITLRP_MISMATCH, "no tensor has a name like 'none.*'"},
                 {"*", VITLRP_MISMATCH, "all tensors are ignored"},
                 {"extra.*,,more.*", VITLRP_USAGE, "empty or too long"},
                 {"", VITLRP_USAGE, "empty or too long"}};
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    pth_timm(&list, &config);
    pth_add(&list, "extra.surplus", 3, 0, 0, 0);
    pth_add(&list, "more.surplus", 3, 0, 0, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const struct vit_load_options options = {.heads = 2, .ignore_tensors = CASES[i].patterns};
        struct vit_model *model = NULL;
        struct vitlrp_error err = {0};
        enum vitlrp_status status =
            vit_model_load_memory(bytes.data, bytes.size, "made.file", &options, &model, &err);
        if (status != CASES[i].status || strstr(err.message, CASES[i].word) == NULL) {
            fail_msg("%s: status %d, %s", CASES[i].patterns, (int) status, err.message);
        }
        vit_model_free(model);
    }
    bytes_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edited_models),    cmocka_unit_test(test_other_networks),
        cmocka_unit_test(test_optional_parts),   cmocka_unit_test(test_one_patch),
        cmocka_unit_test(test_layer_scale),      cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_f04_huge_patches), cmocka_unit_test(test_heads),
        cmocka_unit_test(test_folders),          cmocka_unit_test(test_pooler_is_left_out),
        cmocka_unit_test(test_ignored_tensors)};
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
