/* From what torch.save wrote to a table of tensors, for both of its containers. */
#ifndef VIT_TORCH_STATE_H
#define VIT_TORCH_STATE_H

#include "base/status.h"
#include "vit/load/checkpoint.h"
#include "vit/load/pickle.h"

/* Finds the bytes of a storage and checks that they are as many as it has elements. */
struct storage_finder {
    enum vitlrp_status (*find)(const void *context, const struct pickle_value *storage,
                               struct extent *out, struct vitlrp_error *err);
    const void *context;
};

/* Fills the table with the tensors of the state_dict in the pickle, or of its module: the largest
 * set of tensors, whatever wraps it; the optimizer's do not count. Of weights and their average
 * over the training, options->weights says which; the set is noted in *out. UNSUPPORTED if there is
 * none, or several to choose from. Failures name the tensor. */
enum vitlrp_status torch_state_read(const struct pickle *pickle,
                                    const struct storage_finder *finder, struct checkpoint *out,
                                    struct vitlrp_error *err);

#endif
