/* From a checkpoint's tensors to a model's weights. */
#ifndef VIT_FILL_H
#define VIT_FILL_H

#include <stddef.h>

#include "base/status.h"
#include "vit/load/checkpoint.h"
#include "vit/load/layout.h"
#include "vit/model/model.h"

/* Fills the weights, whose shapes the binding was checked against; what is absent is neutral. The
 * position embedding has entries for the first `positioned` tokens in front of the patches. Every
 * storage is unpacked once. LIMIT if a deflated storage that several tensors view would, with the
 * weights, take more than the checkpoint's max_bytes. Failures name the tensor. */
enum vitlrp_status fill_weights(const struct checkpoint *checkpoint,
                                const struct layout_binding *binding, size_t positioned,
                                struct vit_model *model, struct vitlrp_error *err);

#endif
