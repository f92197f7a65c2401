/* The layouts' tables. A row: name, slot, part and presence, shape. '#' stands for a number, of the
 * block in a slot of blocks; '*' at the end for anything. */
#include "vit/load/layout.h"

#define ONE DIMENSION_ONE
#define CHANNELS DIMENSION_CHANNELS
#define WIDTH DIMENSION_WIDTH
#define WIDTH_2 DIMENSION_WIDTH_2
#define WIDTH_3 DIMENSION_WIDTH_3
#define HIDDEN DIMENSION_HIDDEN
#define MLP DIMENSION_MLP
#define GATED DIMENSION_GATED
#define HIDDEN_WIDTH_3 DIMENSION_HIDDEN_WIDTH_3
#define WIDTH_MLP DIMENSION_WIDTH_MLP
#define MAP_MLP DIMENSION_MAP_MLP
#define CLASSES DIMENSION_CLASSES
#define POOLED DIMENSION_POOLED
#define HEAD_INPUTS DIMENSION_HEAD_INPUTS
#define REGISTERS DIMENSION_REGISTERS
#define TOKENS DIMENSION_TOKENS
#define PADDED_TOKENS DIMENSION_PADDED_TOKENS
#define VOCABULARY DIMENSION_VOCABULARY
#define HEADS DIMENSION_HEADS
#define HEAD_SIZE DIMENSION_HEAD_SIZE
#define HEAD_PAIRS DIMENSION_HEAD_PAIRS
#define AXIS_PAIRS DIMENSION_AXIS_PAIRS
#define BIAS_ROWS DIMENSION_BIAS_ROWS
#define DEPTH DIMENSION_DEPTH
#define TWO DIMENSION_TWO
#define PATCH_HEIGHT DIMENSION_PATCH_HEIGHT
#define PATCH_WIDTH DIMENSION_PATCH_WIDTH

#define PATCHES                                                                                    \
    { WIDTH, CHANNELS, PATCH_HEIGHT, PATCH_WIDTH }

#define NEEDED PART_WHOLE, ARRANGED_AS_OURS, PRESENCE_NEEDED
#define UNIFORM PART_WHOLE, ARRANGED_AS_OURS, PRESENCE_UNIFORM
#define OPTIONAL PART_WHOLE, ARRANGED_AS_OURS, PRESENCE_OPTIONAL
#define NEEDED_PART(part) PART_##part, ARRANGED_AS_OURS, PRESENCE_NEEDED
#define UNIFORM_PART(part) PART_##part, ARRANGED_AS_OURS, PRESENCE_UNIFORM
#define OPTIONAL_PART(part) PART_##part, ARRANGED_AS_OURS, PRESENCE_OPTIONAL
#define KERNEL PART_WHOLE, ARRANGED_INPUTS_FIRST, PRESENCE_NEEDED
#define UNIFORM_KERNEL PART_WHOLE, ARRANGED_INPUTS_FIRST, PRESENCE_UNIFORM
#define KERNEL_PART(part) PART_##part, ARRANGED_INPUTS_FIRST, PRESENCE_NEEDED
#define UNIFORM_KERNEL_PART(part) PART_##part, ARRANGED_INPUTS_FIRST, PRESENCE_UNIFORM
#define HWIO PART_WHOLE, ARRANGED_HWIO, PRESENCE_NEEDED

/* clang-format off: a row is a line. */

/* Known, and not needed. */
#define IGNORED(name)                                                                              \
    {                                                                                              \
        name, SLOT_IGNORED, OPTIONAL, {                                                            \
            DIMENSION_END                                                                          \
        }                                                                                          \
    }

/* What makes logits of cosines with texts: the logarithm of a scale, and a bias. */
#define LOGITS(scale, bias)                                                                        \
    {scale, SLOT_LOGIT_SCALE, OPTIONAL, {ONE}}, {                                                  \
        bias, SLOT_LOGIT_BIAS, OPTIONAL, {                                                         \
            ONE                                                                                    \
        }                                                                                          \
    }

