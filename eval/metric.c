#include "eval/metric.h"

#include <math.h>

#include "eval/protocol.h"
#include "eval/regions.h"
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
    [EVAL_AVERAGE_PRECISION] = "average_precision",
    [EVAL_RHO_RANDOMIZED] = "rho_randomized",
    [EVAL_MAX_SENSITIVITY] = "max_sensitivity",
    [EVAL_DROP_1] = "drop_1",
    [EVAL_MEAN_DROP_10] = "mean_drop_10",
    [EVAL_UNITS_TO_LOSE] = "units_to_lose",
    [EVAL_RHO_SINGLE] = "rho_single",
    [EVAL_PEARSON_SINGLE] = "pearson_single"};

const char *eval_metric_name(enum eval_metric metric) {
    return METRIC_NAMES[metric];
}

/* What curves are over: so many points, of so many hidden units (0: patches). */
struct extent {
    size_t steps, units;
};

static struct extent extent_of(const struct evaluation *evaluation, size_t place) {
    return (struct extent){.steps = (size_t) evaluation->protocol.steps,
                           .units = evaluation_units(evaluation, place)};
}

static double share_at(const struct extent *extent, size_t point) {
    return extent->units > 0 ? unit_order_share(point, extent->units)
                             : (double) point / (double) extent->steps;
}

double eval_share(const struct evaluation *evaluation, size_t place, size_t point) {
    const struct extent extent = extent_of(evaluation, place);
    return share_at(&extent, point);
}

double eval_replaced_share(const struct evaluation *evaluation, size_t place, size_t point) {
    const struct regions regions = {.rows = (size_t) evaluation->grid_height,
                                    .columns = (size_t) evaluation->grid_width,
                                    .side = (size_t) evaluation->protocol.regions};
    const struct extent extent = extent_of(evaluation, place);
    size_t count = regions_count(&regions);
    return extent.units > 0
               ? share_at(&extent, point)
               : (double) protocol_replaced(point, extent.steps, count) / (double) count;
}

/* By the trapezoid rule over the shares. */
static double area(const struct extent *extent, const float *curve) {
    return extent->units > 0 ? unit_order_area(curve, extent->units)
                             : protocol_area(curve, extent->steps);
}

/* 1 / (K + 1) sum over k of f(x_0) - f(x_k) (Samek et al., "Evaluating the Visualization of What a
 * Deep Neural Network Has Learned", 2017, eq. 12). Where points are not evenly spaced, the mean
 * over the shares is meant. */
static double mean_drop(const struct extent *extent, const float *curve) {
    double sum = 0.0;
    if (extent->units > 0) {
        return (double) curve[0] - area(extent, curve);
    }
    for (size_t k = 0; k <= extent->steps; k++) {
        sum += (double) curve[0] - (double) curve[k];
    }
    return sum / (double) (extent->steps + 1);
}

bool eval_metric_is_of_curves(enum eval_metric metric) {
    return metric < EVAL_POINTING || (metric >= EVAL_MORF_TOP1 && metric <= EVAL_SUFFICIENCY) ||
           metric >= EVAL_DROP_1;
}

/* The value where that share of the patches is replaced, between points in proportion. */
static double value_at(const struct extent *extent, const float *curve, double share) {
    double place = share * (double) extent->steps;
    size_t below = (size_t) fmin(floor(place), (double) (extent->steps - 1));
    double part = place - (double) below;
    if (extent->units > 0) {
        for (below = 0; below + 2 <= extent->steps && share_at(extent, below + 1) < share;) {
            below++;
        }
        double low = share_at(extent, below);
        double width = share_at(extent, below + 1) - low;
        part = width > 0.0 ? (share - low) / width : 0.0;
    }
    return (1.0 - part) * (double) curve[below] + part * (double) curve[below + 1];
}

/* The shares of the best patches that are taken out, or kept alone (DeYoung et al., "ERASER", ACL
 * 2020). */
