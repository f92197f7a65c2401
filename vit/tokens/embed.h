/* The patch embedding's geometry: pixels <-> one row of pixels per patch. */
#ifndef VIT_EMBED_H
#define VIT_EMBED_H

#include <stdbool.h>
#include <stddef.h>

/* Patches in reading order; a patch row holds its pixels as [channels, patch_height, patch_width],
 * the order of the stored convolution weights. There are three channels, or one. */
struct patch_grid {
    size_t rows, columns;             /* of patches */
    size_t patch_height, patch_width; /* pixels */
    bool grey;                        /* one channel */
};

/* Values of a patch, all channels. */
size_t embed_patch_pixels(const struct patch_grid *grid);

/* out [rows * columns, embed_patch_pixels] from image [channels, height, width]. */
void embed_unfold(const struct patch_grid *grid, const float *image, float *out);

/* The inverse of embed_unfold. */
void embed_fold(const struct patch_grid *grid, const float *patches, float *image);

/* out [rows * columns]: the sum of each patch's pixels, in double. */
void embed_patch_sums(const struct patch_grid *grid, const float *patches, float *out);

#endif
