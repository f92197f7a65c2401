/* What files state about a model, key by key: read, ignored because it cannot matter, or refused by
 * name; who decides where several speak. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "vit/load/facts.h"

#include "support/unit.h"

static json_t *parse(const char *text) {
    struct vitlrp_error err;
    json_t *object = NULL;
    assert_int_equal(json_parse_object(text, strlen(text), &object, &err), VITLRP_OK);
    return object;
}

/* The facts of the project's own metadata. */
static enum vitlrp_status read_metadata(const char *text, const struct model_facts *user,
                                        struct model_facts *facts, struct vitlrp_error *err) {
    json_t *object = parse(text);
    struct facts_beside beside = {.metadata = object, .user = user};
    enum vitlrp_status status = facts_read(&beside, facts, err);
    json_decref(object);
    return status;
}

static void test_metadata(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    assert_int_equal(read_metadata("{\"architecture\": \"vit\", \"image_size\": [64, 48], "
                                   "\"num_heads\": 3, \"layer_norm_eps\": 1e-5, \"activation\": "
                                   "\"quick_gelu\", \"pool\": \"cls\", \"patch_size\": null}",
                                   NULL, &facts, &err),
                     VITLRP_OK);
    assert_int_equal(fact_whole(&facts.image_height, 0), 64);
    assert_int_equal(fact_whole(&facts.image_width, 0), 48);
    assert_int_equal(fact_whole(&facts.heads, 0), 3);
    assert_true(fact_number(&facts.norm_eps, 0) == 1e-5);
    assert_int_equal(fact_whole(&facts.activation, -1), FACT_GELU_QUICK);
    assert_int_equal(fact_whole(&facts.pool, -1), FACT_POOL_TOKEN);
    assert_false(fact_known(&facts.patch_height));
    assert_int_equal(facts.heads.source, FACT_FILE);
    assert_string_equal(facts.heads.key, "num_heads");
}

