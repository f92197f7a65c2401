/* Infers the architecture: sizes from the tensors, the rest from what is stated. */
#include "vit/load/architecture.h"

#include <string.h>

#include "vit/load/attention_pool.h"
#include "vit/load/input_size.h"
#include "vit/load/probability_infer.h"
#include "vit/load/rotary_infer.h"

#define HEAD_SIZE 64 /* of most published ViTs, so the last resort */

/* A model in the making. */
struct inference {
    const struct layout_binding *binding;
    const size_t *sizes;
    struct model_facts *facts;
    struct vit_config *config;
    const struct vitlrp_log *log;
};

static bool has(const struct inference *inference, enum slot slot) {
    return layout_has(inference->binding, slot);
}

static enum vitlrp_status fail_later(struct vitlrp_error *err, const char *what) {
    return fail(err, VITLRP_UNSUPPORTED, "%s: not supported yet", what);
}

/* ---- What the tensors show ---- */

static enum vitlrp_status read_sizes(const struct inference *inference, struct vitlrp_error *err) {
    static const enum dimension LIMITED[] = {
        DIMENSION_WIDTH,   DIMENSION_HIDDEN,       DIMENSION_MLP,         DIMENSION_CLASSES,
        DIMENSION_POOLED,  DIMENSION_PATCH_HEIGHT, DIMENSION_PATCH_WIDTH, DIMENSION_REGISTERS,
        DIMENSION_MAP_MLP, DIMENSION_HEAD_INPUTS};
    const size_t *sizes = inference->sizes;
    const struct layout_binding *binding = inference->binding;
    for (size_t i = 0; i < sizeof LIMITED / sizeof LIMITED[0]; i++) {
        if (sizes[LIMITED[i]] > 1 << 20) {
            return fail(err, VITLRP_LIMIT, "a tensor's size of %zu is out of range",
                        sizes[LIMITED[i]]);
        }
    }
    int32_t registers = (int32_t) sizes[DIMENSION_REGISTERS];
    bool distilled = layout_has_part(binding, SLOT_CLS_TOKEN, PART_DIST);
    bool class_token = layout_has_part(binding, SLOT_CLS_TOKEN, PART_CLS);
    *inference->config = (struct vit_config){
        .patch_height = (int32_t) sizes[DIMENSION_PATCH_HEIGHT],
        .patch_width = (int32_t) sizes[DIMENSION_PATCH_WIDTH],
        .prefix = registers + (distilled ? 1 : 0) + (class_token ? 1 : 0),
        .registers = registers,
        .distilled = distilled,
        .dim = (int32_t) sizes[DIMENSION_WIDTH],
        .grey = sizes[DIMENSION_CHANNELS] == 1,
        .depth = (int32_t) binding->depth,
        .mlp_dim = (int32_t) sizes[DIMENSION_MLP],
        .classes = (int32_t) sizes[DIMENSION_CLASSES],
        .unusual = layout_unusual(binding),
    };
    return VITLRP_OK;
}

/* Whatever else is stated about these must agree with the tensors. */
static enum vitlrp_status join_tensors(const struct inference *inference,
                                       struct vitlrp_error *err) {
    const size_t *sizes = inference->sizes;
    const struct layout_binding *binding = inference->binding;
    struct model_facts shown = {0};
    fact_show(&shown.width, (double) sizes[DIMENSION_WIDTH]);
    fact_show(&shown.depth, (double) binding->depth);
    fact_show(&shown.mlp_width, (double) sizes[DIMENSION_MLP]);
    fact_show(&shown.patch_height, (double) sizes[DIMENSION_PATCH_HEIGHT]);
    fact_show(&shown.patch_width, (double) sizes[DIMENSION_PATCH_WIDTH]);
    fact_show(&shown.channels, (double) sizes[DIMENSION_CHANNELS]);
    fact_show(&shown.class_token, layout_has_part(binding, SLOT_CLS_TOKEN, PART_CLS));
    fact_show(&shown.distillation_token, layout_has_part(binding, SLOT_CLS_TOKEN, PART_DIST));
    fact_show(&shown.registers, (double) sizes[DIMENSION_REGISTERS]);
    fact_show(&shown.embed_norm, has(inference, SLOT_EMBED_NORM_WEIGHT));
    fact_show(&shown.pre_norm, has(inference, SLOT_PRE_NORM_WEIGHT));
    fact_show(&shown.attention_norm, has(inference, SLOT_ATTENTION_NORM_WEIGHT));
    fact_show(&shown.mlp_norm, has(inference, SLOT_MLP_NORM_WEIGHT));
    fact_show(&shown.differential, has(inference, SLOT_LAMBDAS));
    fact_show(&shown.qk_norm, has(inference, SLOT_QK_NORM_WEIGHT));
    fact_show(&shown.relative_positions,
              has(inference, SLOT_BIAS_TABLE) || has(inference, SLOT_SHARED_BIAS_TABLE));
    if (has(inference, SLOT_HEAD_WEIGHT)) {
        fact_show(&shown.classes, (double) sizes[DIMENSION_CLASSES]);
    }
    if (sizes[DIMENSION_HEADS] > 0) {
        fact_show(&shown.heads, (double) sizes[DIMENSION_HEADS]);
    }
    return facts_join(inference->facts, &shown, err);
}

