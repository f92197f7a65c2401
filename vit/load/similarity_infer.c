#include "vit/load/similarity_infer.h"

#include <math.h>

#define MOST_SCALE 1e6 /* released models have 100 to 120 */

/* Tensors hold the logarithm of the scale. */
static enum vitlrp_status show_scale(const struct vit_model *model, struct fact *fact,
                                     struct vitlrp_error *err) {
    if (model->weights.logit_scale == NULL) {
        return VITLRP_OK;
    }
    double scale = exp((double) model->weights.logit_scale[0]);
    if (!fact_known(fact) && !(scale > 0.0 && scale <= MOST_SCALE)) {
        return fail(err, VITLRP_MISMATCH, "logit_scale is the logarithm of a scale, and %g is not",
                    (double) model->weights.logit_scale[0]);
    }
    fact_show(fact, scale);
    return VITLRP_OK;
}

static void show_bias(const struct vit_model *model, struct fact *fact) {
    if (model->weights.logit_bias != NULL) {
        fact_show(fact, (double) model->weights.logit_bias[0]);
    }
}

enum vitlrp_status similarity_infer(struct vit_model *model, struct model_facts *facts,
                                    struct vitlrp_error *err) {
    struct fact *scale = &facts->logit_scale;
    struct fact *bias = &facts->logit_bias;
    if (model->outputs == VITLRP_OUTPUTS_CLASSES) {
        bool stated = fact_known(scale) || fact_known(bias);
        return stated ? fail(err, VITLRP_USAGE,
                             "a scale or bias of cosines is told, and the model has a head of "
                             "classes")
                      : VITLRP_OK;
    }
    TRY(show_scale(model, scale, err));
    show_bias(model, bias);
    model->logit_scale = fact_number(scale, 0.0);
    model->logit_bias = fact_number(bias, 0.0);
    bool is_pair = model->outputs == VITLRP_OUTPUTS_EMBEDDING || model->logit_scale > 0.0;
    model->kind = is_pair ? VITLRP_MODEL_IMAGE_TEXT : VITLRP_MODEL_IMAGE;
    /* Each text by itself: a bias says where one is as likely as not (SigLIP). */
    model->prompt_probability =
        fact_known(bias) ? VITLRP_PROBABILITY_SIGMOID : VITLRP_PROBABILITY_SOFTMAX;
    return VITLRP_OK;
}
