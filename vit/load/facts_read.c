/* Who is asked for a model's facts, in which order; and the project's own metadata. */
#include <string.h>

#include "base/json.h"
#include "vit/load/facts_keys.h"

/* The names by which libraries call the activations. */
static const struct key_word ACTIVATION_WORDS[] = {
    {"gelu", FACT_GELU_ERF},
    {"gelu_erf", FACT_GELU_ERF},
    {"gelu_python", FACT_GELU_ERF},
    {"gelu_new", FACT_GELU_TANH},
    {"gelu_pytorch_tanh", FACT_GELU_TANH},
    {"gelu_fast", FACT_GELU_TANH},
    {"gelu_tanh", FACT_GELU_TANH},
    {"quick_gelu", FACT_GELU_QUICK},
    {"silu", FACT_SILU},
    {"swish", FACT_SILU},
    {"relu", FACT_RELU},
    {NULL, 0},
};

static const struct key_word POOL_WORDS[] = {
#define POOL_WORD(constant, word) {word, FACT_##constant},
    FACT_LIST_POOL(POOL_WORD)
#undef POOL_WORD
        {NULL, 0},
};

static const struct key_word PROBABILITY_WORDS[] = {
#define PROBABILITY_WORD(constant, word) {word, FACT_##constant},
    FACT_LIST_PROBABILITY(PROBABILITY_WORD)
#undef PROBABILITY_WORD
        {NULL, 0},
};

static const struct key_word ARCHITECTURE_WORDS[] = {{"vit", FACT_BLOCK_PRE_NORM}, {NULL, 0}};

/* data/FORMATS.md describes it. */
static const struct fact_key METADATA_KEYS[] = {
    {"architecture", KEY_WORD, FACT_AT(block), ARCHITECTURE_WORDS},
    {"image_size", KEY_PAIR, FACT_AT(image_height), NULL},
    {"num_heads", KEY_NUMBER, FACT_AT(heads), NULL},
    {"layer_norm_eps", KEY_NUMBER, FACT_AT(norm_eps), NULL},
    {"activation", KEY_WORD, FACT_AT(activation), ACTIVATION_WORDS},
    {"pool", KEY_WORD, FACT_AT(pool), POOL_WORDS},
    {"probability", KEY_WORD, FACT_AT(probability), PROBABILITY_WORDS},
    {"patch_size", KEY_PAIR, FACT_AT(patch_height), NULL},
    {"preprocess", KEY_IGNORED, 0, NULL},
    {"class_index", KEY_IGNORED, 0, NULL},
    {"class_source", KEY_IGNORED, 0, NULL},
    {"labels", KEY_IGNORED, 0, NULL},
};

static enum vitlrp_status read_metadata(const json_t *object, struct model_facts *facts,
                                        struct vitlrp_error *err) {
    const struct fact_keys list = {METADATA_KEYS, sizeof METADATA_KEYS / sizeof METADATA_KEYS[0]};
    const struct keys_read from = {object, "\"vitlrp\" metadata", &list, 1, false};
    return keys_read(&from, facts, err);
}