enum { SHARE_COUNT = 5 };
static const double SHARES[SHARE_COUNT] = {0.01, 0.05, 0.1, 0.2, 0.5};

/* Mean over the shares of f(x) - f(x without the best). */
static double comprehensiveness(const struct extent *extent, const float *morf) {
    double sum = 0.0;
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        sum += (double) morf[0] - value_at(extent, morf, SHARES[i]);
    }
    return sum / SHARE_COUNT;
}

/* Mean over the shares of f(x) - f(the best alone), where LeRF has taken out all others. */
static double sufficiency(const struct extent *extent, const float *lerf) {
    double sum = 0.0;
    for (size_t i = 0; i < SHARE_COUNT; i++) {
        sum += (double) lerf[0] - value_at(extent, lerf, 1.0 - SHARES[i]);
    }
    return sum / SHARE_COUNT;
}

/* What curves over hidden units alone have. Few units may be none at 1 per cent. */
static double unit_value(const struct extent *extent, const struct eval_curves *curves,
                         enum eval_metric metric) {
    const float *morf = curves->of[EVAL_CURVE_MORF_LOGIT];
    if (extent->units == 0) {
        return NAN;
    }
    switch (metric) {
    case EVAL_DROP_1:
        return unit_order_count(UNIT_POINT_1, extent->units) == 0
                   ? NAN
                   : (double) morf[0] - (double) morf[UNIT_POINT_1];
    case EVAL_MEAN_DROP_10:
        return unit_order_count(UNIT_POINT_10, extent->units) == 0
                   ? NAN
                   : (double) morf[0] - unit_order_mean_to(morf, UNIT_POINT_10, extent->units);
    case EVAL_UNITS_TO_LOSE:
        return curves->units_to_lose;
    case EVAL_RHO_SINGLE:
        return curves->rho_single;
    case EVAL_PEARSON_SINGLE:
        return curves->pearson_single;
    default:
        return NAN;
    }
}

static double curve_value(const struct extent *extent, const struct eval_curves *curves,
                          enum eval_metric metric) {
    float *const *of = curves->of;
    switch (metric) {
    case EVAL_DELTA_LOGIT:
        return area(extent, of[EVAL_CURVE_LERF_LOGIT]) - area(extent, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_DELTA_PROB:
        return area(extent, of[EVAL_CURVE_LERF_PROB]) - area(extent, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_MORF_LOGIT:
        return area(extent, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_MORF_PROB:
    case EVAL_DELETION:
        return area(extent, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_LERF_LOGIT:
        return area(extent, of[EVAL_CURVE_LERF_LOGIT]);
    case EVAL_LERF_PROB:
    case EVAL_INSERTION:
        /* Putting patches in, best first, passes through the sets of LeRF from its last point to
         * its first; the area is the same. */
        return area(extent, of[EVAL_CURVE_LERF_PROB]);
    case EVAL_AOPC_LOGIT:
        return mean_drop(extent, of[EVAL_CURVE_MORF_LOGIT]);
    case EVAL_AOPC_PROB:
        return mean_drop(extent, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_MORF_TOP1:
        return area(extent, of[EVAL_CURVE_MORF_TOP1]);
    case EVAL_LERF_TOP1:
        return area(extent, of[EVAL_CURVE_LERF_TOP1]);
    case EVAL_COMPREHENSIVENESS:
        return comprehensiveness(extent, of[EVAL_CURVE_MORF_PROB]);
    case EVAL_SUFFICIENCY:
        return sufficiency(extent, of[EVAL_CURVE_LERF_PROB]);
    default:
        return unit_value(extent, curves, metric);
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
    case EVAL_RHO_RANDOMIZED:
        return result->rho_randomized;
    case EVAL_MAX_SENSITIVITY:
        return result->max_sensitivity;
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
    const struct extent extent = extent_of(evaluation, measure.place);
    return curve_value(&extent, &result->curves[measure.place], measure.metric);
}
