/* The attention pool (MAP) of a checkpoint. */
#ifndef VIT_ATTENTION_POOL_H
#define VIT_ATTENTION_POOL_H

#include "vit/load/facts.h"
#include "vit/load/layout.h"

/* True if the file has weights of one. */
bool attention_pool_there(const struct layout_binding *binding);

/* What is known of the code that alone has an attention pool under such names, and what no file
 * states: Perception Encoder's under open_clip's names, big_vision's under JAX's. */
void attention_pool_show(const struct layout_binding *binding, struct model_facts *facts);

/* Sizes of the attention pool that the facts state the model to have, and which tokens it reads.
 * MISMATCH if weights of it are missing, UNSUPPORTED if nothing states what it reads. */
enum vitlrp_status attention_pool_infer(const struct layout_binding *binding,
                                        const size_t sizes[DIMENSION_COUNT],
                                        struct model_facts *facts, struct vit_config *config,
                                        struct vitlrp_error *err);

/* The model does without the attention pool that the file may have. */
void attention_pool_leave_out(struct vit_config *config);

#endif
