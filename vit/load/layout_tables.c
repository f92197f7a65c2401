/* The layouts' tables. A row: name, slot, part of it, arrangement, optional, shape. */
#include "vit/load/layout.h"

#define ONE DIMENSION_ONE
#define CHANNELS DIMENSION_CHANNELS
#define WIDTH DIMENSION_WIDTH
#define WIDTH_3 DIMENSION_WIDTH_3
#define MLP DIMENSION_MLP
#define CLASSES DIMENSION_CLASSES
#define TOKENS DIMENSION_TOKENS
#define HEADS DIMENSION_HEADS
#define HEAD_SIZE DIMENSION_HEAD_SIZE
#define PATCH_HEIGHT DIMENSION_PATCH_HEIGHT
#define PATCH_WIDTH DIMENSION_PATCH_WIDTH

#define OURS PART_WHOLE, ARRANGED_AS_OURS, false
#define OURS_OPTIONAL PART_WHOLE, ARRANGED_AS_OURS, true
#define OURS_PART(part) PART_##part, ARRANGED_AS_OURS, false
#define OURS_PART_OPTIONAL(part) PART_##part, ARRANGED_AS_OURS, true
#define INPUTS_FIRST PART_WHOLE, ARRANGED_INPUTS_FIRST, false
#define INPUTS_FIRST_PART(part) PART_##part, ARRANGED_INPUTS_FIRST, false
#define HWIO PART_WHOLE, ARRANGED_HWIO, false

