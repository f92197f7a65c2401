/* What is explained: a weighted sum of a model's outputs. Passes know only its value and its
 * gradient. */
#ifndef VIT_OBJECTIVE_H
#define VIT_OBJECTIVE_H

#include <stddef.h>

#include "base/status.h"

struct objective {
    const struct vitlrp_target *targets;
    size_t target_count;
};

/* USAGE without a target, or for one that is none of so many outputs. */
enum vitlrp_status objective_check(const struct objective *objective, size_t outputs,
                                   struct vitlrp_error *err);

/* The sum, of outputs of a checked objective. */
double objective_value(const struct objective *objective, const float *outputs);

/* g [count] = its gradient: G of the outputs, where relevance begins. */
void objective_seed(const struct objective *objective, float *g, size_t count);

#endif
