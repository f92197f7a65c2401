/* The methods that take tokens out of the sequence: what the score loses without each patch, when
 * its token is not replaced but gone, and that beside relevance. Removing a token is what masking
 * it in every attention comes to (Covert, Kim, Lee, ICLR 2023). */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "vit/methods/method_private.h"

/* Of relevance to drops: with equal weights the sum is level with relevance under blur, with two it
 * is ahead there too (vit/METHODS.md has the figures). */
#define RELEVANCE_WEIGHT 2.0F

/* drops [patches]: s(x) - s(x without the patch's token); the others keep their positions. */
static enum vitlrp_status measure_drops(struct vit_attributor *attributor,
                                        const struct vit_method_request *request, float *drops,
                                        struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    double whole = attributor_score(attributor, scratch->logits, request);
    if (attributor->patches < 2) {
        return fail(err, VITLRP_UNSUPPORTED,
                    "the input is one patch: nothing is left without its token");
    }
    for (size_t first = 0; first < attributor->patches; first += attributor->capacity) {
        size_t count = size_min(attributor->capacity, attributor->patches - first);
        memset(scratch->masks, 0, count * attributor->patches);
        for (size_t i = 0; i < count; i++) {
            scratch->masks[i * attributor->patches + first + i] = 1;
        }
        TRY(vit_batch_forward_without(attributor->batch, request->input, scratch->masks, count,
                                      scratch->outputs, err));
        for (size_t i = 0; i < count; i++) {
            const float *logits = scratch->outputs + i * attributor->classes;
            drops[first + i] = (float) (whole - attributor_score(attributor, logits, request));
        }
        attributor_progress(attributor, first + count, attributor->patches);
    }
    return VITLRP_OK;
}

enum vitlrp_status method_token_drop(struct vit_attributor *attributor,
                                     const struct vit_method_request *request,
                                     struct vitlrp_error *err) {
    return measure_drops(attributor, request, request->patches, err);
}

/* z-scores: less their mean, in standard deviations (of all `count`); 0 where they are all equal.
 */
static void standardise(float *values, size_t count) {
    double mean = 0.0;
    double variance = 0.0;
    for (size_t i = 0; i < count; i++) {
        mean += (double) values[i] / (double) count;
    }
    for (size_t i = 0; i < count; i++) {
        variance += ((double) values[i] - mean) * ((double) values[i] - mean) / (double) count;
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = variance > 0.0 ? (float) (((double) values[i] - mean) / sqrt(variance)) : 0.0F;
    }
}

/* 2 z(relevance) + z(drop) */
enum vitlrp_status method_lrp_drop(struct vit_attributor *attributor,
                                   const struct vit_method_request *request,
                                   struct vitlrp_error *err) {
    float *drops = attributor->scratch.drops;
    struct vit_relevance relevance = {.patches = request->patches};
    TRY(vit_relevance(attributor->session, request->seed, request->seed_count,
                      &request->options->rules, &relevance, err));
    TRY(measure_drops(attributor, request, drops, err));
    standardise(request->patches, attributor->patches);
    standardise(drops, attributor->patches);
    for (size_t p = 0; p < attributor->patches; p++) {
        request->patches[p] = RELEVANCE_WEIGHT * request->patches[p] + drops[p];
    }
    return VITLRP_OK;
}
