/* Position embeddings for an input size other than the trained one. */
#ifndef VIT_POSITION_H
#define VIT_POSITION_H

#include "base/status.h"
#include "vit/model/model.h"

/* out [prefix + grid_height * grid_width, dim]: the entries of the prefix as they are, the grid
 * resampled by the kernel of the model's framework (vit_config.resampling); a copy when the grid is
 * the trained one, zeros for a model without position embeddings. The kernels, by framework:
 *     ANTIALIASED     torch's interpolate(mode="bicubic", antialias=True): timm, open_clip, DINOv2
 *                     with registers
 *     BICUBIC         without antialias: Hugging Face, MAE, DeiT
 *     BICUBIC_OFFSET  by a scale factor of (n + 0.1) / N: DINOv2 without registers, of its hub
 *     CORNERS         with align_corners=True: torchvision
 *     LINEAR          bilinear: JAX, Perception Encoder */
enum vitlrp_status position_resample(const struct vit_model *model, int32_t grid_height,
                                     int32_t grid_width, float *out, struct vitlrp_error *err);

#endif
