/* timm's config.json: an architecture's name, the arguments that its constructor was given over
 * those of the name, and pretrained_cfg, which also stands alone at the top of older files. What
 * neither states is in the table of published architectures. */
#include <string.h>

#include "base/json.h"
#include "vit/load/facts_keys.h"

#define CONFIG "config.json"
#define ARGS "config.json, model_args"
#define CFG "config.json, pretrained_cfg"

/* "avgmax" and "max" are other poolings, "" none at all. */
static const struct key_word POOL_WORDS[] = {
    {"token", FACT_POOL_TOKEN}, {"avg", FACT_POOL_MEAN}, {"map", FACT_POOL_MAP}, {NULL, 0}};

static const struct key_word NORM_WORDS[] = {
    {"layernorm", FACT_NORM_LAYER}, {"rmsnorm", FACT_NORM_RMS}, {NULL, 0}};

static const struct key_word ACT_WORDS[] = {{"gelu", FACT_GELU_ERF},
                                            {"gelu_tanh", FACT_GELU_TANH},
                                            {"quick_gelu", FACT_GELU_QUICK},
                                            {"silu", FACT_SILU},
                                            {"swish", FACT_SILU},
                                            {"relu", FACT_RELU},
                                            {NULL, 0}};

static const struct key_word ROPE_WORDS[] = {
    {"cat", FACT_ROPE_AXIAL}, {"mixed", FACT_ROPE_MIXED}, {"dinov3", FACT_ROPE_DINOV3},
    {"none", FACT_ROPE_NONE}, {"", FACT_ROPE_NONE},       {NULL, 0}};

static const struct key_word ROPE_ORDER_WORDS[] = {
    {"ij", FACT_ROPE_ROWS_FIRST}, {"xy", FACT_ROPE_COLUMNS_FIRST}, {NULL, 0}};

static const struct key_word ATTENTION_WORDS[] = {{"diff", 1}, {"attn", 0}, {"", 0}, {NULL, 0}};

