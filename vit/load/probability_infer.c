#include "vit/load/probability_infer.h"

/* Features and embeddings. */
static enum vitlrp_status infer_headless(struct fact *fact, struct vitlrp_error *err) {
    if (fact->source == FACT_USER && fact->value != FACT_PROBABILITY_NONE) {
        return fail(err, VITLRP_USAGE,
                    "the model has no head of classes, so its outputs are no probabilities");
    }
    *fact = (struct fact){0}; /* whatever a model of its kind may have */
    fact_show(fact, FACT_PROBABILITY_NONE);
    return VITLRP_OK;
}

enum vitlrp_status probability_infer(bool head_given, int32_t outputs, struct model_facts *facts,
                                     struct vitlrp_error *err) {
    struct fact *fact = &facts->probability;
    int32_t head = fact_whole(&facts->head, FACT_HEAD_LINEAR);
    if (head == FACT_HEAD_NONE || head == FACT_HEAD_PROJECTION) {
        return infer_headless(fact, err);
    }
    bool constant = outputs == 1 && fact_known(fact) && fact->value == FACT_PROBABILITY_SOFTMAX;
    if (constant && fact->source == FACT_USER) {
        return fail(err, VITLRP_USAGE,
                    "the softmax of one logit is always 1: choose sigmoid or none");
    }
    if (constant || (head_given && fact->source == FACT_FILE)) {
        *fact = (struct fact){0};
    }
    if (outputs == 1) {
        fact_guess(fact, FACT_PROBABILITY_SIGMOID);
    } else {
        /* So do the libraries' pipelines. */
        fact_state(fact, FACT_PROBABILITY_SOFTMAX, FACT_CLASS, NULL, "a head of several classes");
    }
    return VITLRP_OK;
}

enum vitlrp_probability probability_kind(const struct model_facts *facts) {
    static const enum vitlrp_probability KINDS[] = {
        [FACT_PROBABILITY_SOFTMAX] = VITLRP_PROBABILITY_SOFTMAX,
        [FACT_PROBABILITY_SIGMOID] = VITLRP_PROBABILITY_SIGMOID,
        [FACT_PROBABILITY_NONE] = VITLRP_PROBABILITY_NONE};
    return KINDS[fact_whole(&facts->probability, FACT_PROBABILITY_NONE)];
}
