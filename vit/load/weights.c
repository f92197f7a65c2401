/* Memory of a model's weights. Refuses shapes that no Vision Transformer has. */
#include "vit/load/weights.h"

#include <stddef.h>

#include "base/arena.h"
#include "base/mem.h"
#include "vit/math/packs.h"

#define MAX_SIDE 65536 /* pixels of the trained input, and dim */
#define MAX_DEPTH 1024
#define MAX_MLP (1 << 20)
#define MAX_CLASSES 100000

enum measure { ONE, WIDTH, WIDTH_3, MLP, CLASSES, PATCH, TOKENS };

struct slot_place {
    size_t member; /* offset in struct vit_weights or struct vit_block */
    enum measure rows, columns;
};

#define OUTSIDE(field, rows, columns)                                                              \
    { offsetof(struct vit_weights, field), rows, columns }
#define IN_BLOCK(field, rows, columns)                                                             \
    { offsetof(struct vit_block, field), rows, columns }

static const struct slot_place PLACES[SLOT_COUNT] = {
    [SLOT_PATCH_WEIGHT] = OUTSIDE(patch_weight, WIDTH, PATCH),
    [SLOT_PATCH_BIAS] = OUTSIDE(patch_bias, ONE, WIDTH),
    [SLOT_CLS_TOKEN] = OUTSIDE(cls_token, ONE, WIDTH),
    [SLOT_POSITION] = OUTSIDE(position, TOKENS, WIDTH),
    [SLOT_NORM_WEIGHT] = OUTSIDE(norm_weight, ONE, WIDTH),
    [SLOT_NORM_BIAS] = OUTSIDE(norm_bias, ONE, WIDTH),
    [SLOT_HEAD_WEIGHT] = OUTSIDE(head_weight, CLASSES, WIDTH),
    [SLOT_HEAD_BIAS] = OUTSIDE(head_bias, ONE, CLASSES),
    [SLOT_NORM1_WEIGHT] = IN_BLOCK(norm1_weight, ONE, WIDTH),
    [SLOT_NORM1_BIAS] = IN_BLOCK(norm1_bias, ONE, WIDTH),
    [SLOT_QKV_WEIGHT] = IN_BLOCK(qkv_weight, WIDTH_3, WIDTH),
    [SLOT_QKV_BIAS] = IN_BLOCK(qkv_bias, ONE, WIDTH_3),
    [SLOT_PROJ_WEIGHT] = IN_BLOCK(proj_weight, WIDTH, WIDTH),
    [SLOT_PROJ_BIAS] = IN_BLOCK(proj_bias, ONE, WIDTH),
    [SLOT_NORM2_WEIGHT] = IN_BLOCK(norm2_weight, ONE, WIDTH),
    [SLOT_NORM2_BIAS] = IN_BLOCK(norm2_bias, ONE, WIDTH),
    [SLOT_FC1_WEIGHT] = IN_BLOCK(fc1_weight, MLP, WIDTH),
    [SLOT_FC1_BIAS] = IN_BLOCK(fc1_bias, ONE, MLP),
    [SLOT_FC2_WEIGHT] = IN_BLOCK(fc2_weight, WIDTH, MLP),
    [SLOT_FC2_BIAS] = IN_BLOCK(fc2_bias, ONE, WIDTH),
};

static size_t measure_of(const struct vit_config *config, enum measure measure) {
    switch (measure) {
    case ONE:
        return 1;
    case WIDTH:
        return (size_t) config->dim;
    case WIDTH_3:
        return 3 * (size_t) config->dim;
    case MLP:
        return (size_t) config->mlp_dim;
    case CLASSES:
        return (size_t) config->classes;
    case PATCH:
        return 3 * (size_t) config->patch_height * (size_t) config->patch_width;
    case TOKENS:
        return 1 + (size_t) config->grid_height * (size_t) config->grid_width;
    }
    return 0;
}

struct slot_size slot_size(const struct vit_config *config, enum slot slot) {
    return (struct slot_size){measure_of(config, PLACES[slot].rows),
                              measure_of(config, PLACES[slot].columns)};
}

