#include "eval/metric.h"

#include <math.h>

#include "base/mem.h"
#include "eval/protocol.h"
#include "eval/unit_order.h"

static const char *const METRIC_NAMES[EVAL_METRIC_COUNT] = {
    [EVAL_DELTA_LOGIT] = "delta_logit",
    [EVAL_DELTA_PROB] = "delta_prob",
    [EVAL_MORF_LOGIT] = "morf_logit",
    [EVAL_MORF_PROB] = "morf_prob",
    [EVAL_LERF_LOGIT] = "lerf_logit",
    [EVAL_LERF_PROB] = "lerf_prob",
    [EVAL_AOPC_LOGIT] = "aopc_logit",
    [EVAL_AOPC_PROB] = "aopc_prob",
    [EVAL_INSERTION] = "insertion",
    [EVAL_DELETION] = "deletion",
    [EVAL_POINTING] = "pointing",
    [EVAL_MASS] = "mass",
    [EVAL_RANK] = "rank",
    [EVAL_MORF_TOP1] = "morf_top1",
    [EVAL_LERF_TOP1] = "lerf_top1",
    [EVAL_COMPREHENSIVENESS] = "comprehensiveness",
    [EVAL_SUFFICIENCY] = "sufficiency",
    [EVAL_SPARSENESS] = "sparseness",
    [EVAL_COMPLEXITY] = "complexity",
    [EVAL_RHO_DROP] = "rho_drop",
    [EVAL_RHO_SHAPLEY] = "rho_shapley",
    [EVAL_PIXEL_ACCURACY] = "pixel_accuracy",
    [EVAL_MEAN_IOU] = "mean_iou",
    [EVAL_AVERAGE_PRECISION] = "average_precision"};

const char *eval_metric_name(enum eval_metric metric) {
    return METRIC_NAMES[metric];
}

double eval_share(const struct evaluation *evaluation, size_t point) {
    return evaluation->unit_count > 0 ? unit_order_share(point, (size_t) evaluation->unit_count)
                                      : (double) point / (double) evaluation->protocol.steps;
}

/* By the trapezoid rule over the shares. */
static double area(const struct evaluation *evaluation, const float *curve) {
    return evaluation->unit_count > 0 ? unit_order_area(curve, (size_t) evaluation->unit_count)
                                      : protocol_area(curve, (size_t) evaluation->protocol.steps);
}

/* 1 / (K + 1) sum over k of f(x_0) - f(x_k) (Samek et al., "Evaluating the Visualization of What a
 * Deep Neural Network Has Learned", 2017, eq. 12). Where points are not evenly spaced, the mean
 * over the shares is meant. */
static double mean_drop(const struct evaluation *evaluation, const float *curve) {
    size_t steps = (size_t) evaluation->protocol.steps;
    double sum = 0.0;
    if (evaluation->unit_count > 0) {
        return (double) curve[0] - area(evaluation, curve);
    }
    for (size_t k = 0; k <= steps; k++) {
        sum += (double) curve[0] - (double) curve[k];
    }
    return sum / (double) (steps + 1);
}

bool eval_metric_is_of_curves(enum eval_metric metric) {
    return metric < EVAL_POINTING || (metric >= EVAL_MORF_TOP1 && metric <= EVAL_SUFFICIENCY);
}

/* The value where that share of the patches is replaced, between points in proportion. */
static double value_at(const struct evaluation *evaluation, const float *curve, double share) {
    size_t steps = (size_t) evaluation->protocol.steps;
    double place = share * (double) steps;
    size_t below = (size_t) fmin(floor(place), (double) (steps - 1));
    double part = place - (double) below;
    if (evaluation->unit_count > 0) {
        for (below = 0; below + 2 <= steps && eval_share(evaluation, below + 1) < share;) {
            below++;
        }
        double low = eval_share(evaluation, below);
        double width = eval_share(evaluation, below + 1) - low;
        part = width > 0.0 ? (share - low) / width : 0.0;
    }
    return (1.0 - part) * (double) curve[below] + part * (double) curve[below + 1];
}

/* The shares of the best patches that are taken out, or kept alone (DeYoung et al., "ERASER", ACL
 * 2020). */
enum { SHARE_COUNT = 5 };
static const double SHARES[SHARE_COUNT] = {0.01, 0.05, 0.1, 0.2, 0.5};

/* Mean over the shares of f(x) - f(x without the best). */
static double comprehensiveness(const struct evaluation *evaluation, const float *morf) {
    double sum = 0.0;
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        sum += (double) morf[0] - value_at(evaluation, morf, SHARES[i]);
    }
    return sum / SHARE_COUNT;
}

