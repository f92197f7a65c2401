/* The blocks that a file may have: gates in one layer or in two, norms inside branches, norms
 * without shifts, layers that share a tensor. Every value goes to its place, in every container,
 * and what no tensor shows and nothing states is refused. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "support/load_checks.h"
#include "vit/model/weights.h"

#include "support/unit.h"

enum { DIM = 8, MLP = 16, BLOCKS = 2 };

/* Removes the tensor from every block. */
static void remove_all(struct pth_list *list, const char *name) {
    char full[256];
    for (int block = 0; block < BLOCKS; block++) {
        snprintf(full, sizeof full, "blocks.%d.%s", block, name);
        pth_remove(list, full);
    }
}

static void add_all(struct pth_list *list, const char *name, size_t rows, size_t columns) {
    char full[256];
    for (int block = 0; block < BLOCKS; block++) {
        snprintf(full, sizeof full, "blocks.%d.%s", block, name);
        pth_add(list, full, rows, columns, 0, 0);
    }
}

static void start(struct pth_list *list) {
    struct vit_config config = small_config();
    pth_timm(list, &config);
}

/* What was written as the name in block 1, from `position` on. */
static void assert_from(const float *values, size_t count, const char *name, size_t position) {
    char full[256];
    snprintf(full, sizeof full, "blocks.1.%s", name);
    for (size_t i = 0; i < count; i++) {
        if (values[i] != pth_value(full, position + i)) {
            fail_msg("%s: value %zu is not that of the file", full, position + i);
        }
    }
}

/* ---- Gates ---- */

static void start_without_fc1(struct pth_list *list) {
    start(list);
    remove_all(list, "mlp.fc1.weight");
    remove_all(list, "mlp.fc1.bias");
}

/* The text of what is known about the gate, as `vitlrp info` has it. */
static void assert_gate(const struct vit_model *model, const char *text) {
    size_t i;
    json_t *fact;
    json_array_foreach(model->facts, i, fact) {
        if (strcmp(json_string_value(json_object_get(fact, "name")), "gate") == 0) {
            assert_string_equal(json_string_value(json_object_get(fact, "value")), text);
            return;
        }
    }
    fail_msg("nothing is known about the gate");
}

struct split_case {
    const char *gate, *gate_bias, *value, *value_bias;
};

static void test_split_gates(void **unused) {
    static const struct split_case CASES[] = {
        {"mlp.fc1_g.weight", "mlp.fc1_g.bias", "mlp.fc1_x.weight", "mlp.fc1_x.bias"},
        {"mlp.w1.weight", "mlp.w1.bias", "mlp.w2.weight", "mlp.w2.bias"},
    };
    (void) unused;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct pth_list list;
        struct bytes bytes;
        start_without_fc1(&list);
        add_all(&list, CASES[i].value, MLP, DIM);
        add_all(&list, CASES[i].gate, MLP, DIM);
        add_all(&list, CASES[i].value_bias, MLP, 0);
        safetensors_make(&list, "F32", NULL, &bytes);
        struct vit_model *model = expect_loaded_free(&bytes, 2);
        const struct vit_block *block = &model->weights.blocks[1];
        assert_true(model->config.gated && model->config.mlp_dim == MLP);
        assert_gate(model, "split");
        assert_int_equal(model->config.activation, VIT_SILU);
        assert_from(block->fc1_weight, MLP * DIM, CASES[i].gate, 0);
        assert_from(block->fc1_weight + MLP * DIM, MLP * DIM, CASES[i].value, 0);
        assert_from(block->fc1_bias + MLP, MLP, CASES[i].value_bias, 0);
        assert_true(block->fc1_bias[0] == 0.0F && block->fc1_bias[MLP - 1] == 0.0F);
        vit_model_free(model);
    }
}