/* What the code that a file's names are of has, and no file states: AIMv2's, BEiT-3's. */
static void join_own_names(const struct inference *inference) {
    const char *layout = inference->binding->layout->name;
    struct model_facts *facts = inference->facts;
    if (strcmp(layout, "aimv2") == 0) {
        fact_show(&facts->norm, FACT_NORM_RMS);
        fact_guess(&facts->pool, FACT_POOL_MEAN);
    } else if (strcmp(layout, "beit3") == 0) {
        fact_show(&facts->norm_eps, 1e-5);
    }
}

/* ---- Blocks ---- */

static enum vitlrp_status infer_heads(const struct inference *inference, struct vitlrp_error *err) {
    struct fact *heads = &inference->facts->heads;
    struct vit_config *config = inference->config;
    if (!fact_known(heads) && config->dim % HEAD_SIZE != 0) {
        enum vitlrp_status status =
            fail(err, VITLRP_MISMATCH,
                 "the file does not state the number of attention heads, and dim %d is no "
                 "multiple of %d: give it",
                 config->dim, HEAD_SIZE);
        return error_topic(err, status, VITLRP_TOPIC_HEADS);
    }
    int32_t guess = config->dim / HEAD_SIZE;
    fact_guess(heads, guess);
    config->heads = fact_whole(heads, 0);
    if (config->heads < 1 || config->dim % config->heads != 0) {
        return fail(err, VITLRP_MISMATCH, "%d attention heads do not divide dim %d", config->heads,
                    config->dim);
    }
    return VITLRP_OK;
}

static const enum vit_activation ACTIVATIONS[] = {[FACT_GELU_ERF] = VIT_GELU_ERF,
                                                  [FACT_GELU_TANH] = VIT_GELU_TANH,
                                                  [FACT_GELU_QUICK] = VIT_GELU_QUICK,
                                                  [FACT_SILU] = VIT_SILU,
                                                  [FACT_RELU] = VIT_RELU,
                                                  [FACT_TANH] = VIT_TANH};

static enum vitlrp_status infer_activation(const struct inference *inference,
                                           struct vitlrp_error *err) {
    if (inference->binding->layout->framework == FRAMEWORK_OPEN_CLIP &&
        !fact_known(&inference->facts->activation)) {
        enum vitlrp_status status =
            fail(err, VITLRP_MISMATCH,
                 "nothing states the activation, gelu or quick_gelu: OpenAI, MetaCLIP and DFN have "
                 "quick_gelu, LAION and DataComp gelu");
        return error_topic(err, status, VITLRP_TOPIC_ACTIVATION);
    }
    fact_guess(&inference->facts->activation, inference->config->gated ? FACT_SILU : FACT_GELU_ERF);
    int32_t kind = fact_whole(&inference->facts->activation, 0);
    bool gated = inference->config->gated;
    if (kind == FACT_TANH || (gated && kind == FACT_RELU)) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "this activation is not supported in %s; gelu, gelu_new, gelu_pytorch_tanh, "
                    "gelu_fast, quick_gelu%s",
                    gated ? "a gated MLP" : "an MLP",
                    gated ? " and silu are" : ", silu and relu are");
    }
    inference->config->activation = ACTIVATIONS[kind];
    return VITLRP_OK;
}

