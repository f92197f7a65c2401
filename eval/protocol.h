/* The perturbation protocol: in which order patches are replaced, how many at each point, and what
 * is made of a curve. eval/PROTOCOL.md states it for readers. */
#ifndef EVAL_PROTOCOL_H
#define EVAL_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

/* Patches replaced at point k of K: floor(k T / K + 1/2), exactly. */
size_t protocol_replaced(size_t point, size_t steps, size_t patches);

/* One patch in an order. */
struct ranked_patch {
    float score;
    uint32_t patch;
};

/* order [patches]: score descending, equal scores by patch index. The scores must not be NaN. */
void protocol_rank(const float *scores, size_t patches, struct ranked_patch *order);

/* The end of the group of equal scores that begins at `first` of an order. */
size_t protocol_group_end(const struct ranked_patch *order, size_t patches, size_t first);

/* Turns every group of equal scores of an order around. */
void protocol_reverse_ties(struct ranked_patch *order, size_t patches);

/* Trapezoid rule over k / K in [0, 1]; curve [steps + 1]. */
double protocol_area(const float *curve, size_t steps);

#endif
