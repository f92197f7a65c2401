/* The methods made of the plain gradient with respect to the input or to tokens. */
#include <math.h>

#include "base/random.h"
#include "vit/methods/method_private.h"

enum vitlrp_status method_input_x_gradient(struct vit_attributor *attributor,
                                           const struct vit_method_request *request,
                                           struct vitlrp_error *err) {
    struct vit_relevance relevance = {
        .pixels = request->pixels, .patches = request->patches, .inside = request->inside};
    if (request->through != NULL) {
        return method_through(attributor, request, NULL, err);
    }
    return vit_relevance(attributor->session, request->seed, request->seed_count, NULL, &relevance,
                         err);
}

static void clear_sum(struct vit_attributor *attributor) {
    for (size_t i = 0; i < attributor->pixels; i++) {
        attributor->scratch.sum[i] = 0.0;
    }
}

/* Adds the gradient at the changed input `sample` to the sum. */
static enum vitlrp_status add_gradient(struct vit_attributor *attributor,
                                       const struct vit_method_request *request,
                                       struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    TRY(attributor_gradient(attributor, scratch->sample, request, scratch->map, err));
    for (size_t i = 0; i < attributor->pixels; i++) {
        scratch->sum[i] += scratch->map[i];
    }
    return VITLRP_OK;
}

/* The map in scratch to both of the caller's. */
static void give_map(struct vit_attributor *attributor, const struct vit_method_request *request) {
    const float *map = attributor->scratch.map;
    for (size_t i = 0; request->pixels != NULL && i < attributor->pixels; i++) {
        request->pixels[i] = map[i];
    }
    attributor_patch_sums(attributor, map, request->patches);
}

/* Conductance of hidden units (Dhamdhere, Sundararajan, Yan, "How Important Is a Neuron?", ICLR
 * 2019, eq. 3): of unit a the integral of dF/da over a's own way while the input goes straight from
 * 0 to x, by the trapezoid rule over samples + 1 inputs. Those of a layer that all ways pass
 * through add up to F(x) - F(0). */
static enum vitlrp_status find_conductance(struct vit_attributor *attributor,
                                           const struct vit_method_request *request,
                                           struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    size_t steps = (size_t) request->options->samples;
    const struct vit_inside inside = {.conductance = request->conductance};
    struct vit_relevance relevance = {.inside = &inside};
    request->conductance->passes = 0;
    for (size_t k = 0; k <= steps; k++) {
        double share = (double) k / (double) steps;
        for (size_t i = 0; i < attributor->pixels; i++) {
            scratch->sample[i] = (float) (share * request->input[i]);
        }
        TRY(attributor_sample(attributor, scratch->sample, request, err));
        TRY(vit_relevance(attributor->session, request->seed, request->seed_count, NULL, &relevance,
                          err));
        request->conductance->passes++;
        attributor_progress(attributor, k + 1, steps + 1);
    }
    return VITLRP_OK;
}

/* The integral by the midpoint rule; its baseline is 0 after normalisation. */
enum vitlrp_status method_integrated_gradients(struct vit_attributor *attributor,
                                               const struct vit_method_request *request,
                                               struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    size_t steps = (size_t) request->options->samples;
    if (request->conductance != NULL) {
        return find_conductance(attributor, request, err);
    }
    clear_sum(attributor);
    for (size_t k = 0; k < steps; k++) {
        double share = ((double) k + 0.5) / (double) steps;
        for (size_t i = 0; i < attributor->pixels; i++) {
            scratch->sample[i] = (float) (share * request->input[i]);
        }
        TRY(add_gradient(attributor, request, err));
        attributor_progress(attributor, k + 1, steps);
    }
    for (size_t i = 0; i < attributor->pixels; i++) {
        scratch->map[i] = (float) (request->input[i] * scratch->sum[i] / (double) steps);
    }
    give_map(attributor, request);
    return VITLRP_OK;
}

static double range_of(const float *values, size_t count) {
    double least = values[0];
    double largest = values[0];
    for (size_t i = 1; i < count; i++) {
        least = fmin(least, values[i]);
        largest = fmax(largest, values[i]);
    }
    return largest - least;
}

enum vitlrp_status method_smoothgrad(struct vit_attributor *attributor,
                                     const struct vit_method_request *request,
                                     struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    struct random_stream stream = random_open(request->options->seed);
    size_t samples = (size_t) request->options->samples;
    double deviation = request->options->noise * range_of(request->input, attributor->pixels);
    clear_sum(attributor);
    for (size_t k = 0; k < samples; k++) {
        for (size_t i = 0; i < attributor->pixels; i++) {
            scratch->sample[i] = (float) (request->input[i] + deviation * random_normal(&stream));
        }
        TRY(add_gradient(attributor, request, err));
        attributor_progress(attributor, k + 1, samples);
    }
    for (size_t i = 0; i < attributor->pixels; i++) {
        scratch->map[i] = (float) fabs(scratch->sum[i] / (double) samples);
    }
    give_map(attributor, request);
    return VITLRP_OK;
}

enum vitlrp_status method_gradcam(struct vit_attributor *attributor,
                                  const struct vit_method_request *request,
                                  struct vitlrp_error *err) {
    struct attributor_scratch *scratch = &attributor->scratch;
    size_t dim = attributor->norm1_width;
    size_t first = attributor->layout.prefix;
    struct vit_relevance relevance = {.norm1 = scratch->norm1, .norm1_g = scratch->norm1_g};
    TRY(vit_relevance(attributor->session, request->seed, request->seed_count, NULL, &relevance,
                      err));
    for (size_t c = 0; c < dim; c++) {
        double weight = 0.0;
        for (size_t t = first; t < attributor->tokens; t++) {
            weight += scratch->norm1_g[t * dim + c];
        }
        /* The mean gradient of the channel, kept where CLS's own is not needed any more. */
        scratch->norm1_g[c] = (float) (weight / (double) attributor->patches);
    }
    for (size_t p = 0; p < attributor->patches; p++) {
        double sum = 0.0;
        for (size_t c = 0; c < dim; c++) {
            sum += (double) scratch->norm1_g[c] * scratch->norm1[(first + p) * dim + c];
        }
        request->patches[p] = sum > 0.0 ? (float) sum : 0.0F;
    }
    return VITLRP_OK;
}
