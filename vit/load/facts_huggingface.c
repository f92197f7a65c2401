/* Hugging Face's config.json: by model_type, which has defaults for the keys that a file leaves
 * out, and by architectures[0], the class, which says what is pooled and which norm and head it
 * has. */
#include <string.h>

#include "base/json.h"
#include "vit/load/facts_keys.h"

#define CONFIG "config.json"
#define ADAPTER "adapter_config.json"
#define VISION "config.json, vision_config"
#define VISION_DICT "config.json, vision_config_dict"
#define TEXT "config.json, text_config"
#define TEXT_DICT "config.json, text_config_dict"

#define S(member, value)                                                                           \
    { FACT_AT(member), value }
#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

static const struct key_word HIDDEN_ACT_WORDS[] = {{"gelu", FACT_GELU_ERF},
                                                   {"gelu_python", FACT_GELU_ERF},
                                                   {"gelu_new", FACT_GELU_TANH},
                                                   {"gelu_pytorch_tanh", FACT_GELU_TANH},
                                                   {"gelu_python_tanh", FACT_GELU_TANH},
                                                   {"gelu_accurate", FACT_GELU_TANH},
                                                   {"gelu_fast", FACT_GELU_TANH},
                                                   {"quick_gelu", FACT_GELU_QUICK},
                                                   {"silu", FACT_SILU},
                                                   {"swish", FACT_SILU},
                                                   {"relu", FACT_RELU},
                                                   {NULL, 0}};

/* Keys of every configuration that concern training, generation, text or the form of outputs. */
static const char *const IGNORED[] = {
    "transformers_version", "_name_or_path", "_commit_hash", "_attn_implementation",
    "_attn_implementation_autoset", "attn_implementation", "architectures", "model_type",
    "auto_map", "dtype", "torch_dtype", "id2label", "label2id", "output_hidden_states",
    "output_attentions", "return_dict", "torchscript", "use_bfloat16", "tf_legacy_loss",
    "tie_word_embeddings", "tie_encoder_decoder", "chunk_size_feed_forward", "is_encoder_decoder",
    "is_decoder", "cross_attention_hidden_size", "add_cross_attention", "max_length", "min_length",
    "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
    "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty",
    "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
    "output_scores", "return_dict_in_generate", "forced_bos_token_id", "forced_eos_token_id",
    "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens",
    "begin_suppress_tokens", "finetuning_task", "tokenizer_class", "prefix", "bos_token_id",
    "pad_token_id", "eos_token_id", "sep_token_id", "decoder_start_token_id",
    "task_specific_params", "use_cache", "gradient_checkpointing", "hidden_dropout_prob",
    "hidden_dropout", "attention_probs_dropout_prob", "attention_dropout", "dropout",
    "drop_path_rate", "initializer_range", "initializer_factor", "encoder_stride",
    "mlp_ratio", /* shows in the tensors, as the following do */
    "pooler_output_size", "layerscale_value", "use_mask_token", "projection_dim", "projection_size",
    /* Of a backbone's feature maps, of MAE's decoder, of segmentation, of DINOv3's training. */
    "apply_layernorm", "reshape_hidden_states", "out_features", "out_indices", "stage_names",
    "decoder_num_attention_heads", "decoder_hidden_size", "decoder_num_hidden_layers",
    "decoder_intermediate_size", "mask_ratio", "norm_pix_loss", "pool_scales", "use_auxiliary_head",
    "auxiliary_loss_weight", "auxiliary_channels", "auxiliary_num_convs", "auxiliary_concat_input",
    "semantic_loss_ignore_index", "add_fpn", "vocab_size", "pos_embed_shift", "pos_embed_jitter",
    "pos_embed_rescale", "text_config", "text_config_dict", "logit_scale_init_value",
    "max_logit_scale"};