/* Mean over the shares of f(x) - f(the best alone), where LeRF has taken out all others. */
static double sufficiency(const struct evaluation *evaluation, const float *lerf) {
    double sum = 0.0;
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        sum += (double) lerf[0] - value_at(evaluation, lerf, 1.0 - SHARES[i]);
    }
    return sum / SHARE_COUNT;
}

static double curve_value(const struct evaluation *evaluation, const struct eval_curves *curves,
                          enum eval_metric metric) {
    float *const *of = curves->of;
    switch (metric) {
    case EVAL_DELTA_LOGIT:
        return area(evaluation, of[EVAL_CURVE_LERF_LOGIT]) -
               area(evaluation, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_DELTA_PROB:
        return area(evaluation, of[EVAL_CURVE_LERF_PROB]) -
               area(evaluation, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_MORF_LOGIT:
        return area(evaluation, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_MORF_PROB:
    case EVAL_DELETION:
        return area(evaluation, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_LERF_LOGIT:
        return area(evaluation, of[EVAL_CURVE_LERF_LOGIT]);
    case EVAL_LERF_PROB:
    case EVAL_INSERTION:
        /* Putting patches in, best first, passes through the sets of LeRF from its last point to
         * its first; the area is the same. */
        return area(evaluation, of[EVAL_CURVE_LERF_PROB]);
    case EVAL_AOPC_LOGIT:
        return mean_drop(evaluation, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_AOPC_PROB:
        return mean_drop(evaluation, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_MORF_TOP1:
        return area(evaluation, of[EVAL_CURVE_MORF_TOP1]);
    case EVAL_LERF_TOP1:
        return area(evaluation, of[EVAL_CURVE_LERF_TOP1]);
    case EVAL_COMPREHENSIVENESS:
        return comprehensiveness(evaluation, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_SUFFICIENCY:
        return sufficiency(evaluation, of[EVAL_CURVE_LERF_PROB]);
    default:
        return NAN;
    }
}

static double map_value(const struct eval_method_result *result, enum eval_metric metric) {
    switch (metric) {
    case EVAL_POINTING:
        return result->pointing;
    case EVAL_MASS:
        return result->mass;
    case EVAL_RANK:
        return result->rank;
    case EVAL_SPARSENESS:
        return result->sparseness;
    case EVAL_COMPLEXITY:
        return result->complexity;
    case EVAL_RHO_DROP:
        return result->rho_drop;
    case EVAL_RHO_SHAPLEY:
        return result->rho_shapley;
    case EVAL_PIXEL_ACCURACY:
        return result->segmentation.accuracy;
    case EVAL_MEAN_IOU:
        return segmentation_mean_iou(result->segmentation.both, result->segmentation.either);
    case EVAL_AVERAGE_PRECISION:
        return result->segmentation.average_precision;
    default:
        return NAN;
    }
}

double eval_metric_value(const struct evaluation *evaluation, const struct eval_image *image,
                         size_t method, struct eval_measure measure) {
    if (image->methods == NULL || !image->methods[method].valid) {
        return NAN;
    }
    const struct eval_method_result *result = &image->methods[method];
    if (!eval_metric_is_of_curves(measure.metric)) {
        return map_value(result, measure.metric);
    }
    return result->curves == NULL /* maps only */
               ? NAN
               : curve_value(evaluation, &result->curves[measure.replacement], measure.metric);
}

void eval_metric_gather(const struct evaluation *evaluation, size_t method,
                        struct eval_measure measure, double *values) {
    for (size_t i = 0; i < evaluation->image_count; i++) {
        values[i] = eval_metric_value(evaluation, &evaluation->images[i], method, measure);
    }
}

enum vitlrp_status eval_metric_mean(const struct evaluation *evaluation, size_t method,
                                    struct eval_measure measure, struct vitlrp_statistic *out,
                                    struct vitlrp_error *err) {
    double *values = mem_calloc(evaluation->image_count, sizeof *values);
    if (values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for statistics");
    }
    eval_metric_gather(evaluation, method, measure, values);
    enum vitlrp_status status =
        statistics_mean(values, evaluation->image_count, evaluation->protocol.seed, out, err);
    mem_free(values);
    return status;
}

enum vitlrp_status eval_metric_paired(const struct evaluation *evaluation, size_t method,
                                      size_t other, struct eval_measure measure,
                                      struct vitlrp_statistic *out, struct vitlrp_error *err) {
    size_t count = evaluation->image_count;
    double *values = mem_calloc(count, 2 * sizeof *values);
    if (values == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for statistics");
    }
    eval_metric_gather(evaluation, method, measure, values);
    eval_metric_gather(evaluation, other, measure, values + count);
    enum vitlrp_status status =
        statistics_paired(values, values + count, count, evaluation->protocol.seed, out, err);
    mem_free(values);
    return status;
}
