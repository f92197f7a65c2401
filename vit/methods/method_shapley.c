/* Sampled Shapley values of the patches, whose tokens leave the sequence (Shapley 1953; Castro,
 * Gomez, Tejada, "Polynomial calculation of the Shapley value based on sampling", 2009). The value
 * of a set of patches is the score of the input that has these alone. A patch's value is the mean,
 * over all orders in which the patches may come, of what the score gains when it comes. Orders are
 * drawn by chance, and each is gone through in its reverse too (antithetic sampling: Mitchell,
 * Cooper, Frank, Holmes, "Sampling Permutations for Shapley Value Estimation", JMLR 2022): where
 * patches interact by twos only, a single pair of orders gives their values exactly.
 *
 * Some models have no output without any patch. So the empty set has the mean value of the sets of
 * one patch: another value for it would add the same to the Shapley value of every patch. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/random.h"
#include "vit/methods/method_private.h"
#include "vit/methods/shapley.h"

/* One image's estimate. Of a pair of orders, values [2][patches + 1] are those of its first 0, 1,
 * ... patches, and of its last. */
struct estimate {
    struct vit_attributor *attributor;
    const struct vit_method_request *request;
    struct shapley_scratch *scratch;
    size_t players;
    double whole, none;
};

/* Coalitions of a pair of orders whose values are in no other pair: of 2 to patches - 1. */
static size_t pair_coalitions(size_t players) {
    return players < 3 ? 0 : 2 * (players - 2);
}

size_t shapley_pairs(size_t players, size_t coalitions) {
    size_t each = pair_coalitions(players);
    size_t left = coalitions > players ? coalitions - players : 0;
    size_t pairs = each == 0 ? 0 : (left + each - 1) / each;
    return size_max(2, pairs + pairs % 2);
}

size_t shapley_coalitions(size_t players, size_t coalitions) {
    return players + shapley_pairs(players, coalitions) * pair_coalitions(players);
}

/* found [count]: the values of sets of which the scratch's masks have what is missing. */
static enum vitlrp_status measure(const struct estimate *estimate, size_t count,
                                  struct vitlrp_error *err) {
    struct vit_attributor *attributor = estimate->attributor;
    float *outputs = attributor->scratch.outputs;
    TRY(vit_batch_forward_without(attributor->batch, estimate->request->input,
                                  attributor->scratch.masks, count, outputs, err));
    for (size_t i = 0; i < count; i++) {
        estimate->scratch->found[i] =
            attributor_score(attributor, outputs + i * attributor->classes, estimate->request);
    }
    return VITLRP_OK;
}

/* The value of every patch alone, and their mean for that of none. */
static enum vitlrp_status measure_singles(struct estimate *estimate, struct vitlrp_error *err) {
    struct vit_attributor *attributor = estimate->attributor;
    size_t players = estimate->players;
    for (size_t first = 0; first < players; first += attributor->capacity) {
        size_t count = size_min(attributor->capacity, players - first);
        memset(attributor->scratch.masks, 1, count * players);
        for (size_t i = 0; i < count; i++) {
            attributor->scratch.masks[i * players + first + i] = 0;
        }
        TRY(measure(estimate, count, err));
        memcpy(estimate->scratch->singles + first, estimate->scratch->found,
               count * sizeof *estimate->scratch->found);
    }
    for (size_t p = 0; p < players; p++) {
        estimate->none += estimate->scratch->singles[p] / (double) players;
    }
    return VITLRP_OK;
}

/* The patch that comes at a place of an order, or of its reverse. */
static size_t player_at(const struct estimate *estimate, size_t reverse, size_t place) {
    return estimate->scratch->order[reverse != 0 ? estimate->players - 1 - place : place];
}

/* The values of all beginnings of an order and of its reverse. */
static enum vitlrp_status measure_pair(const struct estimate *estimate, struct vitlrp_error *err) {
    struct vit_attributor *attributor = estimate->attributor;
    size_t players = estimate->players;
    size_t total = pair_coalitions(players);
    for (size_t first = 0; first < total; first += attributor->capacity) {
        size_t count = size_min(attributor->capacity, total - first);
        memset(attributor->scratch.masks, 1, count * players);
        for (size_t i = 0; i < count; i++) {
            size_t size = 2 + (first + i) % (players - 2);
            for (size_t place = 0; place < size; place++) {
                size_t player = player_at(estimate, (first + i) / (players - 2), place);
                attributor->scratch.masks[i * players + player] = 0;
            }
        }
        TRY(measure(estimate, count, err));
        for (size_t i = 0; i < count; i++) {
            size_t reverse = (first + i) / (players - 2);
            size_t size = 2 + (first + i) % (players - 2);
            estimate->scratch->values[reverse * (players + 1) + size] = estimate->scratch->found[i];
        }
    }
    return VITLRP_OK;
}

