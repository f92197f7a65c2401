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
    DIMENSION_CHANNELS, /* 3, or 1 */
    DIMENSION_WIDTH,
    DIMENSION_WIDTH_2,        /* 2 * WIDTH: k and v stacked */
    DIMENSION_WIDTH_3,        /* 3 * WIDTH: q, k and v stacked */
    DIMENSION_HIDDEN,         /* outputs of the first layer of an MLP */
    DIMENSION_MLP,            /* inputs of the second */
    DIMENSION_GATED,          /* gate and value stacked, gate first, where the name says so */
    DIMENSION_HIDDEN_WIDTH_3, /* HIDDEN + WIDTH_3: stacked in one tensor */
    DIMENSION_WIDTH_MLP,      /* WIDTH + MLP, side by side */
    DIMENSION_MAP_MLP,        /* hidden neurons of an attention pool's MLP */
    DIMENSION_CLASSES,
    DIMENSION_POOLED,      /* inputs of the head, of its first layer if it has two */
    DIMENSION_HEAD_INPUTS, /* of its last layer */
    DIMENSION_REGISTERS,
    DIMENSION_PATCH_HEIGHT,
    DIMENSION_PATCH_WIDTH,
    DIMENSION_TOKENS,        /* of the position embedding */
    DIMENSION_PADDED_TOKENS, /* the same behind LAYOUT_PADDING rows that nobody reads */
    DIMENSION_VOCABULARY,
    DIMENSION_HEADS,
    DIMENSION_HEAD_SIZE,
    DIMENSION_HEAD_PAIRS, /* half of it */
    DIMENSION_AXIS_PAIRS, /* a quarter of it */
    DIMENSION_BIAS_ROWS,  /* of a table of relative position biases */
    DIMENSION_DEPTH,
    DIMENSION_TWO,
    DIMENSION_COUNT
};

enum arrangement {
    ARRANGED_AS_OURS,
    ARRANGED_INPUTS_FIRST, /* a matrix [inputs, outputs]: transposed */
    ARRANGED_HWIO          /* a convolution [height, width, channels, outputs] */
};

/* Where a tensor goes: a stacked part of the slot, or the whole of it. */
enum part {
    PART_Q = 0,
    PART_K = 1,
    PART_V = 2,
    PART_GATE = 0,
    PART_VALUE = 1,
    PART_CLS = 0,
    PART_DIST = 1,
    PART_REGISTERS = 2,
    PART_Q1 = 0,
    PART_K1 = 1,
    PART_Q2 = 2,
    PART_K2 = 3,
    PART_KV = 3, /* K and V stacked */
    STACKED_PARTS = 4,
    PART_WHOLE = STACKED_PARTS,
    PART_COUNT
};

/* Of a row: NEEDED in every model of the layout, UNIFORM in all blocks or in none, OPTIONAL in each
 * block for itself. */
enum presence { PRESENCE_NEEDED, PRESENCE_UNIFORM, PRESENCE_OPTIONAL };

#define LAYOUT_MAX_RANK 4

struct layout_row {
    const char *pattern; /* the tensor's name, '#' for a number, '*' for any end */
    enum slot slot;      /* SLOT_IGNORED: goes nowhere */
    enum part part;
    enum arrangement arrangement;
    enum presence presence;
    enum dimension shape[LAYOUT_MAX_RANK + 1];
};

/* Whose code a file of the layout is for: what no file states is as that code has it. */
enum framework {
    FRAMEWORK_TORCHVISION,
    FRAMEWORK_TIMM,
    FRAMEWORK_HUGGINGFACE,
    FRAMEWORK_OPEN_CLIP,
    FRAMEWORK_JAX
};

struct layout {
    const char *name;
    enum framework framework;
    const struct layout_row *rows; /* several rows for one place are alternatives; rows that follow
                                      each other with the same name share its tensor in their order
                                      */
    size_t row_count;
};

#define LAYOUT_COUNT 10
extern const struct layout LAYOUTS[LAYOUT_COUNT];

/* Of text towers; the tensors of image towers are in none of them. */
#define TEXT_LAYOUT_COUNT 2
extern const struct layout TEXT_LAYOUTS[TEXT_LAYOUT_COUNT];

/* A head in a file of its own: none of those that a model is recognised by. */
extern const struct layout LAYOUT_HEAD;

/* Weight and bias of a head's layer that is not its last, where its layers are numbered. */
extern const struct layout_row LAYOUT_FIRST_LAYER[2];

/* Weight and bias of a pooler, which lies between the class token and a head that reads it. */
extern const struct layout_row LAYOUT_POOLER[2];

