/* Forward passes of many inputs at once, logits only: what perturbation curves and sampling methods
 * spend their time on. Owns its scratch; one thread at a time. */
#ifndef VIT_BATCH_H
#define VIT_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/math/packs.h"
#include "vit/model/model.h"

struct vit_batch;

struct vit_batch_options {
    size_t threads;       /* 1 to POOL_MAX_THREADS */
    bool in_pool;         /* of one thread, used by tasks of a pool by engine_pool_open */
    size_t capacity;      /* inputs computed together; 0: about a thousand tokens' worth */
    int32_t input_height; /* 0: as trained */
    int32_t input_width;
    const char *backend;        /* gemm_backend_find */
    struct engine_watch *watch; /* outlives the batch; NULL: nobody is asked */
    enum vitlrp_precision precision;
    bool many_passes; /* the model may hold its weights a second time for faster passes */
    bool units;       /* room for vit_batch_forward_units */
};

/* Bytes of the batch's one block. */
enum vitlrp_status vit_batch_bytes(const struct vit_model *model,
                                   const struct vit_batch_options *options, size_t *bytes,
                                   struct vitlrp_error *err);

/* What capacity 0 comes to for an input of that many tokens. */
size_t vit_batch_default_capacity(size_t tokens);

/* *out is owned: vit_batch_close. The model must outlive it. */
enum vitlrp_status vit_batch_open(const struct vit_model *model,
                                  const struct vit_batch_options *options, struct vit_batch **out,
                                  struct vitlrp_error *err);

/* NULL is ignored. */
void vit_batch_close(struct vit_batch *batch);

/* logits [count, classes] of inputs [count, channels, height, width], for any count. An input's
 * logits do not depend on its neighbours' values. NUMERIC if logits are not finite. */
enum vitlrp_status vit_batch_forward(struct vit_batch *batch, size_t count, const float *inputs,
                                     float *logits, struct vitlrp_error *err);

/* Perturbed versions of one input: version i shows the patches p of `original` where masks[i *
 * patches + p] is 0, and those of `replacement` where it is 1. Both [channels, height, width]. */
struct vit_mixture {
    const float *original, *replacement;
    const uint8_t *masks;
    size_t count;
};

/* logits [count, classes]. All that precedes the first attention is computed once for each of the
 * two inputs. NUMERIC as above. */
enum vitlrp_status vit_batch_forward_mixed(struct vit_batch *batch,
                                           const struct vit_mixture *mixture, float *logits,
                                           struct vitlrp_error *err);

/* logits [count, classes] of `input`, each time without some of its patches, where absent [count,
 * patches] is 1: their tokens leave the sequence, and the others keep their positions. At least one
 * patch must be there. All that precedes the first attention is computed once. NUMERIC as above. */
enum vitlrp_status vit_batch_forward_without(struct vit_batch *batch, const float *input,
                                             const uint8_t *absent, size_t count, float *logits,
                                             struct vitlrp_error *err);

/* Versions of one input with hidden units off, all of one site: fc1 or head. In version i the unit
 * u of block first_block + b is at 0 in every token, or at its means, where masks[(i * blocks + b)
 * * width + u] is 1. */
struct vit_unit_versions {
    enum vitlrp_site site;
    size_t first_block, blocks;
    const uint8_t *masks; /* [count, blocks, width of the site] */
    const float *means;   /* [blocks, width, 2]: of CLS, of every other token; of heads [blocks,
                             heads, d, 2]; NULL: 0 */
    size_t count;
};

/* logits [count, classes] of the versions, by a batch that was opened with options.units. All that
 * precedes the site of the first block with a unit off is computed once. USAGE for another site or
 * blocks that there are not; NUMERIC as above. */
enum vitlrp_status vit_batch_forward_units(struct vit_batch *batch, const float *input,
                                           const struct vit_unit_versions *versions, float *logits,
                                           struct vitlrp_error *err);

/* logits [count, classes]: each time one of the units is off, at 0 in every token, and all others
 * are as they are. In whatever order they come, what precedes the units of a site is computed once:
 * each block goes on from the one before. Fails as vit_batch_forward_units; NOMEM. */
enum vitlrp_status vit_batch_forward_without_each(struct vit_batch *batch, const float *input,
                                                  const struct vitlrp_unit *units, size_t count,
                                                  float *logits, struct vitlrp_error *err);

/* Inputs computed together; work in multiples of it wastes nothing. */
size_t vit_batch_capacity(const struct vit_batch *batch);

/* Inputs that were computed since the batch opened. */
size_t vit_batch_inputs(const struct vit_batch *batch);

#endif
