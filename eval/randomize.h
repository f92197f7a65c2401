/* A copy of a model whose weights are drawn anew, part by part from the head down: the cascading
 * randomisation of Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018. */
#ifndef EVAL_RANDOMIZE_H
#define EVAL_RANDOMIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/model/model.h"

/* Stages: 0 the head with the last LayerNorm, then the blocks from the last to the first, then the
 * embedding (patches, CLS token, positions). depth + 2 in all. */
size_t randomize_stage_count(const struct vit_config *config);

/* *out is owned: vit_model_free. Of the model it shares the edits alone, which must outlive it. */
enum vitlrp_status randomize_copy(const struct vit_model *model, struct vit_model **out,
                                  struct vitlrp_error *err);

/* Draws every tensor of a stage from the normal distribution of its own mean and standard
 * deviation. Only for models of randomize_copy, and while no session uses them. The draw depends on
 * the seed and the tensor's place alone. */
void randomize_stage(struct vit_model *model, size_t stage, uint64_t seed);

#endif