static const float **slot_pointer(const struct vit_model *model, enum slot slot, size_t block) {
    unsigned char *base = slot < SLOT_OUTSIDE_COUNT
                              ? (unsigned char *) &model->weights
                              : (unsigned char *) &model->weights.blocks[block];
    return (const float **) (void *) (base + PLACES[slot].member);
}

float *slot_data(const struct vit_model *model, enum slot slot, size_t block) {
    return (float *) *slot_pointer(model, slot, block);
}

static bool in_range(int32_t value, int32_t max) {
    return value >= 1 && value <= max;
}

static enum vitlrp_status check_config(const struct vit_config *config, struct vitlrp_error *err) {
    bool sizes = in_range(config->image_height, MAX_SIDE) &&
                 in_range(config->image_width, MAX_SIDE) &&
                 in_range(config->patch_height, config->image_height) &&
                 in_range(config->patch_width, config->image_width);
    if (!sizes || !in_range(config->dim, MAX_SIDE) || !in_range(config->mlp_dim, MAX_MLP) ||
        !in_range(config->depth, MAX_DEPTH) || !in_range(config->classes, MAX_CLASSES)) {
        return fail(err, VITLRP_LIMIT,
                    "sizes out of range: input %dx%d, patch %dx%d, dim %d, depth %d, MLP %d, "
                    "classes %d",
                    config->image_height, config->image_width, config->patch_height,
                    config->patch_width, config->dim, config->depth, config->mlp_dim,
                    config->classes);
    }
    if (config->image_height != config->grid_height * config->patch_height ||
        config->image_width != config->grid_width * config->patch_width) {
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

/* Takes every slot from the arena in the order of use. */
static void lay_out(struct vit_model *model, struct arena *arena) {
    const struct vit_config *config = &model->config;
    for (int pass = 0; pass < 3; pass++) {
        /* Embedding first, then the blocks, then norm and head. */
        enum slot first = pass == 0   ? SLOT_PATCH_WEIGHT
                          : pass == 1 ? SLOT_OUTSIDE_COUNT
                                      : SLOT_NORM_WEIGHT;
        enum slot end = pass == 0 ? SLOT_NORM_WEIGHT : pass == 1 ? SLOT_COUNT : SLOT_OUTSIDE_COUNT;
        size_t repeats = pass == 1 ? (size_t) config->depth : 1;
        for (size_t block = 0; block < repeats; block++) {
            for (enum slot slot = first; slot < end; slot++) {
                struct slot_size size = slot_size(config, slot);
                *slot_pointer(model, slot, block) =
                    arena_take(arena, size.rows * size.columns, sizeof(float));
            }
        }
    }
}

enum vitlrp_status weights_allocate(const struct vit_config *config, const char *name,
                                    uint64_t max_bytes, struct vit_model **out,
                                    struct vitlrp_error *err) {
    enum vitlrp_status status = VITLRP_OK;
    TRY(check_config(config, err));
    struct vit_model *model = mem_calloc(1, sizeof *model);
    if (model == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a model");
    }
    model->config = *config;
    model->name = mem_strdup(name);
    model->weights.blocks = mem_calloc((size_t) config->depth, sizeof *model->weights.blocks);
    model->packs = pack_store_open((size_t) config->depth);
    if (model->name == NULL || model->weights.blocks == NULL || model->packs == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for a model");
        goto cleanup;
    }
    struct arena arena = arena_measuring();
    lay_out(model, &arena);
    if (arena.overflow || arena.used > max_bytes) {
        status = fail(err, VITLRP_LIMIT,
                      "its weights need %zu bytes of memory, more than the limit of %llu",
                      arena.used, (unsigned long long) max_bytes);
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
    if (model == NULL) {
        return;
    }
    json_decref(model->metadata);
    json_decref(model->config_json);
    json_decref(model->preprocessor);
    pack_store_close(model->packs);
    mem_free(model->weights.blocks);
    mem_free(model->storage);
    mem_free(model->name);
    mem_free(model);
}
