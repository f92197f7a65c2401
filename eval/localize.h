/* Does a map point at the object? Boxes are given on the photograph and follow it through the
 * preprocessing onto the patches, which they may cover in part. */
#ifndef EVAL_LOCALIZE_H
#define EVAL_LOCALIZE_H

#include <stddef.h>

#include "base/status.h"
#include "eval/item.h"
#include "imgio/preprocess.h"

/* The grid of patches over the model input. */
struct localize_grid {
    size_t rows, columns;
    size_t patch_height, patch_width;
};

/* Where the boxes are, as far as the model sees them. */
struct localize_boxes {
    const struct eval_box *boxes;
    size_t count;
    const struct preprocess_plan *plan;
};

/* coverage [rows, columns]: the share of each patch that lies in the union of the boxes. NOMEM is
 * the only failure. */
enum vitlrp_status localize_coverage(const struct localize_boxes *boxes,
                                     const struct localize_grid *grid, double *coverage,
                                     struct vitlrp_error *err);

struct localization {
    /* 1 if the middle of the patch with the largest score lies in a box, else 0; of several such
     * patches, the share of those (Zhang et al., "Top-down Neural Attention by Excitation
     * Backprop", 2016). */
    double pointing;

    /* Arras et al., "CLEVR-XAI", 2022. Relevance of a patch is spread evenly over it. */
    double mass; /* share of the positive relevance that lies in the boxes; NaN without any */
    double rank; /* with the boxes' area in patches as K: the share of the K patches of the largest
                    scores that lies in the boxes; the last of them counts in part if K is no whole
                    number; of equal scores at that place, each counts alike */
};

/* All NaN where no box is in view. patches [rows, columns]. NOMEM is the only failure. */
enum vitlrp_status localize_map(const struct localize_boxes *boxes,
                                const struct localize_grid *grid, const double *coverage,
                                const float *patches, struct localization *out,
                                struct vitlrp_error *err);

#endif
