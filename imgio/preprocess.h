/* Photograph to model input: resize, centre crop, normalise; and where the input lies on the
 * photograph. Equal to torchvision's Resize, CenterCrop, ToTensor and Normalize, and so to timm's
 * and Hugging Face's pipelines; the pixels bit for bit. What a crop has beyond the picture is
 * black. */
#ifndef IMGIO_PREPROCESS_H
#define IMGIO_PREPROCESS_H

#include <stdint.h>

#include "base/resample.h"
#include "base/status.h"
#include "imgio/image.h"
#include "imgio/resize.h"

struct preprocess_plan {
    struct resize resize; /* its window is the model input, and may reach beyond the picture */
    struct vitlrp_geometry geometry;
};

/* UNSUPPORTED if nobody knows how to resize. USAGE for values without sense: an enumerator that
 * there is not, a size below 1, a standard deviation that is not positive, a reserved field in use.
 * The functions below rely on it. */
enum vitlrp_status preprocess_check(const struct vitlrp_preprocess *preprocess,
                                    struct vitlrp_error *err);

/* Channels of the model input. */
size_t preprocess_channels(const struct vitlrp_preprocess *preprocess);

/* The geometry for a photograph of the given size (both 1 or more). LIMIT if the model input would
 * have more than 100 million pixels. */
enum vitlrp_status preprocess_plan_make(const struct vitlrp_preprocess *preprocess,
                                        int32_t image_width, int32_t image_height,
                                        struct preprocess_plan *plan, struct vitlrp_error *err);

/* The part of the resize's window that lies in the picture, and the window around that part, black
 * where it is not; *part is taken over, failing or not. */
struct resize preprocess_inner(const struct preprocess_plan *plan);
enum vitlrp_status preprocess_surround(const struct preprocess_plan *plan, struct image *part,
                                       struct image *out, struct vitlrp_error *err);

/* The model input as an 8-bit picture, [window_height, window_width, 3]. The image must be of the
 * plan's size. *out is owned by the caller: image_free. */
enum vitlrp_status preprocess_pixels(const struct preprocess_plan *plan, const struct image *image,
                                     struct image *out, struct vitlrp_error *err);

/* A picture of the same size without colour, as Pillow's convert("L") makes it, before anything is
 * resized. *out is owned by the caller: image_free. */
enum vitlrp_status preprocess_grey(const struct image *image, struct image *out,
                                   struct vitlrp_error *err);

/* The same of so many pixels, from rgb to out. */
void preprocess_grey_row(const uint8_t *rgb, size_t pixels, uint8_t *out);

/* (v / 255 - mean) / std in float32, as torchvision computes it; input is [channels, height, width]
 * (preprocess_channels). */
void preprocess_normalise(const struct vitlrp_preprocess *preprocess, const struct image *pixels,
                          float *input);

/* The picture that a model input shows: normalise undone, rounded and clipped. pixels is already
 * allocated and gives the size. NUMERIC if a value is NaN or infinite. */
enum vitlrp_status preprocess_denormalise(const struct vitlrp_preprocess *preprocess,
                                          const float *input, struct image *pixels,
                                          struct vitlrp_error *err);

#endif
