/* The maps of a result as pictures have them, on panels and pages. */
#ifndef CLI_NEURONS_NEURONS_MAP_H
#define CLI_NEURONS_NEURONS_MAP_H

#include "figure/figure_map.h"
#include "neurons_result.h"

/* Part of a map's largest value above which a patch is shown. */
#define NEURONS_SHOWN 0.2F

/* Values of patches in a scale of their own, of both signs. */
struct figure_map neurons_map(const struct neurons_result *result,
                              const struct explanation *explanation, const float *values);

/* The patches that a unit's relevance comes from, and nothing of the others. False: from none, so
 * that the whole photograph is its picture. */
bool neurons_map_mask(const struct neurons_result *result, const struct explanation *explanation,
                      const float *values, struct figure_map *map);

/* What a head attends to. result->attention is there. */
struct figure_map neurons_map_attention(const struct neurons_result *result,
                                        const struct explanation *explanation,
                                        const struct vitlrp_unit *head);

/* The values of the patches that enter a block, and the sum of the tokens before them. */
const float *neurons_entering(const struct neurons_result *result, int32_t block, double *prefix);

#endif