/* Gate and value are two layers, or one of twice the outputs. Which half of it is the gate no
 * tensor shows: the first in all that is published, where a name or a fact says that there is one.
 */
static enum vitlrp_status infer_gate(const struct inference *inference, struct vitlrp_error *err) {
    const size_t *sizes = inference->sizes;
    struct fact *gate = &inference->facts->gate;
    bool split = layout_has_part(inference->binding, SLOT_FC1_WEIGHT, PART_GATE);
    bool packed = !split && sizes[DIMENSION_HIDDEN] == 2 * sizes[DIMENSION_MLP];
    inference->config->gated = split || packed;
    if (!split && !packed && sizes[DIMENSION_GATED] == 0) {
        fact_show(gate, FACT_GATE_NONE);
    } else if (split || sizes[DIMENSION_GATED] > 0) {
        fact_show(gate, split ? FACT_GATE_SPLIT : FACT_GATE_PACKED);
    }
    if (!fact_known(gate)) {
        return fail(err, VITLRP_MISMATCH,
                    "the first layer of an MLP has twice the outputs that the second has inputs, "
                    "and nothing states that it is gated");
    }
    bool stated = fact_whole(gate, 0) != FACT_GATE_NONE;
    if (stated != inference->config->gated ||
        (!packed && sizes[DIMENSION_HIDDEN] != sizes[DIMENSION_MLP])) {
        return fail(err, VITLRP_MISMATCH,
                    "the layers of an MLP have %zu outputs and %zu inputs, which makes no %s MLP",
                    sizes[DIMENSION_HIDDEN], sizes[DIMENSION_MLP], stated ? "gated" : "plain");
    }
    return VITLRP_OK;
}

/* A shift shows that a norm is LayerNorm; norms without shifts may be of either kind. */
static enum vitlrp_status infer_norm(const struct inference *inference, struct vitlrp_error *err) {
    struct fact *norm = &inference->facts->norm;
    bool shifted = has(inference, SLOT_NORM1_BIAS) || has(inference, SLOT_NORM2_BIAS) ||
                   has(inference, SLOT_NORM_BIAS) || has(inference, SLOT_FC_NORM_BIAS);
    if (shifted) {
        fact_show(norm, FACT_NORM_LAYER);
    }
    if (!fact_known(norm)) {
        return layout_fail_missing(inference->binding, SLOT_NORM1_BIAS,
                                   "and nothing states that the norms are RMSNorm, which has none",
                                   err);
    }
    inference->config->rms = fact_whole(norm, 0) == FACT_NORM_RMS;
    if (inference->config->rms && shifted) {
        return fail(err, VITLRP_MISMATCH, "RMSNorm has no shift, but the file's norms have");
    }
    return VITLRP_OK;
}

/* Parallel branches share their first layer's tensor; whether a norm is before a branch or behind
 * it no tensor shows. */
static enum vitlrp_status infer_form(const struct inference *inference, struct vitlrp_error *err) {
    static const enum vit_block_form FORMS[] = {[FACT_BLOCK_PRE_NORM] = VIT_BLOCK_PRE_NORM,
                                                [FACT_BLOCK_POST_NORM] = VIT_BLOCK_POST_NORM,
                                                [FACT_BLOCK_PARALLEL] = VIT_BLOCK_PARALLEL};
    struct fact *block = &inference->facts->block;
    bool parallel = !has(inference, SLOT_NORM2_WEIGHT);
    if (parallel) {
        fact_show(block, FACT_BLOCK_PARALLEL);
    }
    fact_guess(block, FACT_BLOCK_PRE_NORM);
    int32_t form = fact_whole(block, 0);
    if ((size_t) form >= sizeof FORMS / sizeof FORMS[0]) {
        return fail_later(err, "blocks of several branches side by side");
    }
    if (parallel != (form == FACT_BLOCK_PARALLEL)) {
        return fail(err, VITLRP_MISMATCH,
                    "the norms in the file's blocks are not those of the form that is stated");
    }
    bool scaled = has(inference, SLOT_PROJ_SCALE) || has(inference, SLOT_FC2_SCALE);
    if (form == FACT_BLOCK_POST_NORM && scaled) {
        return fail_later(err, "LayerScale in blocks with norms behind their branches");
    }
    inference->config->form = FORMS[form];
    return VITLRP_OK;
}

