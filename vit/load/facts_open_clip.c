/* open_clip_config.json: model_cfg describes the vision tower, open_clip's own or one of timm's,
 * by name. */
#include "base/json.h"
#include "vit/load/facts_keys.h"

#define MODEL "open_clip_config.json, model_cfg"
#define VISION "open_clip_config.json, vision_cfg"
#define TEXT "open_clip_config.json, text_cfg"

#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

static const struct key_word POOL_WORDS[] = {
    {"tok", FACT_POOL_TOKEN}, {"avg", FACT_POOL_MEAN}, {NULL, 0}};

static const struct key_word TIMM_POOL_WORDS[] = {
    {"token", FACT_POOL_TOKEN}, {"avg", FACT_POOL_MEAN}, {"map", FACT_POOL_MAP}, {NULL, 0}};

static const struct key_word TIMM_PROJ_WORDS[] = {{"linear", FACT_HEAD_PROJECTION},
                                                  {"none", FACT_HEAD_NONE},
                                                  {"", FACT_HEAD_PROJECTION},
                                                  {NULL, 0}};

static const struct fact_key MODEL_KEYS[] = {
    {"quick_gelu", KEY_OWN, 0, NULL},
    {"vision_cfg", KEY_OWN, 0, NULL},
    {"embed_dim", KEY_IGNORED, 0, NULL}, /* shows in the projection */
    /* Of the text tower, and of what joins both. */
    {"text_cfg", KEY_IGNORED, 0, NULL},
    {"multimodal_cfg", KEY_IGNORED, 0, NULL},
    {"custom_text", KEY_IGNORED, 0, NULL},
    {"init_logit_scale", KEY_IGNORED, 0, NULL},
    {"init_logit_bias", KEY_IGNORED, 0, NULL},
    {"nonscalar_logit_scale", KEY_IGNORED, 0, NULL},
    {"output_dict", KEY_IGNORED, 0, NULL},
    {"cast_dtype", KEY_IGNORED, 0, NULL},
};

static const struct fact_key VISION_KEYS[] = {
    {"image_size", KEY_PAIR, FACT_AT(image_height), NULL},
    {"timm_model_name", KEY_OWN, 0, NULL},
    {"timm_model_kwargs", KEY_OWN, 0, NULL},
    {"timm_pool", KEY_OWN, 0, NULL},
    {"timm_proj", KEY_WORD, FACT_AT(head), TIMM_PROJ_WORDS},
    {"timm_proj_bias", KEY_IGNORED, 0, NULL}, /* shows in the tensors, as mlp_ratio does */
    {"mlp_ratio", KEY_IGNORED, 0, NULL},
    {"layers", KEY_NUMBER, FACT_AT(depth), NULL},
    {"width", KEY_NUMBER, FACT_AT(width), NULL},
    {"head_width", KEY_OWN, 0, NULL},
    {"patch_size", KEY_PAIR, FACT_AT(patch_height), NULL},
    {"ls_init_value", KEY_OWN, 0, NULL},
    {"no_ln_pre", KEY_OWN, 0, NULL},
    {"pool_type", KEY_WORD, FACT_AT(pool), POOL_WORDS},
    {"final_ln_after_pool", KEY_OWN, 0, NULL},
    {"act_kwargs", KEY_OWN, 0, NULL},
    {"norm_kwargs", KEY_OWN, 0, NULL},
    {"qk_norm", KEY_FLAG, FACT_AT(qk_norm), NULL},
    {"scale_attn_inner", KEY_FLAG, FACT_AT(attention_norm), NULL},
    {"scale_fc", KEY_FLAG, FACT_AT(mlp_norm), NULL},
    {"attentional_pool", KEY_ONLY_OFF, 0, NULL},
    {"scaled_cosine_attn", KEY_ONLY_OFF, 0, NULL},
    {"scale_heads", KEY_ONLY_OFF, 0, NULL},
    {"scale_attn", KEY_ONLY_OFF, 0, NULL},
    {"attn_pooler_queries", KEY_IGNORED, 0, NULL}, /* without attentional_pool */
    {"attn_pooler_heads", KEY_IGNORED, 0, NULL},
    {"block_type", KEY_IGNORED, 0, NULL},     /* of the switches above */
    {"pos_embed_type", KEY_IGNORED, 0, NULL}, /* all kinds are stored */
    {"output_tokens", KEY_IGNORED, 0, NULL},
    {"patch_dropout", KEY_IGNORED, 0, NULL}, /* of training */
    {"timm_drop", KEY_IGNORED, 0, NULL},
    {"timm_drop_path", KEY_IGNORED, 0, NULL},
    {"timm_model_pretrained", KEY_IGNORED, 0, NULL},
};