/* gains [patches]: the mean over both orders of what each patch adds when it comes. */
static void take_gains(const struct estimate *estimate) {
    const struct shapley_scratch *scratch = estimate->scratch;
    size_t players = estimate->players;
    memset(scratch->gains, 0, players * sizeof *scratch->gains);
    for (size_t reverse = 0; reverse < 2; reverse++) {
        double *values = scratch->values + reverse * (players + 1);
        values[0] = estimate->none;
        values[1] = scratch->singles[player_at(estimate, reverse, 0)];
        values[players] = estimate->whole;
        for (size_t place = 0; place < players; place++) {
            scratch->gains[player_at(estimate, reverse, place)] +=
                0.5 * (values[place + 1] - values[place]);
        }
    }
}

static void shuffle(struct random_stream *stream, size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = random_below(stream, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

/* Adds the gains of pair `index` to the running mean and sum of squares (Welford 1962), and to the
 * half that it belongs to. */
static void add_pair(const struct estimate *estimate, size_t index) {
    const struct shapley_scratch *scratch = estimate->scratch;
    for (size_t p = 0; p < estimate->players; p++) {
        double before = scratch->gains[p] - scratch->mean[p];
        scratch->mean[p] += before / (double) (index + 1);
        scratch->squares[p] += before * (scratch->gains[p] - scratch->mean[p]);
        scratch->halves[index % 2 * estimate->players + p] += scratch->gains[p];
    }
}

/* The standard error of a patch's value: the root of its mean square over the patches. */
static double standard_error(const struct estimate *estimate, size_t pairs) {
    double sum = 0.0;
    for (size_t p = 0; p < estimate->players; p++) {
        sum += estimate->scratch->squares[p] / (double) (pairs - 1) / (double) pairs;
    }
    return sqrt(sum / (double) estimate->players);
}

/* What is asked for beside the map. */
static void hand_over(const struct estimate *estimate, size_t pairs) {
    struct shapley_result *result = estimate->request->shapley;
    size_t players = estimate->players;
    for (size_t p = 0; p < players; p++) {
        estimate->request->patches[p] = (float) estimate->scratch->mean[p];
    }
    if (result == NULL) {
        return;
    }
    result->standard_error = standard_error(estimate, pairs);
    for (size_t i = 0; i < 2 * players; i++) {
        result->halves[i] = (float) (estimate->scratch->halves[i] * 2.0 / (double) pairs);
    }
}

static enum vitlrp_status method_shapley(struct vit_attributor *attributor,
                                         const struct vit_method_request *request,
                                         struct vitlrp_error *err) {
    struct estimate estimate = {.attributor = attributor,
                                .request = request,
                                .scratch = &attributor->scratch.shapley,
                                .players = attributor->patches};
    size_t players = estimate.players;
    struct random_stream stream = random_open(request->options->seed);
    if (players < 2) {
        return fail(err, VITLRP_UNSUPPORTED, "the input is one patch: there is nothing to share");
    }
    size_t pairs = shapley_pairs(players, (size_t) request->options->samples);
    estimate.whole = attributor_score(attributor, attributor->scratch.logits, request);
    memset(estimate.scratch->mean, 0, players * sizeof *estimate.scratch->mean);
    memset(estimate.scratch->squares, 0, players * sizeof *estimate.scratch->squares);
    memset(estimate.scratch->halves, 0, 2 * players * sizeof *estimate.scratch->halves);
    TRY(measure_singles(&estimate, err));
    for (size_t index = 0; index < pairs; index++) {
        shuffle(&stream, estimate.scratch->order, players);
        TRY(measure_pair(&estimate, err));
        take_gains(&estimate);
        add_pair(&estimate, index);
        attributor_progress(attributor, index + 1, pairs);
    }
    hand_over(&estimate, pairs);
    return VITLRP_OK;
}

const struct vit_method SHAPLEY_VALUES = {
    .name = "shapley",
    .summary = "sampled Shapley values of patches that leave the sequence",
    .needs_batch = true,
    .scratch = SCRATCH_DROPS | SCRATCH_SHAPLEY,
    .reads = VITLRP_READS_SAMPLES | VITLRP_READS_SEED | VITLRP_READS_SCORE,
    .in_logits = true,
    .attribute = method_shapley};
