/* Scores: what of a class is explained. With z its logit and L the logarithm of the sum of exp over
 * all other classes, s = z - k L: k = 0 is the logit, k = 1 the log-odds log(p / (1 - p)), k = 1/2
 * the contrast. The gradient, where relevance begins, is 1 for the class and -k softmax(others). */
#include <math.h>

#include "vit/methods/method_private.h"
#include "vit/model/objective.h"

static double share_of_others(enum vitlrp_score score) {
    static const double SHARES[] = {
        [VITLRP_SCORE_LOGIT] = 0.0, [VITLRP_SCORE_LOG_ODDS] = 1.0, [VITLRP_SCORE_CONTRAST] = 0.5};
    return SHARES[score];
}

enum vitlrp_status vit_score_check(const struct vit_model *model, enum vitlrp_score score,
                                   struct vitlrp_error *err) {
    if (score == VITLRP_SCORE_LOGIT) {
        return VITLRP_OK;
    }
    if (model->probability != VITLRP_PROBABILITY_SOFTMAX || model->config.classes < 2) {
        return fail(err, VITLRP_USAGE,
                    "this score compares a class with the others, of which one is right (softmax): "
                    "the model's outputs are no such classes, so only their logits are explained");
    }
    return VITLRP_OK;
}

/* The others of a class: their largest logit, and the sum of exp(logit - that). */
struct others {
    double largest, sum;
};

static struct others others_of(const float *logits, size_t classes, size_t class) {
    struct others others = {.largest = -INFINITY};
    for (size_t j = 0; j < classes; j++) {
        others.largest = j == class ? others.largest : fmax(others.largest, (double) logits[j]);
    }
    for (size_t j = 0; j < classes; j++) {
        others.sum += j == class ? 0.0 : exp((double) logits[j] - others.largest);
    }
    return others;
}

double attributor_score(const struct vit_attributor *attributor, const float *logits,
                        const struct vit_method_request *request) {
    const struct objective objective = {request->targets, request->target_count};
    double sum = objective_value(&objective, logits);
    double k = share_of_others(request->options->score);
    for (size_t i = 0; k != 0.0 && i < request->target_count; i++) {
        struct others others =
            others_of(logits, attributor->classes, (size_t) request->targets[i].output);
        sum -= (double) request->targets[i].weight * k * (others.largest + log(others.sum));
    }
    return sum;
}

/* Adds -weight k softmax(others of the class) to the seed. */
static void add_others(const struct vit_attributor *attributor, const float *logits,
                       const struct vitlrp_target *target, double k) {
    size_t class = (size_t) target->output;
    struct others others = others_of(logits, attributor->classes, class);
    for (size_t j = 0; j < attributor->classes; j++) {
        double share = j == class ? 0.0 : exp((double) logits[j] - others.largest) / others.sum;
        attributor->scratch.seed[j].weight -= (float) ((double) target->weight * k * share);
    }
}

void attributor_seed(struct vit_attributor *attributor, const float *logits,
                     const struct vit_method_request *request) {
    double k = share_of_others(request->options->score);
    if (k == 0.0) {
        return; /* the targets as they are */
    }
    for (size_t j = 0; j < attributor->classes; j++) {
        attributor->scratch.seed[j] = (struct vitlrp_target){.output = (int32_t) j};
    }
    for (size_t i = 0; i < request->target_count; i++) {
        attributor->scratch.seed[request->targets[i].output].weight += request->targets[i].weight;
        add_others(attributor, logits, &request->targets[i], k);
    }
}