static void test_packed_gate_by_its_name(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start_without_fc1(&list);
    remove_all(&list, "mlp.fc2.weight");
    remove_all(&list, "mlp.fc2.bias");
    add_all(&list, "mlp.w12.weight", 2 * MLP, DIM);
    add_all(&list, "mlp.w12.bias", 2 * MLP, 0);
    add_all(&list, "mlp.w3.weight", DIM, MLP);
    add_all(&list, "mlp.w3.bias", DIM, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    assert_true(model->config.gated && model->config.mlp_dim == MLP);
    assert_gate(model, "packed");
    assert_from(model->weights.blocks[1].fc1_weight, 2 * MLP * DIM, "mlp.w12.weight", 0);
    assert_from(model->weights.blocks[1].fc2_weight, DIM * MLP, "mlp.w3.weight", 0);
    vit_model_free(model);
}

/* Which half is the gate cannot be seen, nor that there is one. */
static void test_gates_that_are_refused(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start_without_fc1(&list);
    add_all(&list, "mlp.fc1.weight", 2 * MLP, DIM);
    add_all(&list, "mlp.fc1.bias", 2 * MLP, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "nothing states that it is gated");
    start_without_fc1(&list);
    add_all(&list, "mlp.fc1.weight", 3 * MLP, DIM);
    add_all(&list, "mlp.fc1.bias", 3 * MLP, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "48 outputs and 16 inputs, which makes no plain");
    start_without_fc1(&list);
    add_all(&list, "mlp.w12.weight", 3 * MLP, DIM);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "48 outputs and 16 inputs, which makes no gated");
    start_without_fc1(&list);
    add_all(&list, "mlp.fc1_g.weight", MLP, DIM);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "'blocks.0.mlp.fc1_x.weight' is missing");
    start_without_fc1(&list);
    add_all(&list, "mlp.fc1_g.weight", MLP, DIM);
    add_all(&list, "mlp.fc1_x.weight", MLP + 1, DIM);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "has shape [17, 8] instead of [16, 8]");
}

/* ---- Norms ---- */

static void test_norms_inside_branches(void **unused) {
    static const char *const NAMES[][2] = {{"attn.norm.weight", "mlp.norm.weight"},
                                           {"attn.inner_attn_ln.weight", "mlp.ffn_ln.weight"}};
    (void) unused;
    for (size_t i = 0; i < 2; i++) {
        struct pth_list list;
        struct bytes bytes;
        char bias[2][96];
        start(&list);
        for (size_t k = 0; k < 2; k++) {
            snprintf(bias[k], sizeof bias[k], "%.*s.bias",
                     (int) (strrchr(NAMES[i][k], '.') - NAMES[i][k]), NAMES[i][k]);
            add_all(&list, NAMES[i][k], k == 0 ? DIM : MLP, 0);
            add_all(&list, bias[k], k == 0 ? DIM : MLP, 0);
        }
        safetensors_make(&list, "F32", NULL, &bytes);
        struct vit_model *model = expect_loaded_free(&bytes, 2);
        const struct vit_block *block = &model->weights.blocks[1];
        assert_from(block->attention_norm_weight, DIM, NAMES[i][0], 0);
        assert_from(block->attention_norm_bias, DIM, bias[0], 0);
        assert_from(block->mlp_norm_weight, MLP, NAMES[i][1], 0);
        assert_from(block->mlp_norm_bias, MLP, bias[1], 0);
        vit_model_free(model);
        pth_remove(&list, "blocks.0.mlp.fc1.bias"); /* something else of another size */
        pth_add(&list, "blocks.0.mlp.fc1.bias", MLP + 1, 0, 0, 0);
        safetensors_make(&list, "F32", NULL, &bytes);
        expect_refused_free(&bytes, VITLRP_MISMATCH, "has shape");
    }
}

static void test_norms_without_shifts(void **unused) {
    static const char *const SHIFTS[] = {"norm1.bias", "norm2.bias"};
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start(&list);
    remove_all(&list, SHIFTS[0]);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH,
                        "'blocks.#.norm1.bias' is missing, but other norms have one");
    remove_all(&list, SHIFTS[1]);
    pth_remove(&list, "norm.bias");
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH,
                        "is missing, and nothing states that the norms are RMSNorm");
    start(&list);
    add_all(&list, "mlp.norm.weight", MLP, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "mlp.norm.bias' is missing");
}

/* ---- Layers that share a tensor ---- */

static void start_parallel(struct pth_list *list, bool one_end) {
    static const char *const PLAIN[] = {"norm1.weight",   "norm1.bias",      "norm2.weight",
                                        "norm2.bias",     "attn.qkv.weight", "attn.qkv.bias",
                                        "mlp.fc1.weight", "mlp.fc1.bias",    "mlp.fc2.weight",
                                        "mlp.fc2.bias",   "attn.proj.bias",  "attn.proj.weight"};
    start(list);
    for (size_t i = 0; i < sizeof PLAIN / sizeof PLAIN[0]; i++) {
        remove_all(list, PLAIN[i]);
    }
    add_all(list, "in_norm.weight", DIM, 0);
    add_all(list, "in_norm.bias", DIM, 0);
    add_all(list, "in_proj.weight", MLP + 3 * DIM, DIM);
    add_all(list, "in_proj.bias", MLP + 3 * DIM, 0);
    if (one_end) {
        add_all(list, "out_proj.weight", DIM, DIM + MLP);
        add_all(list, "out_proj.bias", DIM, 0);
    } else {
        add_all(list, "attn_out_proj.weight", DIM, DIM);
        add_all(list, "mlp_out_proj.weight", DIM, MLP);
    }
}

