/* The layers of a model that can be arranged for a backend (vit/math/packs.h): the matrices in its
 * blocks. */
#ifndef VIT_ARRANGED_H
#define VIT_ARRANGED_H

#include "vit/math/packs.h"
#include "vit/model/weights.h"

/* How many there are, and the place of one of them. */
size_t arranged_count(const struct vit_config *config);
size_t arranged_index(enum slot slot, size_t block);

/* packs_choose over the model's layers; packs [arranged_count]. */
enum vitlrp_status arranged_choose(const struct vit_model *model, const struct engine *engine,
                                   const struct packs_request *request, struct linear_packs *packs,
                                   struct vitlrp_error *err);

#endif