/* Of VisionTransformer, Eva, Beit and their kin; a name means the same in all of them. */
static const struct fact_key ARG_KEYS[] = {
    {"img_size", KEY_PAIR, FACT_AT(image_height), NULL},
    {"patch_size", KEY_PAIR, FACT_AT(patch_height), NULL},
    {"in_chans", KEY_NUMBER, FACT_AT(channels), NULL},
    {"num_classes", KEY_NUMBER, FACT_AT(classes), NULL},
    {"global_pool", KEY_OWN, 0, NULL},
    {"embed_dim", KEY_NUMBER, FACT_AT(width), NULL},
    {"depth", KEY_NUMBER, FACT_AT(depth), NULL},
    {"num_heads", KEY_NUMBER, FACT_AT(heads), NULL},
    {"mlp_ratio", KEY_IGNORED, 0, NULL}, /* shows in the tensors, as the following do */
    {"qkv_bias", KEY_FLAG, FACT_AT(query_bias), NULL},
    {"qkv_fused", KEY_IGNORED, 0, NULL},
    {"attn_type", KEY_IGNORED, 0, NULL},
    {"qk_norm", KEY_FLAG, FACT_AT(qk_norm), NULL},
    {"scale_attn_norm", KEY_FLAG, FACT_AT(attention_norm), NULL},
    {"scale_attn_inner", KEY_FLAG, FACT_AT(attention_norm), NULL},
    {"scale_mlp_norm", KEY_FLAG, FACT_AT(mlp_norm), NULL},
    {"scale_mlp", KEY_FLAG, FACT_AT(mlp_norm), NULL},
    {"proj_bias", KEY_FLAG, FACT_AT(proj_bias), NULL},
    {"init_values", KEY_OWN, 0, NULL},
    {"attn_only_layer_scale", KEY_IGNORED, 0, NULL},
    {"class_token", KEY_FLAG, FACT_AT(class_token), NULL},
    {"pos_embed", KEY_OWN, 0, NULL},
    {"use_abs_pos_emb", KEY_OWN, 0, NULL},
    {"no_embed_class", KEY_OWN, 0, NULL},
    {"reg_tokens", KEY_NUMBER, FACT_AT(registers), NULL},
    {"num_reg_tokens", KEY_NUMBER, FACT_AT(registers), NULL},
    {"pre_norm", KEY_FLAG, FACT_AT(pre_norm), NULL},
    {"use_pre_transformer_norm", KEY_FLAG, FACT_AT(pre_norm), NULL},
    {"final_norm", KEY_OWN, 0, NULL},
    {"use_post_transformer_norm", KEY_OWN, 0, NULL},
    {"fc_norm", KEY_OWN, 0, NULL},
    {"use_fc_norm", KEY_OWN, 0, NULL},
    {"use_post_norm", KEY_OWN, 0, NULL},
    {"pool_include_prefix", KEY_FLAG, FACT_AT(pool_prefix), NULL},
    {"dynamic_img_size", KEY_FLAG, FACT_AT(dynamic_size), NULL},
    {"strict_img_size", KEY_IGNORED, 0, NULL},
    {"dynamic_img_pad", KEY_ONLY_OFF, 0, NULL},
    {"norm_layer", KEY_WORD, FACT_AT(norm), NORM_WORDS},
    {"act_layer", KEY_WORD, FACT_AT(activation), ACT_WORDS},
    {"attn_layer", KEY_WORD, FACT_AT(differential), ATTENTION_WORDS},
    {"swiglu_mlp", KEY_OWN, 0, NULL},
    {"swiglu_align_to", KEY_IGNORED, 0, NULL},
    {"use_rel_pos_bias", KEY_OWN, 0, NULL},
    {"use_shared_rel_pos_bias", KEY_OWN, 0, NULL},
    {"use_rot_pos_emb", KEY_OWN, 0, NULL},
    {"rope_type", KEY_OWN, 0, NULL},
    {"rope_temperature", KEY_NUMBER, FACT_AT(rope_theta), NULL},
    {"rope_grid_offset", KEY_NUMBER, FACT_AT(rope_offset), NULL},
    {"rope_grid_indexing", KEY_WORD, FACT_AT(rope_order), ROPE_ORDER_WORDS},
    {"rope_rotate_half", KEY_OWN, 0, NULL},
    {"ref_feat_shape", KEY_PAIR, FACT_AT(rope_reference_height), NULL},
    {"rope_mrope_section", KEY_ONLY_OFF, 0, NULL},
    {"attn_pool_num_heads", KEY_NUMBER, FACT_AT(pool_heads), NULL},
    {"attn_pool_mlp_ratio", KEY_IGNORED, 0, NULL},
    {"num_kv_heads", KEY_ONLY_OFF, 0, NULL},
    {"use_naflex", KEY_ONLY_OFF, 0, NULL},
    /* Of training, or of where the weights come from. */
    {"rope_shift_coords", KEY_IGNORED, 0, NULL},
    {"rope_jitter_coords", KEY_IGNORED, 0, NULL},
    {"rope_rescale_coords", KEY_IGNORED, 0, NULL},
    {"drop_rate", KEY_IGNORED, 0, NULL},
    {"pos_drop_rate", KEY_IGNORED, 0, NULL},
    {"patch_drop_rate", KEY_IGNORED, 0, NULL},
    {"proj_drop_rate", KEY_IGNORED, 0, NULL},
    {"attn_drop_rate", KEY_IGNORED, 0, NULL},
    {"drop_path_rate", KEY_IGNORED, 0, NULL},
    {"drop_block_rate", KEY_IGNORED, 0, NULL},
    {"weight_init", KEY_IGNORED, 0, NULL},
    {"fix_init", KEY_IGNORED, 0, NULL},
    {"head_init_scale", KEY_IGNORED, 0, NULL},
    {"pretrained", KEY_IGNORED, 0, NULL},
    {"checkpoint_path", KEY_IGNORED, 0, NULL},
    {"pretrained_cfg", KEY_IGNORED, 0, NULL},
    {"pretrained_cfg_overlay", KEY_IGNORED, 0, NULL},
    {"cache_dir", KEY_IGNORED, 0, NULL},
    {"scriptable", KEY_IGNORED, 0, NULL},
    {"exportable", KEY_IGNORED, 0, NULL},
    {"device", KEY_IGNORED, 0, NULL},
    {"dtype", KEY_IGNORED, 0, NULL},
};

/* The other keys of this level describe the training and the pictures: timm builds nothing of
 * them. */
