/* The rows of weights.def at run time: which weights there are, how large they are and where in
 * vit_weights they hang. Loading, random models, copies and memory are driven by it. */
#ifndef VIT_WEIGHTS_H
#define VIT_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/model/model.h"

/* Pixels of a side of the trained input, and dim, at most. */
#define VIT_MAX_SIDE 65536

#define VIT_MAX_CLASSES 100000
#define VIT_MAX_DEPTH 1024 /* blocks */

enum slot {
#define EMBEDDING_WEIGHT(constant, ...) SLOT_##constant,
#define BLOCK_WEIGHT(constant, ...) SLOT_##constant,
#define END_WEIGHT(constant, ...) SLOT_##constant,
#include "vit/model/weights.def"
    SLOT_COUNT,
    SLOT_IGNORED = SLOT_COUNT /* known, but not needed for classification */
};

enum slot_scope { SCOPE_EMBEDDING, SCOPE_BLOCK, SCOPE_END };

/* What a random model begins with. */
enum slot_start { START_VECTOR, START_MATRIX, START_BRANCH, START_GAIN };

/* Rows and columns of a slot; vectors are one row. The sizes of a checked config do not overflow.
 */
struct slot_size {
    size_t rows, columns;
};

enum slot_scope slot_scope(enum slot slot);
enum slot_start slot_start(enum slot slot);
struct slot_size slot_size(const struct vit_config *config, enum slot slot);

/* Of the model's inputs. */
static inline size_t vit_channels(const struct vit_config *config) {
    return config->grey ? 1 : 3;
}

/* True if the first token is CLS: registers, which may lead the patches too, are other tokens. */
static inline bool vit_has_cls(const struct vit_config *config) {
    return config->prefix > config->registers + (config->distilled ? 1 : 0);
}

/* What stands for the slot's values in a block that lacks it while another has it. */
float slot_neutral(enum slot slot);

/* How many of the slot a model of that shape has: depth, 1, or 0 if it does without. */
size_t slot_repeats(const struct vit_config *config, enum slot slot);

/* True if attention has relative position biases, of each block or of all together. */
static inline bool vit_has_bias_tables(const struct vit_config *config) {
    return slot_repeats(config, SLOT_BIAS_TABLE) > 0 ||
           slot_repeats(config, SLOT_SHARED_BIAS_TABLE) > 0;
}

/* config->unusual of a model that has the slot, or has not. */
uint64_t slot_unusual(enum slot slot, bool present);

/* A number for random draws that no other slot of any block has. */
uint64_t slot_stream(enum slot slot, size_t block);

/* The slot's memory, NULL if the model does without; block is ignored outside the blocks. */
float *slot_data(const struct vit_model *model, enum slot slot, size_t block);

/* A model of that shape with its name and limits copied and its weights allocated in one block, not
 * filled. LIMIT, with the number, if they need more than max_bytes, MISMATCH for a config without
 * sense. *out is owned: vit_model_free. */
enum vitlrp_status weights_allocate(const struct vit_config *config, const char *name,
                                    const struct vitlrp_model_limits *limits,
                                    struct vit_model **out, struct vitlrp_error *err);

#endif