/* What each framework's code has where nothing states otherwise. */
static double usual_eps(const struct inference *inference) {
    switch (inference->binding->layout->framework) {
    case FRAMEWORK_HUGGINGFACE:
        return 1e-12;
    case FRAMEWORK_OPEN_CLIP:
        return 1e-5;
    case FRAMEWORK_TORCHVISION:
    case FRAMEWORK_TIMM:
    case FRAMEWORK_JAX:
        break;
    }
    bool larger = has(inference, SLOT_PRE_NORM_WEIGHT) || inference->config->rms ||
                  has(inference, SLOT_ROPE_PERIODS); /* DINOv3 */
    return larger ? 1e-5 : 1e-6;
}

/* Parts of an attention that need each other. */
static enum vitlrp_status check_attention(const struct inference *inference,
                                          struct vitlrp_error *err) {
    if (has(inference, SLOT_LAMBDAS) != has(inference, SLOT_SUB_NORM_WEIGHT)) {
        return fail(err, VITLRP_MISMATCH,
                    "a differential attention has vectors lambda_q1, lambda_k1, lambda_q2, "
                    "lambda_k2 and a norm sub_norm; the file has one without the other");
    }
    if (inference->binding->has_bias_index && !has(inference, SLOT_BIAS_TABLE) &&
        !has(inference, SLOT_SHARED_BIAS_TABLE)) {
        return fail(err, VITLRP_MISMATCH,
                    "the file has an index of relative position biases, but no table of them");
    }
    return VITLRP_OK;
}

static enum vitlrp_status infer_block(const struct inference *inference, struct vitlrp_error *err) {
    struct model_facts *facts = inference->facts;
    TRY(infer_heads(inference, err));
    TRY(infer_gate(inference, err));
    TRY(infer_activation(inference, err));
    TRY(infer_norm(inference, err));
    TRY(infer_form(inference, err));
    fact_guess(&facts->norm_eps, usual_eps(inference));
    inference->config->layer_norm_eps = (float) fact_number(&facts->norm_eps, 0);
    TRY(check_attention(inference, err));
    return rotary_infer(inference->binding, inference->sizes, facts, inference->config, err);
}

/* ---- The end ---- */

/* The model does without a layer that the file may have. */
static void leave_out(struct vit_config *config, enum slot weight, enum slot bias) {
    config->unusual &= ~(slot_unusual(weight, true) | slot_unusual(bias, true));
    config->unusual |= slot_unusual(weight, false) | slot_unusual(bias, false);
}

/* timm makes a published architecture with any pool, and the norm's place follows from that. Where
 * the tensors have the one norm and a row of the table the other, its end is not the model's. */
static void drop_published_end(const struct inference *inference, bool norm, bool fc_norm) {
    struct fact *place = &inference->facts->final_norm;
    struct fact *pool = &inference->facts->pool;
    struct fact *prefix = &inference->facts->pool_prefix;
    bool is_other = (place->value == FACT_FINAL_NORM_TOKENS && fc_norm && !norm) ||
                    (place->value == FACT_FINAL_NORM_POOLED && norm && !fc_norm);
    if (place->source != FACT_TABLE || !is_other || pool->source == FACT_FILE) {
        return;
    }
    *place = (struct fact){0};
    if (pool->source == FACT_TABLE) {
        *pool = (struct fact){0};
    }
    if (prefix->source == FACT_TABLE) { /* timm's means are of the patches alone */
        prefix->value = 0;
    }
}

