/* From what torch.save wrote to a table of tensors, for both of its containers. */
#ifndef VIT_TORCH_STATE_H
#define VIT_TORCH_STATE_H

#include "base/status.h"
#include "vit/load/pickle.h"
#include "vit/load/tensor.h"

/* Finds the bytes of a storage and checks that they are as many as it has elements. */
struct storage_finder {
    enum vitlrp_status (*find)(const void *context, const struct pickle_value *storage,
                               struct extent *out, struct vitlrp_error *err);
    const void *context;
};

/* Fills the table with the tensors of the state_dict in the pickle: the largest dictionary of
 * tensors, whatever wraps it; the optimizer's do not count. UNSUPPORTED if there is none, or
 * several to choose from, and for tensors that are not contiguous. Failures name the tensor. */
enum vitlrp_status torch_state_read(const struct pickle *pickle,
                                    const struct storage_finder *finder, struct tensor_table *out,
                                    struct vitlrp_error *err);

#endif
