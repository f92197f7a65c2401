/* Photograph to model input: resize, centre crop, normalise; and where the input lies on the
 * photograph. Equal to torchvision's Resize, CenterCrop, ToTensor and Normalize, and so to timm's
 * and Hugging Face's pipelines; the pixels bit for bit. Never pads. */
#ifndef IMGIO_PREPROCESS_H
#define IMGIO_PREPROCESS_H

#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"
#include "imgio/image.h"
#include "imgio/resize.h"

struct preprocess {
    enum vitlrp_resize resize;
    int32_t resize_to; /* pixels, 1 or more; unused for VITLRP_RESIZE_NONE */
    enum resample_filter filter;
    int32_t crop_height, crop_width; /* 0: that side is not cropped */
    float mean[3], std[3];
};

struct preprocess_plan {
    int32_t image_width, image_height; /* the photograph */
    struct resize resize;              /* its window is the model input */
    double left, top, width, height;   /* of the model input, in photograph pixels */
};

/* The geometry for a photograph of the given size (both 1 or more). MISMATCH, saying what to
 * change, if the crop is larger than the resized photograph (torchvision would pad it with black);
 * LIMIT if the model input would have more than 100 million pixels. */
enum vitlrp_status preprocess_plan_make(const struct preprocess *preprocess, int32_t image_width,
                                        int32_t image_height, struct preprocess_plan *plan,
                                        struct vitlrp_error *err);

/* The model input as an 8-bit picture, [window_height, window_width, 3]. The image must be of the
 * plan's size. *out is owned by the caller: image_free. */
enum vitlrp_status preprocess_pixels(const struct preprocess_plan *plan, const struct image *image,
                                     struct image *out, struct vitlrp_error *err);

/* (v / 255 - mean) / std in float32, as torchvision computes it; input is [3, height, width]. */
void preprocess_normalise(const struct preprocess *preprocess, const struct image *pixels,
                          float *input);

/* The picture that a model input shows: normalise undone, rounded and clipped. pixels is already
 * allocated and gives the size. NUMERIC if a value is NaN or infinite. */
enum vitlrp_status preprocess_denormalise(const struct preprocess *preprocess, const float *input,
                                          struct image *pixels, struct vitlrp_error *err);

#endif
