/* What makes logits of an image's cosines with texts: their scale and their bias. */
#ifndef VIT_SIMILARITY_INFER_H
#define VIT_SIMILARITY_INFER_H

#include "vit/load/facts.h"

/* Sets kind, logit_scale, logit_bias and prompt_probability of a model whose weights and outputs
 * are there, by the options, else by the file's tensors, and states them. USAGE where the options
 * state them of a model of classes, MISMATCH for a scale that is none. */
enum vitlrp_status similarity_infer(struct vit_model *model, struct model_facts *facts,
                                    struct vitlrp_error *err);

#endif
