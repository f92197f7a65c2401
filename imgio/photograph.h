/* A photograph's way into a model, one for all who go it: a file's bytes -> an upright picture -> a
 * plan (imgio/preprocess.h) -> the model input. */
#ifndef IMGIO_PHOTOGRAPH_H
#define IMGIO_PHOTOGRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/image.h"
#include "imgio/preprocess.h"

struct photograph {
    struct image pixels; /* upright; owned: image_free */
    int32_t orientation; /* 1..8 of EXIF or XMP as found, 1 if there is none */
    const char *format;  /* as of struct decoded */
    const char *warning; /* as of struct decoded */
};

/* Decodes a file's bytes and turns the picture upright, unless EXIF is to be ignored. LIMIT for a
 * file beyond the limits; else as decode_image. *out is written on success only. */
enum vitlrp_status photograph_decode(const void *data, size_t size,
                                     const struct vitlrp_image_limits *limits, bool ignore_exif,
                                     struct photograph *out, struct vitlrp_error *err);

/* input [3, window_height, window_width] of the plan's resize, normalised. The picture must be of
 * the plan's size. */
enum vitlrp_status photograph_input(const struct image *upright,
                                    const struct vitlrp_preprocess *preprocess,
                                    const struct preprocess_plan *plan, float *input,
                                    struct vitlrp_error *err);

#endif
