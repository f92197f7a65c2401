/* A photograph's file as a model input of a fixed size. */
#ifndef EVAL_LOAD_INPUT_H
#define EVAL_LOAD_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/status.h"
#include "imgio/image.h"
#include "imgio/preprocess.h"
#include "vit/model/model.h"

/* How files become inputs, the same for a whole run. */
struct input_source {
    const struct vitlrp_preprocess *preprocess;
    struct vitlrp_image_limits limits;
    bool ignore_exif;
    int32_t height, width; /* that every input must have */
};

/* The input's size: that of the crop, else of the squashed photograph, else as trained. */
void input_source_size(struct input_source *source, const struct vit_model *model);

/* A photograph as an input. */
struct loaded_input {
    struct preprocess_plan plan; /* where it lies on the upright photograph */
    const char *warning;         /* as of struct photograph */
    char sha256[SHA256_TEXT];    /* of the file's bytes */
};

/* input [3, height, width], normalised. After a failure out->sha256 is set too if the bytes could
 * be read, and nothing else. MISMATCH for a photograph that preprocessing turns into another size.
 */
enum vitlrp_status load_input(const struct input_source *source, const char *path, float *input,
                              struct loaded_input *out, struct vitlrp_error *err);

/* True for a failure that ends a run: the next file would meet it as well (no memory, no
 * descriptors, options that make no sense, a bug), or nobody wants the rest. */
bool failure_is_systemic(enum vitlrp_status status, const struct vitlrp_error *err);

#endif