static enum vitlrp_status infer_final_norm(const struct inference *inference,
                                           struct vitlrp_error *err) {
    struct model_facts *facts = inference->facts;
    bool norm = has(inference, SLOT_NORM_WEIGHT);
    bool fc_norm = has(inference, SLOT_FC_NORM_WEIGHT);
    drop_published_end(inference, norm, fc_norm);
    if (!fact_known(&facts->final_norm) && norm && fc_norm) {
        return fail(err, VITLRP_MISMATCH,
                    "the file has a final norm and one behind the pool, and nothing states which "
                    "is used");
    }
    if (!fact_known(&facts->final_norm) && !norm && !fc_norm) {
        return layout_fail_missing(inference->binding, SLOT_NORM_WEIGHT,
                                   "and nothing states that the model has no final norm", err);
    }
    fact_show(&facts->final_norm, norm ? FACT_FINAL_NORM_TOKENS : FACT_FINAL_NORM_POOLED);
    int32_t place = fact_whole(&facts->final_norm, FACT_FINAL_NORM_NONE);
    if (place == FACT_FINAL_NORM_POOLED && norm &&
        inference->binding->layout->framework == FRAMEWORK_OPEN_CLIP) {
        inference->config->norm_after_pool = true; /* which has one name for both */
        return VITLRP_OK;
    }
    if ((place == FACT_FINAL_NORM_TOKENS && !norm) ||
        (place == FACT_FINAL_NORM_POOLED && !fc_norm)) {
        return layout_fail_missing(inference->binding,
                                   place == FACT_FINAL_NORM_TOKENS ? SLOT_NORM_WEIGHT
                                                                   : SLOT_FC_NORM_WEIGHT,
                                   "though the model has a norm there", err);
    }
    if (place != FACT_FINAL_NORM_TOKENS) {
        leave_out(inference->config, SLOT_NORM_WEIGHT, SLOT_NORM_BIAS);
    }
    if (place != FACT_FINAL_NORM_POOLED) {
        leave_out(inference->config, SLOT_FC_NORM_WEIGHT, SLOT_FC_NORM_BIAS);
    }
    return VITLRP_OK;
}

/* A norm without the shift that others have is damaged. */
static enum vitlrp_status check_shifts(const struct inference *inference,
                                       struct vitlrp_error *err) {
    static const enum slot NORMS[][2] = {{SLOT_EMBED_NORM_WEIGHT, SLOT_EMBED_NORM_BIAS},
                                         {SLOT_PRE_NORM_WEIGHT, SLOT_PRE_NORM_BIAS},
                                         {SLOT_NORM1_WEIGHT, SLOT_NORM1_BIAS},
                                         {SLOT_ATTENTION_NORM_WEIGHT, SLOT_ATTENTION_NORM_BIAS},
                                         {SLOT_NORM2_WEIGHT, SLOT_NORM2_BIAS},
                                         {SLOT_MLP_NORM_WEIGHT, SLOT_MLP_NORM_BIAS},
                                         {SLOT_NORM_WEIGHT, SLOT_NORM_BIAS},
                                         {SLOT_FC_NORM_WEIGHT, SLOT_FC_NORM_BIAS}};
    const struct vit_config *config = inference->config;
    const enum slot *without = NULL;
    bool shifted = false;
    for (size_t i = 0; i < sizeof NORMS / sizeof NORMS[0]; i++) {
        bool has_shift = slot_repeats(config, NORMS[i][1]) > 0;
        shifted = shifted || has_shift;
        if (slot_repeats(config, NORMS[i][0]) > 0 && !has_shift && without == NULL) {
            without = NORMS[i];
        }
    }
    return without == NULL || !shifted ? VITLRP_OK
                                       : layout_fail_missing(inference->binding, without[1],
                                                             "but other norms have one", err);
}

/* CLS of four blocks, mean of the patches: DINOv2's linear4. */
#define LAYER_PARTS 5

/* How many times the width the head reads; 0: no whole number of times, or there is no head. */
static size_t parts_of(const struct inference *inference) {
    size_t pooled = inference->sizes[DIMENSION_POOLED];
    size_t width = inference->sizes[DIMENSION_WIDTH];
    return pooled % width == 0 ? pooled / width : 0;
}