void facts_told(const struct vit_load_options *options, struct model_facts *out) {
    static const int32_t ACTIVATIONS[] = {[VITLRP_GELU] = FACT_GELU_ERF,
                                          [VITLRP_GELU_TANH] = FACT_GELU_TANH,
                                          [VITLRP_QUICK_GELU] = FACT_GELU_QUICK,
                                          [VITLRP_SILU] = FACT_SILU};
    static const int32_t POOLS[] = {[VITLRP_POOL_CLS] = FACT_POOL_TOKEN,
                                    [VITLRP_POOL_MEAN] = FACT_POOL_MEAN,
                                    [VITLRP_POOL_CLS_MEAN] = FACT_POOL_TOKEN_MEAN,
                                    [VITLRP_POOL_MAP] = FACT_POOL_MAP,
                                    [VITLRP_POOL_POOLER] = FACT_POOL_POOLER};
    static const int32_t PROBABILITIES[] = {[VITLRP_PROBABILITY_SOFTMAX] = FACT_PROBABILITY_SOFTMAX,
                                            [VITLRP_PROBABILITY_SIGMOID] = FACT_PROBABILITY_SIGMOID,
                                            [VITLRP_PROBABILITY_NONE] = FACT_PROBABILITY_NONE};
    *out = (struct model_facts){0};
    int32_t heads = options->text ? options->text_heads : options->heads;
    if (heads != 0) {
        fact_state(&out->heads, heads, FACT_USER, NULL, NULL);
    }
    if (options->activation != VITLRP_ACTIVATION_STATED) {
        fact_state(&out->activation, ACTIVATIONS[options->activation], FACT_USER, NULL, NULL);
    }
    if (options->pool != VITLRP_POOL_STATED && !options->text) {
        fact_state(&out->pool, POOLS[options->pool], FACT_USER, NULL, NULL);
    }
    if (options->probability != VITLRP_PROBABILITY_STATED && !options->text) {
        fact_state(&out->probability, PROBABILITIES[options->probability], FACT_USER, NULL, NULL);
    }
    if (options->norm_eps > 0) {
        fact_state(&out->norm_eps, options->norm_eps, FACT_USER, NULL, NULL);
    }
    if (options->text && options->text_tower != VITLRP_TEXT_TOWER_STATED) {
        bool is_clip = options->text_tower == VITLRP_TEXT_TOWER_CLIP;
        fact_state(&out->causal, is_clip, FACT_USER, NULL, NULL);
        fact_state(&out->text_end, is_clip ? FACT_TEXT_END_LARGEST_ID : FACT_TEXT_END_LAST,
                   FACT_USER, NULL, NULL);
    }
    if (options->logit_scale > 0) {
        fact_state(&out->logit_scale, options->logit_scale, FACT_USER, NULL, NULL);
    }
    if (options->logit_bias != NULL) {
        fact_state(&out->logit_bias, *options->logit_bias, FACT_USER, NULL, NULL);
    }
}

/* Whether it is worth saying that the user's word is another one: what was stated as a whole, of
 * the thing itself, knows better than a name's defaults. The head of an adapter contradicts
 * nothing: the network that it was trained with has it in the place of the model's. */
static bool is_said(const struct fact *fact, const struct fact *told) {
    bool differs =
        told->source == FACT_USER && fact_known(fact) && (float) fact->value != (float) told->value;
    return differs && (told->file == NULL || fact->source == FACT_FILE);
}

/* The user's word decides, and is said where a file says otherwise. */
static void take_user(const struct facts_beside *beside, struct model_facts *facts) {
    size_t count;
    const struct fact_row *rows = fact_rows(&count);
    for (size_t i = 0; i < count; i++) {
        struct fact *fact = fact_member(facts, rows[i].offset);
        const struct fact *told = fact_of(beside->user, &rows[i]);
        if (!fact_known(told)) {
            continue;
        }
        if (is_said(fact, told)) {
            struct text text = {.limit = 1 << 12};
            text_printf(&text, "%s: taking ", rows[i].title);
            fact_append_value(&text, &rows[i], told);
            text_append_string(&text, " as told, though it is ");
            fact_append_value(&text, &rows[i], fact);
            text_append_string(&text, " (");
            fact_append_origin(&text, fact);
            text_append_string(&text, ")");
            log_message(beside->log, LOG_LEVEL_WARNING, "%s", text.failed ? "" : text.data);
            text_free(&text);
        }
        *fact = *told;
    }
}

/* What the code of a layout's framework has, whatever the model. */
static const struct {
    const char *layout, *origin;
    size_t fact;
    double value;
} FRAMEWORKS[] = {
    {"torchvision", "torchvision's VisionTransformer", FACT_AT(norm_eps), 1e-6},
    {"torchvision", "torchvision's VisionTransformer", FACT_AT(activation), FACT_GELU_ERF},
    {"torchvision", "torchvision's VisionTransformer", FACT_AT(pool), FACT_POOL_TOKEN},
    {"torchvision", "torchvision's VisionTransformer", FACT_AT(resampling), FACT_RESAMPLE_CORNERS},
    {"timm", "timm", FACT_AT(resampling), FACT_RESAMPLE_ANTIALIASED},
    {"jax", "flax", FACT_AT(norm_eps), 1e-6},
    {"jax", "big_vision", FACT_AT(resampling), FACT_RESAMPLE_LINEAR},
    {"open_clip", "open_clip", FACT_AT(norm_eps), 1e-5},
    {"open_clip", "open_clip", FACT_AT(resampling), FACT_RESAMPLE_ANTIALIASED},
};