static const struct key_word TEXT_POOL_WORDS[] = {{"argmax", FACT_TEXT_END_LARGEST_ID},
                                                  {"eos", FACT_TEXT_END_FIRST_ID},
                                                  {"last", FACT_TEXT_END_LAST},
                                                  {NULL, 0}};

static const struct fact_key TEXT_KEYS[] = {
    {"context_length", KEY_NUMBER, FACT_AT(context), NULL},
    {"vocab_size", KEY_NUMBER, FACT_AT(vocabulary), NULL},
    {"width", KEY_NUMBER, FACT_AT(width), NULL},
    {"heads", KEY_NUMBER, FACT_AT(heads), NULL},
    {"layers", KEY_NUMBER, FACT_AT(depth), NULL},
    {"pool_type", KEY_WORD, FACT_AT(text_end), TEXT_POOL_WORDS},
    {"eos_id", KEY_NUMBER, FACT_AT(end_id), NULL},
    {"no_causal_mask", KEY_OWN, 0, NULL},
    {"act_kwargs", KEY_OWN, 0, NULL},
    {"norm_kwargs", KEY_OWN, 0, NULL},
    {"embed_cls", KEY_ONLY_OFF, 0, NULL},
    {"mlp_ratio", KEY_IGNORED, 0, NULL}, /* shows in the tensors, as the following do */
    {"ls_init_value", KEY_IGNORED, 0, NULL},
    {"proj_type", KEY_IGNORED, 0, NULL},
    {"proj_bias", KEY_IGNORED, 0, NULL},
    {"final_ln_after_pool", KEY_IGNORED, 0, NULL}, /* the same, where one token is read */
    {"output_tokens", KEY_IGNORED, 0, NULL},
    {"pad_id", KEY_IGNORED, 0, NULL}, /* of tokenizers, as the following are */
    {"bos_id", KEY_IGNORED, 0, NULL},
    {"hf_tokenizer_name", KEY_IGNORED, 0, NULL},
    {"tokenizer_kwargs", KEY_IGNORED, 0, NULL},
    {"tokenizer_mode", KEY_IGNORED, 0, NULL},
};

/* In what open_clip's text tower deviates. */
static const struct fact_statement TEXT_DEFAULTS[] = {
    {FACT_AT(norm_eps), 1e-5}, {FACT_AT(heads), 8},
    {FACT_AT(causal), 1},      {FACT_AT(text_end), FACT_TEXT_END_LARGEST_ID},
    {FACT_AT(end_id), 2},
};

/* In what open_clip's own tower deviates from a plain model, where the file says nothing else. */
static const struct fact_statement DEFAULTS[] = {
    {FACT_AT(norm_eps), 1e-5},
    {FACT_AT(resampling), FACT_RESAMPLE_ANTIALIASED},
    {FACT_AT(pre_norm), 1},
    {FACT_AT(final_norm), FACT_FINAL_NORM_TOKENS},
    {FACT_AT(head), FACT_HEAD_PROJECTION},
};

static void state_defaults(struct model_facts *facts, const char *origin) {
    facts_state_all(facts, DEFAULTS, LENGTH(DEFAULTS), FACT_CLASS, NULL, origin);
    facts_state_plain(facts, FACT_CLASS, origin);
}