static void test_metadata_refused(void **state) {
    (void) state;
    static const struct {
        const char *text;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {
        {"{\"softcap\": 30}", VITLRP_UNSUPPORTED, "\"softcap\""},
        {"{\"architecture\": \"swin\"}", VITLRP_UNSUPPORTED, "swin"},
        {"{\"activation\": \"mish\"}", VITLRP_UNSUPPORTED, "mish"},
        {"{\"activation\": 3}", VITLRP_UNSUPPORTED, "\"activation\""},
        {"{\"num_heads\": 2.5}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"num_heads\": 0}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"num_heads\": \"3\"}", VITLRP_MISMATCH, "\"num_heads\""},
        {"{\"layer_norm_eps\": 2}", VITLRP_MISMATCH, "\"layer_norm_eps\""},
        {"{\"image_size\": [64]}", VITLRP_MISMATCH, "\"image_size\""},
        {"{\"image_size\": [64, 64, 64]}", VITLRP_MISMATCH, "\"image_size\""},
        {"{\"image_size\": [64, -1]}", VITLRP_MISMATCH, "\"image_size\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vitlrp_error err;
        struct model_facts facts;
        assert_int_equal(read_metadata(CASES[i].text, NULL, &facts, &err), CASES[i].status);
        assert_non_null(strstr(err.message, CASES[i].word));
    }
}

static void keep_message(void *user, int level, const char *message) {
    (void) level;
    snprintf(user, 256, "%s", message);
}

static void test_user(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    struct model_facts user = {0};
    char said[256] = "";
    const struct vitlrp_log log = {keep_message, said};
    json_t *object = parse("{\"num_heads\": 3, \"pool\": \"mean\"}");
    struct facts_beside beside = {.metadata = object, .user = &user, .log = &log};
    fact_state(&user.heads, 4, FACT_USER, NULL, NULL);
    fact_state(&user.pool, FACT_POOL_MEAN, FACT_USER, NULL, NULL);
    assert_int_equal(facts_read(&beside, &facts, &err), VITLRP_OK);
    json_decref(object);
    assert_int_equal(fact_whole(&facts.heads, 0), 4);
    assert_int_equal(facts.heads.source, FACT_USER);
    assert_string_equal(said, "attention heads: taking 4 as told, though it is 3 (\"vitlrp\" "
                              "metadata, num_heads)");
}

static void test_join(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts = {0};
    struct model_facts tensors = {0};
    fact_state(&facts.depth, 12, FACT_FILE, "config.json", "num_hidden_layers");
    fact_state(&tensors.depth, 12, FACT_TENSORS, NULL, NULL);
    fact_state(&tensors.registers, 4, FACT_TENSORS, NULL, NULL);
    fact_guess(&facts.gate, FACT_GATE_NONE);
    assert_int_equal(facts_join(&facts, &tensors, &err), VITLRP_OK);
    assert_int_equal(fact_whole(&facts.registers, 0), 4);
    assert_int_equal(facts.depth.source, FACT_FILE);
    tensors.depth.value = 24;
    assert_int_equal(facts_join(&facts, &tensors, &err), VITLRP_MISMATCH);
    assert_string_equal(err.message,
                        "blocks: 12 (config.json, num_hidden_layers), but 24 (tensors)");
}

/* What the files of a case of golden/zoo state. The words are those that `info` prints. */
struct zoo_facts {
    const char *name, *layout, *file;
    int32_t width;
    const char *facts; /* "member=value" */
};

#define TIMM "timm", "config.json"
#define HF "huggingface", "config.json"
#define TOKEN " pool=cls final_norm=before_pool"
#define MEAN " pool=mean final_norm=after_pool"
#define MEAN_AFTER " pool=mean final_norm=before_pool"
#define EVA_ROPE                                                                                   \
    " rope=axial rope_theta=10000 rope_reference_height=16 rope_reference_width=16 rope_offset=0"  \
    " rope_order=rows_first rope_pairing=interleaved"
#define DINOV3_ROPE " rope=dinov3 rope_theta=100 rope_order=rows_first rope_pairing=halves"

static const struct zoo_facts ZOO[] = {
    {"timm-plain", TIMM, 24,
     "heads=3 norm_eps=1e-06 activation=gelu image_height=32 image_width=32 patch_height=8 "
     "channels=3 classes=5 head=linear class_token=yes registers=0 positions=all rope=none "
     "resampling=bicubic_antialiased" TOKEN},
    {"timm-plain-old-config-bin", TIMM, 24,
     "heads=? norm_eps=? activation=? pool=? image_height=24 image_width=24 classes=5"},
    {"timm-heads-only-in-table", TIMM, 64, "heads=2 norm_eps=1e-06 image_height=24" TOKEN},
    {"timm-no-qkv-bias", TIMM, 24, "heads=2 norm_eps=1e-06" TOKEN},
    {"timm-clip-classifier", TIMM, 24, "heads=3 norm_eps=1e-05 activation=gelu pre_norm=yes" TOKEN},
    {"timm-clip-quickgelu-projection", TIMM, 24,
     "norm_eps=1e-05 activation=quick_gelu pre_norm=yes classes=8" TOKEN},
    {"timm-dino-headless", TIMM, 24, "heads=3 classes=0 head=none" TOKEN},
    {"timm-deit-distilled", TIMM, 24, "distillation_token=yes head=two" TOKEN},
    {"timm-deit3", TIMM, 24, "positions=patches distillation_token=no" TOKEN},
    {"timm-flexivit", TIMM, 24, "positions=patches patch_height=6 image_height=30" TOKEN},
    {"timm-medium-gap", TIMM, 24, "class_token=no registers=0 norm_eps=1e-06" MEAN_AFTER},
    {"timm-reg4-gap", TIMM, 24, "class_token=no registers=4 positions=patches" MEAN},
    {"timm-so150m-reg4", TIMM, 24, "class_token=no registers=4 positions=all" MEAN_AFTER},
    {"timm-so150m2-reg1", TIMM, 24, "class_token=no registers=1 positions=all" MEAN},
    {"timm-dinov2-headless", TIMM, 24, "patch_height=7 head=none gate=none" TOKEN},
    {"timm-dinov2-reg4", TIMM, 24, "registers=4 class_token=yes positions=patches" TOKEN},
    {"timm-dinov2-giant-swiglu", TIMM, 24, "gate=packed activation=silu registers=4" TOKEN},
    {"timm-siglip-map", TIMM, 24,
     "pool=map pool_prefix=no class_token=no activation=gelu final_norm=before_pool"},
    {"timm-so400m-siglip-classifier", TIMM, 24, "pool=map activation=gelu head=linear"},
    {"timm-siglip-gap-tanh", TIMM, 24, "activation=gelu_tanh class_token=no" MEAN_AFTER},
    {"timm-ijepa", TIMM, 24, "class_token=no norm_eps=1e-06" MEAN_AFTER},
    {"timm-aimv2", TIMM, 24,
     "norm=RMSNorm norm_eps=1e-05 embed_norm=yes gate=split activation=silu" MEAN_AFTER},
    {"timm-beit", TIMM, 24,
     "relative_positions=yes positions=none image_height=32 norm_eps=1e-06" MEAN},
    {"timm-eva02-base", TIMM, 24,
     "gate=split activation=silu mlp_norm=yes attention_norm=no norm_eps=1e-06" EVA_ROPE MEAN},
    {"timm-eva02-tiny", TIMM, 24, "gate=packed activation=silu mlp_norm=no" EVA_ROPE MEAN},
    {"timm-eva02-clip", TIMM, 24,
     "gate=split mlp_norm=yes attention_norm=yes norm_eps=1e-06" EVA_ROPE TOKEN},
    {"timm-eva02-enormous", TIMM, 24, "block=post_norm gate=none rope=none" TOKEN},
    {"timm-dinov3", TIMM, 32,
     "norm_eps=1e-05 registers=4 positions=none activation=gelu image_height=32" DINOV3_ROPE
         MEAN_AFTER},
    {"timm-dinov3-qkvb", TIMM, 32,
     "image_height=24 image_width=40 classes=5 norm_eps=1e-05" DINOV3_ROPE MEAN_AFTER},
    {"timm-dinov3-plus", TIMM, 24, "gate=split activation=silu" DINOV3_ROPE MEAN_AFTER},
    {"timm-rope-reg1-gap", TIMM, 24,
     "registers=1 class_token=no positions=none norm_eps=1e-06" EVA_ROPE MEAN},
    {"timm-rope-naver", TIMM, 24,
     "positions=none rope=axial rope_theta=100 rope_reference_height=0 rope_order=columns_first "
     "rope_pairing=interleaved" TOKEN},
    {"timm-rope-mixed", TIMM, 24, "rope=mixed positions=none rope_order=columns_first" TOKEN},
    {"timm-pe-core", TIMM, 32,
     "pool=map pool_prefix=yes pool_heads=8 heads=2 pre_norm=yes norm_eps=1e-05 rope=axial "
     "rope_theta=10000 rope_reference_height=14 rope_reference_width=14 rope_offset=1 "
     "rope_order=columns_first rope_pairing=interleaved final_norm=before_pool"},
    {"timm-pe-spatial", TIMM, 24,
     "pool=mean final_norm=none rope=axial rope_reference_height=32 rope_offset=1 norm_eps=1e-05"},
    {"timm-rpn", TIMM, 24, "block=post_norm class_token=no" MEAN},
    {"timm-parallel-pwee", TIMM, 24, "block=parallel differential=no registers=1" MEAN},
    {"timm-diff-dwee", TIMM, 24, "block=pre_norm differential=yes registers=1" MEAN},
    {"timm-diff-parallel-dpwee", TIMM, 24, "block=parallel differential=yes" MEAN},
    {"timm-intern300m", TIMM, 24, "final_norm=none pool=cls norm_eps=1e-06 head=none"},
    {"timm-test-vit3", TIMM, 24, "pool=map pool_prefix=yes registers=1 class_token=no"},
    {"timm-qk-norm", TIMM, 24, "qk_norm=yes" TOKEN},
    {"timm-one-channel", TIMM, 24, "channels=1"},
    {"timm-one-logit", TIMM, 24, "classes=1 head=linear"},
    {"timm-nonsquare", TIMM, 24, "image_height=24 image_width=40"},
    {"timm-dynamic-size", TIMM, 24, "dynamic_size=yes image_height=32"},
    {"hf-timm-wrapper", TIMM, 24, "heads=3 norm_eps=1e-06 image_height=32 classes=5" TOKEN},
    {"hf-vit", HF, 24,
     "heads=3 norm_eps=1e-12 activation=gelu depth=2 mlp_width=48 image_height=24 head=linear "
     "channels=3 query_bias=yes resampling=bicubic" TOKEN},
    {"hf-vit-f64", HF, 24, "query_bias=no" TOKEN},
    {"hf-vit-headless", HF, 24, "head=none" TOKEN},
    {"hf-vit-one-channel", HF, 24, "channels=1 activation=gelu_tanh"},
    {"hf-deit", HF, 24, "head=linear distillation_token=yes norm_eps=1e-12 activation=gelu" TOKEN},
    {"hf-deit-teacher", HF, 24, "head=two distillation_token=yes" TOKEN},
    {"hf-dinov2-classifier", HF, 24,
     "pool=cls_mean final_norm=before_pool norm_eps=1e-06 activation=gelu gate=none head=linear"},
    {"hf-dinov2-headless-resampled", HF, 24,
     "head=none image_height=48 resampling=bicubic norm_eps=1e-06" TOKEN},
    {"hf-dinov2-swiglu", HF, 24, "gate=packed activation=silu pool=cls_mean dynamic_size=yes"},
    {"hf-dinov2-registers", HF, 24,
     "registers=4 positions=cls_patches pool=cls_mean resampling=bicubic_antialiased"},
    {"hf-dinov3", HF, 32,
     "norm_eps=1e-05 activation=gelu gate=none registers=4 positions=none image_height=32 "
     "key_bias=no head=none" DINOV3_ROPE TOKEN},
    {"hf-dinov3-gated", HF, 32, "gate=split activation=silu query_bias=no value_bias=no"},
    {"hf-beit", HF, 24,
     "relative_positions=yes positions=none norm_eps=1e-12 layer_scale=yes key_bias=no" MEAN},
    {"hf-ijepa", HF, 24, "class_token=no norm_eps=1e-12 activation=gelu" MEAN_AFTER},
    {"hf-vit-msn", HF, 24, "norm_eps=1e-06 activation=gelu" TOKEN},
    {"hf-vit-mae", HF, 24, "norm_eps=1e-12 head=none" TOKEN},
    {"hf-siglip-classifier", HF, 24,
     "heads=3 width=24 activation=gelu_tanh norm_eps=1e-06 class_token=no head=linear" MEAN_AFTER},
    {"hf-siglip-vision", HF, 24, "activation=gelu_tanh norm_eps=1e-06 pool=map head=none"},
    {"hf-clip-classifier", HF, 24,
     "heads=3 activation=quick_gelu norm_eps=1e-05 pre_norm=yes pool=mean final_norm=none"},
    {"hf-clip-vision-projection", HF, 24,
     "activation=quick_gelu norm_eps=1e-05 head=projection" TOKEN},
    {"hf-aimv2-head", HF, 24,
     "norm=RMSNorm norm_eps=1e-05 activation=silu gate=split embed_norm=yes pool=map_cls "
     "mlp_bias=no query_bias=no class_token=no"},
    {"open-clip-tower", "open_clip", "open_clip_config.json", 32,
     "heads=4 norm_eps=1e-05 activation=gelu pre_norm=yes head=projection depth=2 image_height=32 "
     "resampling=bicubic_antialiased" TOKEN},
};

/* One "member=value"; "?" is a fact that nobody states. */
static void check_fact(const struct zoo_facts *zoo, const struct model_facts *facts,
                       const char *wanted, size_t length) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        size_t name = strlen(rows[i].name);
        if (strncmp(rows[i].name, wanted, name) != 0 || wanted[name] != '=') {
            continue;
        }
        struct text value = {.limit = 100};
        const struct fact *fact = fact_of(facts, &rows[i]);
        text_append_string(&value, "?");
        if (fact_known(fact)) {
            value.length = 0;
            fact_append_value(&value, &rows[i], fact);
        }
        if (value.length != length - name - 1 ||
            memcmp(value.data, wanted + name + 1, value.length) != 0) {
            fail_msg("%s: %.*s, but found %s", zoo->name, (int) length, wanted, value.data);
        }
        text_free(&value);
        return;
    }
    fail_msg("no fact is called %.*s", (int) length, wanted);
}

