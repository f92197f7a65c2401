/* LoRA adapters as PEFT saves them: a folder with adapter_config.json and
 * adapter_model.safetensors, merged into a model's weights while they are read. */
#ifndef VIT_ADAPTER_H
#define VIT_ADAPTER_H

#include <jansson.h>

#include "base/status.h"
#include "vit/load/checkpoint.h"
#include "vit/model/model.h"

#define ADAPTER_FILES ((size_t) 2) /* that a model's origin has of one: configuration, weights */

struct adapter {
    struct checkpoint checkpoint; /* its own tensors */
    const char *folder;           /* the caller's */
    json_t *config;               /* owned */
    const char *class_name;       /* in config, that it was trained in; NULL: not stated */
    bool is_library_class;        /* that is transformers' own */
    double alpha;
    bool by_root;  /* rslora */
    bool has_head; /* of classes, of its own: adapter_take_head */
    /* Merged floats, which a model's table points to: owned. */
    struct source *sources;
    float **blocks;
    size_t count;
};

/* Reads configuration and tensors of the adapter in options->adapter_path. `files` are the last two
 * of the model's origin. UNSUPPORTED for any other kind of adapter, and for a key of the
 * configuration that is not known and set. *out must live until the model's weights are read:
 * adapter_close, after a failure too. */
enum vitlrp_status adapter_open(const struct vit_load_options *options,
                                const struct checkpoint_options *reading, struct vit_file *files,
                                struct adapter *out, struct vitlrp_error *err);

/* Replaces W by W + scale B A (scale is lora_alpha / r, with rslora lora_alpha / sqrt(r)) where the
 * adapter has A and B, and by the adapter's own tensor in modules_to_save. The names of the model's
 * tensors are settled; an adapter's may have prefixes, and the names that another version of the
 * library has. MISMATCH if it is one of another model. */
enum vitlrp_status adapter_merge(struct adapter *adapter, struct checkpoint *model,
                                 struct vitlrp_error *err);

/* Notes whether the adapter that was merged has a head of classes of its own: layers in
 * modules_to_save. What the model had in its place is taken out. A projection is no such head. */
void adapter_take_head(struct adapter *adapter, struct checkpoint *model);

void adapter_close(struct adapter *adapter);

#endif