/* {"approximate": "tanh"} is the one argument of GELU, {"eps": 1e-6} the one of norms. */
static enum vitlrp_status read_kwargs(const json_t *tower, struct model_facts *facts,
                                      struct vitlrp_error *err) {
    static const struct key_word APPROXIMATE[] = {
        {"tanh", FACT_GELU_TANH}, {"none", FACT_GELU_ERF}, {NULL, 0}};
    static const struct fact_key ACT = {"approximate", KEY_WORD, FACT_AT(activation), APPROXIMATE};
    static const struct fact_key NORM = {"eps", KEY_NUMBER, FACT_AT(norm_eps), NULL};
    const struct fact_keys lists[] = {{&ACT, 1}, {&NORM, 1}};
    static const char *const KEYS[] = {"act_kwargs", "norm_kwargs"};
    static const char *const FILES[] = {"open_clip_config.json, act_kwargs",
                                        "open_clip_config.json, norm_kwargs"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *kwargs = json_object_get(tower, KEYS[i]);
        if (kwargs == NULL || json_is_null(kwargs)) {
            continue;
        }
        const struct keys_read from = {kwargs, FILES[i], &lists[i], 1, false};
        TRY(keys_read(&from, facts, err));
    }
    return VITLRP_OK;
}

/* The number of heads follows from their width. */
static enum vitlrp_status read_heads(const json_t *vision, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    int64_t head_width = 64;
    TRY(json_get_int(vision, "head_width", 1, INT32_MAX, &head_width, err));
    int64_t width = fact_whole(&facts->width, 768);
    if (width % head_width != 0) {
        return fail(err, VITLRP_MISMATCH, VISION ": heads of %lld do not divide a width of %lld",
                    (long long) head_width, (long long) width);
    }
    bool is_stated = json_object_get(vision, "head_width") != NULL;
    int64_t heads = width / head_width;
    fact_state(&facts->heads, (double) heads, is_stated ? FACT_FILE : FACT_CLASS,
               is_stated ? VISION : NULL, is_stated ? "head_width" : "CLIPVisionCfg");
    return VITLRP_OK;
}

static enum vitlrp_status read_flags(const json_t *model, const json_t *vision,
                                     struct model_facts *facts, struct vitlrp_error *err) {
    bool is_there = false;
    bool value = false;
    TRY(key_flag(model, "quick_gelu", MODEL, &is_there, &value, err));
    if (is_there && value) {
        fact_from_key(&facts->activation, FACT_GELU_QUICK, MODEL, "quick_gelu");
    }
    is_there = false;
    TRY(key_flag(vision, "no_ln_pre", VISION, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->pre_norm, !value, VISION, "no_ln_pre");
    }
    is_there = false;
    TRY(key_flag(vision, "final_ln_after_pool", VISION, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->final_norm, value ? FACT_FINAL_NORM_POOLED : FACT_FINAL_NORM_TOKENS,
                      VISION, "final_ln_after_pool");
    }
    if (json_is_number(json_object_get(vision, "ls_init_value"))) {
        fact_from_key(&facts->layer_scale, 1, VISION, "ls_init_value");
    }
    return VITLRP_OK;
}

/* A tower of timm's: what its name says, changed by timm_model_kwargs. It has timm's activation
 * whatever quick_gelu says. */
static enum vitlrp_status read_timm_tower(const json_t *vision, const struct facts_beside *beside,
                                          struct model_facts *facts, struct vitlrp_error *err) {
    static const struct fact_key POOL = {"timm_pool", KEY_WORD, FACT_AT(pool), TIMM_POOL_WORDS};
    const char *name = json_get_string(vision, "timm_model_name");
    const char *pool = json_get_string(vision, "timm_pool");
    const json_t *kwargs = json_object_get(vision, "timm_model_kwargs");
    if (json_is_object(kwargs)) {
        TRY(facts_timm_args(kwargs, "open_clip_config.json, timm_model_kwargs", facts, err));
    }
    if (pool == NULL || pool[0] != '\0') {
        const struct fact_keys list = {&POOL, 1};
        const struct keys_read from = {vision, VISION, &list, 1, true};
        TRY(keys_read(&from, facts, err));
    }
    const struct named_architecture named = {name, "open_clip_config.json",
                                             json_is_integer(json_object_get(kwargs, "embed_dim"))};
    published_apply(&named, beside, facts);
    fact_state(&facts->head, FACT_HEAD_PROJECTION, FACT_CLASS, NULL, "TimmModel");
    return VITLRP_OK;
}

