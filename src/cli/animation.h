/* What a perturbation curve measures, as an animation: patches of the photograph vanish, the most
 * relevant first on the left, the least relevant first on the right, and the bar of the logit
 * falls. */
#ifndef CLI_ANIMATION_H
#define CLI_ANIMATION_H

#include "base/file.h"
#include "figure/figure_map.h"
#include "vitlrp_eval.h"

#define ANIMATION_STEPS 16

struct animation {
    const struct vitlrp_model *model;
    const struct vitlrp_image *image;
    const struct vitlrp_geometry *geometry;
    const float *input;   /* of the model */
    const float *patches; /* [height, width]: the map */
    int32_t height, width;
    struct vitlrp_curves curves; /* with the options of the measurement */
    const char *caption;         /* its first line is shown; NULL: none */
};

/* An APNG; *out is owned: bytes_free. It computes the curves. */
enum vitlrp_status animation_encode(const struct animation *animation, struct bytes *out,
                                    struct vitlrp_error *err);

#endif
