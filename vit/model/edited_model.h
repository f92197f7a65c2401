/* Models whose hidden values are changed in every pass: y = f * x + c, for some neurons of MLPs
 * (their values behind the activation or the gate) and for some heads (what proj reads of them). */
#ifndef VIT_EDITED_MODEL_H
#define VIT_EDITED_MODEL_H

#include "vit/model/model.h"

/* A model over the weights of `base`, which it holds, with those units changed. NULL constants are
 * 0. USAGE for a unit that the model has not or that is named twice, for a dimension of the stream,
 * for numbers that are not finite, without edits, for a text tower, and where `base` is edited
 * already. *out is owned: vit_model_free. */
enum vitlrp_status vit_model_edited(struct vit_model *base, const struct vitlrp_edit *edits,
                                    size_t count, struct vit_model **out, struct vitlrp_error *err);

/* What becomes of the hidden values of a site in a block, [width] each. */
struct layer_edit {
    const float *factor;
    const float *leading, *others; /* constants of a leading CLS token, and of the other tokens;
                                      both NULL: 0 */
};

/* False where they stay as they are. */
bool layer_edit_find(const struct vit_model *model, enum vitlrp_site site, size_t block,
                     struct layer_edit *out);

#endif