/* A linear layer, a norm and a head, with their biases. */
#define LINEAR(name, slot, outputs, inputs)                                                        \
    {name ".weight", SLOT_##slot##_WEIGHT, NEEDED, {outputs, inputs}}, {                           \
        name ".bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            outputs                                                                                \
        }                                                                                          \
    }
#define NORM(name, slot, presence) NORM_OF(name, slot, WIDTH, presence)
#define NORM_OF(name, slot, size, ...)                                                             \
    {name ".weight", SLOT_##slot##_WEIGHT, __VA_ARGS__, {size}}, {                                 \
        name ".bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            size                                                                                   \
        }                                                                                          \
    }
#define HEAD(name, slot, inputs)                                                                   \
    {name ".weight", SLOT_##slot##_WEIGHT, UNIFORM, {CLASSES, inputs}}, {                          \
        name ".bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            CLASSES                                                                                \
        }                                                                                          \
    }
/* A head of users: a linear layer, or a sequence of which some layers have weights. */
#define USERS_HEAD(name) HEAD(name, HEAD, HEAD_INPUTS), HEAD(name ".#", HEAD, HEAD_INPUTS)
/* A linear layer of an end that few models have. */
#define END_LINEAR(name, slot, outputs, inputs)                                                    \
    {name ".weight", SLOT_##slot##_WEIGHT, UNIFORM, {outputs, inputs}}, {                          \
        name ".bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            outputs                                                                                \
        }                                                                                          \
    }
/* An attention pool whose attention is torch's, and the MLP behind it. */
#define MAP_ATTENTION(name)                                                                        \
    {name ".in_proj_weight", SLOT_MAP_QKV_WEIGHT, UNIFORM, {WIDTH_3, WIDTH}},                      \
        {name ".in_proj_bias", SLOT_MAP_QKV_BIAS, UNIFORM, {WIDTH_3}},                             \
        END_LINEAR(name ".out_proj", MAP_PROJ, WIDTH, WIDTH)
#define MAP_PART(name, part)                                                                       \
    {name ".weight", SLOT_MAP_QKV_WEIGHT, UNIFORM_PART(part), {WIDTH, WIDTH}}, {                   \
        name ".bias", SLOT_MAP_QKV_BIAS, UNIFORM_PART(part), {                                     \
            WIDTH                                                                                  \
        }                                                                                          \
    }
#define MAP_MLP_LAYERS(first, second)                                                              \
    END_LINEAR(first, MAP_FC1, MAP_MLP, WIDTH), END_LINEAR(second, MAP_FC2, WIDTH, MAP_MLP)
/* q, k or v, where they are apart. */
#define PART_LINEAR(name, part)                                                                    \
    {name ".weight", SLOT_QKV_WEIGHT, NEEDED_PART(part), {WIDTH, WIDTH}}, {                        \
        name ".bias", SLOT_QKV_BIAS, OPTIONAL_PART(part), {                                        \
            WIDTH                                                                                  \
        }                                                                                          \
    }

/* The gate or the value of a gated MLP, where they are apart. */
#define GATE_LINEAR(name, part)                                                                    \
    {name ".weight", SLOT_FC1_WEIGHT, NEEDED_PART(part), {HIDDEN, WIDTH}}, {                       \
        name ".bias", SLOT_FC1_BIAS, UNIFORM_PART(part), {                                         \
            HIDDEN                                                                                 \
        }                                                                                          \
    }

/* Hugging Face's relative position biases, and the index that goes with them. */
#define HF_BIAS_TABLE(place, slot)                                                                 \
    {place "relative_position_bias.relative_position_bias_table",                                  \
     SLOT_##slot,                                                                                  \
     UNIFORM_KERNEL,                                                                               \
     {BIAS_ROWS, HEADS}},                                                                          \
        IGNORED(place "relative_position_bias.relative_position_index")

/* The norm of q or k of each head. */
#define PART_NORM(name, part)                                                                      \
    {name ".weight", SLOT_QK_NORM_WEIGHT, NEEDED_PART(part), {HEAD_SIZE}}, {                       \
        name ".bias", SLOT_QK_NORM_BIAS, OPTIONAL_PART(part), {                                    \
            HEAD_SIZE                                                                              \
        }                                                                                          \
    }

/* A differential attention. */
#define DIFFERENTIAL(place)                                                                        \
    {place "lambda_q1", SLOT_LAMBDAS, NEEDED_PART(Q1), {HEAD_PAIRS}},                              \
        {place "lambda_k1", SLOT_LAMBDAS, NEEDED_PART(K1), {HEAD_PAIRS}},                          \
        {place "lambda_q2", SLOT_LAMBDAS, NEEDED_PART(Q2), {HEAD_PAIRS}},                          \
        {place "lambda_k2", SLOT_LAMBDAS, NEEDED_PART(K2), {HEAD_PAIRS}}, {                        \
        place "sub_norm.weight", SLOT_SUB_NORM_WEIGHT, UNIFORM, {                                  \
            HEAD_SIZE                                                                              \
        }                                                                                          \
    }

#define TORCHVISION_BLOCK "encoder.layers.encoder_layer_#."

static const struct layout_row TORCHVISION[] = {
    {"conv_proj.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"conv_proj.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"class_token", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {ONE, ONE, WIDTH}},
    {"encoder.pos_embedding", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},
    NORM(TORCHVISION_BLOCK "ln_1", NORM1, NEEDED),
    {TORCHVISION_BLOCK "self_attention.in_proj_weight", SLOT_QKV_WEIGHT, NEEDED, {WIDTH_3, WIDTH}},
    {TORCHVISION_BLOCK "self_attention.in_proj_bias", SLOT_QKV_BIAS, OPTIONAL, {WIDTH_3}},
    LINEAR(TORCHVISION_BLOCK "self_attention.out_proj", PROJ, WIDTH, WIDTH),
    NORM(TORCHVISION_BLOCK "ln_2", NORM2, NEEDED),
    LINEAR(TORCHVISION_BLOCK "mlp.0", FC1, HIDDEN, WIDTH),
    LINEAR(TORCHVISION_BLOCK "mlp.3", FC2, WIDTH, MLP),
    LINEAR(TORCHVISION_BLOCK "mlp.linear_1", FC1, HIDDEN, WIDTH),
    LINEAR(TORCHVISION_BLOCK "mlp.linear_2", FC2, WIDTH, MLP),
    NORM("encoder.ln", NORM, UNIFORM),
    END_LINEAR("heads.pre_logits", PRE_LOGITS, HEAD_INPUTS, POOLED),
    HEAD("heads.head", HEAD, HEAD_INPUTS),
    USERS_HEAD("heads"),
};

/* timm's names around the blocks, which DeiT, DINO, MAE and I-JEPA use too, and those in which
 * DINOv2's and DINOv3's own files differ from them. */
#define TIMM_TOKENS                                                                                \
    {"patch_embed.proj.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},                               \
        {"patch_embed.proj.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},                              \
        NORM("patch_embed.norm", EMBED_NORM, UNIFORM),                                             \
        {"cls_token", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {ONE, ONE, WIDTH}},                       \
        {"dist_token", SLOT_CLS_TOKEN, UNIFORM_PART(DIST), {ONE, ONE, WIDTH}},                     \
        {"reg_token", SLOT_CLS_TOKEN, UNIFORM_PART(REGISTERS), {ONE, REGISTERS, WIDTH}},           \
        {"register_tokens", SLOT_CLS_TOKEN, UNIFORM_PART(REGISTERS), {ONE, REGISTERS, WIDTH}},     \
        {"storage_tokens", SLOT_CLS_TOKEN, UNIFORM_PART(REGISTERS), {ONE, REGISTERS, WIDTH}},      \
        {"pos_embed", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},                               \
        NORM("norm_pre", PRE_NORM, UNIFORM)
#define TIMM_ROTARY                                                                                \
    {"rope_embed.periods", SLOT_ROPE_PERIODS, UNIFORM, {AXIS_PAIRS}},                              \
        {"rope.freqs", SLOT_ROPE_FREQUENCIES, UNIFORM, {TWO, DEPTH, HEADS, HEAD_PAIRS}},           \
        IGNORED("rope.freqs_cos"), /* EVA's tables, which are computed */                          \
        IGNORED("rope.freqs_sin"), IGNORED("blocks.#.attn.rope.freqs_cos"),                        \
        IGNORED("blocks.#.attn.rope.freqs_sin")
#define TIMM_END                                                                                   \
    NORM("norm", NORM, UNIFORM), NORM("fc_norm", FC_NORM, UNIFORM),                                \
        {"attn_pool.latent", SLOT_MAP_PROBE, UNIFORM, {ONE, ONE, WIDTH}},                          \
        {"attn_pool.q.weight", SLOT_MAP_QKV_WEIGHT, UNIFORM_PART(Q), {WIDTH, WIDTH}},              \
        {"attn_pool.q.bias", SLOT_MAP_QKV_BIAS, UNIFORM_PART(Q), {WIDTH}},                         \
        {"attn_pool.kv.weight", SLOT_MAP_QKV_WEIGHT, UNIFORM_PART(KV), {WIDTH_2, WIDTH}},          \
        {"attn_pool.kv.bias", SLOT_MAP_QKV_BIAS, UNIFORM_PART(KV), {WIDTH_2}},                     \
        END_LINEAR("attn_pool.proj", MAP_PROJ, WIDTH, WIDTH),                                      \
        NORM("attn_pool.norm", MAP_NORM, UNIFORM),                                                 \
        MAP_MLP_LAYERS("attn_pool.mlp.fc1", "attn_pool.mlp.fc2"), USERS_HEAD("head"),              \
        USERS_HEAD("fc"), USERS_HEAD("classifier"), USERS_HEAD("linear_head"),                     \
        HEAD("head.proj", HEAD, HEAD_INPUTS), /* open_clip's, of a tower of timm's */              \
        LOGITS("logit_scale", "logit_bias"),  /* open_clip's too */                                \
        HEAD("head_dist", DIST_HEAD, WIDTH), IGNORED("head.mlp.*"), /* DINO's projector */         \
        IGNORED("head.last_layer.*"), IGNORED("lm_head.*"), IGNORED("mask_token"),                 \
        IGNORED("decoder_*")

static const struct layout_row TIMM[] = {
    TIMM_TOKENS,
    TIMM_ROTARY,
    NORM("blocks.#.norm1", NORM1, NEEDED),
    {"blocks.#.attn.qkv.weight", SLOT_QKV_WEIGHT, NEEDED, {WIDTH_3, WIDTH}},
    {"blocks.#.attn.qkv.bias", SLOT_QKV_BIAS, OPTIONAL, {WIDTH_3}},
    {"blocks.#.attn.q_bias", SLOT_QKV_BIAS, OPTIONAL_PART(Q), {WIDTH}},
    {"blocks.#.attn.v_bias", SLOT_QKV_BIAS, OPTIONAL_PART(V), {WIDTH}},
    {"blocks.#.attn.qkv.bias_mask", SLOT_QKV_BIAS_MASK, OPTIONAL, {WIDTH_3}},
    {"blocks.#.attn.relative_position_bias_table",
     SLOT_BIAS_TABLE,
     UNIFORM_KERNEL,
     {BIAS_ROWS, HEADS}},
    {"rel_pos_bias.relative_position_bias_table",
     SLOT_SHARED_BIAS_TABLE,
     UNIFORM_KERNEL,
     {BIAS_ROWS, HEADS}},
    IGNORED("blocks.#.attn.relative_position_index"), /* of these tables: computed */
    IGNORED("rel_pos_bias.relative_position_index"),
    PART_LINEAR("blocks.#.attn.q_proj", Q),
    PART_LINEAR("blocks.#.attn.k_proj", K),
    PART_LINEAR("blocks.#.attn.v_proj", V),
    NORM("blocks.#.attn.norm", ATTENTION_NORM, UNIFORM),
    NORM("blocks.#.attn.inner_attn_ln", ATTENTION_NORM, UNIFORM), /* EVA's own, as below */
    DIFFERENTIAL("blocks.#.attn."),
    PART_NORM("blocks.#.attn.q_norm", Q),
    PART_NORM("blocks.#.attn.k_norm", K),
    LINEAR("blocks.#.attn.proj", PROJ, WIDTH, WIDTH),
    NORM("blocks.#.norm2", NORM2, NEEDED),
    LINEAR("blocks.#.mlp.fc1", FC1, HIDDEN, WIDTH),
    LINEAR("blocks.#.mlp.w12", FC1, GATED, WIDTH), /* DINOv2's own */
    GATE_LINEAR("blocks.#.mlp.fc1_g", GATE),
    GATE_LINEAR("blocks.#.mlp.fc1_x", VALUE),
    GATE_LINEAR("blocks.#.mlp.w1", GATE),
    GATE_LINEAR("blocks.#.mlp.w2", VALUE),
    NORM_OF("blocks.#.mlp.norm", MLP_NORM, MLP, UNIFORM),
    NORM_OF("blocks.#.mlp.ffn_ln", MLP_NORM, MLP, UNIFORM),
    LINEAR("blocks.#.mlp.fc2", FC2, WIDTH, MLP),
    LINEAR("blocks.#.mlp.w3", FC2, WIDTH, MLP),
    {"blocks.#.ls1.gamma", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {"blocks.#.ls2.gamma", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    {"blocks.#.gamma_1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {"blocks.#.gamma_2", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    TIMM_END,
};

/* The same with parallel blocks: one norm, and layers that share their tensors. */
static const struct layout_row TIMM_PARALLEL[] = {
    TIMM_TOKENS,
    NORM("blocks.#.in_norm", NORM1, NEEDED),
    {"blocks.#.in_proj.weight", SLOT_FC1_WEIGHT, NEEDED, {HIDDEN_WIDTH_3, WIDTH}},
    {"blocks.#.in_proj.weight", SLOT_QKV_WEIGHT, NEEDED, {HIDDEN_WIDTH_3, WIDTH}},
    {"blocks.#.in_proj.bias", SLOT_FC1_BIAS, UNIFORM, {HIDDEN_WIDTH_3}},
    {"blocks.#.in_proj.bias", SLOT_QKV_BIAS, UNIFORM, {HIDDEN_WIDTH_3}},
    {"blocks.#.mlp_bias", SLOT_FC1_BIAS, UNIFORM, {HIDDEN}},
    LINEAR("blocks.#.attn_out_proj", PROJ, WIDTH, WIDTH),
    LINEAR("blocks.#.mlp_out_proj", FC2, WIDTH, MLP),
    {"blocks.#.out_proj.weight", SLOT_PROJ_WEIGHT, NEEDED, {WIDTH, WIDTH_MLP}},
    {"blocks.#.out_proj.weight", SLOT_FC2_WEIGHT, NEEDED, {WIDTH, WIDTH_MLP}},
    {"blocks.#.out_proj.bias", SLOT_PROJ_BIAS, UNIFORM, {WIDTH}},
    {"blocks.#.ls.gamma", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    DIFFERENTIAL("blocks.#."),
    PART_NORM("blocks.#.q_norm", Q),
    PART_NORM("blocks.#.k_norm", K),
    TIMM_END,
};

/* The names of AIMv2's own files. */
static const struct layout_row AIMV2[] = {
    {"preprocessor.patchifier.proj.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"preprocessor.patchifier.proj.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    NORM("preprocessor.patchifier.norm", EMBED_NORM, NEEDED),
    {"preprocessor.pos_embed", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},
    NORM("trunk.blocks.#.norm_1", NORM1, NEEDED),
    {"trunk.blocks.#.attn.qkv.weight", SLOT_QKV_WEIGHT, NEEDED, {WIDTH_3, WIDTH}},
    {"trunk.blocks.#.attn.qkv.bias", SLOT_QKV_BIAS, OPTIONAL, {WIDTH_3}},
    LINEAR("trunk.blocks.#.attn.proj", PROJ, WIDTH, WIDTH),
    NORM("trunk.blocks.#.norm_2", NORM2, NEEDED),
    GATE_LINEAR("trunk.blocks.#.mlp.fc1", GATE),
    GATE_LINEAR("trunk.blocks.#.mlp.fc3", VALUE),
    LINEAR("trunk.blocks.#.mlp.fc2", FC2, WIDTH, MLP),
    NORM("trunk.post_trunk_norm", NORM, NEEDED),
};

#define BEIT3_BLOCK "beit3.encoder.layers.#."

/* The names of BEiT-3's own files. Of each layer, A is for images and B for text. */
static const struct layout_row BEIT3[] = {
    {"beit3.vision_embed.proj.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"beit3.vision_embed.proj.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"beit3.vision_embed.cls_token", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {ONE, ONE, WIDTH}},
    {"beit3.encoder.embed_positions.A.weight", SLOT_POSITION, UNIFORM, {PADDED_TOKENS, WIDTH}},
    NORM(BEIT3_BLOCK "self_attn_layer_norm.A", NORM1, NEEDED),
    PART_LINEAR(BEIT3_BLOCK "self_attn.q_proj.A", Q),
    PART_LINEAR(BEIT3_BLOCK "self_attn.k_proj.A", K),
    PART_LINEAR(BEIT3_BLOCK "self_attn.v_proj.A", V),
    NORM(BEIT3_BLOCK "self_attn.inner_attn_ln.A", ATTENTION_NORM, UNIFORM),
    LINEAR(BEIT3_BLOCK "self_attn.out_proj.A", PROJ, WIDTH, WIDTH),
    NORM(BEIT3_BLOCK "final_layer_norm.A", NORM2, NEEDED),
    LINEAR(BEIT3_BLOCK "ffn.A.fc1", FC1, HIDDEN, WIDTH),
    NORM_OF(BEIT3_BLOCK "ffn.A.ffn_layernorm", MLP_NORM, MLP, UNIFORM),
    LINEAR(BEIT3_BLOCK "ffn.A.fc2", FC2, WIDTH, MLP),
    NORM("beit3.encoder.layer_norm.A", NORM, UNIFORM),
    NORM("fc_norm", FC_NORM, UNIFORM),
    HEAD("head", HEAD, HEAD_INPUTS),
    IGNORED("beit3.vision_embed.mask_token"),
    IGNORED("beit3.text_embed.weight"),
    IGNORED("beit3.encoder.embed_positions.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn_layer_norm.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn.q_proj.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn.k_proj.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn.v_proj.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn.inner_attn_ln.B.*"),
    IGNORED(BEIT3_BLOCK "self_attn.out_proj.B.*"),
    IGNORED(BEIT3_BLOCK "final_layer_norm.B.*"),
    IGNORED(BEIT3_BLOCK "ffn.B.*"),
    IGNORED("beit3.encoder.layer_norm.B.*"),
};

#define HF_OLD "encoder.layer.#."
#define HF_NEW "layers.#."
#define HF_GATED(block)                                                                            \
    GATE_LINEAR(block "mlp.gate_proj", GATE), GATE_LINEAR(block "mlp.up_proj", VALUE),             \
        LINEAR(block "mlp.down_proj", FC2, WIDTH, MLP)

#define HF_DINOV3 "layer.#."

/* ViT, DeiT, DINOv2, DINOv3, BEiT, I-JEPA, MSN, MAE, as transformers 4 and 5 name them. */
static const struct layout_row HUGGINGFACE[] = {
    {"embeddings.patch_embeddings.projection.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"embeddings.patch_embeddings.projection.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"embeddings.patch_embeddings.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"embeddings.patch_embeddings.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"embeddings.cls_token", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {ONE, ONE, WIDTH}},
    {"embeddings.distillation_token", SLOT_CLS_TOKEN, UNIFORM_PART(DIST), {ONE, ONE, WIDTH}},
    {"embeddings.register_tokens",
     SLOT_CLS_TOKEN,
     UNIFORM_PART(REGISTERS),
     {ONE, REGISTERS, WIDTH}},
    {"embeddings.position_embeddings", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},
    NORM(HF_OLD "layernorm_before", NORM1, NEEDED),
    NORM(HF_OLD "norm1", NORM1, NEEDED),
    NORM(HF_NEW "layernorm_before", NORM1, NEEDED),
    NORM(HF_NEW "norm1", NORM1, NEEDED),
    NORM(HF_DINOV3 "norm1", NORM1, NEEDED),
    PART_LINEAR(HF_OLD "attention.attention.query", Q),
    PART_LINEAR(HF_OLD "attention.attention.key", K),
    PART_LINEAR(HF_OLD "attention.attention.value", V),
    PART_LINEAR(HF_NEW "attention.q_proj", Q),
    PART_LINEAR(HF_NEW "attention.k_proj", K),
    PART_LINEAR(HF_NEW "attention.v_proj", V),
    PART_LINEAR(HF_DINOV3 "attention.q_proj", Q),
    PART_LINEAR(HF_DINOV3 "attention.k_proj", K),
    PART_LINEAR(HF_DINOV3 "attention.v_proj", V),
    PART_NORM(HF_OLD "attention.attention.q_norm", Q),
    PART_NORM(HF_OLD "attention.attention.k_norm", K),
    PART_NORM(HF_NEW "attention.q_norm", Q),
    PART_NORM(HF_NEW "attention.k_norm", K),
    HF_BIAS_TABLE(HF_OLD "attention.attention.", BIAS_TABLE),
    HF_BIAS_TABLE(HF_NEW "attention.", BIAS_TABLE),
    HF_BIAS_TABLE("encoder.", SHARED_BIAS_TABLE),
    HF_BIAS_TABLE("", SHARED_BIAS_TABLE),
    LINEAR(HF_OLD "attention.output.dense", PROJ, WIDTH, WIDTH),
    LINEAR(HF_NEW "attention.o_proj", PROJ, WIDTH, WIDTH),
    LINEAR(HF_DINOV3 "attention.o_proj", PROJ, WIDTH, WIDTH),
    NORM(HF_OLD "layernorm_after", NORM2, NEEDED),
    NORM(HF_OLD "norm2", NORM2, NEEDED),
    NORM(HF_NEW "layernorm_after", NORM2, NEEDED),
    NORM(HF_NEW "norm2", NORM2, NEEDED),
    NORM(HF_DINOV3 "norm2", NORM2, NEEDED),
    LINEAR(HF_OLD "intermediate.dense", FC1, HIDDEN, WIDTH),
    LINEAR(HF_OLD "output.dense", FC2, WIDTH, MLP),
    LINEAR(HF_OLD "mlp.fc1", FC1, HIDDEN, WIDTH),
    LINEAR(HF_OLD "mlp.fc2", FC2, WIDTH, MLP),
    LINEAR(HF_NEW "mlp.fc1", FC1, HIDDEN, WIDTH),
    LINEAR(HF_NEW "mlp.fc2", FC2, WIDTH, MLP),
    LINEAR(HF_OLD "mlp.weights_in", FC1, GATED, WIDTH),
    LINEAR(HF_OLD "mlp.weights_out", FC2, WIDTH, MLP),
    HF_GATED(HF_OLD),
    HF_GATED(HF_NEW),
    HF_GATED(HF_DINOV3),
    {HF_OLD "layer_scale1.lambda1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {HF_OLD "layer_scale2.lambda1", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    {HF_NEW "layer_scale1.lambda1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {HF_NEW "layer_scale2.lambda1", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    {HF_DINOV3 "layer_scale1.lambda1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {HF_DINOV3 "layer_scale2.lambda1", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    {HF_OLD "lambda_1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {HF_OLD "lambda_2", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    {HF_NEW "lambda_1", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}},
    {HF_NEW "lambda_2", SLOT_FC2_SCALE, OPTIONAL, {WIDTH}},
    NORM("layernorm", NORM, UNIFORM),
    NORM("norm", NORM, UNIFORM),
    NORM("pooler.layernorm", FC_NORM, UNIFORM),
    USERS_HEAD("classifier"),
    USERS_HEAD("head"),
    USERS_HEAD("fc"),
    HEAD("cls_classifier", HEAD, HEAD_INPUTS),
    HEAD("distillation_classifier", DIST_HEAD, WIDTH),
    IGNORED("pooler.dense.weight"), /* a head may read it: LAYOUT_POOLER */
    IGNORED("pooler.dense.bias"),
    IGNORED("embeddings.mask_token"),
    IGNORED("decoder.*"),
};

#define HF_CLIP "encoder.layers.#."
/* A block of either tower. */
#define HF_CLIP_BLOCK(place)                                                                       \
    NORM(place "layer_norm1", NORM1, NEEDED), PART_LINEAR(place "self_attn.q_proj", Q),            \
        PART_LINEAR(place "self_attn.k_proj", K), PART_LINEAR(place "self_attn.v_proj", V),        \
        LINEAR(place "self_attn.out_proj", PROJ, WIDTH, WIDTH),                                    \
        NORM(place "layer_norm2", NORM2, NEEDED), LINEAR(place "mlp.fc1", FC1, HIDDEN, WIDTH),     \
        LINEAR(place "mlp.fc2", FC2, WIDTH, MLP)

/* The image towers of transformers' CLIP and SigLIP. */
static const struct layout_row HUGGINGFACE_CLIP[] = {
    {"embeddings.patch_embedding.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"embeddings.patch_embedding.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"embeddings.class_embedding", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {WIDTH}},
    {"embeddings.position_embedding.weight", SLOT_POSITION, UNIFORM, {TOKENS, WIDTH}},
    NORM("pre_layrnorm", PRE_NORM, UNIFORM),
    HF_CLIP_BLOCK(HF_CLIP),
    NORM("post_layernorm", NORM, UNIFORM),
    {"head.probe", SLOT_MAP_PROBE, UNIFORM, {ONE, ONE, WIDTH}},
    MAP_ATTENTION("head.attention"),
    NORM("head.layernorm", MAP_NORM, UNIFORM),
    MAP_MLP_LAYERS("head.mlp.fc1", "head.mlp.fc2"),
    USERS_HEAD("classifier"),
    {"visual_projection.weight", SLOT_HEAD_WEIGHT, UNIFORM, {CLASSES, HEAD_INPUTS}},
    IGNORED("embeddings.position_ids"),
    IGNORED("text_model.*"),
    IGNORED("text_projection.weight"),
    LOGITS("logit_scale", "logit_bias"),
};

/* The image tower of transformers' AIMv2. */
static const struct layout_row HUGGINGFACE_AIMV2[] = {
    {"embeddings.patch_embed.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"embeddings.patch_embed.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    NORM("embeddings.rms_norm", EMBED_NORM, NEEDED),
    {"embeddings.position_embedding.weight", SLOT_POSITION, UNIFORM, {TOKENS, WIDTH}},
    NORM(HF_CLIP "rms_norm1", NORM1, NEEDED),
    PART_LINEAR(HF_CLIP "attention.q_proj", Q),
    PART_LINEAR(HF_CLIP "attention.k_proj", K),
    PART_LINEAR(HF_CLIP "attention.v_proj", V),
    LINEAR(HF_CLIP "attention.out_proj", PROJ, WIDTH, WIDTH),
    NORM(HF_CLIP "rms_norm2", NORM2, NEEDED),
    GATE_LINEAR(HF_CLIP "ffn.gate_proj", GATE),
    GATE_LINEAR(HF_CLIP "ffn.up_proj", VALUE),
    LINEAR(HF_CLIP "ffn.down_proj", FC2, WIDTH, MLP),
    NORM("rms_norm", NORM, UNIFORM),
    {"head.cls_token",
     SLOT_MAP_QKV_BIAS,
     UNIFORM_PART(Q),
     {ONE, ONE, WIDTH}}, /* the query itself */
    MAP_PART("head.k_proj", K),
    MAP_PART("head.v_proj", V),
    END_LINEAR("head.output_proj", MAP_PROJ, WIDTH, WIDTH),
    USERS_HEAD("classifier"),
    {"visual_projection.weight", SLOT_HEAD_WEIGHT, UNIFORM, {CLASSES, HEAD_INPUTS}},
    IGNORED("text_model.*"),
    IGNORED("text_projection.weight"),
    LOGITS("logit_scale", "logit_bias"),
};

/* A block of either tower. */
#define OPEN_CLIP_BLOCK(place)                                                                     \
    NORM(place "ln_1", NORM1, NEEDED),                                                             \
        {place "attn.in_proj_weight", SLOT_QKV_WEIGHT, NEEDED, {WIDTH_3, WIDTH}},                  \
        {place "attn.in_proj_bias", SLOT_QKV_BIAS, OPTIONAL, {WIDTH_3}},                           \
        LINEAR(place "attn.out_proj", PROJ, WIDTH, WIDTH), NORM(place "ln_2", NORM2, NEEDED),      \
        LINEAR(place "mlp.c_fc", FC1, HIDDEN, WIDTH), LINEAR(place "mlp.c_proj", FC2, WIDTH, MLP), \
        {place "ls_1.gamma", SLOT_PROJ_SCALE, OPTIONAL, {WIDTH}}, {                                \
        place "ls_2.gamma", SLOT_FC2_SCALE, OPTIONAL, {                                            \
            WIDTH                                                                                  \
        }                                                                                          \
    }
#define CLIP_BLOCK "visual.transformer.resblocks.#."

/* The image towers of OpenAI's CLIP and of open_clip. */
static const struct layout_row OPEN_CLIP[] = {
    {"visual.conv1.weight", SLOT_PATCH_WEIGHT, NEEDED, PATCHES},
    {"visual.conv1.bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"visual.class_embedding", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {WIDTH}},
    {"visual.positional_embedding", SLOT_POSITION, UNIFORM, {TOKENS, WIDTH}},
    NORM("visual.ln_pre", PRE_NORM, UNIFORM),
    OPEN_CLIP_BLOCK(CLIP_BLOCK),
    PART_NORM(CLIP_BLOCK "attn.ln_q", Q),
    PART_NORM(CLIP_BLOCK "attn.ln_k", K),
    NORM("visual.ln_post", NORM, UNIFORM),
    {"visual.attn_pool.probe", SLOT_MAP_PROBE, UNIFORM, {ONE, ONE, WIDTH}},
    MAP_ATTENTION("visual.attn_pool.attn"),
    NORM("visual.attn_pool.layernorm", MAP_NORM, UNIFORM),
    MAP_MLP_LAYERS("visual.attn_pool.mlp.c_fc", "visual.attn_pool.mlp.c_proj"),
    {"visual.proj", SLOT_HEAD_WEIGHT, UNIFORM_KERNEL, {HEAD_INPUTS, CLASSES}},
    IGNORED("text.*"),
    IGNORED("transformer.*"),
    IGNORED("token_embedding.weight"),
    IGNORED("positional_embedding"),
    IGNORED("ln_final.*"),
    IGNORED("text_projection"),
    LOGITS("logit_scale", "logit_bias"),
    IGNORED("input_resolution"),
    IGNORED("context_length"),
    IGNORED("vocab_size"),
    IGNORED("attn_mask"),
};

#define JAX_PART(name, part)                                                                       \
    {name "/kernel", SLOT_QKV_WEIGHT, KERNEL_PART(part), {WIDTH, HEADS, HEAD_SIZE}}, {             \
        name "/bias", SLOT_QKV_BIAS, OPTIONAL_PART(part), {                                        \
            HEADS, HEAD_SIZE                                                                       \
        }                                                                                          \
    }
#define JAX_LINEAR(name, slot, outputs, inputs)                                                    \
    {name "/kernel", SLOT_##slot##_WEIGHT, KERNEL, {inputs, outputs}}, {                           \
        name "/bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            outputs                                                                                \
        }                                                                                          \
    }
#define JAX_NORM(name, slot, presence)                                                             \
    {name "/scale", SLOT_##slot##_WEIGHT, presence, {WIDTH}}, {                                    \
        name "/bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            WIDTH                                                                                  \
        }                                                                                          \
    }
#define JAX_END_LINEAR(name, slot, outputs, inputs)                                                \
    {name "/kernel", SLOT_##slot##_WEIGHT, UNIFORM_KERNEL, {inputs, outputs}}, {                   \
        name "/bias", SLOT_##slot##_BIAS, UNIFORM, {                                               \
            outputs                                                                                \
        }                                                                                          \
    }
#define JAX_MAP_PART(name, part)                                                                   \
    {name "/kernel", SLOT_MAP_QKV_WEIGHT, UNIFORM_KERNEL_PART(part), {WIDTH, HEADS, HEAD_SIZE}}, { \
        name "/bias", SLOT_MAP_QKV_BIAS, UNIFORM_PART(part), {                                     \
            HEADS, HEAD_SIZE                                                                       \
        }                                                                                          \
    }
#define JAX_BLOCK "Transformer/encoderblock_#/"
/* As the first files number a block's parts, and as big_vision does. */
#define JAX_ATTENTION JAX_BLOCK "MultiHeadDotProductAttention_1/"
#define JAX_MAP "MAPHead_0/MultiHeadDotProductAttention_0/"
#define JAX_NEW_ATTENTION JAX_BLOCK "MultiHeadDotProductAttention_0/"

static const struct layout_row JAX[] = {
    {"embedding/kernel", SLOT_PATCH_WEIGHT, HWIO, {PATCH_HEIGHT, PATCH_WIDTH, CHANNELS, WIDTH}},
    {"embedding/bias", SLOT_PATCH_BIAS, UNIFORM, {WIDTH}},
    {"cls", SLOT_CLS_TOKEN, UNIFORM_PART(CLS), {ONE, ONE, WIDTH}},
    {"Transformer/posembed_input/pos_embedding", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},
    {"pos_embedding", SLOT_POSITION, UNIFORM, {ONE, TOKENS, WIDTH}},
    JAX_NORM(JAX_BLOCK "LayerNorm_0", NORM1, NEEDED),
    JAX_PART(JAX_ATTENTION "query", Q),
    JAX_PART(JAX_ATTENTION "key", K),
    JAX_PART(JAX_ATTENTION "value", V),
    JAX_PART(JAX_NEW_ATTENTION "query", Q),
    JAX_PART(JAX_NEW_ATTENTION "key", K),
    JAX_PART(JAX_NEW_ATTENTION "value", V),
    {JAX_ATTENTION "out/kernel", SLOT_PROJ_WEIGHT, KERNEL, {HEADS, HEAD_SIZE, WIDTH}},
    {JAX_ATTENTION "out/bias", SLOT_PROJ_BIAS, UNIFORM, {WIDTH}},
    {JAX_NEW_ATTENTION "out/kernel", SLOT_PROJ_WEIGHT, KERNEL, {HEADS, HEAD_SIZE, WIDTH}},
    {JAX_NEW_ATTENTION "out/bias", SLOT_PROJ_BIAS, UNIFORM, {WIDTH}},
    JAX_NORM(JAX_BLOCK "LayerNorm_2", NORM2, NEEDED),
    JAX_NORM(JAX_BLOCK "LayerNorm_1", NORM2, NEEDED),
    JAX_LINEAR(JAX_BLOCK "MlpBlock_3/Dense_0", FC1, HIDDEN, WIDTH),
    JAX_LINEAR(JAX_BLOCK "MlpBlock_3/Dense_1", FC2, WIDTH, MLP),
    JAX_LINEAR(JAX_BLOCK "MlpBlock_0/Dense_0", FC1, HIDDEN, WIDTH),
    JAX_LINEAR(JAX_BLOCK "MlpBlock_0/Dense_1", FC2, WIDTH, MLP),
    JAX_NORM("Transformer/encoder_norm", NORM, UNIFORM),
    {"MAPHead_0/probe", SLOT_MAP_PROBE, UNIFORM, {ONE, ONE, WIDTH}},
    JAX_MAP_PART(JAX_MAP "query", Q),
    JAX_MAP_PART(JAX_MAP "key", K),
    JAX_MAP_PART(JAX_MAP "value", V),
    {JAX_MAP "out/kernel", SLOT_MAP_PROJ_WEIGHT, UNIFORM_KERNEL, {HEADS, HEAD_SIZE, WIDTH}},
    {JAX_MAP "out/bias", SLOT_MAP_PROJ_BIAS, UNIFORM, {WIDTH}},
    JAX_NORM("MAPHead_0/LayerNorm_0", MAP_NORM, UNIFORM),
    JAX_END_LINEAR("MAPHead_0/MlpBlock_0/Dense_0", MAP_FC1, MAP_MLP, WIDTH),
    JAX_END_LINEAR("MAPHead_0/MlpBlock_0/Dense_1", MAP_FC2, WIDTH, MAP_MLP),
    JAX_END_LINEAR("pre_logits", PRE_LOGITS, HEAD_INPUTS, POOLED),
    {"head/kernel", SLOT_HEAD_WEIGHT, UNIFORM_KERNEL, {HEAD_INPUTS, CLASSES}},
    {"head/bias", SLOT_HEAD_BIAS, UNIFORM, {CLASSES}},
    IGNORED("txt/*"), /* SigLIP's text tower */
    LOGITS("t", "b"),
};

#define HF_TEXT "text_model."

/* The text towers of transformers' CLIP and SigLIP. */
static const struct layout_row HUGGINGFACE_TEXT[] = {
    {HF_TEXT "embeddings.token_embedding.weight", SLOT_TOKEN_TABLE, NEEDED, {VOCABULARY, WIDTH}},
    {HF_TEXT "embeddings.position_embedding.weight", SLOT_POSITION, NEEDED, {TOKENS, WIDTH}},
    HF_CLIP_BLOCK(HF_TEXT "encoder.layers.#."),
    NORM(HF_TEXT "final_layer_norm", NORM, NEEDED),
    {"text_projection.weight", SLOT_HEAD_WEIGHT, UNIFORM, {CLASSES, HEAD_INPUTS}},
    HEAD(HF_TEXT "head", HEAD, HEAD_INPUTS),
    IGNORED(HF_TEXT "embeddings.position_ids"),
};

/* The text towers of OpenAI's CLIP and of open_clip, without the part "text." that some have. */
static const struct layout_row OPEN_CLIP_TEXT[] = {
    {"token_embedding.weight", SLOT_TOKEN_TABLE, NEEDED, {VOCABULARY, WIDTH}},
    {"positional_embedding", SLOT_POSITION, NEEDED, {TOKENS, WIDTH}},
    OPEN_CLIP_BLOCK("transformer.resblocks.#."),
    NORM("ln_final", NORM, NEEDED),
    {"text_projection", SLOT_HEAD_WEIGHT, UNIFORM_KERNEL, {HEAD_INPUTS, CLASSES}},
    HEAD("text_projection", HEAD, HEAD_INPUTS),
    IGNORED("attn_mask"),
};

/* What people and DINOv2 call a head in a file of its own. */
static const struct layout_row HEAD_ALONE[] = {
    {"weight", SLOT_HEAD_WEIGHT, UNIFORM, {CLASSES, HEAD_INPUTS}},
    {"bias", SLOT_HEAD_BIAS, UNIFORM, {CLASSES}},
    USERS_HEAD("head"),
    USERS_HEAD("linear_head"),
    USERS_HEAD("classifier"),
    USERS_HEAD("fc"),
    HEAD("#", HEAD, HEAD_INPUTS),
};

const struct layout_row LAYOUT_FIRST_LAYER[2] = {
    {"head.#.weight", SLOT_PRE_LOGITS_WEIGHT, UNIFORM, {HEAD_INPUTS, POOLED}},
    {"head.#.bias", SLOT_PRE_LOGITS_BIAS, UNIFORM, {HEAD_INPUTS}},
};

const struct layout_row LAYOUT_POOLER[2] = {
    {"pooler.dense.weight", SLOT_PRE_LOGITS_WEIGHT, UNIFORM, {HEAD_INPUTS, POOLED}},
    {"pooler.dense.bias", SLOT_PRE_LOGITS_BIAS, UNIFORM, {HEAD_INPUTS}},
};

#define TABLE(name, framework, rows)                                                               \
    { name, FRAMEWORK_##framework, rows, sizeof rows / sizeof rows[0] }

const struct layout LAYOUTS[LAYOUT_COUNT] = {
    TABLE("torchvision", TORCHVISION, TORCHVISION),
    TABLE("timm", TIMM, TIMM),
    TABLE("timm", TIMM, TIMM_PARALLEL),
    TABLE("aimv2", TIMM, AIMV2),
    TABLE("beit3", TIMM, BEIT3),
    TABLE("huggingface", HUGGINGFACE, HUGGINGFACE),
    TABLE("huggingface clip", HUGGINGFACE, HUGGINGFACE_CLIP),
    TABLE("huggingface aimv2", HUGGINGFACE, HUGGINGFACE_AIMV2),
    TABLE("open_clip", OPEN_CLIP, OPEN_CLIP),
    TABLE("jax", JAX, JAX),
};

const struct layout TEXT_LAYOUTS[TEXT_LAYOUT_COUNT] = {
    TABLE("huggingface clip", HUGGINGFACE, HUGGINGFACE_TEXT),
    TABLE("open_clip", OPEN_CLIP, OPEN_CLIP_TEXT),
};

const struct layout LAYOUT_HEAD = TABLE("head", TIMM, HEAD_ALONE);
/* clang-format on */
