/* Tensors in the caller's memory, as a checkpoint. */
#ifndef VIT_MEMORY_TENSORS_H
#define VIT_MEMORY_TENSORS_H

#include "vit/load/checkpoint.h"
#include "vit/model/origin.h"

/* Lists them in *out, and each as a file of *origin, where it was reserved for them. USAGE for what
 * describes no tensor, LIMIT beyond the model's. *out is owned, after a failure too:
 * checkpoint_close. */
enum vitlrp_status memory_tensors_open(const struct memory_tensors *tensors,
                                       const struct checkpoint_options *options,
                                       struct vit_origin *origin, struct checkpoint *out,
                                       struct vitlrp_error *err);

#endif
