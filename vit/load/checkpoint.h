/* A checkpoint file, whatever its container: named tensors, and what is written beside them. The
 * file is never held whole: tensors are read one by one, straight to where they are wanted. */
#ifndef VIT_CHECKPOINT_H
#define VIT_CHECKPOINT_H

#include <jansson.h>

#include "base/file.h"
#include "base/status.h"
#include "vit/load/tensor.h"
#include "vit/model/model.h"

/* What a caller decides about the reading of a file. */
struct checkpoint_options {
    const struct vitlrp_model_limits *limits; /* must outlive the checkpoint */
    enum vitlrp_weights weights;
    const struct vitlrp_log *log;
};

struct adapter;

struct checkpoint {
    const struct vitlrp_model_limits *limits; /* must outlive it, as the sources of its tensors */
    const struct vitlrp_log *log;
    enum vitlrp_weights weights;    /* asked for */
    enum vitlrp_weights weight_set; /* these, of several; AUTO: there is one set */
    const char *container;          /* "safetensors", "pytorch zip", "pytorch legacy",
                                       "npz", "memory" */
    bool openai_clip;               /* an archive of OpenAI's CLIP, by its classes */
    struct tensor_table tensors;
    struct adapter *adapter; /* the caller's, to merge into these; NULL: none */
    json_t *metadata;        /* owned; the safetensors metadata, NULL if there is none */
};

/* Tells the container by its content and reads its table of tensors. FORMAT, with a hint, for the
 * things that are found under a checkpoint's name by mistake. *out is owned: checkpoint_close. */
enum vitlrp_status checkpoint_open(const struct source *source,
                                   const struct checkpoint_options *options, struct checkpoint *out,
                                   struct vitlrp_error *err);

void checkpoint_close(struct checkpoint *checkpoint);

/* The readers of the containers, each over a source that its recogniser accepted, within
 * out->limits. They fill container, tensors and metadata; what they filled is the caller's to close
 * after a failure too.
 */
enum vitlrp_status safetensors_read(const struct source *source, struct checkpoint *out,
                                    struct vitlrp_error *err);
enum vitlrp_status torch_legacy_read(const struct source *source, struct checkpoint *out,
                                     struct vitlrp_error *err);

struct zip;

enum vitlrp_status torch_zip_read(const struct zip *zip, struct checkpoint *out,
                                  struct vitlrp_error *err);
enum vitlrp_status npz_read(const struct zip *zip, struct checkpoint *out,
                            struct vitlrp_error *err);

/* What a file that is no checkpoint seems to be, as a clause for a message ("is an HTML page:
 * ..."), or NULL. `size` first bytes of the file. */
const char *checkpoint_hint(const unsigned char *bytes, size_t size);

#endif