static const struct fact_key TOP_KEYS[] = {
    {"num_classes", KEY_NUMBER, FACT_AT(classes), NULL},
    {"num_features", KEY_NUMBER, FACT_AT(width), NULL},
    {"problem_type", KEY_WORD, FACT_AT(probability), PROBLEM_WORDS},
};

static const struct fact_key CFG_KEYS[] = {
    {"label_offset", KEY_ONLY_OFF, 0, NULL},
};

/* "global_pool": "" is none: what a headless model gives is then left open. */
static enum vitlrp_status read_pool(const json_t *object, const char *file,
                                    struct model_facts *facts, struct vitlrp_error *err) {
    const char *word = json_get_string(object, "global_pool");
    if (word != NULL && word[0] == '\0' && fact_whole(&facts->classes, 0) == 0) {
        return VITLRP_OK;
    }
    static const struct fact_key KEY = {"global_pool", KEY_WORD, FACT_AT(pool), POOL_WORDS};
    const struct fact_keys list = {&KEY, 1};
    const struct keys_read from = {object, file, &list, 1, true};
    return keys_read(&from, facts, err);
}

/* A flag under one of two keys, which are one thing in two classes. */
static enum vitlrp_status either_flag(const json_t *args, const char *file,
                                      const char *const keys[2], bool *is_there, bool *value,
                                      struct vitlrp_error *err) {
    TRY(key_flag(args, keys[0], file, is_there, value, err));
    return key_flag(args, keys[1], file, is_there, value, err);
}

/* Where the last norm stands: "final_norm" removes it, "fc_norm" puts it behind the pool. Without
 * either the constructor decides by the pool. */
static enum vitlrp_status read_final_norm(const json_t *args, const char *file,
                                          struct model_facts *facts, struct vitlrp_error *err) {
    static const char *const FINAL[2] = {"final_norm", "use_post_transformer_norm"};
    static const char *const POOLED[2] = {"fc_norm", "use_fc_norm"};
    bool states_final = false;
    bool is_final = true;
    bool states_pooled = false;
    bool is_pooled = false;
    TRY(either_flag(args, file, FINAL, &states_final, &is_final, err));
    TRY(either_flag(args, file, POOLED, &states_pooled, &is_pooled, err));
    bool is_eva = json_object_get(args, FINAL[1]) != NULL;
    if (is_eva && states_final && is_final && is_pooled) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "%s: norms before and behind the pool are not supported", file);
    }
    if (states_final && !is_final && !(is_eva && is_pooled)) {
        fact_from_key(&facts->final_norm, FACT_FINAL_NORM_NONE, file, FINAL[is_eva]);
    } else if (states_pooled) {
        fact_from_key(&facts->final_norm,
                      is_pooled ? FACT_FINAL_NORM_POOLED : FACT_FINAL_NORM_TOKENS, file,
                      POOLED[json_object_get(args, POOLED[1]) != NULL]);
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_positions(const json_t *args, const char *file,
                                         struct model_facts *facts, struct vitlrp_error *err) {
    const char *kind = json_get_string(args, "pos_embed");
    bool is_there = false;
    bool value = false;
    if (kind != NULL && (kind[0] == '\0' || strcmp(kind, "none") == 0)) {
        fact_from_key(&facts->positions, FACT_POSITIONS_NONE, file, "pos_embed");
    } else if (kind != NULL && strcmp(kind, "learn") != 0) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "%s: \"pos_embed\" is not supported unless it is learn "
                    "or none",
                    file);
    }
    TRY(key_flag(args, "use_abs_pos_emb", file, &is_there, &value, err));
    if (is_there && !value) {
        fact_from_key(&facts->positions, FACT_POSITIONS_NONE, file, "use_abs_pos_emb");
    }
    is_there = false;
    TRY(key_flag(args, "no_embed_class", file, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->positions, value ? FACT_POSITIONS_PATCHES : FACT_POSITIONS_ALL, file,
                      "no_embed_class");
    }
    return VITLRP_OK;
}