static void check_zoo(const struct zoo_facts *zoo) {
    char path[512];
    struct vitlrp_error err;
    struct model_facts facts;
    json_t *object = NULL;
    snprintf(path, sizeof path, TEST_DATA "/golden/zoo/%s/model/%s", zoo->name, zoo->file);
    assert_int_equal(json_read_object(path, (size_t) 1 << 20, &object, &err), VITLRP_OK);
    bool is_open_clip = strcmp(zoo->layout, "open_clip") == 0;
    const struct facts_beside beside = {.config = is_open_clip ? NULL : object,
                                        .open_clip = is_open_clip ? object : NULL,
                                        .path = path,
                                        .layout = zoo->layout,
                                        .width = zoo->width};
    if (facts_read(&beside, &facts, &err) != VITLRP_OK) {
        fail_msg("%s: %s", zoo->name, err.message);
    }
    json_decref(object);
    for (const char *at = zoo->facts; *at != '\0';) {
        size_t length = strcspn(at, " ");
        check_fact(zoo, &facts, at, length);
        at += length + strspn(at + length, " ");
    }
}

static void test_zoo(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof ZOO / sizeof ZOO[0]; i++) {
        check_zoo(&ZOO[i]);
    }
}

/* The facts of a config.json with the text, beside weights in the layout. */
static enum vitlrp_status read_config(const char *text, struct facts_beside *beside,
                                      struct model_facts *facts, struct vitlrp_error *err) {
    json_t *object = parse(text);
    beside->config = object;
    enum vitlrp_status status = facts_read(beside, facts, err);
    beside->config = NULL;
    json_decref(object);
    return status;
}

