/* Weights in several files, shards, whose tensors an index names: save_pretrained's
 * model.safetensors.index.json, {"weight_map": {tensor: file}}, and the same for .bin. */
#ifndef VIT_SHARDS_H
#define VIT_SHARDS_H

#include "base/status.h"
#include "vit/load/checkpoint.h"
#include "vit/model/model.h"

/* Opens the index at `path` and its shards beside it, and lists their tensors as one checkpoint's.
 * FORMAT for a name of a file that is not in the folder, MISMATCH for a tensor that is in another
 * file than the index says, in two or in none. *origin gets the files, *out the tensors, which
 * point into it; both are the caller's to close after a failure too. */
enum vitlrp_status shards_open(const char *path, const struct vit_load_options *options,
                               const struct checkpoint_options *reading, struct vit_origin *origin,
                               struct checkpoint *out, struct vitlrp_error *err);

#endif