/* A tensor of the checkpoint in its place; tensor NULL: absent. */
struct bound_tensor {
    const struct layout_row *row;
    const struct tensor_info *tensor;
};

struct layout_binding {
    const struct layout *layout;
    size_t depth;
    size_t last_numbered;          /* of a head's layers, where they are numbered: the output's */
    bool head_given;               /* the head is another file's than the model's */
    const char *head_file;         /* a constant, what that is; NULL: the caller has named it */
    bool has_mask_token;           /* of masked training, or of DINOv2's own files */
    bool has_bias_index;           /* of relative position biases */
    bool has_rope_tables;          /* angles of RoPE that can be computed: EVA's own files */
    struct bound_tensor pooler[2]; /* in no place: heads that leave it unused are as common */
    struct bound_tensor *items;    /* owned; [depth or 1][SLOT_COUNT][PART_COUNT] */
};

/* Of DIMENSION_PADDED_TOKENS. */
#define LAYOUT_PADDING ((size_t) 2)

/* Rows that share a tensor, at most. */
#define LAYOUT_SHARES 2

/* True if it shares its tensor with the row before it. */
bool layout_row_shares(const struct layout *layout, const struct layout_row *row);

/* True for a layer of what makes outputs of what is pooled: a head of classes, or a projection. */
bool layout_row_is_head(const struct layout_row *row);

/* True for the projection of a CLIP, by its name. */
bool layout_row_is_projection(const struct layout_row *row);

/* The place of a slot's part; slots outside the blocks are in block 0. */
struct bound_tensor *layout_bound(const struct layout_binding *binding, size_t block,
                                  enum slot slot, enum part part);

/* The row for a tensor's name, behind what wrappers put before it, and the number in it; NULL: the
 * layout has none. */
const struct layout_row *layout_find(const struct layout *layout, const char *name, size_t *block);

/* How many of the tensors the layout knows that knows most of them, if `skip` bytes of every name
 * are passed over. is_text: of the layouts of text towers. */
size_t layout_known(const struct tensor_table *tensors, size_t skip, bool is_text);

/* The layout that knows most of the tensors, if that is at least half of them; NULL: none fits. */
const struct layout *layout_recognise(const struct tensor_table *tensors);

/* Recognises the layout and puts every tensor in its place. UNSUPPORTED, naming the tensor and what
 * it is, if one is left over or no layout fits. *out is owned: layout_unbind. */
enum vitlrp_status layout_bind(const struct tensor_table *tensors, const struct vitlrp_log *log,
                               struct layout_binding *out, struct vitlrp_error *err);

/* The same for the tensors of a text tower alone. */
enum vitlrp_status layout_bind_text(const struct tensor_table *tensors,
                                    const struct vitlrp_log *log, struct layout_binding *out,
                                    struct vitlrp_error *err);

/* The same for a file that holds a head alone. */
enum vitlrp_status layout_bind_head(const struct tensor_table *tensors,
                                    const struct vitlrp_log *log, struct layout_binding *out,
                                    struct vitlrp_error *err);

/* Puts a head that was bound apart in the place of the model's. */
void layout_take_head(struct layout_binding *binding, const struct layout_binding *head);

/* True if the head, or its first layer, has as many inputs as the pooler has outputs. */
bool layout_may_read_pooler(const struct layout_binding *binding,
                            const size_t sizes[DIMENSION_COUNT]);

/* Makes the pooler the first layer of the head, or the end of a model without one, and adapts the
 * sizes. MISMATCH without a pooler or for its shape, UNSUPPORTED where the head has two layers. */
enum vitlrp_status layout_take_pooler(struct layout_binding *binding, size_t sizes[DIMENSION_COUNT],
                                      struct vitlrp_error *err);

void layout_unbind(struct layout_binding *binding);

/* vit_config.unusual of the checkpoint: an optional weight is there if any block has it. */
uint64_t layout_unusual(const struct layout_binding *binding);

/* True if a tensor is there for the slot in any block, or for that part of it. */
bool layout_has(const struct layout_binding *binding, enum slot slot);
bool layout_has_part(const struct layout_binding *binding, enum slot slot, enum part part);

/* MISMATCH: the slot's tensor is missing, by the layout's name for it, and what follows from that.
 */
enum vitlrp_status layout_fail_missing(const struct layout_binding *binding, enum slot slot,
                                       const char *consequence, struct vitlrp_error *err);

/* Finds the sizes in the tensors' shapes and checks that all agree: MISMATCH naming the tensor that
 * is missing, or has another shape than wanted. Sizes that no tensor has stay 0. */
enum vitlrp_status layout_sizes(const struct layout_binding *binding, size_t sizes[DIMENSION_COUNT],
                                struct vitlrp_error *err);

#endif
