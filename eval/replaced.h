/* Forward passes of an input in which patches are replaced: what curves and searches for patches
 * are made of. */
#ifndef EVAL_REPLACED_H
#define EVAL_REPLACED_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/road.h"
#include "vit/program/batch.h"

struct replaced_input {
    const float *input, *replacement; /* [channels, height, width] each; see eval/replace.h */
    struct road *road; /* NULL for other replacements; else `replacement` is its noise */
    float *imputed; /* [count, channels, height, width] for as many versions as one call has; ROAD
                       only */
    size_t patches, pixels; /* pixels: values of an input */
};

/* logits [count, classes] of the versions that masks [count, patches] name, 1 where a patch is
 * replaced; at most as many as the batch has room for (vit_batch_capacity). NUMERIC if a logit is
 * not finite. One thread at a time. */
enum vitlrp_status replaced_forward(const struct replaced_input *of, struct vit_batch *batch,
                                    const uint8_t *masks, size_t count, float *logits,
                                    struct vitlrp_error *err);

#endif