/* clang-format off: a row is a line. */
static const struct layout_row TORCHVISION[] = {
    {"conv_proj.weight", SLOT_PATCH_WEIGHT, OURS, {WIDTH, CHANNELS, PATCH_HEIGHT, PATCH_WIDTH}},
    {"conv_proj.bias", SLOT_PATCH_BIAS, OURS, {WIDTH}},
    {"class_token", SLOT_CLS_TOKEN, OURS, {ONE, ONE, WIDTH}},
    {"encoder.pos_embedding", SLOT_POSITION, OURS, {ONE, TOKENS, WIDTH}},
    {"encoder.layers.encoder_layer_#.ln_1.weight", SLOT_NORM1_WEIGHT, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.ln_1.bias", SLOT_NORM1_BIAS, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.self_attention.in_proj_weight",
     SLOT_QKV_WEIGHT,
     OURS,
     {WIDTH_3, WIDTH}},
    {"encoder.layers.encoder_layer_#.self_attention.in_proj_bias",
     SLOT_QKV_BIAS,
     OURS_OPTIONAL,
     {WIDTH_3}},
    {"encoder.layers.encoder_layer_#.self_attention.out_proj.weight",
     SLOT_PROJ_WEIGHT,
     OURS,
     {WIDTH, WIDTH}},
    {"encoder.layers.encoder_layer_#.self_attention.out_proj.bias", SLOT_PROJ_BIAS, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.ln_2.weight", SLOT_NORM2_WEIGHT, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.ln_2.bias", SLOT_NORM2_BIAS, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.mlp.0.weight", SLOT_FC1_WEIGHT, OURS, {MLP, WIDTH}},
    {"encoder.layers.encoder_layer_#.mlp.0.bias", SLOT_FC1_BIAS, OURS, {MLP}},
    {"encoder.layers.encoder_layer_#.mlp.3.weight", SLOT_FC2_WEIGHT, OURS, {WIDTH, MLP}},
    {"encoder.layers.encoder_layer_#.mlp.3.bias", SLOT_FC2_BIAS, OURS, {WIDTH}},
    {"encoder.layers.encoder_layer_#.mlp.linear_1.weight", SLOT_FC1_WEIGHT, OURS, {MLP, WIDTH}},
    {"encoder.layers.encoder_layer_#.mlp.linear_1.bias", SLOT_FC1_BIAS, OURS, {MLP}},
    {"encoder.layers.encoder_layer_#.mlp.linear_2.weight", SLOT_FC2_WEIGHT, OURS, {WIDTH, MLP}},
    {"encoder.layers.encoder_layer_#.mlp.linear_2.bias", SLOT_FC2_BIAS, OURS, {WIDTH}},
    {"encoder.ln.weight", SLOT_NORM_WEIGHT, OURS, {WIDTH}},
    {"encoder.ln.bias", SLOT_NORM_BIAS, OURS, {WIDTH}},
    {"heads.head.weight", SLOT_HEAD_WEIGHT, OURS, {CLASSES, WIDTH}},
    {"heads.head.bias", SLOT_HEAD_BIAS, OURS, {CLASSES}},
};

static const struct layout_row TIMM[] = {
    {"patch_embed.proj.weight",
     SLOT_PATCH_WEIGHT,
     OURS,
     {WIDTH, CHANNELS, PATCH_HEIGHT, PATCH_WIDTH}},
    {"patch_embed.proj.bias", SLOT_PATCH_BIAS, OURS, {WIDTH}},
    {"cls_token", SLOT_CLS_TOKEN, OURS, {ONE, ONE, WIDTH}},
    {"pos_embed", SLOT_POSITION, OURS, {ONE, TOKENS, WIDTH}},
    {"blocks.#.norm1.weight", SLOT_NORM1_WEIGHT, OURS, {WIDTH}},
    {"blocks.#.norm1.bias", SLOT_NORM1_BIAS, OURS, {WIDTH}},
    {"blocks.#.attn.qkv.weight", SLOT_QKV_WEIGHT, OURS, {WIDTH_3, WIDTH}},
    {"blocks.#.attn.qkv.bias", SLOT_QKV_BIAS, OURS_OPTIONAL, {WIDTH_3}},
    {"blocks.#.attn.proj.weight", SLOT_PROJ_WEIGHT, OURS, {WIDTH, WIDTH}},
    {"blocks.#.attn.proj.bias", SLOT_PROJ_BIAS, OURS, {WIDTH}},
    {"blocks.#.norm2.weight", SLOT_NORM2_WEIGHT, OURS, {WIDTH}},
    {"blocks.#.norm2.bias", SLOT_NORM2_BIAS, OURS, {WIDTH}},
    {"blocks.#.mlp.fc1.weight", SLOT_FC1_WEIGHT, OURS, {MLP, WIDTH}},
    {"blocks.#.mlp.fc1.bias", SLOT_FC1_BIAS, OURS, {MLP}},
    {"blocks.#.mlp.fc2.weight", SLOT_FC2_WEIGHT, OURS, {WIDTH, MLP}},
    {"blocks.#.mlp.fc2.bias", SLOT_FC2_BIAS, OURS, {WIDTH}},
    {"blocks.#.ls1.gamma", SLOT_PROJ_SCALE, OURS_OPTIONAL, {WIDTH}},
    {"blocks.#.ls2.gamma", SLOT_FC2_SCALE, OURS_OPTIONAL, {WIDTH}},
    {"blocks.#.gamma_1", SLOT_PROJ_SCALE, OURS_OPTIONAL, {WIDTH}},
    {"blocks.#.gamma_2", SLOT_FC2_SCALE, OURS_OPTIONAL, {WIDTH}},
    {"norm.weight", SLOT_NORM_WEIGHT, OURS, {WIDTH}},
    {"norm.bias", SLOT_NORM_BIAS, OURS, {WIDTH}},
    {"head.weight", SLOT_HEAD_WEIGHT, OURS, {CLASSES, WIDTH}},
    {"head.bias", SLOT_HEAD_BIAS, OURS, {CLASSES}},
};

static const struct layout_row HUGGINGFACE[] = {
    {"embeddings.patch_embeddings.projection.weight",
     SLOT_PATCH_WEIGHT,
     OURS,
     {WIDTH, CHANNELS, PATCH_HEIGHT, PATCH_WIDTH}},
    {"embeddings.patch_embeddings.projection.bias", SLOT_PATCH_BIAS, OURS, {WIDTH}},
    {"embeddings.cls_token", SLOT_CLS_TOKEN, OURS, {ONE, ONE, WIDTH}},
    {"embeddings.position_embeddings", SLOT_POSITION, OURS, {ONE, TOKENS, WIDTH}},
    {"encoder.layer.#.layernorm_before.weight", SLOT_NORM1_WEIGHT, OURS, {WIDTH}},
    {"encoder.layer.#.layernorm_before.bias", SLOT_NORM1_BIAS, OURS, {WIDTH}},
    {"encoder.layer.#.attention.attention.query.weight",
     SLOT_QKV_WEIGHT,
     OURS_PART(Q),
     {WIDTH, WIDTH}},
    {"encoder.layer.#.attention.attention.query.bias",
     SLOT_QKV_BIAS,
     OURS_PART_OPTIONAL(Q),
     {WIDTH}},
    {"encoder.layer.#.attention.attention.key.weight",
     SLOT_QKV_WEIGHT,
     OURS_PART(K),
     {WIDTH, WIDTH}},
    {"encoder.layer.#.attention.attention.key.bias", SLOT_QKV_BIAS, OURS_PART_OPTIONAL(K), {WIDTH}},
    {"encoder.layer.#.attention.attention.value.weight",
     SLOT_QKV_WEIGHT,
     OURS_PART(V),
     {WIDTH, WIDTH}},
    {"encoder.layer.#.attention.attention.value.bias",
     SLOT_QKV_BIAS,
     OURS_PART_OPTIONAL(V),
     {WIDTH}},
    {"encoder.layer.#.attention.output.dense.weight", SLOT_PROJ_WEIGHT, OURS, {WIDTH, WIDTH}},
    {"encoder.layer.#.attention.output.dense.bias", SLOT_PROJ_BIAS, OURS, {WIDTH}},
    {"encoder.layer.#.layernorm_after.weight", SLOT_NORM2_WEIGHT, OURS, {WIDTH}},
    {"encoder.layer.#.layernorm_after.bias", SLOT_NORM2_BIAS, OURS, {WIDTH}},
    {"encoder.layer.#.intermediate.dense.weight", SLOT_FC1_WEIGHT, OURS, {MLP, WIDTH}},
    {"encoder.layer.#.intermediate.dense.bias", SLOT_FC1_BIAS, OURS, {MLP}},
    {"encoder.layer.#.output.dense.weight", SLOT_FC2_WEIGHT, OURS, {WIDTH, MLP}},
    {"encoder.layer.#.output.dense.bias", SLOT_FC2_BIAS, OURS, {WIDTH}},
    {"layernorm.weight", SLOT_NORM_WEIGHT, OURS, {WIDTH}},
    {"layernorm.bias", SLOT_NORM_BIAS, OURS, {WIDTH}},
    {"classifier.weight", SLOT_HEAD_WEIGHT, OURS, {CLASSES, WIDTH}},
    {"classifier.bias", SLOT_HEAD_BIAS, OURS, {CLASSES}},
    {"pooler.dense.weight", SLOT_IGNORED, OURS_OPTIONAL, {DIMENSION_END}},
    {"pooler.dense.bias", SLOT_IGNORED, OURS_OPTIONAL, {DIMENSION_END}},
    {"embeddings.mask_token", SLOT_IGNORED, OURS_OPTIONAL, {DIMENSION_END}},
};

static const struct layout_row JAX[] = {
    {"embedding/kernel", SLOT_PATCH_WEIGHT, HWIO, {PATCH_HEIGHT, PATCH_WIDTH, CHANNELS, WIDTH}},
    {"embedding/bias", SLOT_PATCH_BIAS, OURS, {WIDTH}},
    {"cls", SLOT_CLS_TOKEN, OURS, {ONE, ONE, WIDTH}},
    {"Transformer/posembed_input/pos_embedding", SLOT_POSITION, OURS, {ONE, TOKENS, WIDTH}},
    {"Transformer/encoderblock_#/LayerNorm_0/scale", SLOT_NORM1_WEIGHT, OURS, {WIDTH}},
    {"Transformer/encoderblock_#/LayerNorm_0/bias", SLOT_NORM1_BIAS, OURS, {WIDTH}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/query/kernel",
     SLOT_QKV_WEIGHT,
     INPUTS_FIRST_PART(Q),
     {WIDTH, HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/query/bias",
     SLOT_QKV_BIAS,
     OURS_PART_OPTIONAL(Q),
     {HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/key/kernel",
     SLOT_QKV_WEIGHT,
     INPUTS_FIRST_PART(K),
     {WIDTH, HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/key/bias",
     SLOT_QKV_BIAS,
     OURS_PART_OPTIONAL(K),
     {HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/value/kernel",
     SLOT_QKV_WEIGHT,
     INPUTS_FIRST_PART(V),
     {WIDTH, HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/value/bias",
     SLOT_QKV_BIAS,
     OURS_PART_OPTIONAL(V),
     {HEADS, HEAD_SIZE}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/out/kernel",
     SLOT_PROJ_WEIGHT,
     INPUTS_FIRST,
     {HEADS, HEAD_SIZE, WIDTH}},
    {"Transformer/encoderblock_#/MultiHeadDotProductAttention_1/out/bias",
     SLOT_PROJ_BIAS,
     OURS,
     {WIDTH}},
    {"Transformer/encoderblock_#/LayerNorm_2/scale", SLOT_NORM2_WEIGHT, OURS, {WIDTH}},
    {"Transformer/encoderblock_#/LayerNorm_2/bias", SLOT_NORM2_BIAS, OURS, {WIDTH}},
    {"Transformer/encoderblock_#/MlpBlock_3/Dense_0/kernel",
     SLOT_FC1_WEIGHT,
     INPUTS_FIRST,
     {WIDTH, MLP}},
    {"Transformer/encoderblock_#/MlpBlock_3/Dense_0/bias", SLOT_FC1_BIAS, OURS, {MLP}},
    {"Transformer/encoderblock_#/MlpBlock_3/Dense_1/kernel",
     SLOT_FC2_WEIGHT,
     INPUTS_FIRST,
     {MLP, WIDTH}},
    {"Transformer/encoderblock_#/MlpBlock_3/Dense_1/bias", SLOT_FC2_BIAS, OURS, {WIDTH}},
    {"Transformer/encoder_norm/scale", SLOT_NORM_WEIGHT, OURS, {WIDTH}},
    {"Transformer/encoder_norm/bias", SLOT_NORM_BIAS, OURS, {WIDTH}},
    {"head/kernel", SLOT_HEAD_WEIGHT, INPUTS_FIRST, {WIDTH, CLASSES}},
    {"head/bias", SLOT_HEAD_BIAS, OURS, {CLASSES}},
};

#define TABLE(name, rows)                                                                          \
    { name, rows, sizeof rows / sizeof rows[0] }

const struct layout LAYOUTS[LAYOUT_COUNT] = {
    TABLE("torchvision", TORCHVISION),
    TABLE("timm", TIMM),
    TABLE("huggingface", HUGGINGFACE),
    TABLE("jax", JAX),
};
/* clang-format on */
