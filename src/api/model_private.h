/* What a vitlrp_model is inside: the weights, and what turns photographs into inputs and outputs
 * into class names. For src/api only; immutable once vitlrp_model_open has returned. */
#ifndef API_MODEL_PRIVATE_H
#define API_MODEL_PRIVATE_H

#include <stddef.h>

#include "vit/model/model.h"
#include "vitlrp.h"

struct labels;

struct vitlrp_model {
    struct vit_model *vit;
    struct vitlrp_preprocess preprocess;
    struct labels *labels;
    char *path;       /* of the weights file, to hash it on request; NULL for memory and random */
    const void *data; /* the caller's bytes of vitlrp_model_open_memory, else NULL */
    size_t size;
};

#endif
