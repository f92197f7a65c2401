/* How probabilities follow from a model's logits. */
#ifndef VIT_PROBABILITY_INFER_H
#define VIT_PROBABILITY_INFER_H

#include "vit/load/facts.h"

/* Settles facts->probability of a model with this many outputs. What a file states is about its own
 * head, not about one that the caller gives. USAGE for what a user's word cannot mean. */
enum vitlrp_status probability_infer(bool head_given, int32_t outputs, struct model_facts *facts,
                                     struct vitlrp_error *err);

/* The kind, of settled facts. */
enum vitlrp_probability probability_kind(const struct model_facts *facts);

#endif