#define HEAD_WIDTH 64 /* in OpenAI's code, whatever the width of the tower */

void facts_openai_clip(const struct facts_beside *beside, struct model_facts *facts) {
    static const char ARCHIVE[] = "TorchScript archive";
    static const char CLIP[] = "OpenAI's CLIP";
    fact_from_key(&facts->activation, FACT_GELU_QUICK, ARCHIVE, "QuickGELU");
    fact_from_key(&facts->norm_eps, 1e-5, ARCHIVE, CLIP);
    int32_t heads = beside->width / HEAD_WIDTH;
    if (heads * HEAD_WIDTH == beside->width) {
        fact_from_key(&facts->heads, heads, ARCHIVE, CLIP);
    }
    state_defaults(facts, CLIP);
}

enum vitlrp_status facts_open_clip(const struct facts_beside *beside, struct model_facts *facts,
                                   struct vitlrp_error *err) {
    const json_t *model = json_object_get(beside->open_clip, "model_cfg");
    const json_t *vision = json_object_get(model, "vision_cfg");
    const struct fact_keys lists[] = {{MODEL_KEYS, LENGTH(MODEL_KEYS)},
                                      {VISION_KEYS, LENGTH(VISION_KEYS)}};
    if (!json_is_object(vision)) {
        return VITLRP_OK;
    }
    if (json_is_array(json_object_get(vision, "layers"))) {
        return fail(err, VITLRP_UNSUPPORTED, VISION ": the tower is a ResNet, no transformer");
    }
    const struct keys_read of_model = {model, MODEL, &lists[0], 1, false};
    const struct keys_read of_vision = {vision, VISION, &lists[1], 1, false};
    TRY(keys_read(&of_model, facts, err));
    TRY(keys_read(&of_vision, facts, err));
    if (json_get_string(vision, "timm_model_name") != NULL) {
        return read_timm_tower(vision, beside, facts, err);
    }
    TRY(read_flags(model, vision, facts, err));
    TRY(read_kwargs(vision, facts, err));
    TRY(read_heads(vision, facts, err));
    state_defaults(facts, "CLIPVisionCfg");
    return VITLRP_OK;
}

void facts_openai_clip_text(const struct facts_beside *beside, struct model_facts *facts) {
    facts_openai_clip(beside, facts);
    facts_state_all(facts, TEXT_DEFAULTS, LENGTH(TEXT_DEFAULTS), FACT_CLASS, NULL, "OpenAI's CLIP");
}

enum vitlrp_status facts_open_clip_text(const struct facts_beside *beside,
                                        struct model_facts *facts, struct vitlrp_error *err) {
    const json_t *model = json_object_get(beside->open_clip, "model_cfg");
    const json_t *text = json_object_get(model, "text_cfg");
    const struct fact_keys list = {TEXT_KEYS, LENGTH(TEXT_KEYS)};
    const struct keys_read of_text = {text, TEXT, &list, 1, false};
    bool is_there = false;
    bool value = false;
    if (!json_is_object(text)) {
        return VITLRP_OK;
    }
    TRY(keys_read(&of_text, facts, err));
    TRY(key_flag(model, "quick_gelu", MODEL, &is_there, &value, err));
    if (is_there && value) {
        fact_from_key(&facts->activation, FACT_GELU_QUICK, MODEL, "quick_gelu");
    }
    is_there = false;
    TRY(key_flag(text, "no_causal_mask", TEXT, &is_there, &value, err));
    if (is_there) {
        fact_from_key(&facts->causal, !value, TEXT, "no_causal_mask");
    }
    TRY(read_kwargs(text, facts, err));
    facts_state_all(facts, TEXT_DEFAULTS, LENGTH(TEXT_DEFAULTS), FACT_CLASS, NULL, "CLIPTextCfg");
    facts_state_plain(facts, FACT_CLASS, "CLIPTextCfg");
    return VITLRP_OK;
}
