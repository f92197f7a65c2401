#include "vit/tokens/embed.h"

#include <string.h>

static size_t channels_of(const struct patch_grid *grid) {
    return grid->grey ? 1 : 3;
}

size_t embed_patch_pixels(const struct patch_grid *grid) {
    return channels_of(grid) * grid->patch_height * grid->patch_width;
}

/* Where line `y` of channel `c` of patch `p` begins in an image. */
static size_t image_offset(const struct patch_grid *grid, size_t p, size_t c, size_t y) {
    size_t height = grid->rows * grid->patch_height;
    size_t width = grid->columns * grid->patch_width;
    size_t top = p / grid->columns * grid->patch_height;
    size_t left = p % grid->columns * grid->patch_width;
    return (c * height + top + y) * width + left;
}

void embed_unfold(const struct patch_grid *grid, const float *image, float *out) {
    for (size_t p = 0; p < grid->rows * grid->columns; p++) {
        for (size_t c = 0; c < channels_of(grid); c++) {
            for (size_t y = 0; y < grid->patch_height; y++) {
                memcpy(out, image + image_offset(grid, p, c, y), grid->patch_width * sizeof *out);
                out += grid->patch_width;
            }
        }
    }
}

void embed_fold(const struct patch_grid *grid, const float *patches, float *image) {
    for (size_t p = 0; p < grid->rows * grid->columns; p++) {
        for (size_t c = 0; c < channels_of(grid); c++) {
            for (size_t y = 0; y < grid->patch_height; y++) {
                memcpy(image + image_offset(grid, p, c, y), patches,
                       grid->patch_width * sizeof *patches);
                patches += grid->patch_width;
            }
        }
    }
}

void embed_patch_sums(const struct patch_grid *grid, const float *patches, float *out) {
    size_t pixels = embed_patch_pixels(grid);
    for (size_t p = 0; p < grid->rows * grid->columns; p++) {
        double sum = 0.0;
        for (size_t i = 0; i < pixels; i++) {
            sum += patches[p * pixels + i];
        }
        out[p] = (float) sum;
    }
}
