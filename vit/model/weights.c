/* Memory of a model's weights. Refuses shapes that no Vision Transformer has. */
#include "vit/model/weights.h"

#include <stddef.h>

#include "base/arena.h"
#include "base/mem.h"
#include "vit/math/attention_bias.h"
#include "vit/model/arranged.h"

#define MAX_MLP (1 << 20)
#define MAX_PREFIX 64

enum measure {
    ONE,
    TWO,
    FOUR,
    WIDTH,
    WIDTH_3,
    HIDDEN,
    MLP,
    CLASSES,
    PROMPTS,
    PATCH,
    PREFIX,
    TOKENS,
    VOCABULARY,
    POOLED,
    HEAD_INPUTS,
    MAP_MLP,
    HEADS,
    HEAD_SIZE,
    HALF_HEAD,
    AXIS_PAIRS,
    ALL_PAIRS,
    BIAS_ROWS
};

struct slot_row {
    enum slot_scope scope;
    size_t member; /* offset in struct vit_weights or struct vit_block */
    enum measure rows, columns;
    bool usual;
    enum slot_start start;
    uint64_t stream;
};

#define USUAL true
#define EXTRA false
#define EMBEDDING_WEIGHT(constant, field, rows, columns, presence, start, stream)                  \
    {SCOPE_EMBEDDING, offsetof(struct vit_weights, field), rows, columns, presence, START_##start, \
     stream},
#define BLOCK_WEIGHT(constant, field, rows, columns, presence, start, stream)                      \
    {SCOPE_BLOCK, offsetof(struct vit_block, field), rows, columns, presence, START_##start,       \
     stream},
#define END_WEIGHT(constant, field, rows, columns, presence, start, stream)                        \
    {SCOPE_END, offsetof(struct vit_weights, field), rows, columns, presence, START_##start,       \
     stream},

static const struct slot_row ROWS[SLOT_COUNT] = {
#include "vit/model/weights.def"
};

_Static_assert(SLOT_COUNT <= 64, "vit_config.unusual has a bit for each weight");

/* What the pool gives to the head. */
static size_t pooled_width(const struct vit_config *config) {
    size_t parts = config->pool == VIT_POOL_CLS_MEAN ? 2 : 1;
    return (parts + (size_t) config->taps) * (size_t) config->dim;
}

static size_t measure_of(const struct vit_config *config, enum measure measure) {
    switch (measure) {
    case ONE:
        return 1;
    case WIDTH:
        return (size_t) config->dim;
    case WIDTH_3:
        return 3 * (size_t) config->dim;
    case HIDDEN:
        return (config->gated ? 2 : 1) * (size_t) config->mlp_dim;
    case MLP:
        return (size_t) config->mlp_dim;
    case CLASSES:
        return (size_t) (config->compared > 0 ? config->compared : config->classes);
    case PROMPTS:
        return (size_t) config->classes;
    case PATCH:
        return vit_channels(config) * (size_t) config->patch_height * (size_t) config->patch_width;
    case PREFIX:
        return (size_t) config->prefix;
    case TOKENS:
        return (size_t) config->prefix + (size_t) config->grid_height * (size_t) config->grid_width;
    case VOCABULARY:
        return (size_t) config->vocabulary;
    case POOLED:
        return pooled_width(config);
    case HEAD_INPUTS:
        return config->head_width > 0 ? (size_t) config->head_width : pooled_width(config);
    case MAP_MLP:
        return (size_t) config->map_mlp_dim;
    case TWO:
        return 2;
    case FOUR:
        return 4;
    case AXIS_PAIRS: /* of a head, for one axis */
        return (size_t) config->dim / (size_t) config->heads / 4;
    case ALL_PAIRS: /* of all heads and blocks */
        return (size_t) config->depth * (size_t) config->dim / 2;
    case HEADS:
        return (size_t) config->heads;
    case HEAD_SIZE:
        return (size_t) config->dim / (size_t) config->heads;
    case HALF_HEAD:
        return (size_t) config->dim / (size_t) config->heads / 2;
    case BIAS_ROWS:
        return attention_bias_rows((size_t) config->grid_height, (size_t) config->grid_width);
    }
    return 0;
}

enum slot_scope slot_scope(enum slot slot) {
    return ROWS[slot].scope;
}

enum slot_start slot_start(enum slot slot) {
    return ROWS[slot].start;
}

float slot_neutral(enum slot slot) {
    return ROWS[slot].start == START_GAIN ? 1.0F : 0.0F;
}

struct slot_size slot_size(const struct vit_config *config, enum slot slot) {
    return (struct slot_size){measure_of(config, ROWS[slot].rows),
                              measure_of(config, ROWS[slot].columns)};
}

uint64_t slot_unusual(enum slot slot, bool present) {
    return present == ROWS[slot].usual ? 0 : UINT64_C(1) << slot;
}

size_t slot_repeats(const struct vit_config *config, enum slot slot) {
    bool differs = (config->unusual >> slot & 1) != 0;
    if (differs == ROWS[slot].usual) {
        return 0;
    }
    return ROWS[slot].scope == SCOPE_BLOCK ? (size_t) config->depth : 1;
}

/* The first models had so many streams in a block; what came later is numbered apart. */
#define FIRST_STREAMS 20

uint64_t slot_stream(enum slot slot, size_t block) {
    uint64_t stream = ROWS[slot].stream;
    return stream < FIRST_STREAMS ? block * FIRST_STREAMS + stream : stream << 32 | block;
}