/* A head that reads CLS and the mean, or that of several blocks. */
static enum vitlrp_status infer_parts(const struct inference *inference, bool layers,
                                      struct vitlrp_error *err) {
    struct vit_config *config = inference->config;
    config->pool = VIT_POOL_CLS_MEAN;
    config->taps = layers ? LAYER_PARTS - 2 : 0;
    if (config->prefix == config->registers) {
        return fail(err, VITLRP_MISMATCH, "the head reads a class token, and the model has none");
    }
    if (config->depth <= config->taps) {
        return fail(err, VITLRP_MISMATCH, "the head reads %d blocks, and the model has %d",
                    config->taps + 1, config->depth);
    }
    return VITLRP_OK;
}

/* CLIP's, by its name. */
static bool is_projection(const struct inference *inference) {
    const struct layout_row *row =
        layout_bound(inference->binding, 0, SLOT_HEAD_WEIGHT, PART_WHOLE)->row;
    return layout_row_is_projection(row);
}

/* Some key of a file, or the user, says what the head reads; the default of a configuration's class
 * is about the base model. */
static bool pool_is_stated(const struct inference *inference) {
    enum fact_source source = inference->facts->pool.source;
    return source == FACT_USER || source == FACT_FILE;
}

/* The weights of an attention pool show that it is read, but for classifiers of transformers: that
 * of its own SigLIP leaves them unused and reads the mean of the tokens, somebody's own may not. */
static void infer_attention_pool(const struct inference *inference) {
    struct fact *pool = &inference->facts->pool;
    bool is_open = inference->binding->layout->framework == FRAMEWORK_HUGGINGFACE &&
                   has(inference, SLOT_HEAD_WEIGHT) && !is_projection(inference);
    if (is_open && !pool_is_stated(inference)) {
        *pool = (struct fact){fact_whole(pool, FACT_POOL_MEAN), FACT_GUESS, NULL, NULL};
    } else {
        fact_show(pool, has(inference, SLOT_MAP_FC1_WEIGHT) ? FACT_POOL_MAP : FACT_POOL_MAP_TOKEN);
    }
    if (fact_whole(pool, 0) == FACT_POOL_MAP && pool->source == FACT_USER &&
        !has(inference, SLOT_MAP_PROBE)) {
        pool->value = FACT_POOL_MAP_TOKEN; /* options have one word for both */
    }
}

/* A pooler beside a head: transformers' base models have one whether their head reads it or not. */
static void guess_pooler(const struct inference *inference) {
    struct fact *pool = &inference->facts->pool;
    if (pool_is_stated(inference) || fact_whole(pool, FACT_POOL_TOKEN) != FACT_POOL_TOKEN ||
        !layout_may_read_pooler(inference->binding, inference->sizes)) {
        return;
    }
    *pool = (struct fact){FACT_POOL_TOKEN, FACT_GUESS, NULL, NULL};
    log_message(inference->log, LOG_LEVEL_WARNING,
                "the file has a pooler (a layer, then tanh) beside its head, and nothing states "
                "whether the head reads that (pooler) or the class token itself (cls): cls is "
                "taken");
}

static enum vitlrp_status infer_pool(const struct inference *inference, struct vitlrp_error *err) {
    struct model_facts *facts = inference->facts;
    struct vit_config *config = inference->config;
    bool pooled_norm = fact_whole(&facts->final_norm, 0) == FACT_FINAL_NORM_POOLED;
    bool both = parts_of(inference) == 2 || parts_of(inference) == LAYER_PARTS;
    if (attention_pool_there(inference->binding)) {
        infer_attention_pool(inference);
    }
    if (!fact_known(&facts->pool) && !pooled_norm && !both && config->prefix == config->registers) {
        enum vitlrp_status status = layout_fail_missing(
            inference->binding, SLOT_CLS_TOKEN, "and nothing states what else the head reads", err);
        return error_topic(err, status, VITLRP_TOPIC_POOL);
    }
    if (both) {
        fact_show(&facts->pool, parts_of(inference) == 2 ? FACT_POOL_TOKEN_MEAN : FACT_POOL_LAYERS);
    }
    fact_guess(&facts->pool, pooled_norm ? FACT_POOL_MEAN : FACT_POOL_TOKEN);
    guess_pooler(inference);
    switch (fact_whole(&facts->pool, 0)) {
    case FACT_POOL_TOKEN:
    case FACT_POOL_POOLER:
        config->pool = VIT_POOL_CLS;
        break;
    case FACT_POOL_MEAN:
        config->pool = fact_whole(&facts->pool_prefix, 0) != 0 ? VIT_POOL_MEAN_ALL : VIT_POOL_MEAN;
        break;
    case FACT_POOL_TOKEN_MEAN:
    case FACT_POOL_LAYERS:
        TRY(infer_parts(inference, fact_whole(&facts->pool, 0) == FACT_POOL_LAYERS, err));
        break;
    case FACT_POOL_MAP:
    case FACT_POOL_MAP_TOKEN:
        return attention_pool_infer(inference->binding, inference->sizes, facts, config, err);
    default:
        return fail_later(err, "this pooling");
    }
    attention_pool_leave_out(config);
    return VITLRP_OK;
}