static void test_config_refused(void **state) {
    (void) state;
    static const struct {
        const char *layout, *text;
        enum vitlrp_status status;
        const char *word;
    } CASES[] = {
        {"timm", "{\"architecture\": \"vit_x\", \"model_args\": {\"softcap\": 3}}",
         VITLRP_UNSUPPORTED, "model_args: nothing is known of the key \"softcap\""},
        {"timm", "{\"architecture\": \"vit_x\", \"model_args\": {\"act_layer\": \"mish\"}}",
         VITLRP_UNSUPPORTED, "\"act_layer\" is mish"},
        {"timm", "{\"architecture\": \"vit_x\", \"global_pool\": \"avgmax\"}", VITLRP_UNSUPPORTED,
         "avgmax"},
        {"timm", "{\"architecture\": \"vit_x\", \"num_classes\": 3, \"global_pool\": \"\"}",
         VITLRP_UNSUPPORTED, "\"global_pool\""},
        {"timm",
         "{\"architecture\": \"vit_x\", \"global_pool\": \"token\", \"model_args\": "
         "{\"global_pool\": \"avg\"}}",
         VITLRP_MISMATCH,
         "pooling: mean (config.json, model_args, global_pool), but cls (config.json, "
         "global_pool)"},
        {"timm", "{\"architecture\": \"vit_x\", \"model_args\": {\"num_kv_heads\": 2}}",
         VITLRP_UNSUPPORTED, "num_kv_heads"},
        {"timm", "{\"architecture\": \"vit_x\", \"model_args\": {\"num_heads\": 0}}",
         VITLRP_MISMATCH, "num_heads"},
        {"timm", "{\"architecture\": \"vit_x\", \"model_args\": {\"pos_embed\": \"rel\"}}",
         VITLRP_UNSUPPORTED, "pos_embed"},
        {"timm", "{\"architecture\": \"vit_x\", \"pretrained_cfg\": {\"label_offset\": 1}}",
         VITLRP_UNSUPPORTED, "label_offset"},
        {"timm", "{\"architecture\": \"vit_x\", \"pretrained_cfg\": {\"input_size\": [3, 8]}}",
         VITLRP_MISMATCH, "input_size"},
        {"huggingface", "{\"model_type\": \"swin\"}", VITLRP_UNSUPPORTED, "model_type swin"},
        {"huggingface", "{\"model_type\": \"siglip2\"}", VITLRP_UNSUPPORTED, "siglip2"},
        {"huggingface", "{\"model_type\": \"vit\", \"architectures\": [\"ViTForDepth\"]}",
         VITLRP_UNSUPPORTED, "ViTForDepth"},
        {"huggingface", "{\"model_type\": \"vit\", \"attn_logit_softcapping\": 30}",
         VITLRP_UNSUPPORTED, "attn_logit_softcapping"},
        {"huggingface", "{\"model_type\": \"vit\", \"hidden_act\": \"gelu_10\"}",
         VITLRP_UNSUPPORTED, "gelu_10"},
        {"huggingface", "{\"model_type\": \"vit\", \"pruned_heads\": {\"0\": [1]}}",
         VITLRP_UNSUPPORTED, "pruned_heads"},
        {"huggingface", "{\"model_type\": \"vit\", \"quantization_config\": {\"bits\": 4}}",
         VITLRP_UNSUPPORTED, "quantization_config"},
        {"huggingface", "{\"model_type\": \"aimv2_vision_model\", \"is_native\": true}",
         VITLRP_UNSUPPORTED, "is_native"},
        {"huggingface", "{\"model_type\": \"vit\", \"qkv_bias\": 1}", VITLRP_MISMATCH, "qkv_bias"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vitlrp_error err;
        struct model_facts facts;
        struct facts_beside beside = {.layout = CASES[i].layout, .width = 32};
        if (read_config(CASES[i].text, &beside, &facts, &err) != CASES[i].status ||
            strstr(err.message, CASES[i].word) == NULL) {
            fail_msg("%s: %s", CASES[i].text, err.message);
        }
    }
}

/* null is absent; keys that cannot matter, and the arguments of training, say nothing. */
static void test_config_ignored(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    struct facts_beside beside = {.layout = "timm", .width = 32};
    assert_int_equal(
        read_config("{\"architecture\": \"vit_x\", \"dataset\": \"mine\", \"global_pool\": null, "
                    "\"num_classes\": 0, \"model_args\": {\"drop_path_rate\": 0.1, \"num_heads\": "
                    "null, \"global_pool\": \"\", \"no_such_key\": null}}",
                    &beside, &facts, &err),
        VITLRP_OK);
    assert_false(fact_known(&facts.heads));
    assert_false(fact_known(&facts.pool));
    assert_int_equal(fact_whole(&facts.head, -1), FACT_HEAD_NONE);
    beside.layout = "huggingface";
    assert_int_equal(
        read_config("{\"_comment\": \"mine\", \"model_type\": \"vit\"}", &beside, &facts, &err),
        VITLRP_OK);
    beside.layout = "timm";
    assert_int_equal(read_config("{\"num_attention_heads\": 7}", &beside, &facts, &err), VITLRP_OK);
    assert_false(fact_known(&facts.heads)); /* nobody's file, beside weights of timm's names */
}

/* Weights trained with quick_gelu lie under an architecture with gelu: timm runs gelu, and it is
 * said. */
static void test_notes(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    char said[256] = "";
    const struct vitlrp_log log = {keep_message, said};
    struct facts_beside beside = {.layout = "timm", .width = 768, .log = &log};
    assert_int_equal(
        read_config(
            "{\"architecture\": \"vit_base_patch32_clip_224\", \"pretrained_cfg\": {\"notes\": "
            "[\"natively QuickGELU, use quickgelu model variant for original results\"]}}",
            &beside, &facts, &err),
        VITLRP_OK);
    assert_int_equal(fact_whole(&facts.activation, -1), FACT_GELU_ERF);
    assert_non_null(strstr(said, "quick_gelu"));
}

/* Names of files and folders, where they and the width agree. */
static void test_names(void **state) {
    (void) state;
    static const struct {
        const char *layout, *path;
        int32_t width;
        const char *key; /* of the heads: the row; NULL: not found */
        int32_t heads;
    } CASES[] = {
        {"timm", "m/vit_huge_patch14_clip_224.laion2b/model.safetensors", 1280,
         "vit_huge_patch14_clip_224", 16},
        {"timm", "models--timm--deit3_huge_patch14_224.fb_in1k/snapshots/0123/model.safetensors",
         1280, "deit3_huge_patch14_224", 16},
        {"timm", "deit_base_patch16_224-b5f2ef4d.pth", 768, "deit_base_patch16_224", 12},
        {"timm", "vit_giantopt_patch16_siglip_256.pth", 1536, "vit_giantopt_patch16_siglip_256",
         16},
        {"timm", "vit_giantopt_patch16_siglip_256.pth", 1024, NULL, 0},
        {"timm", "my_vit_huge_patch14_clip_224.pth", 1280, NULL, 0},
        {"timm", "vit_huge_patch14_clip_2240.pth", 1280, NULL, 0},
        {"timm", "", 1280, NULL, 0},
        {"torchvision", "a/vit_h_14_lc_swag-c1eb923e.pth", 1280, "vit_h_14_lc_swag", 16},
        {"huggingface", "vit_huge_patch14_clip_224.pth", 1280, NULL, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct vitlrp_error err;
        struct model_facts facts;
        const struct facts_beside beside = {
            .layout = CASES[i].layout, .path = CASES[i].path, .width = CASES[i].width};
        assert_int_equal(facts_read(&beside, &facts, &err), VITLRP_OK);
        assert_int_equal(facts.heads.source == FACT_TABLE, CASES[i].key != NULL);
        if (CASES[i].key != NULL) {
            assert_string_equal(facts.heads.key, CASES[i].key);
            assert_int_equal(fact_whole(&facts.heads, 0), CASES[i].heads);
        }
    }
}

/* Torchvision has one model of ViT-H's width, with 16 heads (t02). */
static void test_torchvision(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    const struct facts_beside beside = {.layout = "torchvision", .path = "x.pth", .width = 1280};
    assert_int_equal(facts_read(&beside, &facts, &err), VITLRP_OK);
    assert_int_equal(fact_whole(&facts.heads, 0), 16);
    assert_int_equal(facts.heads.source, FACT_GUESS);
    assert_int_equal(fact_whole(&facts.resampling, -1), FACT_RESAMPLE_CORNERS);
}

/* A model that only bears a published name: nothing of the row is believed. */
static void test_join_table(void **state) {
    (void) state;
    struct vitlrp_error err;
    struct model_facts facts;
    struct model_facts tensors = {0};
    const struct facts_beside beside = {
        .layout = "timm", .path = "vit_huge_patch14_clip_224.pth", .width = 1280};
    assert_int_equal(facts_read(&beside, &facts, &err), VITLRP_OK);
    fact_state(&tensors.pre_norm, 0, FACT_TENSORS, NULL, NULL);
    fact_state(&tensors.gate, FACT_GATE_PACKED, FACT_TENSORS, NULL, NULL);
    assert_int_equal(facts_join(&facts, &tensors, &err), VITLRP_OK);
    assert_false(fact_known(&facts.heads));
    assert_false(fact_known(&facts.activation));
    assert_int_equal(fact_whole(&facts.gate, -1), FACT_GATE_PACKED);
    assert_int_equal(fact_whole(&facts.pre_norm, -1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_metadata_refused),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_zoo),
        cmocka_unit_test(test_config_refused),
        cmocka_unit_test(test_config_ignored),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_torchvision),
        cmocka_unit_test(test_join_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
