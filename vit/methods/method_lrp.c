/* The methods that are relevance itself: one backward pass under the rules of vit/RULES.md, or an
 * average of several. attnlrp-rollout, which only weighs with relevance, is in method_attention.c.
 */
#include "base/random.h"
#include "vit/methods/method_private.h"

enum vitlrp_status method_through(struct vit_attributor *attributor,
                                  const struct vit_method_request *request,
                                  const struct vitlrp_rules *rules, struct vitlrp_error *err) {
    struct vit_through through = *request->through;
    through.targets = request->seed;
    through.target_count = request->seed_count;
    through.rules = rules;
    return vit_session_through(attributor->session, &through, err);
}

enum vitlrp_status method_lrp(struct vit_attributor *attributor,
                              const struct vit_method_request *request, struct vitlrp_error *err) {
    struct vit_relevance relevance = {.pixels = request->pixels,
                                      .patches = request->patches,
                                      .neurons = request->neurons,
                                      .neurons_block = request->neurons_block,
                                      .inside = request->inside,
                                      .ledger = request->ledger};
    if (request->through != NULL) {
        return method_through(attributor, request, &request->options->rules, err);
    }
    TRY(vit_relevance(attributor->session, request->seed, request->seed_count,
                      &request->options->rules, &relevance, err));
    if (request->sum != NULL) {
        *request->sum = relevance.sum;
    }
    return VITLRP_OK;
}

/* Which patches the next copy keeps: each with a probability that is itself drawn, or, for every
 * second copy, those that the copy before left out. */
static size_t draw_copy(struct vit_attributor *attributor, size_t copy,
                        struct random_stream *stream) {
    uint8_t *keep = attributor->scratch.keep;
    double probability = copy % 2 == 0 ? random_uniform(stream) : 0.0;
    size_t count = 0;
    for (size_t p = 0; p < attributor->patches; p++) {
        bool kept = copy % 2 == 0 ? random_uniform(stream) < probability : keep[p] == 0;
        keep[p] = kept ? 1 : 0;
        count += keep[p];
    }
    return count;
}

/* A random half of the patches (of an odd number the smaller one), or what it left out. */
static size_t draw_half(struct vit_attributor *attributor, size_t copy,
                        struct random_stream *stream) {
    uint8_t *keep = attributor->scratch.keep;
    size_t patches = attributor->patches;
    size_t wanted = patches / 2;
    for (size_t p = 0; copy == 0 && p < patches; p++) {
        /* Of the patches that are left, those that are still wanted: every half is as likely. */
        keep[p] = random_below(stream, patches - p) < wanted ? 1 : 0;
        wanted -= keep[p];
    }
    for (size_t p = 0; copy > 0 && p < patches; p++) {
        keep[p] = keep[p] == 0 ? 1 : 0;
    }
    return copy == 0 ? patches / 2 : patches - patches / 2;
}

static size_t patch_of_pixel(const struct vit_attributor *attributor, size_t pixel) {
    size_t row = pixel / attributor->width % attributor->height;
    size_t column = pixel % attributor->width;
    return row / attributor->layout.grid.patch_height * attributor->layout.grid.columns +
           column / attributor->layout.grid.patch_width;
}

static void hide_patches(struct vit_attributor *attributor, const float *input) {
    struct attributor_scratch *scratch = &attributor->scratch;
    for (size_t i = 0; i < attributor->pixels; i++) {
        bool kept = scratch->keep[patch_of_pixel(attributor, i)] != 0;
        scratch->sample[i] = kept ? input[i] : 0.0F;
    }
}

/* Adds the relevance of the kept patches, from the session's forward pass, to the sums. */
static enum vitlrp_status add_copy(struct vit_attributor *attributor,
                                   const struct vit_method_request *request,
                                   struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    bool pixels = request->pixels != NULL;
    struct vit_relevance relevance = {.patches = scratch->patch_map,
                                      .pixels = pixels ? scratch->map : NULL};
    TRY(vit_relevance(attributor->session, request->seed, request->seed_count,
                      &request->options->rules, &relevance, err));
    for (size_t p = 0; p < attributor->patches; p++) {
        if (scratch->keep[p] != 0) {
            scratch->patch_sum[p] += scratch->patch_map[p];
            scratch->kept[p]++;
        }
    }
    for (size_t i = 0; pixels && i < attributor->pixels; i++) {
        if (scratch->keep[patch_of_pixel(attributor, i)] != 0) {
            scratch->sum[i] += scratch->map[i];
        }
    }
    return VITLRP_OK;
}

static void begin_sums(struct vit_attributor *attributor) {
    struct attributor_scratch *scratch = &attributor->scratch;
    for (size_t p = 0; p < attributor->patches; p++) {
        scratch->keep[p] = 1;
        scratch->kept[p] = 0;
        scratch->patch_sum[p] = 0.0;
    }
    for (size_t i = 0; i < attributor->pixels; i++) {
        scratch->sum[i] = 0.0;
    }
}

/* Every patch was kept at least once, by the whole image. */
static void give_means(const struct vit_attributor *attributor,
                       const struct vit_method_request *request) {
    const struct attributor_scratch *scratch = &attributor->scratch;
    for (size_t p = 0; p < attributor->patches; p++) {
        request->patches[p] = (float) (scratch->patch_sum[p] / (double) scratch->kept[p]);
    }
    for (size_t i = 0; request->pixels != NULL && i < attributor->pixels; i++) {
        double kept = (double) scratch->kept[patch_of_pixel(attributor, i)];
        request->pixels[i] = (float) (scratch->sum[i] / kept);
    }
}

enum vitlrp_status method_masked(struct vit_attributor *attributor,
                                 const struct vit_method_request *request,
                                 struct vitlrp_error *err) {
    struct random_stream stream = random_open(request->options->seed);
    begin_sums(attributor);
    TRY(add_copy(attributor, request, err));
    bool halves = request->options->masks == VITLRP_MASKS_HALVES;
    size_t copies = halves ? VIT_HALVES : (size_t) request->options->samples;
    for (size_t copy = 0; copy < copies; copy++) {
        attributor_progress(attributor, copy + 1, copies + 1);
        if ((halves ? draw_half : draw_copy)(attributor, copy, &stream) == 0) {
            continue; /* shows nothing, so it says nothing about any patch */
        }
        hide_patches(attributor, request->input);
        TRY(attributor_sample(attributor, attributor->scratch.sample, request, err));
        TRY(add_copy(attributor, request, err));
    }
    attributor_progress(attributor, copies + 1, copies + 1);
    give_means(attributor, request);
    return VITLRP_OK;
}
