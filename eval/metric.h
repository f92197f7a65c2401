/* One number per image and method from an evaluation's record. */
#ifndef EVAL_METRIC_H
#define EVAL_METRIC_H

#include <stdbool.h>
#include <stddef.h>

#include "eval/eval_results.h"

enum eval_metric {
    EVAL_DELTA_LOGIT, /* AUC(LeRF) - AUC(MoRF) */
    EVAL_DELTA_PROB,
    EVAL_MORF_LOGIT, /* areas under the curves */
    EVAL_MORF_PROB,
    EVAL_LERF_LOGIT,
    EVAL_LERF_PROB,
    EVAL_AOPC_LOGIT, /* mean drop over the points of MoRF (Samek et al. 2017) */
    EVAL_AOPC_PROB,
    EVAL_INSERTION, /* area under the probability while patches are put in, best first */
    EVAL_DELETION,  /* while they are taken out, best first (Petsiuk et al., RISE, 2018) */
    EVAL_POINTING,  /* the next three: NaN where the image has no box in view */
    EVAL_MASS,
    EVAL_RANK,
    EVAL_MORF_TOP1, /* share of the points at which top-1 is the expected class: areas (Chefer et
                       al. 2021: positive and negative perturbation) */
    EVAL_LERF_TOP1,
    EVAL_COMPREHENSIVENESS, /* what the probability loses without the best patches, and with them */
    EVAL_SUFFICIENCY,       /* alone (DeYoung et al. 2020) */
    EVAL_SPARSENESS,        /* of the map (eval/concentration.h) */
    EVAL_COMPLEXITY,
    EVAL_RHO_DROP, /* rank correlations with what patches are worth (eval/agreement.h) */
    EVAL_RHO_SHAPLEY,
    EVAL_PIXEL_ACCURACY, /* against masks (eval/segmentation.h) */
    EVAL_MEAN_IOU, /* of an image; over several, of the sums of their pixels (eval/summary.c) */
    EVAL_AVERAGE_PRECISION,
    EVAL_RHO_RANDOMIZED, /* sanity checks (eval/sanity.h) */
    EVAL_MAX_SENSITIVITY,
    EVAL_DROP_1, /* of hidden units, from here on: what the logit loses without the best 1 % */
    EVAL_MEAN_DROP_10,   /* the mean of that from 0 to 10 % */
    EVAL_UNITS_TO_LOSE,  /* eval/unit_curve.h */
    EVAL_RHO_SINGLE,     /* rank correlation with what the logit loses without single units */
    EVAL_PEARSON_SINGLE, /* Pearson's */
    EVAL_METRIC_COUNT
};

/* "delta_logit", "delta_prob", "morf_logit", ... as in reports. */
const char *eval_metric_name(enum eval_metric metric);

/* True for the metrics of curves, which every place has its own of. */
bool eval_metric_is_of_curves(enum eval_metric metric);

/* A metric in one of the protocol's places. */
struct eval_measure {
    enum eval_metric metric;
    size_t place;
};

/* In the first of them. */
static inline struct eval_measure eval_measure_first(enum eval_metric metric) {
    return (struct eval_measure){.metric = metric};
}

/* Where a point of the curves in a place stands, from 0 to 1: k / K, over which areas are; of
 * hidden units the share that is off. */
double eval_share(const struct evaluation *evaluation, size_t place, size_t point);

/* The share of the patches, regions or units that is replaced or off there. */
double eval_replaced_share(const struct evaluation *evaluation, size_t place, size_t point);

/* NaN if the image or the method failed, or the metric is not defined there. */
double eval_metric_value(const struct evaluation *evaluation, const struct eval_image *image,
                         size_t method, struct eval_measure measure);

#endif
