#include "vit/tokens/rotary.h"

#include <math.h>
#include <stdbool.h>

#define TWO_PI 6.283185307179586

static size_t head_size(const struct vit_config *config) {
    return (size_t) config->dim / (size_t) config->heads;
}

static bool is_mixed(const struct vit_config *config) {
    return config->rope.form == VIT_ROPE_MIXED;
}

size_t rotary_width(const struct vit_config *config) {
    return is_mixed(config) ? (size_t) config->dim : head_size(config);
}

size_t rotary_tables(const struct vit_config *config) {
    if (config->rope.form == VIT_ROPE_NONE) {
        return 0;
    }
    return is_mixed(config) ? (size_t) config->depth : 1;
}

/* One axis of the grid. */
struct axis {
    size_t count;
    double reference; /* 0: indices are not scaled */
};

/* The position that an index has on its axis, in the unit in which angles are position over period.
 */
static double position_of(const struct vit_rope *rope, const struct axis *axis, size_t index) {
    double at = (double) index;
    double count = (double) axis->count;
    at += (double) rope->offset;
    if (rope->form == VIT_ROPE_CENTRED) {
        return TWO_PI * (2.0 * (at + 0.5) / count - 1.0);
    }
    return axis->reference > 0 ? at / count * axis->reference : at;
}

/* Of pair j of an axis that has `pairs` of them. */
static double period_of(const struct vit_model *model, size_t j, size_t pairs) {
    const float *stored = model->weights.rope_periods;
    if (stored != NULL) {
        return (double) stored[j];
    }
    return pow((double) model->config.rope.theta, (double) j / (double) pairs);
}

static void put(float *table, size_t pairs, size_t j, double angle) {
    table[j] = (float) cos(angle);
    table[pairs + j] = (float) sin(angle);
}

/* out [patches, head size]. */
static void fill_axes(const struct vit_model *model, const struct patch_grid *grid, float *out) {
    const struct vit_rope *rope = &model->config.rope;
    const struct axis rows = {grid->rows, (double) rope->reference_rows};
    const struct axis columns = {grid->columns, (double) rope->reference_columns};
    size_t size = head_size(&model->config);
    size_t half = size / 4;
    for (size_t patch = 0; patch < grid->rows * grid->columns; patch++) {
        double down = position_of(rope, &rows, patch / grid->columns);
        double across = position_of(rope, &columns, patch % grid->columns);
        double first = rope->columns_first ? across : down;
        double second = rope->columns_first ? down : across;
        for (size_t j = 0; j < half; j++) {
            double period = period_of(model, j, half);
            put(out + patch * size, 2 * half, j, first / period);
            put(out + patch * size, 2 * half, half + j, second / period);
        }
    }
}

/* out [depth, patches, dim]. */
static void fill_mixed(const struct vit_model *model, const struct patch_grid *grid, float *out) {
    const struct vit_config *config = &model->config;
    size_t size = head_size(config);
    size_t pairs = size / 2;
    size_t heads = (size_t) config->heads;
    size_t blocks = (size_t) config->depth;
    const float *first = model->weights.rope_frequencies;
    const float *second = first + blocks * heads * pairs;
    for (size_t block = 0; block < blocks; block++) {
        for (size_t patch = 0; patch < grid->rows * grid->columns; patch++) {
            size_t line = patch / grid->columns;
            double down = (double) line;
            double across = (double) (patch % grid->columns);
            double x = config->rope.columns_first ? across : down;
            double y = config->rope.columns_first ? down : across;
            for (size_t i = 0; i < heads * pairs; i++) {
                size_t at = block * heads * pairs + i;
                double angle = (double) first[at] * x + (double) second[at] * y;
                put(out + i / pairs * size, pairs, i % pairs, angle);
            }
            out += config->dim;
        }
    }
}

void rotary_fill(const struct vit_model *model, const struct patch_grid *grid, float *out) {
    if (is_mixed(&model->config)) {
        fill_mixed(model, grid, out);
    } else if (model->config.rope.form != VIT_ROPE_NONE) {
        fill_axes(model, grid, out);
    }
}
