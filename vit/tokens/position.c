#include "vit/tokens/position.h"

#include <string.h>

#include "base/mem.h"
#include "base/resample.h"

/* out [lines, taps->outputs, inner] from in [lines, in_length, inner]: one axis of a separable
 * resampling. */
static void resample_axis(const struct resample_taps *taps, size_t lines, size_t in_length,
                          size_t inner, const float *in, float *out) {
    size_t out_length = (size_t) taps->outputs;
    for (size_t line = 0; line < lines; line++) {
        for (size_t i = 0; i < out_length; i++) {
            const float *source = in + (line * in_length + (size_t) taps->first[i]) * inner;
            const double *weight = taps->weight + i * (size_t) taps->stride;
            float *target = out + (line * out_length + i) * inner;
            for (size_t d = 0; d < inner; d++) {
                double sum = 0.0;
                for (size_t k = 0; k < (size_t) taps->count[i]; k++) {
                    sum += weight[k] * source[k * inner + d];
                }
                target[d] = (float) sum;
            }
        }
    }
}

/* timm's and torch's: cubic with a = -0.5, wider where the grid shrinks. */
static enum vitlrp_status antialiased_taps(int32_t from, int32_t to, struct resample_taps *taps,
                                           struct vitlrp_error *err) {
    return resample_taps_make(from, to, RESAMPLE_BICUBIC, taps, err);
}

/* The taps of an axis by framework; all kernels are separable. */
static enum vitlrp_status (*const KERNELS[])(int32_t from, int32_t to, struct resample_taps *taps,
                                             struct vitlrp_error *err) = {
    [VIT_RESAMPLE_ANTIALIASED] = antialiased_taps};

enum vitlrp_status position_resample(const struct vit_model *model, int32_t grid_height,
                                     int32_t grid_width, float *out, struct vitlrp_error *err) {
    const struct vit_config *config = &model->config;
    size_t dim = (size_t) config->dim;
    size_t in_height = (size_t) config->grid_height;
    size_t in_width = (size_t) config->grid_width;
    size_t prefix = (size_t) config->prefix * dim;
    const float *grid = model->weights.position + prefix;
    memcpy(out, model->weights.position, prefix * sizeof *out);
    if (grid_height == config->grid_height && grid_width == config->grid_width) {
        memcpy(out + prefix, grid, in_height * in_width * dim * sizeof *out);
        return VITLRP_OK;
    }
    struct resample_taps across = {0};
    struct resample_taps down = {0};
    float *narrowed = mem_calloc(in_height * (size_t) grid_width * dim, sizeof *narrowed);
    enum vitlrp_status status = VITLRP_OK;
    if (narrowed == NULL) {
        status = fail(err, VITLRP_NOMEM, "out of memory for the position embeddings");
        goto cleanup;
    }
    TRY_GOTO(status, KERNELS[config->resampling](config->grid_width, grid_width, &across, err),
             cleanup);
    TRY_GOTO(status, KERNELS[config->resampling](config->grid_height, grid_height, &down, err),
             cleanup);
    resample_axis(&across, in_height, in_width, dim, grid, narrowed);
    resample_axis(&down, 1, in_height, (size_t) grid_width * dim, narrowed, out + prefix);

cleanup:
    resample_taps_free(&across);
    resample_taps_free(&down);
    mem_free(narrowed);
    return status;
}
