/* From logits to probabilities: the only place that knows how. */
#ifndef BASE_PROBABILITY_H
#define BASE_PROBABILITY_H

#include <stddef.h>

#include "vitlrp_types.h"

/* Of one of `count` logits, from 0 to 1; NAN where outputs are no probabilities.
 * VITLRP_PROBABILITY_STATED is nobody's kind: what is stated has been read by then. */
double probability_of(enum vitlrp_probability kind, const float *logits, size_t count,
                      size_t output);

/* Of all: probability [count]. */
void probability_fill(enum vitlrp_probability kind, const float *logits, size_t count,
                      double *probability);

#endif
