/* From a file's values to those that the operations read. */
#ifndef VIT_SETTLE_H
#define VIT_SETTLE_H

#include <stddef.h>

#include "base/status.h"
#include "vit/model/model.h"

/* Puts the position embeddings of the first `positioned` tokens in front, masks DINOv3's biases,
 * and takes constant factors into the weights before them. MISMATCH for a mask that is none. */
enum vitlrp_status weights_settle(const struct vit_model *model, size_t positioned,
                                  struct vitlrp_error *err);

#endif
