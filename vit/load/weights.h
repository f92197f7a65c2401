/* The canonical weights of a ViT as a list of slots: one place that says which there are, how large
 * they are and where in vit_weights they hang. Loading, random models and memory are driven by it.
 */
#ifndef VIT_WEIGHTS_H
#define VIT_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/model/model.h"

enum slot {
    SLOT_PATCH_WEIGHT,
    SLOT_PATCH_BIAS,
    SLOT_CLS_TOKEN,
    SLOT_POSITION,
    SLOT_NORM_WEIGHT,
    SLOT_NORM_BIAS,
    SLOT_HEAD_WEIGHT,
    SLOT_HEAD_BIAS,
    SLOT_OUTSIDE_COUNT, /* those before are outside the blocks, those behind in every block */
    SLOT_NORM1_WEIGHT = SLOT_OUTSIDE_COUNT,
    SLOT_NORM1_BIAS,
    SLOT_QKV_WEIGHT,
    SLOT_QKV_BIAS,
    SLOT_PROJ_WEIGHT,
    SLOT_PROJ_BIAS,
    SLOT_NORM2_WEIGHT,
    SLOT_NORM2_BIAS,
    SLOT_FC1_WEIGHT,
    SLOT_FC1_BIAS,
    SLOT_FC2_WEIGHT,
    SLOT_FC2_BIAS,
    SLOT_COUNT, /* those before are stored; those behind only change stored ones while loading */
    SLOT_PROJ_SCALE =
        SLOT_COUNT, /* LayerScale of the attention branch: multiplies proj's outputs */
    SLOT_FC2_SCALE, /* of the MLP branch: multiplies fc2's outputs */
    SLOT_BINDABLE_COUNT,
    SLOT_IGNORED = SLOT_BINDABLE_COUNT /* known, but not needed for classification */
};

/* Rows and columns of a slot; vectors are one row. The sizes of a checked config do not overflow.
 */
struct slot_size {
    size_t rows, columns;
};

struct slot_size slot_size(const struct vit_config *config, enum slot slot);

/* The slot's memory; block is ignored for slots outside the blocks. */
float *slot_data(const struct vit_model *model, enum slot slot, size_t block);

/* A model of that shape with its name copied and its weights allocated in one block, not filled.
 * LIMIT, with the number, if they need more than max_bytes, MISMATCH for a config without sense.
 * *out is owned: vit_model_free. */
enum vitlrp_status weights_allocate(const struct vit_config *config, const char *name,
                                    uint64_t max_bytes, struct vit_model **out,
                                    struct vitlrp_error *err);

#endif
