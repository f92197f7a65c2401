#include "vit/tokens/position.h"

#include <math.h>
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

#define POINT_TAPS 4

/* Keys' kernel with a = -0.75, which torch's bicubic interpolation has. */
static double keys(double x) {
    const double a = -0.75;
    x = fabs(x);
    if (x <= 1) {
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double hat(double x) {
    return fabs(x) < 1 ? 1 - fabs(x) : 0;
}

static int32_t clamp_to(int32_t index, int32_t count) {
    return index < 0 ? 0 : index >= count ? count - 1 : index;
}

/* Taps of a kernel at source coordinates (i + centre) * scale - centre; beyond the line stands its
 * last sample. */
struct point_kernel {
    double scale, centre;
    double (*weight)(double distance);
};

static enum vitlrp_status point_taps(int32_t from, int32_t to, const struct point_kernel *kernel,
                                     struct resample_taps *taps, struct vitlrp_error *err) {
    *taps = (struct resample_taps){.outputs = to, .stride = POINT_TAPS};
    taps->first = mem_calloc((size_t) to, sizeof *taps->first);
    taps->count = mem_calloc((size_t) to, sizeof *taps->count);
    taps->weight = mem_calloc((size_t) to * POINT_TAPS, sizeof *taps->weight);
    if (taps->first == NULL || taps->count == NULL || taps->weight == NULL) {
        resample_taps_free(taps);
        return fail(err, VITLRP_NOMEM, "out of memory for the position embeddings");
    }
    for (int32_t i = 0; i < to; i++) {
        double at = (i + kernel->centre) * kernel->scale - kernel->centre;
        int32_t near = (int32_t) floor(at);
        int32_t first = clamp_to(near - 1, from);
        for (int32_t k = near - 1; k <= near + 2; k++) {
            taps->weight[i * POINT_TAPS + clamp_to(k, from) - first] += kernel->weight(at - k);
        }
        taps->first[i] = first;
        taps->count[i] = clamp_to(near + 2, from) - first + 1;
    }
    return VITLRP_OK;
}

/* torch's bicubic interpolation to a size. */
static enum vitlrp_status bicubic_taps(int32_t from, int32_t to, struct resample_taps *taps,
                                       struct vitlrp_error *err) {
    return point_taps(from, to, &(struct point_kernel){(double) from / to, 0.5, keys}, taps, err);
}

/* The same by a scale factor to which DINOv2 adds 0.1 of a patch. */
static enum vitlrp_status offset_taps(int32_t from, int32_t to, struct resample_taps *taps,
                                      struct vitlrp_error *err) {
    return point_taps(from, to, &(struct point_kernel){from / (to + 0.1), 0.5, keys}, taps, err);
}

/* torchvision's: the corners stay. */
static enum vitlrp_status corner_taps(int32_t from, int32_t to, struct resample_taps *taps,
                                      struct vitlrp_error *err) {
    double scale = to > 1 ? (from - 1.0) / (to - 1.0) : 0;
    return point_taps(from, to, &(struct point_kernel){scale, 0, keys}, taps, err);
}

static enum vitlrp_status linear_taps(int32_t from, int32_t to, struct resample_taps *taps,
                                      struct vitlrp_error *err) {
    return point_taps(from, to, &(struct point_kernel){(double) from / to, 0.5, hat}, taps, err);
}

/* The taps of an axis by framework; all kernels are separable. */
static enum vitlrp_status (*const KERNELS[])(int32_t from, int32_t to, struct resample_taps *taps,
                                             struct vitlrp_error *err) = {
    [VIT_RESAMPLE_ANTIALIASED] = antialiased_taps,
    [VIT_RESAMPLE_BICUBIC] = bicubic_taps,
    [VIT_RESAMPLE_BICUBIC_OFFSET] = offset_taps,
    [VIT_RESAMPLE_CORNERS] = corner_taps,
    [VIT_RESAMPLE_LINEAR] = linear_taps};

enum vitlrp_status position_resample(const struct vit_model *model, int32_t grid_height,
                                     int32_t grid_width, float *out, struct vitlrp_error *err) {
    const struct vit_config *config = &model->config;
    size_t dim = (size_t) config->dim;
    size_t in_height = (size_t) config->grid_height;
    size_t in_width = (size_t) config->grid_width;
    size_t prefix = (size_t) config->prefix * dim;
    if (model->weights.position == NULL) {
        size_t patches = (size_t) grid_height * (size_t) grid_width * dim;
        memset(out, 0, (prefix + patches) * sizeof *out);
        return VITLRP_OK;
    }
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