static const struct fact_key KEYS[] = {
    {"hidden_size", KEY_NUMBER, FACT_AT(width), NULL},
    {"num_hidden_layers", KEY_NUMBER, FACT_AT(depth), NULL},
    {"num_attention_heads", KEY_NUMBER, FACT_AT(heads), NULL},
    {"intermediate_size", KEY_NUMBER, FACT_AT(mlp_width), NULL},
    {"hidden_act", KEY_WORD, FACT_AT(activation), HIDDEN_ACT_WORDS},
    {"layer_norm_eps", KEY_NUMBER, FACT_AT(norm_eps), NULL},
    {"image_size", KEY_PAIR, FACT_AT(image_height), NULL},
    {"patch_size", KEY_PAIR, FACT_AT(patch_height), NULL},
    {"num_channels", KEY_NUMBER, FACT_AT(channels), NULL},
    {"qkv_bias", KEY_FLAG, FACT_AT(query_bias), NULL},
    {"num_labels", KEY_NUMBER, FACT_AT(classes), NULL},
    {"problem_type", KEY_WORD, FACT_AT(probability), PROBLEM_WORDS},
    {"pruned_heads", KEY_ONLY_OFF, 0, NULL},
    {"pooler_act", KEY_OWN, 0, NULL},
};

static const struct key_word POOLER_WORDS[] = {{"tanh", FACT_TANH},
                                               {"relu", FACT_RELU},
                                               {"gelu", FACT_GELU_ERF},
                                               {"gelu_new", FACT_GELU_TANH},
                                               {"gelu_pytorch_tanh", FACT_GELU_TANH},
                                               {"quick_gelu", FACT_GELU_QUICK},
                                               {NULL, 0}};

static const struct fact_key DINO_KEYS[] = {
    {"use_swiglu_ffn", KEY_OWN, 0, NULL},
    {"use_gated_mlp", KEY_OWN, 0, NULL},
    {"num_register_tokens", KEY_NUMBER, FACT_AT(registers), NULL},
    {"query_bias", KEY_FLAG, FACT_AT(query_bias), NULL},
    {"key_bias", KEY_FLAG, FACT_AT(key_bias), NULL},
    {"value_bias", KEY_FLAG, FACT_AT(value_bias), NULL},
    {"proj_bias", KEY_FLAG, FACT_AT(proj_bias), NULL},
    {"mlp_bias", KEY_FLAG, FACT_AT(mlp_bias), NULL},
    {"rope_theta", KEY_NUMBER, FACT_AT(rope_theta), NULL},
};

static const struct fact_key BEIT_KEYS[] = {
    {"use_absolute_position_embeddings", KEY_OWN, 0, NULL},
    {"use_relative_position_bias", KEY_OWN, 0, NULL},
    {"use_shared_relative_position_bias", KEY_OWN, 0, NULL},
    {"use_mean_pooling", KEY_OWN, 0, NULL},
    {"layer_scale_init_value", KEY_OWN, 0, NULL},
};

static const struct fact_key TOWER_KEYS[] = {
    {"vision_use_head", KEY_OWN, 0, NULL},
    {"use_head", KEY_OWN, 0, NULL},
    {"is_native", KEY_ONLY_OFF, 0, NULL},
    {"rms_norm_eps", KEY_NUMBER, FACT_AT(norm_eps), NULL},
    {"mlp_bias", KEY_FLAG, FACT_AT(mlp_bias), NULL},
    {"vision_config", KEY_OWN, 0, NULL},
    {"vision_config_dict", KEY_OWN, 0, NULL},
};

/* What the classes of configurations have where a file leaves the key out. What the first list
 * states holds for every type that does not say otherwise. */
static const struct fact_statement DEFAULTS[] = {
    S(resampling, FACT_RESAMPLE_BICUBIC),
    S(final_norm, FACT_FINAL_NORM_TOKENS),
};
static const struct fact_statement EPS_12[] = {S(norm_eps, 1e-12), S(heads, 12)};
static const struct fact_statement EPS_6[] = {S(norm_eps, 1e-6), S(heads, 12)};
static const struct fact_statement DEIT[] = {S(norm_eps, 1e-12), S(heads, 12),
                                             S(distillation_token, 1)};
static const struct fact_statement IJEPA[] = {S(norm_eps, 1e-12), S(heads, 12), S(class_token, 0),
                                              S(pool, FACT_POOL_MEAN)};
static const struct fact_statement DINOV2[] = {S(norm_eps, 1e-6), S(heads, 12), S(dynamic_size, 1)};
static const struct fact_statement DINOV2_REGISTERS[] = {S(norm_eps, 1e-6),
                                                         S(heads, 12),
                                                         S(registers, 4),
                                                         S(positions, FACT_POSITIONS_CLASS),
                                                         S(resampling, FACT_RESAMPLE_ANTIALIASED),
                                                         S(dynamic_size, 1)};
