/* Noisy linear imputation: what ROAD puts where patches were removed (Rong et al., "A Consistent
 * and Efficient Evaluation Strategy for Attribution Methods", ICML 2022). A removed pixel is the
 * weighted mean of its neighbours, removed or not: 1/6 each for the four beside it, 1/12 for the
 * four diagonal ones, divided by their sum at the border. That blends the hole into its
 * surroundings, so that a classifier cannot read the shape of the mask. */
#ifndef EVAL_ROAD_H
#define EVAL_ROAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Standard deviation of the noise on imputed values of the normalised input. */
#define ROAD_NOISE 0.01

struct road;

struct road_shape {
    size_t height, width; /* multiples of the patch */
    size_t patch_height, patch_width;
    bool grey; /* inputs have one channel instead of three */
};

/* *out is owned: road_close. One thread at a time; nothing is allocated afterwards. */
enum vitlrp_status road_open(const struct road_shape *shape, struct road **out,
                             struct vitlrp_error *err);

/* NULL is ignored. */
void road_close(struct road *road);

/* out [channels, height, width] = input with the patches of mask [patches] imputed, and noise
 * [channels, height, width] added there. If every patch is removed, the input's mean colour stands
 * for the neighbours that are not there. */
void road_impute(struct road *road, const float *input, const uint8_t *mask, const float *noise,
                 float *out);

#endif