/* "huggingface" is "huggingface clip" too. */
static bool is_layout(const struct facts_beside *beside, const char *name) {
    return beside->layout != NULL && strncmp(beside->layout, name, strlen(name)) == 0;
}

static void state_framework(const struct facts_beside *beside, struct model_facts *facts) {
    for (size_t i = 0; i < sizeof FRAMEWORKS / sizeof FRAMEWORKS[0]; i++) {
        if (is_layout(beside, FRAMEWORKS[i].layout)) {
            fact_state(fact_member(facts, FRAMEWORKS[i].fact), FRAMEWORKS[i].value, FACT_CLASS,
                       NULL, FRAMEWORKS[i].origin);
        }
    }
}

/* timm's files have one of these; others of that name lie beside many weights. */
static bool is_timm(const json_t *config) {
    const char *type = json_get_string(config, "model_type");
    return type != NULL ? strcmp(type, "timm_wrapper") == 0
                        : json_is_object(json_object_get(config, "pretrained_cfg")) ||
                              json_get_string(config, "architecture") != NULL;
}

/* One folder may hold a model twice, each with a configuration of its own. */
static bool is_open_clip(const struct facts_beside *beside) {
    const char *name = beside->path == NULL ? "" : text_path_tail(beside->path, 1);
    return beside->open_clip != NULL &&
           (beside->config == NULL || strncmp(name, "open_clip", strlen("open_clip")) == 0);
}

static enum vitlrp_status read_files(const struct facts_beside *beside, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    if (beside->metadata != NULL) {
        TRY(read_metadata(beside->metadata, facts, err));
    }
    if (beside->openai_clip) {
        facts_openai_clip(beside, facts);
        return VITLRP_OK;
    }
    if (is_open_clip(beside)) {
        return facts_open_clip(beside, facts, err);
    }
    if (beside->config != NULL && is_timm(beside->config)) {
        return facts_timm(beside, facts, err);
    }
    if (!is_layout(beside, "huggingface")) {
        return VITLRP_OK;
    }
    return (beside->config != NULL ? facts_huggingface : facts_huggingface_saved)(beside, facts,
                                                                                  err);
}

static enum vitlrp_status read_text_files(const struct facts_beside *beside,
                                          struct model_facts *facts, struct vitlrp_error *err) {
    if (beside->openai_clip) {
        facts_openai_clip_text(beside, facts);
        return VITLRP_OK;
    }
    if (beside->open_clip != NULL) {
        return facts_open_clip_text(beside, facts, err);
    }
    return beside->config != NULL ? facts_huggingface_text(beside, facts, err) : VITLRP_OK;
}

enum vitlrp_status facts_read_text(const struct facts_beside *beside, struct model_facts *out,
                                   struct vitlrp_error *err) {
    *out = (struct model_facts){0};
    TRY(read_text_files(beside, out, err));
    state_framework(beside, out);
    if (beside->user != NULL) {
        take_user(beside, out);
    }
    return VITLRP_OK;
}

enum vitlrp_status facts_read(const struct facts_beside *beside, struct model_facts *out,
                              struct vitlrp_error *err) {
    *out = (struct model_facts){0};
    TRY(read_files(beside, out, err));
    if (json_get_string(beside->config, "architecture") == NULL &&
        (is_layout(beside, "timm") || is_layout(beside, "torchvision"))) {
        published_apply_path(beside, out);
    }
    state_framework(beside, out);
    if (is_layout(beside, "torchvision") && torchvision_heads(beside->width) > 0) {
        fact_guess(&out->heads, torchvision_heads(beside->width));
    }
    if (beside->user != NULL) {
        take_user(beside, out);
    }
    return VITLRP_OK;
}