static const float **slot_pointer(const struct vit_model *model, enum slot slot, size_t block) {
    unsigned char *base = ROWS[slot].scope == SCOPE_BLOCK
                              ? (unsigned char *) &model->weights.blocks[block]
                              : (unsigned char *) &model->weights;
    return (const float **) (void *) (base + ROWS[slot].member);
}

float *slot_data(const struct vit_model *model, enum slot slot, size_t block) {
    return (float *) *slot_pointer(model, slot, block);
}

static bool in_range(int32_t value, int32_t max) {
    return value >= 1 && value <= max;
}

static enum vitlrp_status check_config(const struct vit_config *config, struct vitlrp_error *err) {
    bool sizes = in_range(config->image_height, VIT_MAX_SIDE) &&
                 in_range(config->image_width, VIT_MAX_SIDE) &&
                 in_range(config->patch_height, config->image_height) &&
                 in_range(config->patch_width, config->image_width);
    if (!sizes || !in_range(config->dim, VIT_MAX_SIDE) || !in_range(config->mlp_dim, MAX_MLP) ||
        !in_range(config->depth, VIT_MAX_DEPTH) || !in_range(config->classes, VIT_MAX_CLASSES)) {
        return fail(err, VITLRP_LIMIT,
                    "sizes out of range: input %dx%d, patch %dx%d, dim %d, depth %d, MLP %d, "
                    "classes %d",
                    config->image_height, config->image_width, config->patch_height,
                    config->patch_width, config->dim, config->depth, config->mlp_dim,
                    config->classes);
    }
    if (config->prefix < 0 || config->prefix > MAX_PREFIX) {
        return fail(err, VITLRP_LIMIT,
                    "%d tokens in front of the patches are out of range: 0 to %d", config->prefix,
                    MAX_PREFIX);
    }
    if (config->image_height != (int64_t) config->grid_height * config->patch_height ||
        config->image_width != (int64_t) config->grid_width * config->patch_width) {
        return fail(err, VITLRP_MISMATCH, "an input of %dx%d is not a grid of patches of %dx%d",
                    config->image_height, config->image_width, config->patch_height,
                    config->patch_width);
    }
    if (!in_range(config->heads, config->dim) || config->dim % config->heads != 0) {
        return fail(err, VITLRP_MISMATCH, "%d attention heads do not divide dim %d", config->heads,
                    config->dim);
    }
    return VITLRP_OK;
}

/* Takes every slot of a scope from the arena in the order of the table, block by block. */
static void lay_out_scope(struct vit_model *model, struct arena *arena, enum slot_scope scope) {
    size_t blocks = scope == SCOPE_BLOCK ? (size_t) model->config.depth : 1;
    for (size_t block = 0; block < blocks; block++) {
        for (enum slot slot = 0; slot < SLOT_COUNT; slot++) {
            struct slot_size size = slot_size(&model->config, slot);
            if (ROWS[slot].scope == scope && slot_repeats(&model->config, slot) > 0) {
                *slot_pointer(model, slot, block) =
                    arena_take(arena, size.rows * size.columns, sizeof(float));
            }
        }
    }
}

static void lay_out(struct vit_model *model, struct arena *arena) {
    lay_out_scope(model, arena, SCOPE_EMBEDDING);
    lay_out_scope(model, arena, SCOPE_BLOCK);
    lay_out_scope(model, arena, SCOPE_END);
}

enum vitlrp_status weights_allocate(const struct vit_config *config, const char *name,
                                    const struct vitlrp_model_limits *limits,
                                    struct vit_model **out, struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    TRY(check_config(config, err));
    struct vit_model *model = mem_calloc(1, sizeof *model);
    if (model == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    atomic_init(&model->holders, 1);
    model->config = *config;
    model->limits = *limits;
    model->probability =
        config->classes == 1 ? VITLRP_PROBABILITY_SIGMOID : VITLRP_PROBABILITY_SOFTMAX;
    model->name = mem_strdup(name);
    model->weights.blocks = mem_calloc((size_t) config->depth, sizeof *model->weights.blocks);
    model->packs = pack_store_open(arranged_count(config));
    if (model->name == NULL || model->weights.blocks == NULL || model->packs == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a model");
        goto cleanup;
    }
    struct arena arena = arena_measuring();
    lay_out(model, &arena);
    if (arena.overflow || arena.used > limits->max_bytes) {
        status =
            fail_limit(err, "its weights need %zu bytes of memory, more than the limit of %llu",
                       arena.used, (unsigned long long) limits->max_bytes);
        goto cleanup;
    }
    model->storage_bytes = arena.used;
    model->storage = mem_alloc_aligned(arena.used, 1);
    if (model->storage == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for %zu bytes of weights", arena.used);
        goto cleanup;
    }
    arena = arena_over(model->storage, model->storage_bytes);
    lay_out(model, &arena);
    *out = model;
    return VITLRP_OK;

cleanup:
    vit_model_free(model);
    return status;
}

void vit_model_free(struct vit_model *model) {
    if (model == NULL || atomic_fetch_sub(&model->holders, 1) > 1) {
        return;
    }
    if (model->base != NULL) { /* all but its end is the base's */
        vit_model_free(model->base);
        mem_free(model->storage);
        mem_free(model);
        return;
    }
    vit_origin_close(&model->origin);
    json_decref(model->facts);
    json_decref(model->metadata);
    json_decref(model->config_json);
    json_decref(model->preprocessor);
    json_decref(model->open_clip);
    pack_store_close(model->packs);
    mem_free(model->words);
    mem_free(model->weights.blocks);
    mem_free(model->storage);
    mem_free(model->name);
    mem_free(model->ignored);
    mem_free(model);
}
