/* Which rotary position embeddings a model has. */
#ifndef VIT_ROTARY_INFER_H
#define VIT_ROTARY_INFER_H

#include "vit/load/facts.h"
#include "vit/load/layout.h"

/* Sets config->rope from what is stated and from tensors that only such models have, and checks
 * that heads can be cut into pairs; heads are known. MISMATCH where tensors and statements
 * disagree. */
enum vitlrp_status rotary_infer(const struct layout_binding *binding,
                                const size_t sizes[DIMENSION_COUNT], struct model_facts *facts,
                                struct vit_config *config, struct vitlrp_error *err);

#endif
