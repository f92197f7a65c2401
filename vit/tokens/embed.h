/* The patch embedding's geometry: pixels <-> one row of pixels per patch. */
#ifndef VIT_EMBED_H
#define VIT_EMBED_H

#include <stddef.h>

/* Patches in reading order; a patch row holds its pixels as [3, patch_height, patch_width], the
 * order of the stored convolution weights. */
struct patch_grid {
    size_t rows, columns;             /* of patches */
    size_t patch_height, patch_width; /* pixels */
};

/* out [rows * columns, 3 * patch_height * patch_width] from image [3, height, width]. */
void embed_unfold(const struct patch_grid *grid, const float *image, float *out);

/* The inverse of embed_unfold. */
void embed_fold(const struct patch_grid *grid, const float *patches, float *image);

/* out [rows * columns]: the sum of each patch's pixels, in double. */
void embed_patch_sums(const struct patch_grid *grid, const float *patches, float *out);

#endif
