/* What files say about attention: DINOv3's masks and periods, tables of relative positions and the
 * grid that they are for, norms of queries and keys, models without position embeddings. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/load_checks.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 8, BIASES = 3 * DIM };

static void make(const struct pth_list *list, const char *metadata, struct bytes *out) {
    safetensors_make(list, "F32", metadata, out);
}

static struct pth_tensor *add(struct pth_list *list, const char *name, size_t a, size_t b) {
    pth_add(list, name, a, b, 0, 0);
    return &list->items[list->count - 1];
}

/* ---- The mask of key biases ---- */

static struct vit_model *load_masked(const float *masks[2]) {
    static const char *const names[] = {"blocks.0.attn.qkv.bias_mask",
                                        "blocks.1.attn.qkv.bias_mask"};
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    pth_timm(&list, &config);
    for (size_t i = 0; i < 2; i++) {
        if (masks[i] != NULL) {
            add(&list, names[i], BIASES, 0)->data = masks[i];
        }
    }
    make(&list, NULL, &bytes);
    return expect_loaded_free(&bytes, 2);
}

/* Filled in by training, or not, which counts as nothing for keys; a block without one has its
 * biases as they are. */
static void test_masks(void **unused) {
    float filled[BIASES];
    float unfilled[BIASES];
    size_t nonzero = 0;
    (void) unused;
    for (size_t i = 0; i < BIASES; i++) {
        filled[i] = i % 3 == 0 ? 0.0F : 1.0F;
        unfilled[i] = NAN;
    }
    struct vit_model *plain = load_masked((const float *[2]){NULL, NULL});
    struct vit_model *masked = load_masked((const float *[2]){filled, unfilled});
    struct vit_model *half = load_masked((const float *[2]){NULL, unfilled});
    for (size_t i = 0; i < BIASES; i++) {
        float first = slot_data(plain, SLOT_QKV_BIAS, 0)[i];
        float second = slot_data(plain, SLOT_QKV_BIAS, 1)[i];
        float kept = i / DIM == 1 ? 0.0F : second;
        nonzero += first != 0.0F && second != 0.0F ? 1 : 0;
        assert_true(slot_data(masked, SLOT_QKV_BIAS, 0)[i] == filled[i] * first);
        assert_true(slot_data(masked, SLOT_QKV_BIAS, 1)[i] == kept);
        assert_true(slot_data(half, SLOT_QKV_BIAS, 0)[i] == first);
        assert_true(slot_data(half, SLOT_QKV_BIAS, 1)[i] == kept);
    }
    assert_true(nonzero > BIASES / 2);
    assert_int_equal(masked->parameters, plain->parameters);
    vit_model_free(plain);
    vit_model_free(masked);
    vit_model_free(half);
}

static void test_other_masks_are_refused(void **unused) {
    static const float VALUES[] = {0.5F, -1.0F, INFINITY, 1e35F};
    struct vit_config config = small_config();
    (void) unused;
    for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
        struct pth_list list;
        struct bytes bytes;
        float mask[BIASES] = {0.0F};
        mask[BIASES - 1] = VALUES[i];
        pth_timm(&list, &config);
        add(&list, "blocks.0.attn.qkv.bias_mask", BIASES, 0)->data = mask;
        make(&list, NULL, &bytes);
        expect_refused_free(&bytes, VITLRP_MISMATCH, "bias_mask");
    }
}

/* ---- Rotary positions ---- */

/* Heads of 4: one pair for each axis. */
static void test_periods(void **unused) {
    static const float PERIOD[] = {1.5F};
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    pth_timm(&list, &config);
    pth_remove(&list, "pos_embed");
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "'pos_embed' is missing");
    add(&list, "rope_embed.periods", 1, 0)->data = PERIOD;
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_int_equal(model->config.rope.form, VIT_ROPE_CENTRED);
    assert_true(model->config.rope.halves && !model->config.rope.columns_first);
    assert_true(model->weights.rope_periods[0] == 1.5F);
    assert_null(model->weights.position);
    assert_true(model->config.layer_norm_eps == 1e-5F);
    /* Nothing tells its input size. */
    assert_int_equal(model->config.image_height, 224);
    assert_int_equal(model->config.grid_width, 56);
    vit_model_free(model);
    make(&list, "{\"image_size\":[12,20]}", &bytes);
    model = expect_loaded_free(&bytes, 2);
    assert_int_equal(model->config.grid_height, 3);
    assert_int_equal(model->config.grid_width, 5);
    vit_model_free(model);
    make(&list, "{\"image_size\":3}", &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "holds no patch");
}

