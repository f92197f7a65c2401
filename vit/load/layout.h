/* The names and shapes under which frameworks store a ViT, as tables, and the matching of a
 * checkpoint against them. */
#ifndef VIT_LAYOUT_H
#define VIT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"
#include "vit/load/tensor.h"
#include "vit/model/weights.h"

/* A size of the architecture, as it stands in tensors' shapes. */
enum dimension {
    DIMENSION_END, /* ends a shape */
    DIMENSION_ONE,
    DIMENSION_CHANNELS, /* 3 */
    DIMENSION_WIDTH,
    DIMENSION_WIDTH_3, /* 3 * WIDTH: q, k and v stacked */
    DIMENSION_MLP,
    DIMENSION_CLASSES,
    DIMENSION_PATCH_HEIGHT,
    DIMENSION_PATCH_WIDTH,
    DIMENSION_TOKENS, /* of the position embedding */
    DIMENSION_HEADS,
    DIMENSION_HEAD_SIZE,
    DIMENSION_COUNT
};

enum arrangement {
    ARRANGED_AS_OURS,
    ARRANGED_INPUTS_FIRST, /* a matrix [inputs, outputs]: transposed */
    ARRANGED_HWIO          /* a convolution [height, width, channels, outputs] */
};

/* Where a tensor goes: the whole slot, or q, k or v of a stacked one. */
enum part { PART_Q, PART_K, PART_V, PART_WHOLE = PART_Q, PART_COUNT = 3 };

#define LAYOUT_MAX_RANK 4

struct layout_row {
    const char *pattern; /* the tensor's name, '#' for the block's number */
    enum slot slot;      /* SLOT_IGNORED: goes nowhere */
    enum part part;
    enum arrangement arrangement;
    bool optional; /* zeros where it is absent */
    enum dimension shape[LAYOUT_MAX_RANK + 1];
};

struct layout {
    const char *name;
    const struct layout_row *rows; /* several rows for one place are alternatives */
    size_t row_count;
};

#define LAYOUT_COUNT 4
extern const struct layout LAYOUTS[LAYOUT_COUNT];

/* A tensor of the checkpoint in its place; tensor NULL: absent. */
struct bound_tensor {
    const struct layout_row *row;
    const struct tensor_info *tensor;
};

struct layout_binding {
    const struct layout *layout;
    size_t depth;
    struct bound_tensor *items; /* owned; [depth or 1][SLOT_COUNT][PART_COUNT] */
};

/* The place of a slot's part; slots outside the blocks are in block 0. */
struct bound_tensor *layout_bound(const struct layout_binding *binding, size_t block,
                                  enum slot slot, enum part part);

/* Recognises the layout and puts every tensor in its place. UNSUPPORTED, naming the tensor and what
 * it is, if one is left over or no layout fits. *out is owned: layout_unbind. */
enum vitlrp_status layout_bind(const struct tensor_table *tensors, const struct vitlrp_log *log,
                               struct layout_binding *out, struct vitlrp_error *err);

void layout_unbind(struct layout_binding *binding);

/* vit_config.unusual of the checkpoint: an optional weight is there if any block has it. */
uint64_t layout_unusual(const struct layout_binding *binding);

/* 3 if the layout stores q, k and v of the slot apart, else 1. */
size_t layout_parts(const struct layout *layout, enum slot slot);

/* Finds the sizes in the tensors' shapes and checks that all agree: MISMATCH naming the tensor that
 * is missing, or has another shape than wanted. Sizes that no tensor has stay 0. */
enum vitlrp_status layout_sizes(const struct layout_binding *binding, size_t sizes[DIMENSION_COUNT],
                                struct vitlrp_error *err);

#endif
