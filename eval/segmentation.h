/* Does a map tell the object's pixels from the others? The protocol of Chefer, Gur, Wolf, CVPR 2021
 * (arXiv 2012.09838, section 4.2, ImageNet-Segmentation, and its program imagenet_seg_eval.py). */
#ifndef EVAL_SEGMENTATION_H
#define EVAL_SEGMENTATION_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/localize.h"

/* What a pixel of the input is. */
enum segment { SEGMENT_BACKGROUND, SEGMENT_OBJECT, SEGMENT_NONE /* beyond the photograph */ };

/* Pixels of the input, of the background [0] and of the object [1]. */
struct segmentation {
    double accuracy; /* share of the pixels that the map puts where the mask does */
    double average_precision;
    double both[2], either[2]; /* of the map and of the mask: intersection and union */
};

/* That of a map which was not compared: all NaN. */
struct segmentation segmentation_unknown(void);

/* patches [rows, columns] become pixels by bilinear interpolation between the middles of the
 * patches; above their mean is the object. mask [height, width of the input]: enum segment. All NaN
 * for a map of one value, and where the mask has no pixel. NOMEM is the only failure. */
enum vitlrp_status segmentation_of(const struct localize_grid *grid, const float *patches,
                                   const uint8_t *mask, struct segmentation *out,
                                   struct vitlrp_error *err);

/* The mean of the two classes' intersection over union; NaN without any. */
double segmentation_mean_iou(const double both[2], const double either[2]);

#endif