static const struct fact_statement DINOV3[] = {S(norm_eps, 1e-5),
                                               S(heads, 6),
                                               S(positions, FACT_POSITIONS_NONE),
                                               S(rope, FACT_ROPE_DINOV3),
                                               S(rope_theta, 100),
                                               S(rope_order, FACT_ROPE_ROWS_FIRST),
                                               S(rope_pairing, FACT_ROPE_HALVES),
                                               S(image_height, 224),
                                               S(image_width, 224),
                                               S(dynamic_size, 1),
                                               S(key_bias, 0)};
static const struct fact_statement BEIT[] = {
    S(norm_eps, 1e-12),   S(heads, 12),       S(key_bias, 0), S(positions, FACT_POSITIONS_NONE),
    S(image_height, 224), S(image_width, 224)};
static const struct fact_statement CLIP[] = {S(norm_eps, 1e-5), S(heads, 12),
                                             S(activation, FACT_GELU_QUICK), S(pre_norm, 1)};
static const struct fact_statement SIGLIP[] = {S(norm_eps, 1e-6), S(heads, 12),
                                               S(activation, FACT_GELU_TANH), S(class_token, 0),
                                               S(pool, FACT_POOL_MAP)};
static const struct fact_statement AIMV2[] = {
    S(norm, FACT_NORM_RMS),   S(norm_eps, 1e-5), S(heads, 8),      S(activation, FACT_SILU),
    S(gate, FACT_GATE_SPLIT), S(class_token, 0), S(embed_norm, 1), S(pool, FACT_POOL_MAP_TOKEN)};