static void check_first_layers(const struct vit_block *block) {
    assert_from(block->fc1_weight, MLP * DIM, "in_proj.weight", 0);
    assert_from(block->qkv_weight, 3 * DIM * DIM, "in_proj.weight", MLP * DIM);
    assert_from(block->fc1_bias, MLP, "in_proj.bias", 0);
    assert_from(block->qkv_bias, 3 * DIM, "in_proj.bias", MLP);
}

/* Rows of [attention, MLP] side by side. */
static void check_last_layers(const struct vit_block *block) {
    for (size_t row = 0; row < DIM; row++) {
        assert_from(block->proj_weight + row * DIM, DIM, "out_proj.weight", row * (DIM + MLP));
        assert_from(block->fc2_weight + row * MLP, MLP, "out_proj.weight", row * (DIM + MLP) + DIM);
    }
    assert_from(block->proj_bias, DIM, "out_proj.bias", 0);
    assert_null(block->fc2_bias);
}

static void test_parallel_blocks(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start_parallel(&list, false);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    const struct vit_block *block = &model->weights.blocks[1];
    assert_int_equal(model->config.form, VIT_BLOCK_PARALLEL);
    check_first_layers(block);
    assert_from(block->fc2_weight, DIM * MLP, "mlp_out_proj.weight", 0);
    assert_null(block->norm2_weight);
    assert_null(block->proj_bias);
    vit_model_free(model);
}

/* Stored and deflated storages, which are unpacked once for both layers. */
static void test_shares_in_every_container(void **unused) {
    struct pth_list list;
    struct bytes bytes[3];
    (void) unused;
    start_parallel(&list, true);
    safetensors_make(&list, "F32", NULL, &bytes[0]);
    pth_make(&list, &(struct pth_options){0}, &bytes[1]);
    pth_make(&list, &(struct pth_options){.deflate = true}, &bytes[2]);
    for (size_t i = 0; i < 3; i++) {
        struct vit_model *model = expect_loaded_free(&bytes[i], 2);
        int64_t parameters = 0;
        check_first_layers(&model->weights.blocks[1]);
        check_last_layers(&model->weights.blocks[1]);
        for (size_t k = 0; k < list.count; k++) {
            int64_t count = 1;
            for (size_t d = 0; d < list.items[k].rank; d++) {
                count *= (int64_t) list.items[k].shape[d];
            }
            parameters += count;
        }
        assert_true(model->parameters == parameters);
        vit_model_free(model);
    }
}

static void test_shares_that_are_refused(void **unused) {
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start_parallel(&list, true);
    pth_reshape(&list, "blocks.1.in_proj.weight", MLP + 3 * DIM + 1, DIM, 0, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "has shape [41, 8] instead of [40, 8]");
    start_parallel(&list, false);
    remove_all(&list, "in_proj.weight");
    add_all(&list, "in_proj.weight", 3 * DIM, DIM);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "in_proj");
    start_parallel(&list, true);
    add_all(&list, "attn_out_proj.weight", DIM, DIM);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "for the same place");
    start_parallel(&list, true);
    pth_remove(&list, "blocks.0.out_proj.weight");
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "is missing");
}

/* ---- BEiT-3's own names ---- */

static void add_layer(struct pth_list *list, const char *name, size_t rows, size_t columns) {
    char full[256];
    for (size_t i = 0; i < 2 * BLOCKS; i++) {
        const char *end = i % 2 == 0 ? "weight" : "bias";
        snprintf(full, sizeof full, "beit3.encoder.layers.%zu.%s.%s", i / 2, name, end);
        pth_add(list, full, rows, i % 2 == 0 ? columns : 0, 0, 0);
    }
}

/* Every layer for images (A) and for text (B); position embeddings begin with two rows that nobody
 * reads. */
