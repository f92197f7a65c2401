/* Infers the attention pool: what of it is there, its heads, and the tokens that it reads. */
#include "vit/load/attention_pool.h"

/* Perception Encoder's own code, of which no file states it. */
#define PERCEPTION_HEADS 8

static const enum slot SLOTS[] = {SLOT_MAP_PROBE,       SLOT_MAP_QKV_WEIGHT, SLOT_MAP_QKV_BIAS,
                                  SLOT_MAP_PROJ_WEIGHT, SLOT_MAP_PROJ_BIAS,  SLOT_MAP_NORM_WEIGHT,
                                  SLOT_MAP_NORM_BIAS,   SLOT_MAP_FC1_WEIGHT, SLOT_MAP_FC1_BIAS,
                                  SLOT_MAP_FC2_WEIGHT,  SLOT_MAP_FC2_BIAS};

enum { SLOTS_COUNT = sizeof SLOTS / sizeof SLOTS[0] };

bool attention_pool_there(const struct layout_binding *binding) {
    return layout_has(binding, SLOT_MAP_QKV_WEIGHT);
}

void attention_pool_leave_out(struct vit_config *config) {
    for (size_t i = 0; i < SLOTS_COUNT; i++) {
        config->unusual &= ~slot_unusual(SLOTS[i], true);
    }
}

static bool is_perception(const struct layout_binding *binding) {
    return binding->layout->framework == FRAMEWORK_OPEN_CLIP && attention_pool_there(binding);
}

void attention_pool_show(const struct layout_binding *binding, struct model_facts *facts) {
    if (binding->layout->framework == FRAMEWORK_JAX && attention_pool_there(binding)) {
        fact_show(&facts->activation, FACT_GELU_TANH);
    }
    if (!is_perception(binding)) {
        return;
    }
    fact_show(&facts->activation, FACT_GELU_ERF);
    fact_show(&facts->pool_prefix, 1);
    fact_show(&facts->pool_heads, PERCEPTION_HEADS);
    fact_show(&facts->rope, FACT_ROPE_AXIAL);
    fact_show(&facts->rope_theta, 10000);
    fact_show(&facts->rope_reference_height, 0);
    fact_show(&facts->rope_reference_width, 0);
    fact_show(&facts->rope_offset, 1);
    fact_show(&facts->rope_order, FACT_ROPE_COLUMNS_FIRST);
    fact_show(&facts->rope_pairing, FACT_ROPE_INTERLEAVED);
    fact_show(&facts->resampling, FACT_RESAMPLE_LINEAR);
}

static bool has(const struct layout_binding *binding, enum slot slot) {
    return layout_has(binding, slot);
}

static bool has_part(const struct layout_binding *binding, enum part part) {
    return layout_has_part(binding, SLOT_MAP_QKV_WEIGHT, part);
}

/* Keys, values and the output's layer are there; the probe goes through a layer of its own, or is
 * the query itself. */
static bool is_attention(const struct layout_binding *binding) {
    bool whole = has_part(binding, PART_WHOLE);
    bool keys =
        has_part(binding, PART_KV) || (has_part(binding, PART_K) && has_part(binding, PART_V));
    bool query = whole || has_part(binding, PART_Q);
    bool direct = layout_has_part(binding, SLOT_MAP_QKV_BIAS, PART_Q);
    return has(binding, SLOT_MAP_PROJ_WEIGHT) && (whole || keys) &&
           (query ? has(binding, SLOT_MAP_PROBE) : direct && !has(binding, SLOT_MAP_PROBE));
}

/* Norm and both layers, or none of them. */
static bool is_mlp(const struct layout_binding *binding) {
    bool some = has(binding, SLOT_MAP_FC1_WEIGHT) || has(binding, SLOT_MAP_FC2_WEIGHT) ||
                has(binding, SLOT_MAP_NORM_WEIGHT);
    return !some || (has(binding, SLOT_MAP_FC1_WEIGHT) && has(binding, SLOT_MAP_FC2_WEIGHT) &&
                     has(binding, SLOT_MAP_NORM_WEIGHT));
}

/* Models with tokens in front of the patches must say whether these are read. */
static enum vitlrp_status infer_tokens(struct model_facts *facts, struct vit_config *config,
                                       struct vitlrp_error *err) {
    if (!fact_known(&facts->pool_prefix) && config->prefix > 0) {
        return fail(err, VITLRP_MISMATCH,
                    "nothing states whether the attention pool reads the tokens in front of the "
                    "patches");
    }
    config->pool = fact_whole(&facts->pool_prefix, 0) != 0 ? VIT_POOL_MAP_ALL : VIT_POOL_MAP;
    return VITLRP_OK;
}

enum vitlrp_status attention_pool_infer(const struct layout_binding *binding,
                                        const size_t sizes[DIMENSION_COUNT],
                                        struct model_facts *facts, struct vit_config *config,
                                        struct vitlrp_error *err) {
    bool mlp = has(binding, SLOT_MAP_FC1_WEIGHT);
    bool stated_mlp = fact_whole(&facts->pool, FACT_POOL_MAP) == FACT_POOL_MAP;
    if (!is_attention(binding) || !is_mlp(binding) || mlp != stated_mlp) {
        return fail(err, VITLRP_MISMATCH, "weights of the attention pool are missing");
    }
    if (mlp && config->gated) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "an attention pool behind blocks with gated MLPs: not supported yet");
    }
    config->map_heads = fact_whole(&facts->pool_heads, config->heads);
    config->map_mlp_dim = (int32_t) sizes[DIMENSION_MAP_MLP];
    if (config->map_heads < 1 || config->dim % config->map_heads != 0) {
        return fail(err, VITLRP_MISMATCH, "%d heads of the attention pool do not divide dim %d",
                    config->map_heads, config->dim);
    }
    return infer_tokens(facts, config, err);
}