static enum vitlrp_status read_rope(const json_t *args, const char *file, struct model_facts *facts,
                                    struct vitlrp_error *err) {
    static const struct fact_key TYPE = {"rope_type", KEY_WORD, FACT_AT(rope), ROPE_WORDS};
    bool states_use = false;
    bool is_used = false;
    bool states_half = false;
    bool is_half = false;
    TRY(key_flag(args, "use_rot_pos_emb", file, &states_use, &is_used, err));
    TRY(key_flag(args, "rope_rotate_half", file, &states_half, &is_half, err));
    if (states_use && !is_used) {
        fact_from_key(&facts->rope, FACT_ROPE_NONE, file, "use_rot_pos_emb");
    }
    const struct fact_keys list = {&TYPE, 1};
    const struct keys_read from = {args, file, &list, 1, true};
    TRY(keys_read(&from, facts, err));
    if (states_half) {
        fact_from_key(&facts->rope_pairing, is_half ? FACT_ROPE_HALVES : FACT_ROPE_INTERLEAVED,
                      file, "rope_rotate_half");
    }
    return VITLRP_OK;
}

/* Tables of relative position biases, of each block or of all together. */
static enum vitlrp_status read_relative(const json_t *args, const char *file,
                                        struct model_facts *facts, struct vitlrp_error *err) {
    static const char *const KEYS[2] = {"use_rel_pos_bias", "use_shared_rel_pos_bias"};
    bool is_there = false;
    bool own = false;
    bool shared = false;
    TRY(key_flag(args, KEYS[0], file, &is_there, &own, err));
    TRY(key_flag(args, KEYS[1], file, &is_there, &shared, err));
    if (own || shared || (is_there && json_object_get(args, KEYS[0]) != NULL)) {
        fact_from_key(&facts->relative_positions, own || shared, file, KEYS[shared]);
    }
    return VITLRP_OK;
}

/* Keys whose meaning is not their value. */
static enum vitlrp_status read_others(const json_t *args, const char *file,
                                      struct model_facts *facts, struct vitlrp_error *err) {
    bool is_there = false;
    bool value = false;
    TRY(key_flag(args, "use_post_norm", file, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->block, value ? FACT_BLOCK_POST_NORM : FACT_BLOCK_PRE_NORM, file,
                      "use_post_norm");
    }
    is_there = false;
    TRY(key_flag(args, "swiglu_mlp", file, &is_there, &value, err));
    if (is_there && value) {
        facts->activation = (struct fact){0}; /* act_layer is of plain MLPs alone */
        fact_from_key(&facts->activation, FACT_SILU, file, "swiglu_mlp");
    } else if (is_there) {
        fact_from_key(&facts->gate, FACT_GATE_NONE, file, "swiglu_mlp");
        fact_from_key(&facts->activation, FACT_GELU_ERF, file, "swiglu_mlp");
    }
    if (json_is_number(json_object_get(args, "init_values"))) {
        fact_from_key(&facts->layer_scale,
                      json_number_value(json_object_get(args, "init_values")) != 0.0, file,
                      "init_values");
    }
    if (json_get_string(args, "norm_layer") != NULL) {
        fact_from_key(&facts->norm_eps, 1e-6, file, "norm_layer"); /* of both classes */
    }
    return VITLRP_OK;
}

enum vitlrp_status facts_timm_args(const json_t *args, const char *file, struct model_facts *facts,
                                   struct vitlrp_error *err) {
    const struct fact_keys list = {ARG_KEYS, sizeof ARG_KEYS / sizeof ARG_KEYS[0]};
    const struct keys_read from = {args, file, &list, 1, false};
    TRY(keys_read(&from, facts, err));
    TRY(read_pool(args, file, facts, err));
    TRY(read_final_norm(args, file, facts, err));
    TRY(read_positions(args, file, facts, err));
    TRY(read_rope(args, file, facts, err));
    TRY(read_relative(args, file, facts, err));
    return read_others(args, file, facts, err);
}

/* "input_size": [channels, height, width], where the arguments do not say it: of a model that takes
 * no other. */
