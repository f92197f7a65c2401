/* The trained input size, and which tokens have position embeddings. */
#ifndef VIT_INPUT_SIZE_H
#define VIT_INPUT_SIZE_H

#include "vit/load/facts.h"
#include "vit/load/layout.h"
#include "vit/model/model.h"

/* Fills the sizes of input and grid and the resampling of a config whose tokens are known, from the
 * entries of the position embedding, if there is one, and what is stated. *positioned: how many of
 * the tokens in front of the patches, the first ones, have an entry. MISMATCH where they do not fit
 * together. */
enum vitlrp_status input_size_infer(const struct layout_binding *binding, struct model_facts *facts,
                                    const size_t sizes[DIMENSION_COUNT], struct vit_config *config,
                                    size_t *positioned, struct vitlrp_error *err);

#endif
