#include "eval/regions.h"

#include "base/checked.h"

static size_t squares(size_t patches, size_t side) {
    return (patches + side - 1) / side;
}

size_t regions_count(const struct regions *regions) {
    return squares(regions->rows, regions->side) * squares(regions->columns, regions->side);
}

struct region_bounds regions_bounds(const struct regions *regions, size_t index) {
    size_t across = squares(regions->columns, regions->side);
    size_t top = index / across * regions->side;
    size_t left = index % across * regions->side;
    return (struct region_bounds){.top = top,
                                  .left = left,
                                  .bottom = size_min(top + regions->side, regions->rows),
                                  .right = size_min(left + regions->side, regions->columns)};
}

static float mean_of(const struct regions *regions, size_t index, const float *patches) {
    struct region_bounds bounds = regions_bounds(regions, index);
    size_t count = (bounds.bottom - bounds.top) * (bounds.right - bounds.left);
    double sum = 0.0;
    for (size_t row = bounds.top; row < bounds.bottom; row++) {
        for (size_t column = bounds.left; column < bounds.right; column++) {
            sum += (double) patches[row * regions->columns + column];
        }
    }
    return (float) (sum / (double) count);
}

void regions_mean(const struct regions *regions, const float *patches, float *scores) {
    for (size_t i = 0; i < regions_count(regions); i++) {
        scores[i] = mean_of(regions, i, patches);
    }
}
