/* A model over the weights of another one, of which only the end is its own. */
#ifndef VIT_DERIVED_MODEL_H
#define VIT_DERIVED_MODEL_H

#include "vit/model/model.h"

/* A copy of `base`, which it holds, with room for so many numbers of its own in storage, zeros. The
 * caller sets what differs. LIMIT beyond what base's limits allow. *out is owned: vit_model_free.
 */
enum vitlrp_status model_derive(struct vit_model *base, size_t floats, struct vit_model **out,
                                struct vitlrp_error *err);

/* The square root of the sum of squares of a row, added up in double. */
double row_norm(const float *row, size_t width);

#endif
