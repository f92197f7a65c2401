/* Position embeddings for an input size other than the trained one. */
#ifndef VIT_POSITION_H
#define VIT_POSITION_H

#include "base/status.h"
#include "vit/model/model.h"

/* out [prefix + grid_height * grid_width, dim]: the entries of the prefix as they are, the grid
 * resampled by the kernel of the model's framework (vit_config.resampling); a copy when the grid is
 * the trained one. VIT_RESAMPLE_ANTIALIASED is torch's interpolate(mode="bicubic", antialias=True)
 * as timm uses it.
 */
enum vitlrp_status position_resample(const struct vit_model *model, int32_t grid_height,
                                     int32_t grid_width, float *out, struct vitlrp_error *err);

#endif