static void test_frequencies(void **unused) {
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    pth_timm(&list, &config);
    pth_add(&list, "rope.freqs", 2, 2, 2, 2);
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded(&bytes, 0); /* the tensor has the heads */
    assert_int_equal(model->config.rope.form, VIT_ROPE_MIXED);
    assert_int_equal(model->config.heads, 2);
    assert_int_equal(model->config.image_height, 8); /* of its position embeddings */
    vit_model_free(model);
    bytes_free(&bytes);
    add(&list, "rope_embed.periods", 1, 0);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "RoPE periods");
}

/* ---- Relative positions ---- */

/* Tables of a grid of 2 x 2, for two heads, are [12, 2]. */
static void list_biased(struct pth_list *list, const char *table, size_t rows, size_t heads) {
    struct vit_config config = small_config();
    pth_timm(list, &config);
    pth_remove(list, "pos_embed");
    if (table != NULL) {
        add(list, table, rows, heads);
    }
}

static void test_bias_tables(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    list_biased(&list, "blocks.0.attn.relative_position_bias_table", 12, 2);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH,
                        "'blocks.1.attn.relative_position_bias_table' is missing");
    add(&list, "blocks.1.attn.relative_position_bias_table", 12, 2);
    add(&list, "blocks.1.attn.relative_position_index", 5, 5);
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 0);
    assert_int_equal(model->config.heads, 2);
    assert_int_equal(model->config.image_height, 8);
    /* [heads, rows] of what the file has as [rows, heads]. */
    for (size_t i = 0; i < 24; i++) {
        float stored = pth_value("blocks.1.attn.relative_position_bias_table", i % 12 * 2 + i / 12);
        assert_true(slot_data(model, SLOT_BIAS_TABLE, 1)[i] == stored);
    }
    vit_model_free(model);
    make(&list, "{\"image_size\":12}", &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "12 relative position biases do not fit");
    list_biased(&list, "rel_pos_bias.relative_position_bias_table", 12, 4);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "attention heads: 2 (your option), but 4");
}

/* A table for all blocks; of 2 x 3 patches, which only a statement tells. */
static void test_shared_bias_table(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    list_biased(&list, "rel_pos_bias.relative_position_bias_table", 18, 2);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "18 relative position biases do not fit");
    make(&list, "{\"image_size\":[8,12]}", &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_non_null(model->weights.shared_bias_table);
    assert_null(model->weights.blocks[0].bias_table);
    assert_int_equal(model->config.grid_width, 3);
    vit_model_free(model);
}

/* ---- Norms of queries and keys ---- */

static void add_norms(struct pth_list *list, size_t size) {
    struct vit_config config = small_config();
    pth_timm(list, &config);
    add(list, "blocks.0.attn.q_norm.weight", size, 0);
    add(list, "blocks.1.attn.q_norm.weight", size, 0);
    add(list, "blocks.0.attn.k_norm.weight", size, 0);
    add(list, "blocks.1.attn.k_norm.weight", size, 0);
    add(list, "blocks.1.attn.k_norm.bias", size, 0);
}

static void test_qk_norms(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    add_norms(&list, 4);
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 0);
    assert_int_equal(model->config.heads, 2);
    for (size_t i = 0; i < 8; i++) {
        const char *name = i < 4 ? "blocks.1.attn.q_norm.weight" : "blocks.1.attn.k_norm.weight";
        float shift = i < 4 ? 0.0F : pth_value("blocks.1.attn.k_norm.bias", i % 4);
        assert_true(slot_data(model, SLOT_QK_NORM_WEIGHT, 1)[i] == pth_value(name, i % 4));
        assert_true(slot_data(model, SLOT_QK_NORM_BIAS, 1)[i] == shift);
        assert_true(slot_data(model, SLOT_QK_NORM_BIAS, 0)[i] == 0.0F);
    }
    vit_model_free(model);
    add_norms(&list, 8);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_UNSUPPORTED, "over all heads together");
    add_norms(&list, 3);
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "do not make up dim 8");
    add_norms(&list, 4);
    pth_remove(&list, "blocks.1.attn.k_norm.weight");
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "'blocks.1.attn.k_norm.weight' is missing");
}