static bool reads_pooler(const struct inference *inference) {
    return fact_whole(&inference->facts->pool, FACT_POOL_TOKEN) == FACT_POOL_POOLER;
}

/* Between the two layers of a head: tanh in those that their framework names, else as stated. */
static enum vitlrp_status infer_head_activation(const struct inference *inference,
                                                struct vitlrp_error *err) {
    struct fact *fact = &inference->facts->head_activation;
    if (inference->binding->last_numbered == 0 || reads_pooler(inference)) {
        fact_show(fact, FACT_TANH);
    }
    if (!fact_known(fact)) {
        enum vitlrp_status status = fail(
            err, VITLRP_MISMATCH,
            "the head has two layers, and nothing states the activation between them: give it");
        return error_topic(err, status, VITLRP_TOPIC_HEAD_ACTIVATION);
    }
    if (fact_whole(fact, 0) == FACT_SILU) {
        return fail_later(err, "this activation in a head");
    }
    inference->config->head_activation = ACTIVATIONS[fact_whole(fact, 0)];
    return VITLRP_OK;
}

/* A head of two layers, of which a pooler may be the first, or all that there is. */
static enum vitlrp_status infer_first_layer(const struct inference *inference,
                                            struct vitlrp_error *err) {
    bool is_whole = has(inference, SLOT_HEAD_WEIGHT) || reads_pooler(inference);
    if (!has(inference, SLOT_PRE_LOGITS_WEIGHT) || !is_whole) {
        return fail(err, VITLRP_MISMATCH, "weights of one of the head's two layers are missing");
    }
    inference->config->head_width = (int32_t) inference->sizes[DIMENSION_HEAD_INPUTS];
    return infer_head_activation(inference, err);
}

/* One head, or DeiT's two, as a file states. */
static enum vitlrp_status check_heads(const struct inference *inference, struct vitlrp_error *err) {
    const struct fact *head = &inference->facts->head;
    bool two = has(inference, SLOT_DIST_HEAD_WEIGHT);
    if (head->source == FACT_FILE && two != (head->value == FACT_HEAD_TWO)) {
        return fail(err, VITLRP_MISMATCH, "the file has %s, but its configuration (%s) %s",
                    two ? "a head for the distillation token" : "one head", head->key,
                    two ? "states one head" : "states two");
    }
    return VITLRP_OK;
}

static enum vitlrp_status infer_head(const struct inference *inference, struct vitlrp_error *err) {
    struct vit_config *config = inference->config;
    size_t wanted = slot_size(config, SLOT_PRE_LOGITS_WEIGHT).columns;
    if (has(inference, SLOT_HEAD_BIAS) && !has(inference, SLOT_HEAD_WEIGHT)) {
        return layout_fail_missing(inference->binding, SLOT_HEAD_WEIGHT, "but not its bias", err);
    }
    if (has(inference, SLOT_DIST_HEAD_WEIGHT) && !config->distilled) {
        return fail(err, VITLRP_MISMATCH,
                    "tensor 'dist_token' is missing, though there is a head for it");
    }
    if (has(inference, SLOT_PRE_LOGITS_WEIGHT) || has(inference, SLOT_PRE_LOGITS_BIAS)) {
        TRY(infer_first_layer(inference, err));
    }
    if (config->head_width == 0 && inference->facts->head_activation.source == FACT_USER) {
        return fail(err, VITLRP_USAGE, "an activation is told, and the head has no two layers");
    }
    if (!has(inference, SLOT_HEAD_WEIGHT)) {
        leave_out(config, SLOT_HEAD_WEIGHT, SLOT_HEAD_BIAS);
        config->classes = (int32_t) slot_size(config, SLOT_HEAD_WEIGHT).columns;
        inference->facts->head = (struct fact){0}; /* whatever a model of its kind may have */
        fact_show(&inference->facts->head, FACT_HEAD_NONE);
        return VITLRP_OK;
    }
    TRY(check_heads(inference, err));
    if (layout_row_is_projection(
            layout_bound(inference->binding, 0, SLOT_HEAD_WEIGHT, PART_WHOLE)->row)) {
        fact_show(&inference->facts->head, FACT_HEAD_PROJECTION);
    }
    if (inference->sizes[DIMENSION_POOLED] != wanted) {
        return fail(err, VITLRP_MISMATCH, "the head has %zu inputs, but what it reads has %zu",
                    inference->sizes[DIMENSION_POOLED], wanted);
    }
    return VITLRP_OK;
}