static void start_beit3(struct pth_list *list, size_t positions) {
    static const struct {
        const char *first, *second;
        size_t rows, columns;
    } LAYERS[] = {{"self_attn_layer_norm", "", DIM, 0},    {"self_attn.q_proj", "", DIM, DIM},
                  {"self_attn.k_proj", "", DIM, DIM},      {"self_attn.v_proj", "", DIM, DIM},
                  {"self_attn.inner_attn_ln", "", DIM, 0}, {"self_attn.out_proj", "", DIM, DIM},
                  {"final_layer_norm", "", DIM, 0},        {"ffn", ".fc1", MLP, DIM},
                  {"ffn", ".ffn_layernorm", MLP, 0},       {"ffn", ".fc2", DIM, MLP}};
    list->count = 0;
    pth_add(list, "beit3.text_embed.weight", 20, DIM, 0, 0);
    pth_add(list, "beit3.vision_embed.mask_token", 1, 1, DIM, 0);
    pth_add(list, "beit3.vision_embed.cls_token", 1, 1, DIM, 0);
    pth_add(list, "beit3.vision_embed.proj.weight", DIM, 3, 4, 4);
    pth_add(list, "beit3.vision_embed.proj.bias", DIM, 0, 0, 0);
    pth_add(list, "beit3.encoder.embed_positions.A.weight", positions, DIM, 0, 0);
    pth_add(list, "beit3.encoder.embed_positions.B.weight", 30, DIM, 0, 0);
    for (size_t i = 0; i < 2 * sizeof LAYERS / sizeof LAYERS[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%c%s", LAYERS[i / 2].first, i % 2 == 0 ? 'A' : 'B',
                 LAYERS[i / 2].second);
        add_layer(list, name, LAYERS[i / 2].rows, LAYERS[i / 2].columns);
    }
    pth_add(list, "fc_norm.weight", DIM, 0, 0, 0);
    pth_add(list, "fc_norm.bias", DIM, 0, 0, 0);
    pth_add(list, "head.weight", 3, DIM, 0, 0);
    pth_add(list, "head.bias", 3, 0, 0, 0);
}

static void test_beit3_names(void **unused) {
    static const char POSITIONS[] = "beit3.encoder.embed_positions.A.weight";
    static const char FC1[] = "beit3.encoder.layers.1.ffn.A.fc1.weight";
    static const char KEY[] = "beit3.encoder.layers.1.self_attn.k_proj.A.bias";
    struct pth_list list;
    struct bytes bytes;
    (void) unused;
    start_beit3(&list, 2 + 1 + 4);
    safetensors_make(&list, "F32", NULL, &bytes);
    struct vit_model *model = expect_loaded_free(&bytes, 2);
    const struct vit_block *block = &model->weights.blocks[1];
    assert_string_equal(model->layout, "beit3");
    assert_true(model->config.layer_norm_eps == 1e-5F && model->config.pool == VIT_POOL_MEAN);
    for (size_t i = 0; i < 5 * DIM; i++) {
        assert_true(model->weights.position[i] == pth_value(POSITIONS, 2 * DIM + i));
    }
    for (size_t i = 0; i < MLP * DIM; i++) {
        assert_true(block->fc1_weight[i] == pth_value(FC1, i));
    }
    for (size_t i = 0; i < DIM; i++) {
        assert_true(block->qkv_bias[DIM + i] == pth_value(KEY, i));
    }
    assert_non_null(block->attention_norm_bias);
    assert_non_null(block->mlp_norm_weight);
    vit_model_free(model);
    start_beit3(&list, 2);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "embed_positions.A.weight'");
    start_beit3(&list, 2 + 1 + 5);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_MISMATCH, "6 position embeddings are no square");
    start_beit3(&list, 2 + 1 + 4);
    pth_add(&list, "beit3.encoder.layers.1.ffn.C.fc1.weight", MLP, DIM, 0, 0);
    safetensors_make(&list, "F32", NULL, &bytes);
    expect_refused_free(&bytes, VITLRP_UNSUPPORTED, "ffn.C.fc1.weight'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_gates),
        cmocka_unit_test(test_packed_gate_by_its_name),
        cmocka_unit_test(test_gates_that_are_refused),
        cmocka_unit_test(test_norms_inside_branches),
        cmocka_unit_test(test_norms_without_shifts),
        cmocka_unit_test(test_parallel_blocks),
        cmocka_unit_test(test_shares_in_every_container),
        cmocka_unit_test(test_shares_that_are_refused),
        cmocka_unit_test(test_beit3_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