/* ---- Differential attention ---- */

static void test_differential(void **unused) {
    static const char *const parts[] = {"lambda_q1", "lambda_k1", "lambda_q2", "lambda_k2"};
    struct vit_config config = small_config();
    struct pth_list list;
    struct bytes bytes;
    char name[64];
    (void) unused;
    pth_timm(&list, &config);
    for (size_t i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "blocks.%zu.attn.%s", i / 4, parts[i % 4]);
        add(&list, name, 2, 0);
    }
    make(&list, NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "one without the other");
    add(&list, "blocks.0.attn.sub_norm.weight", 4, 0);
    add(&list, "blocks.1.attn.sub_norm.weight", 4, 0);
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 0);
    for (size_t i = 0; i < 8; i++) {
        snprintf(name, sizeof name, "blocks.1.attn.%s", parts[i / 2]);
        assert_true(slot_data(model, SLOT_LAMBDAS, 1)[i] == pth_value(name, i % 2));
    }
    /* 1 - lambda0 of the second block. */
    float factor = (float) (0.2 + 0.6 * exp(-0.3));
    assert_true(fabsf(slot_data(model, SLOT_SUB_NORM_WEIGHT, 1)[2] -
                      factor * pth_value("blocks.1.attn.sub_norm.weight", 2)) < 1e-7F);
    vit_model_free(model);
}

/* ---- Attention pools ---- */

/* A timm model without CLS, whose attention pool has an MLP or not. */
static void list_pooled(struct pth_list *list, bool has_mlp) {
    struct vit_config config = small_config();
    size_t dim = (size_t) config.dim;
    pth_timm(list, &config);
    pth_remove(list, "cls_token");
    pth_reshape(list, "pos_embed", 1, 4, dim, 0);
    pth_add(list, "attn_pool.latent", 1, 1, dim, 0);
    add(list, "attn_pool.q.weight", dim, dim);
    add(list, "attn_pool.q.bias", dim, 0);
    add(list, "attn_pool.kv.weight", 2 * dim, dim);
    add(list, "attn_pool.kv.bias", 2 * dim, 0);
    add(list, "attn_pool.proj.weight", dim, dim);
    add(list, "attn_pool.proj.bias", dim, 0);
    if (has_mlp) {
        add(list, "attn_pool.norm.weight", dim, 0);
        add(list, "attn_pool.norm.bias", dim, 0);
        add(list, "attn_pool.mlp.fc1.weight", 12, dim);
        add(list, "attn_pool.mlp.fc1.bias", 12, 0);
        add(list, "attn_pool.mlp.fc2.weight", dim, 12);
        add(list, "attn_pool.mlp.fc2.bias", dim, 0);
    }
}

/* Whole, or without one of its layers: then no guess is made. */
static void test_parts_of_an_attention_pool(void **unused) {
    static const char *const PARTS[] = {"latent",        "q.weight",    "kv.weight",
                                        "proj.weight",   "norm.weight", "mlp.fc1.weight",
                                        "mlp.fc2.weight"};
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    list_pooled(&list, true);
    make(&list, NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_int_equal(model->config.pool, VIT_POOL_MAP);
    assert_int_equal(model->config.map_mlp_dim, 12);
    vit_model_free(model);
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "attn_pool.%s", PARTS[i]);
        list_pooled(&list, true);
        pth_remove(&list, name);
        make(&list, NULL, &bytes);
        expect_refused_free(&bytes, VITLRP_MISMATCH, "weights of the attention pool are missing");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_other_masks_are_refused),
        cmocka_unit_test(test_periods),
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_bias_tables),
        cmocka_unit_test(test_shared_bias_table),
        cmocka_unit_test(test_qk_norms),
        cmocka_unit_test(test_differential),
        cmocka_unit_test(test_parts_of_an_attention_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