/* The shape of a head that another file has says what it reads, whatever is stated about the model
 * that it is given to. Of the two heads of a DeiT each reads its own token. */
static void state_head(const struct inference *inference, struct model_facts *told) {
    const struct layout_binding *binding = inference->binding;
    const char *file = binding->head_file;
    enum fact_source source = file == NULL ? FACT_USER : FACT_FILE;
    size_t parts = parts_of(inference);
    bool two = has(inference, SLOT_DIST_HEAD_WEIGHT);
    if (!binding->head_given) {
        return;
    }
    if (parts == 2 || parts == LAYER_PARTS) {
        fact_state(&told->pool, parts == 2 ? FACT_POOL_TOKEN_MEAN : FACT_POOL_LAYERS, source, file,
                   NULL);
    }
    fact_state(&told->classes, (double) inference->sizes[DIMENSION_CLASSES], source, file, NULL);
    fact_state(&told->head, two ? FACT_HEAD_TWO : FACT_HEAD_LINEAR, source, file, NULL);
}

enum vitlrp_status architecture_read_sizes(const struct layout_binding *binding,
                                           const size_t *sizes, struct vit_config *config,
                                           struct vitlrp_error *err) {
    const struct inference inference = {.binding = binding, .sizes = sizes, .config = config};
    return read_sizes(&inference, err);
}

enum vitlrp_status architecture_infer_block(const struct layout_binding *binding,
                                            const size_t *sizes, struct model_facts *facts,
                                            struct vit_config *config, struct vitlrp_error *err) {
    const struct inference inference = {
        .binding = binding, .sizes = sizes, .facts = facts, .config = config};
    return infer_block(&inference, err);
}

enum vitlrp_status architecture_infer(struct layout_binding *binding,
                                      const struct facts_beside *beside, struct model_facts *facts,
                                      struct vit_config *config, size_t *positioned,
                                      struct vitlrp_error *err) {
    size_t sizes[DIMENSION_COUNT];
    TRY(layout_sizes(binding, sizes, err));
    const struct inference inference = {binding, sizes, facts, config, beside->log};
    TRY(read_sizes(&inference, err));
    struct facts_beside all = *beside;
    struct model_facts user = beside->user == NULL ? (struct model_facts){0} : *beside->user;
    state_head(&inference, &user);
    all.user = &user;
    all.layout = binding->layout->name;
    all.width = config->dim;
    all.depth = config->depth;
    all.has_head = has(&inference, SLOT_HEAD_WEIGHT);
    TRY(facts_read(&all, facts, err));
    if (reads_pooler(&inference)) {
        TRY(layout_take_pooler(binding, sizes, err));
        config->unusual = layout_unusual(binding);
    }
    TRY(join_tensors(&inference, err));
    join_own_names(&inference);
    attention_pool_show(binding, facts);
    TRY(infer_block(&inference, err));
    TRY(infer_final_norm(&inference, err));
    TRY(check_shifts(&inference, err));
    TRY(infer_pool(&inference, err));
    TRY(infer_head(&inference, err));
    TRY(probability_infer(binding->head_given, config->classes, facts, err));
    return input_size_infer(binding, facts, sizes, config, positioned, err);
}
