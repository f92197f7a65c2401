/* What the handles of the public headers are inside. For src/api only. */
#ifndef API_HANDLES_H
#define API_HANDLES_H

#include <stddef.h>
#include <stdint.h>

#include "api/model_preprocess.h"
#include "eval/dataset.h"
#include "eval/record.h"
#include "eval/summary.h"
#include "imgio/photograph.h"
#include "vit/methods/method.h"
#include "vit/model/model.h"
#include "vitlrp_eval.h"

struct labels;
struct model_hash;

/* The weights, and what turns photographs into inputs and outputs into class names. Immutable. */
struct vitlrp_model {
    struct vit_model *vit;
    struct model_preprocess preprocess;
    struct labels *labels;
    struct model_hash *hash; /* owned: of the weights, when it has been asked for */
};

/* Its format may be "rgb" or "input" too. */
struct vitlrp_image {
    struct photograph photograph;
};

struct vitlrp_session {
    struct vit_attributor *attributor;
    struct vit_session *vit; /* the attributor's */
    float *input;   /* [3, input_height, input_width]: of the last forward, since some methods move
                       the inner session on to other inputs */
    float *patches; /* [grid_height, grid_width] */
    size_t classes, pixels, patch_count;
};

struct vitlrp_dataset {
    struct dataset dataset;
};

struct vitlrp_evaluation {
    struct record record;
    struct summary summary; /* of the record */
};

#endif
