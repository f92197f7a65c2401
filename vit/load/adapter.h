/* LoRA adapters as PEFT saves them: a folder with adapter_config.json and
 * adapter_model.safetensors, merged into a model's weights while they are read. */
#ifndef VIT_ADAPTER_H
#define VIT_ADAPTER_H

#include "base/status.h"
#include "vit/load/checkpoint.h"
#include "vit/model/model.h"

#define ADAPTER_FILES ((size_t) 2) /* that a model's origin has of one: configuration, weights */

/* Merged tensors, which the checkpoint's table points to. */
struct adapter {
    struct checkpoint checkpoint;
    struct source *sources; /* owned; memory of floats each */
    float **blocks;         /* owned */
    size_t count;
};

/* Replaces W by W + scale B A (scale is lora_alpha / r, with rslora lora_alpha / sqrt(r)) where the
 * adapter in options->adapter_path has A and B, and by the adapter's own tensor in modules_to_save.
 * `files` are the last two of the model's origin. UNSUPPORTED for any other kind of adapter, and
 * for a key of the configuration that is not known and set; MISMATCH if it is one of another model.
 * *out must live until the weights are read: adapter_close, after a failure too. */
enum vitlrp_status adapter_merge(const struct vit_load_options *options,
                                 const struct checkpoint_options *reading, struct vit_file *files,
                                 struct checkpoint *checkpoint, struct adapter *out,
                                 struct vitlrp_error *err);

void adapter_close(struct adapter *adapter);

#endif