static enum vitlrp_status read_input_size(const json_t *cfg, const char *file,
                                          struct model_facts *facts, struct vitlrp_error *err) {
    const json_t *size = json_object_get(cfg, "input_size");
    bool is_fixed = json_is_true(json_object_get(cfg, "fixed_input_size"));
    if (size == NULL || json_is_null(size)) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < 3; i++) {
        if (json_array_size(size) != 3 || json_integer_value(json_array_get(size, i)) < 1 ||
            json_integer_value(json_array_get(size, i)) > INT32_MAX) {
            return fail(err, VITLRP_MISMATCH,
                        "%s: \"input_size\" must be [channels, height, width]", file);
        }
    }
    fact_from_key(&facts->channels, (double) json_integer_value(json_array_get(size, 0)), file,
                  "input_size");
    if (is_fixed) {
        fact_from_key(&facts->image_height, (double) json_integer_value(json_array_get(size, 1)),
                      file, "input_size");
        fact_from_key(&facts->image_width, (double) json_integer_value(json_array_get(size, 2)),
                      file, "input_size");
    }
    return VITLRP_OK;
}

/* Weights that were trained with another activation than their architecture's name says. */
static void tell_notes(const json_t *cfg, const struct facts_beside *beside) {
    const json_t *notes = json_object_get(cfg, "notes");
    for (size_t i = 0; i < json_array_size(notes); i++) {
        const char *note = json_string_value(json_array_get(notes, i));
        if (note != NULL && strstr(note, "natively QuickGELU") != NULL) {
            log_message(beside->log, LOG_LEVEL_WARNING,
                        "config.json notes that these weights were trained with quick_gelu, but "
                        "its architecture has gelu, as timm runs it");
        }
    }
}

static enum vitlrp_status read_cfg(const json_t *cfg, const char *file,
                                   const struct facts_beside *beside, struct model_facts *facts,
                                   struct vitlrp_error *err) {
    const struct fact_keys list = {CFG_KEYS, sizeof CFG_KEYS / sizeof CFG_KEYS[0]};
    const struct keys_read from = {cfg, file, &list, 1, true};
    TRY(keys_read(&from, facts, err));
    TRY(read_input_size(cfg, file, facts, err));
    if (!fact_known(&facts->classes) && json_is_integer(json_object_get(cfg, "num_classes"))) {
        static const struct fact_key KEY = {"num_classes", KEY_NUMBER, FACT_AT(classes), NULL};
        const struct fact_keys classes = {&KEY, 1};
        const struct keys_read only = {cfg, file, &classes, 1, true};
        TRY(keys_read(&only, facts, err));
    }
    TRY(read_pool(cfg, file, facts, err));
    const char *name = json_get_string(beside->config, "architecture");
    if (!fact_known(&facts->activation) && name != NULL && strstr(name, "quickgelu") == NULL) {
        tell_notes(cfg, beside);
    }
    return VITLRP_OK;
}

/* A head, and of which kind, follows from the classes and the tokens. */
static void state_head(struct model_facts *facts) {
    const struct fact *classes = &facts->classes;
    if (fact_known(classes)) {
        bool has_two = fact_whole(&facts->distillation_token, 0) != 0;
        enum fact_head head = classes->value == 0.0 ? FACT_HEAD_NONE
                              : has_two             ? FACT_HEAD_TWO
                                                    : FACT_HEAD_LINEAR;
        fact_state(&facts->head, head, classes->source, classes->file, classes->key);
    }
}

enum vitlrp_status facts_timm(const struct facts_beside *beside, struct model_facts *facts,
                              struct vitlrp_error *err) {
    const json_t *config = beside->config;
    const json_t *args = json_object_get(config, "model_args");
    const json_t *cfg = json_object_get(config, "pretrained_cfg");
    const char *name = json_get_string(config, "architecture");
    const struct fact_keys list = {TOP_KEYS, sizeof TOP_KEYS / sizeof TOP_KEYS[0]};
    const struct keys_read top = {config, CONFIG, &list, 1, true};
    if (json_is_object(args)) {
        TRY(facts_timm_args(args, ARGS, facts, err));
    }
    TRY(keys_read(&top, facts, err));
    TRY(read_pool(config, CONFIG, facts, err));
    TRY(json_is_object(cfg) ? read_cfg(cfg, CFG, beside, facts, err)
                            : read_cfg(config, CONFIG, beside, facts, err));
    if (name != NULL) {
        const struct named_architecture named = {
            name, CONFIG, json_is_integer(json_object_get(args, "embed_dim"))};
        published_apply(&named, beside, facts);
    }
    state_head(facts);
    return VITLRP_OK;
}
