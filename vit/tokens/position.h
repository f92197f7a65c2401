/* Position embeddings for an input size other than the trained one. */
#ifndef VIT_POSITION_H
#define VIT_POSITION_H

#include "base/status.h"
#include "vit/model/model.h"

/* out [1 + grid_height * grid_width, dim]: the CLS entry as it is, the grid resampled bicubically
 * (a = -0.5, antialiased when shrinking) as torch's interpolate(mode="bicubic", antialias=True) and
 * timm do it; a copy when the grid is the trained one. */
enum vitlrp_status position_resample(const struct vit_model *model, int32_t grid_height,
                                     int32_t grid_width, float *out, struct vitlrp_error *err);

#endif
