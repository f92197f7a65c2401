/* The methods that only ask the model for its outputs: what happens when parts of the input are
 * hidden. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/random.h"
#include "vit/methods/method_private.h"

enum vitlrp_status method_occlusion(struct vit_attributor *attributor,
                                    const struct vit_method_request *request,
                                    struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    double whole = attributor_score(attributor, scratch->logits, request);
    for (size_t first = 0; first < attributor->patches; first += attributor->capacity) {
        size_t count = size_min(attributor->capacity, attributor->patches - first);
        memset(scratch->masks, 0, count * attributor->patches);
        for (size_t i = 0; i < count; i++) {
            scratch->masks[i * attributor->patches + first + i] = 1;
        }
        TRY(vit_batch_forward_mixed(
            attributor->batch,
            &(struct vit_mixture){request->input, scratch->zeros, scratch->masks, count},
            scratch->outputs, err));
        for (size_t i = 0; i < count; i++) {
            const float *logits = scratch->outputs + i * attributor->classes;
            double without = attributor_score(attributor, logits, request);
            request->patches[first + i] = (float) (whole - without);
        }
        attributor_progress(attributor, first + count, attributor->patches);
    }
    return VITLRP_OK;
}

/* ---- RISE ---- */

/* Cells of a mask along one side (Petsiuk et al. use 7 for ImageNet), and the chance of each to be
 * shown. */
#define RISE_CELLS ((size_t) 7)
#define RISE_SHOWN 0.5

/* One side of a mask: a few cells stretched over more than the input, which looks at it from a
 * random offset. */
struct rise_side {
    size_t cells;
    size_t cell; /* pixels of a cell */
    size_t offset;
};

static struct rise_side draw_side(size_t pixels, size_t patches, struct random_stream *stream) {
    struct rise_side side = {.cells = size_min(RISE_CELLS, patches)};
    side.cell = (pixels + side.cells - 1) / side.cells;
    side.offset = random_below(stream, side.cell);
    return side;
}

/* Where a pixel lies between two cells of the mask. */
struct rise_tap {
    size_t first, second;
    double second_share;
};

static struct rise_tap tap_of(const struct rise_side *side, size_t pixel) {
    double stretched = (double) ((side->cells + 1) * side->cell);
    double at = ((double) (pixel + side->offset) + 0.5) * (double) side->cells / stretched - 0.5;
    double clamped = fmin(fmax(at, 0.0), (double) (side->cells - 1));
    size_t first = (size_t) clamped;
    return (struct rise_tap){.first = first,
                             .second = size_min(first + 1, side->cells - 1),
                             .second_share = clamped - (double) first};
}

/* coverage [height, width], 0 hidden to 1 shown. */
static void draw_mask(const struct vit_attributor *attributor, struct random_stream *stream,
                      float *coverage) {
    uint8_t shown[RISE_CELLS * RISE_CELLS];
    struct rise_side rows = draw_side(attributor->height, attributor->layout.grid.rows, stream);
    struct rise_side columns =
        draw_side(attributor->width, attributor->layout.grid.columns, stream);
    for (size_t i = 0; i < rows.cells * columns.cells; i++) {
        shown[i] = random_uniform(stream) < RISE_SHOWN ? 1 : 0;
    }
    for (size_t y = 0; y < attributor->height; y++) {
        struct rise_tap row = tap_of(&rows, y);
        const uint8_t *upper = shown + row.first * columns.cells;
        const uint8_t *lower = shown + row.second * columns.cells;
        for (size_t x = 0; x < attributor->width; x++) {
            struct rise_tap column = tap_of(&columns, x);
            double share = column.second_share;
            double above = upper[column.first] * (1.0 - share) + upper[column.second] * share;
            double below = lower[column.first] * (1.0 - share) + lower[column.second] * share;
            coverage[y * attributor->width + x] =
                (float) (above * (1.0 - row.second_share) + below * row.second_share);
        }
    }
}

/* Draws `count` masks, and the inputs seen through them. */
static void draw_samples(struct vit_attributor *attributor, const float *input, size_t count,
                         struct random_stream *stream) {
    struct attributor_scratch *scratch = &attributor->scratch;
    size_t plane = attributor->height * attributor->width;
    for (size_t k = 0; k < count; k++) {
        const float *coverage = scratch->coverage + k * plane;
        float *sample = scratch->samples + k * attributor->pixels;
        draw_mask(attributor, stream, scratch->coverage + k * plane);
        for (size_t i = 0; i < attributor->pixels; i++) {
            sample[i] = input[i] * coverage[i % plane];
        }
    }
}

/* Adds each mask, weighted by what the model says of its sample, to the sum. */
static void add_samples(struct vit_attributor *attributor, const struct vit_method_request *request,
                        size_t count) {
    struct attributor_scratch *scratch = &attributor->scratch;
    size_t plane = attributor->height * attributor->width;
    for (size_t k = 0; k < count; k++) {
        double weight =
            attributor_probability(attributor, scratch->outputs + k * attributor->classes,
                                   request->targets, request->target_count);
        for (size_t i = 0; i < plane; i++) {
            scratch->sum[i] += weight * scratch->coverage[k * plane + i];
        }
    }
}

enum vitlrp_status method_rise(struct vit_attributor *attributor,
                               const struct vit_method_request *request, struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    struct random_stream stream = random_open(request->options->seed);
    size_t samples = (size_t) request->options->samples;
    size_t plane = attributor->height * attributor->width;
    memset(scratch->sum, 0, plane * sizeof *scratch->sum);
    for (size_t done = 0; done < samples; done += attributor->capacity) {
        size_t count = size_min(attributor->capacity, samples - done);
        draw_samples(attributor, request->input, count, &stream);
        TRY(vit_batch_forward(attributor->batch, count, scratch->samples, scratch->outputs, err));
        add_samples(attributor, request, count);
        attributor_progress(attributor, done + count, samples);
    }
    /* The three channels share a mask: each gets a third, so that they sum to the method's map. */
    for (size_t i = 0; i < attributor->pixels; i++) {
        scratch->map[i] = (float) (scratch->sum[i % plane] / ((double) samples * RISE_SHOWN * 3.0));
    }
    if (request->pixels != NULL) {
        memcpy(request->pixels, scratch->map, attributor->pixels * sizeof *scratch->map);
    }
    attributor_patch_sums(attributor, scratch->map, request->patches);
    return VITLRP_OK;
}