static const struct type {
    const char *name;
    const char *origin; /* of its defaults */
    const struct fact_statement *defaults;
    size_t default_count;
    struct fact_keys keys; /* besides those of all */
} TYPES[] = {
    {"vit", "ViTConfig", EPS_12, LENGTH(EPS_12), {NULL, 0}},
    {"deit", "DeiTConfig", DEIT, LENGTH(DEIT), {NULL, 0}},
    {"vit_msn", "ViTMSNConfig", EPS_6, LENGTH(EPS_6), {NULL, 0}},
    {"vit_mae", "ViTMAEConfig", EPS_12, LENGTH(EPS_12), {NULL, 0}},
    {"ijepa", "IJepaConfig", IJEPA, LENGTH(IJEPA), {NULL, 0}},
    {"dinov2", "Dinov2Config", DINOV2, LENGTH(DINOV2), {DINO_KEYS, LENGTH(DINO_KEYS)}},
    {"dinov2_with_registers",
     "Dinov2WithRegistersConfig",
     DINOV2_REGISTERS,
     LENGTH(DINOV2_REGISTERS),
     {DINO_KEYS, LENGTH(DINO_KEYS)}},
    {"dinov3_vit", "DINOv3ViTConfig", DINOV3, LENGTH(DINOV3), {DINO_KEYS, LENGTH(DINO_KEYS)}},
    {"beit", "BeitConfig", BEIT, LENGTH(BEIT), {BEIT_KEYS, LENGTH(BEIT_KEYS)}},
    {"data2vec-vision", "Data2VecVisionConfig", BEIT, LENGTH(BEIT), {BEIT_KEYS, LENGTH(BEIT_KEYS)}},
    {"clip", "CLIPVisionConfig", CLIP, LENGTH(CLIP), {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"clip_vision_model", "CLIPVisionConfig", CLIP, LENGTH(CLIP), {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"metaclip_2", "MetaClip2VisionConfig", CLIP, LENGTH(CLIP), {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"metaclip_2_vision_model",
     "MetaClip2VisionConfig",
     CLIP,
     LENGTH(CLIP),
     {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"siglip", "SiglipVisionConfig", SIGLIP, LENGTH(SIGLIP), {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"siglip_vision_model",
     "SiglipVisionConfig",
     SIGLIP,
     LENGTH(SIGLIP),
     {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"aimv2", "Aimv2VisionConfig", AIMV2, LENGTH(AIMV2), {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
    {"aimv2_vision_model",
     "Aimv2VisionConfig",
     AIMV2,
     LENGTH(AIMV2),
     {TOWER_KEYS, LENGTH(TOWER_KEYS)}},
};

/* What a class does with the tokens of its last block. */
static const struct class {
    const char *name;
    const char *type; /* where the file states none */
    enum fact_head head;
    enum fact_pool pool;
    enum fact_final_norm norm;
} CLASSES[] = {
#define HEADLESS(name, type)                                                                       \
    { name, type, FACT_HEAD_NONE, FACT_POOL_TOKEN, FACT_FINAL_NORM_TOKENS }
#define ON_TOKEN(name, type)                                                                       \
    { name, type, FACT_HEAD_LINEAR, FACT_POOL_TOKEN, FACT_FINAL_NORM_TOKENS }
    ON_TOKEN("ViTForImageClassification", "vit"),
    HEADLESS("ViTModel", "vit"),
    HEADLESS("ViTForMaskedImageModeling", "vit"),
    ON_TOKEN("DeiTForImageClassification", "deit"),
    {"DeiTForImageClassificationWithTeacher", "deit", FACT_HEAD_TWO, FACT_POOL_TOKEN,
     FACT_FINAL_NORM_TOKENS},
    HEADLESS("DeiTModel", "deit"),
    HEADLESS("DeiTForMaskedImageModeling", "deit"),
    ON_TOKEN("ViTMSNForImageClassification", "vit_msn"),
    HEADLESS("ViTMSNModel", "vit_msn"),
    HEADLESS("ViTMAEForPreTraining", "vit_mae"),
    HEADLESS("ViTMAEModel", "vit_mae"),
    {"IJepaForImageClassification", "ijepa", FACT_HEAD_LINEAR, FACT_POOL_MEAN,
     FACT_FINAL_NORM_TOKENS},
    {"IJepaModel", "ijepa", FACT_HEAD_NONE, FACT_POOL_MEAN, FACT_FINAL_NORM_TOKENS},
    {"Dinov2ForImageClassification", "dinov2", FACT_HEAD_LINEAR, FACT_POOL_TOKEN_MEAN,
     FACT_FINAL_NORM_TOKENS},
    HEADLESS("Dinov2Model", "dinov2"),
    HEADLESS("Dinov2Backbone", "dinov2"),
    {"Dinov2WithRegistersForImageClassification", "dinov2_with_registers", FACT_HEAD_LINEAR,
     FACT_POOL_TOKEN_MEAN, FACT_FINAL_NORM_TOKENS},
    HEADLESS("Dinov2WithRegistersModel", "dinov2_with_registers"),
    HEADLESS("Dinov2WithRegistersBackbone", "dinov2_with_registers"),
    HEADLESS("DINOv3ViTModel", "dinov3_vit"),
    HEADLESS("DINOv3ViTBackbone", "dinov3_vit"),
    ON_TOKEN("BeitForImageClassification", "beit"), /* unless it uses the mean: read_beit */
    HEADLESS("BeitModel", "beit"),
    ON_TOKEN("Data2VecVisionForImageClassification", "data2vec-vision"),
    HEADLESS("Data2VecVisionModel", "data2vec-vision"),
    {"CLIPForImageClassification", "clip", FACT_HEAD_LINEAR, FACT_POOL_MEAN, FACT_FINAL_NORM_NONE},
    {"CLIPVisionModelWithProjection", "clip_vision_model", FACT_HEAD_PROJECTION, FACT_POOL_TOKEN,
     FACT_FINAL_NORM_TOKENS},
    {"CLIPModel", "clip", FACT_HEAD_PROJECTION, FACT_POOL_TOKEN, FACT_FINAL_NORM_TOKENS},
    HEADLESS("CLIPVisionModel", "clip_vision_model"),
    {"MetaClip2ForImageClassification", "metaclip_2", FACT_HEAD_LINEAR, FACT_POOL_MEAN,
     FACT_FINAL_NORM_NONE},
    {"MetaClip2VisionModelWithProjection", "metaclip_2_vision_model", FACT_HEAD_PROJECTION,
     FACT_POOL_TOKEN, FACT_FINAL_NORM_TOKENS},
    {"MetaClip2Model", "metaclip_2", FACT_HEAD_PROJECTION, FACT_POOL_TOKEN, FACT_FINAL_NORM_TOKENS},
    HEADLESS("MetaClip2VisionModel", "metaclip_2_vision_model"),
    {"SiglipForImageClassification", "siglip", FACT_HEAD_LINEAR, FACT_POOL_MEAN,
     FACT_FINAL_NORM_TOKENS},
    {"SiglipVisionModel", "siglip_vision_model", FACT_HEAD_NONE, FACT_POOL_MAP,
     FACT_FINAL_NORM_TOKENS},
    {"SiglipModel", "siglip", FACT_HEAD_NONE, FACT_POOL_MAP, FACT_FINAL_NORM_TOKENS},
    {"Aimv2VisionModel", "aimv2_vision_model", FACT_HEAD_NONE, FACT_POOL_MAP_TOKEN,
     FACT_FINAL_NORM_TOKENS},
    {"Aimv2Model", "aimv2", FACT_HEAD_PROJECTION, FACT_POOL_MAP_TOKEN, FACT_FINAL_NORM_TOKENS},
};

/* UNSUPPORTED for a class that is not known: what it does with the tokens is not known either.
 * `key` says where the name stands. */
static enum vitlrp_status find_class(const char *name, const char *key, const struct class **out,
                                     struct vitlrp_error *err) {
    char shown[80];
    *out = NULL;
    if (name == NULL) {
        return VITLRP_OK;
    }
    for (size_t i = 0; i < LENGTH(CLASSES); i++) {
        if (strcmp(CLASSES[i].name, name) == 0) {
            *out = &CLASSES[i];
            return VITLRP_OK;
        }
    }
    text_escape_line(shown, sizeof shown, name);
    return fail(err, VITLRP_UNSUPPORTED, "%s: %s is not supported", key, shown);
}

static enum vitlrp_status find_type(const json_t *config, const struct class *class,
                                    const struct type **out, struct vitlrp_error *err) {
    const char *name = json_get_string(config, "model_type");
    char shown[80];
    if (name == NULL) {
        name = class != NULL ? class->type : "vit";
    }
    for (size_t i = 0; i < LENGTH(TYPES); i++) {
        if (strcmp(TYPES[i].name, name) == 0) {
            *out = &TYPES[i];
            return VITLRP_OK;
        }
    }
    struct text known = {.limit = 1 << 12};
    for (size_t i = 0; i < LENGTH(TYPES); i++) {
        text_printf(&known, " %s", TYPES[i].name);
    }
    text_escape_line(shown, sizeof shown, name);
    enum vitlrp_status status =
        fail(err, VITLRP_UNSUPPORTED, CONFIG ": model_type %s is not supported; known are:%s",
             shown, known.failed ? "" : known.data);
    text_free(&known);
    return status;
}

static void state_class(const struct class *class, const char *file, struct model_facts *facts) {
    const struct fact_statement statements[] = {S(head, class->head), S(pool, class->pool),
                                                S(final_norm, class->norm)};
    facts_state_all(facts, statements, LENGTH(statements), FACT_FILE, file, class->name);
}

static bool has_classes(const struct class *class) {
    return class != NULL && (class->head == FACT_HEAD_LINEAR || class->head == FACT_HEAD_TWO);
}

/* The class with a head of classes over such a tower, whose types have one configuration; NULL:
 * there is none. */
static const struct class *classifier_of(const struct type *type) {
    for (size_t i = 0; i < LENGTH(CLASSES); i++) {
        for (size_t k = 0; k < LENGTH(TYPES); k++) {
            if (strcmp(CLASSES[i].type, TYPES[k].name) == 0 && has_classes(&CLASSES[i]) &&
                strcmp(TYPES[k].origin, type->origin) == 0) {
                return &CLASSES[i];
            }
        }
    }
    return NULL;
}

/* What an adapter's head reads where the adapter does not say in which class it was trained, and
 * the model's own has no such head, or the class is somebody's own: most likely what the classifier
 * of that type reads. If the pool is told, and not that one's, the class is rather one that puts a
 * layer behind the model. */
static void guess_class(const struct facts_beside *beside, const struct class *own,
                        const struct type *type, struct model_facts *facts) {
    const struct class *class = classifier_of(type);
    const struct fact *told = beside->user == NULL ? NULL : &beside->user->pool;
    bool is_other =
        class != NULL && told != NULL && fact_known(told) && told->value != (double) class->pool;
    class = class == NULL || (is_other && own != NULL) ? own : class;
    if (class != NULL) {
        fact_guess(&facts->pool, class->pool);
        fact_guess(&facts->final_norm, class->norm);
    }
}

enum vitlrp_status facts_huggingface_saved(const struct facts_beside *beside,
                                           struct model_facts *facts, struct vitlrp_error *err) {
    const struct class *class = NULL;
    if (beside->has_saved_head) {
        TRY(find_class(beside->saved_class, ADAPTER ": auto_mapping", &class, err));
    }
    if (class != NULL && !has_classes(class)) {
        return fail(err, VITLRP_MISMATCH,
                    ADAPTER ": auto_mapping: %s has no head of classes, and the adapter has one",
                    class->name);
    }
    if (class != NULL) {
        state_class(class, ADAPTER, facts);
    }
    return VITLRP_OK;
}

/* What the class states that the head is of: an adapter's head, if there is one, and not what the
 * model's own class has in its place. */
static enum vitlrp_status read_class(const struct facts_beside *beside, const struct class *own,
                                     const struct type *type, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    bool is_stated = beside->saved_class != NULL || beside->has_foreign_class;
    bool is_own = !beside->has_saved_head || (!is_stated && has_classes(own));
    bool is_silent = own == NULL || (own->head == FACT_HEAD_NONE && beside->has_head);
    if (is_own && !is_silent) {
        state_class(own, CONFIG, facts);
    }
    if (is_own) {
        return VITLRP_OK;
    }
    TRY(facts_huggingface_saved(beside, facts, err));
    guess_class(beside, own, type, facts); /* what is open yet */
    return VITLRP_OK;
}

/* A gated MLP. DINOv2's has SiLU whatever hidden_act says; DINOv3's has hidden_act. */
static enum vitlrp_status read_gate(const json_t *object, const char *file,
                                    struct model_facts *facts, struct vitlrp_error *err) {
    bool is_there = false;
    bool value = false;
    TRY(key_flag(object, "use_swiglu_ffn", file, &is_there, &value, err));
    if (is_there && value) {
        fact_from_key(&facts->gate, FACT_GATE_PACKED, file, "use_swiglu_ffn");
        fact_from_key(&facts->activation, FACT_SILU, file, "use_swiglu_ffn");
    }
    is_there = false;
    TRY(key_flag(object, "use_gated_mlp", file, &is_there, &value, err));
    if (is_there && value) {
        fact_from_key(&facts->gate, FACT_GATE_SPLIT, file, "use_gated_mlp");
    }
    return VITLRP_OK;
}

/* BEiT: positions, and the mean of the patches (with a norm of its own) unless it says otherwise.
 */
static enum vitlrp_status read_beit(const json_t *object, const char *file,
                                    struct model_facts *facts, struct vitlrp_error *err) {
    bool is_there = false;
    bool value = false;
    TRY(key_flag(object, "use_absolute_position_embeddings", file, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->positions, value ? FACT_POSITIONS_ALL : FACT_POSITIONS_NONE, file,
                      "use_absolute_position_embeddings");
    }
    bool is_relative = false;
    bool is_shared = false;
    TRY(key_flag(object, "use_relative_position_bias", file, &is_there, &is_relative, err));
    TRY(key_flag(object, "use_shared_relative_position_bias", file, &is_there, &is_shared, err));
    fact_from_key(&facts->relative_positions, is_relative || is_shared, file,
                  is_shared ? "use_shared_relative_position_bias" : "use_relative_position_bias");
    bool is_mean = true;
    TRY(key_flag(object, "use_mean_pooling", file, &is_there, &is_mean, err));
    if (is_mean) {
        fact_from_key(&facts->pool, FACT_POOL_MEAN, file, "use_mean_pooling");
        fact_from_key(&facts->final_norm, FACT_FINAL_NORM_POOLED, file, "use_mean_pooling");
    }
    const json_t *scale = json_object_get(object, "layer_scale_init_value");
    if (json_is_number(scale)) {
        fact_from_key(&facts->layer_scale, json_number_value(scale) > 0.0, file,
                      "layer_scale_init_value");
    }
    return VITLRP_OK;
}

/* The pooler's activation matters where the head reads the pooler. */
static enum vitlrp_status read_pooler(const struct facts_beside *beside, struct model_facts *facts,
                                      struct vitlrp_error *err) {
    static const struct fact_key ROWS[] = {
        {"pooler_act", KEY_WORD, FACT_AT(head_activation), POOLER_WORDS}};
    const struct fact_keys list = {ROWS, LENGTH(ROWS)};
    const struct keys_read from = {beside->config, CONFIG, &list, 1, true};
    bool is_told = beside->user != NULL && fact_known(&beside->user->pool);
    const struct fact *pool = is_told ? &beside->user->pool : &facts->pool;
    bool is_read = fact_whole(pool, FACT_POOL_TOKEN) == FACT_POOL_POOLER;
    return is_read ? keys_read(&from, facts, err) : VITLRP_OK;
}

/* A head of classes has as many as there are labels, where no key states their number. */
static void read_labels(const json_t *config, const struct class *class,
                        struct model_facts *facts) {
    size_t labels = json_object_size(json_object_get(config, "id2label"));
    if (has_classes(class) && labels > 0 && !fact_known(&facts->classes)) {
        fact_from_key(&facts->classes, (double) labels, CONFIG, "id2label");
    }
}

/* A tower without its pooling head gives all tokens; which of them is left open. */
static enum vitlrp_status read_use_head(const json_t *object, const char *file, bool *has_head,
                                        struct vitlrp_error *err) {
    bool is_there = false;
    TRY(key_flag(object, "vision_use_head", file, &is_there, has_head, err));
    return key_flag(object, "use_head", file, &is_there, has_head, err);
}

static enum vitlrp_status read_object(const json_t *object, const char *file,
                                      const struct type *type, struct model_facts *facts,
                                      struct vitlrp_error *err) {
    struct fact_key ignored[LENGTH(IGNORED)];
    for (size_t i = 0; i < LENGTH(IGNORED); i++) {
        ignored[i] = (struct fact_key){IGNORED[i], KEY_IGNORED, 0, NULL};
    }
    const struct fact_keys lists[] = {type->keys, {KEYS, LENGTH(KEYS)}, {ignored, LENGTH(IGNORED)}};
    bool is_beit = type->keys.rows == BEIT_KEYS;
    TRY(read_gate(object, file, facts, err));
    struct model_facts stated = *facts;
    const struct keys_read from = {object, file, lists, LENGTH(lists), false};
    stated.activation.source = FACT_UNKNOWN; /* hidden_act does not contradict the gate */
    TRY(keys_read(&from, &stated, err));
    if (fact_known(&facts->activation)) {
        stated.activation = facts->activation;
    }
    *facts = stated;
    return is_beit ? read_beit(object, file, facts, err) : VITLRP_OK;
}

/* The object that describes the vision tower: of models with a text tower, vision_config;
 * vision_config_dict, where there is one, takes its place. */
static const json_t *tower_of(const json_t *config, const char **file) {
    const json_t *dict = json_object_get(config, "vision_config_dict");
    const json_t *tower = json_object_get(config, "vision_config");
    if (json_is_object(dict)) {
        *file = VISION_DICT;
        return dict;
    }
    *file = VISION;
    return json_is_object(tower) ? tower : NULL;
}

enum vitlrp_status facts_huggingface(const struct facts_beside *beside, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    const struct class *class = NULL;
    const struct type *type = NULL;
    const char *file = CONFIG;
    bool has_head = true;
    const char *name =
        json_string_value(json_array_get(json_object_get(beside->config, "architectures"), 0));
    TRY(find_class(name, CONFIG ": architectures", &class, err));
    TRY(find_type(beside->config, class, &type, err));
    const json_t *tower = tower_of(beside->config, &file);
    if (tower != NULL) {
        TRY(read_object(tower, file, type, facts, err));
        TRY(read_use_head(tower, file, &has_head, err));
    }
    TRY(read_object(beside->config, CONFIG, type, facts, err));
    TRY(read_use_head(beside->config, CONFIG, &has_head, err));
    TRY(read_pooler(beside, facts, err));
    read_labels(beside->config, class, facts);
    bool pools_by_head = !beside->has_saved_head && class != NULL &&
                         class->head == FACT_HEAD_NONE &&
                         (class->pool == FACT_POOL_MAP || class->pool == FACT_POOL_MAP_TOKEN);
    if (pools_by_head && !has_head) {
        fact_guess(&facts->pool, FACT_POOL_MEAN); /* the class gives all tokens */
    }
    TRY(read_class(beside, class, type, facts, err));
    facts_state_all(facts, type->defaults, type->default_count, FACT_CLASS, NULL, type->origin);
    facts_state_all(facts, DEFAULTS, LENGTH(DEFAULTS), FACT_CLASS, NULL, type->origin);
    facts_state_plain(facts, FACT_CLASS, type->origin);
    return VITLRP_OK;
}

/* ---- Text towers ---- */

static const struct fact_key TEXT_KEYS[] = {
    {"max_position_embeddings", KEY_NUMBER, FACT_AT(context), NULL},
    {"vocab_size", KEY_NUMBER, FACT_AT(vocabulary), NULL},
    {"eos_token_id", KEY_OWN, 0, NULL},
};

static const struct fact_statement CLIP_TEXT[] = {
    S(norm_eps, 1e-5), S(heads, 8), S(activation, FACT_GELU_QUICK), S(causal, 1), S(end_id, 49407)};
static const struct fact_statement SIGLIP_TEXT[] = {S(norm_eps, 1e-6), S(heads, 12),
                                                    S(activation, FACT_GELU_TANH), S(causal, 0),
                                                    S(text_end, FACT_TEXT_END_LAST)};

static const struct type TEXT_TYPES[] = {
    {"clip", "CLIPTextConfig", CLIP_TEXT, LENGTH(CLIP_TEXT), {TEXT_KEYS, LENGTH(TEXT_KEYS)}},
    {"siglip",
     "SiglipTextConfig",
     SIGLIP_TEXT,
     LENGTH(SIGLIP_TEXT),
     {TEXT_KEYS, LENGTH(TEXT_KEYS)}},
};

/* The first token with eos_token_id is read; but 2, which configurations of OpenAI's models had
 * before it was right, is that of none: there the largest id is looked for. SigLIP's is a copy of
 * CLIP's, and not read. */
static enum vitlrp_status read_end(const json_t *object, const char *file, bool is_clip,
                                   struct model_facts *facts, struct vitlrp_error *err) {
    int64_t id = 49407;
    if (!is_clip) {
        return VITLRP_OK;
    }
    const json_t *stated = json_object_get(object, "eos_token_id");
    bool is_there = stated != NULL && !json_is_null(stated);
    if (is_there) {
        TRY(json_get_int(object, "eos_token_id", 0, INT32_MAX, &id, err));
        fact_from_key(&facts->end_id, (double) id, file, "eos_token_id");
    }
    fact_state(&facts->text_end, id == 2 ? FACT_TEXT_END_LARGEST_ID : FACT_TEXT_END_FIRST_ID,
               is_there ? FACT_FILE : FACT_CLASS, is_there ? file : NULL, "eos_token_id");
    return VITLRP_OK;
}

enum vitlrp_status facts_huggingface_text(const struct facts_beside *beside,
                                          struct model_facts *facts, struct vitlrp_error *err) {
    const char *name = json_get_string(beside->config, "model_type");
    const json_t *dict = json_object_get(beside->config, "text_config_dict");
    bool replaces = json_is_object(dict);
    const json_t *object = replaces ? dict : json_object_get(beside->config, "text_config");
    const char *file = replaces ? TEXT_DICT : TEXT;
    const struct type *type = NULL;
    char shown[80];
    for (size_t i = 0; i < LENGTH(TEXT_TYPES); i++) {
        bool is_it = name != NULL && strcmp(TEXT_TYPES[i].name, name) == 0;
        type = is_it ? &TEXT_TYPES[i] : type;
    }
    if (type == NULL) {
        text_escape_line(shown, sizeof shown, name == NULL ? "unknown" : name);
        return fail(err, VITLRP_UNSUPPORTED,
                    CONFIG ": the text tower of model_type %s is not supported; known are clip, "
                           "siglip",
                    shown);
    }
    if (json_is_object(object)) {
        TRY(read_object(object, file, type, facts, err));
    }
    TRY(read_end(object, file, type->defaults == CLIP_TEXT, facts, err));
    facts_state_all(facts, type->defaults, type->default_count, FACT_CLASS, NULL, type->origin);
    facts_state_plain(facts, FACT_CLASS, type->origin);
    return VITLRP_OK;
}
