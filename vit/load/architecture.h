/* From a checkpoint's tensors and what is stated beside them to the shape of a model. */
#ifndef VIT_ARCHITECTURE_H
#define VIT_ARCHITECTURE_H

#include "vit/load/facts.h"
#include "vit/load/layout.h"
#include "vit/model/model.h"

/* Fills *config, and *facts with what is stated, what the tensors show and what is guessed.
 * A pooler that the head reads gets its place in *binding. `beside` needs no sizes. *positioned:
 * the position embedding has entries for so many of the tokens in front of the patches, the first
 * ones. UNSUPPORTED for an architecture that cannot be computed, MISMATCH for statements that
 * contradict the tensors, or where something is neither stated nor to be seen. */
enum vitlrp_status architecture_infer(struct layout_binding *binding,
                                      const struct facts_beside *beside, struct model_facts *facts,
                                      struct vit_config *config, size_t *positioned,
                                      struct vitlrp_error *err);

/* The same for a text tower, whose positions are all read as they are. */
enum vitlrp_status architecture_infer_text(const struct layout_binding *binding,
                                           const struct facts_beside *beside,
                                           struct model_facts *facts, struct vit_config *config,
                                           struct vitlrp_error *err);

/* What both kinds of towers share: the sizes of the blocks that tensors show, and what is stated
 * about blocks or guessed. */
enum vitlrp_status architecture_read_sizes(const struct layout_binding *binding,
                                           const size_t *sizes, struct vit_config *config,
                                           struct vitlrp_error *err);
enum vitlrp_status architecture_infer_block(const struct layout_binding *binding,
                                            const size_t *sizes, struct model_facts *facts,
                                            struct vit_config *config, struct vitlrp_error *err);

#endif
