#include "eval/audit.h"

#include <math.h>

#include "base/random.h"

bool audit_chooses(size_t index, size_t count, uint64_t seed) {
    size_t wanted = (count + AUDIT_EVERY - 1) / AUDIT_EVERY;
    if (index >= count) {
        return false;
    }
    /* Stretch s of the wanted ones begins at floor(s count / wanted). A fixed place in each would
     * give all audits to one shard of 20. */
    size_t stretch = ((index + 1) * wanted - 1) / count;
    size_t begin = stretch * count / wanted;
    size_t end = (stretch + 1) * count / wanted;
    struct random_stream stream = random_open(random_derive(seed, "audit") + stretch);
    return begin + random_below(&stream, end - begin) == index;
}

bool audit_covers(const struct evaluation *evaluation, size_t index) {
    return evaluation->protocol.precision == VITLRP_PRECISION_BF16 &&
           audit_chooses(index, evaluation->manifest_count, evaluation->protocol.seed);
}

/* The metric from the areas in float32. */
static double value_of_areas(const double areas[EVAL_AREAS], enum eval_metric metric) {
    switch (metric) {
    case EVAL_DELTA_LOGIT:
        return areas[EVAL_CURVE_LERF_LOGIT] - areas[EVAL_CURVE_MORF_LOGIT];
    case EVAL_DELTA_PROB:
        return areas[EVAL_CURVE_LERF_PROB] - areas[EVAL_CURVE_MORF_PROB];
    case EVAL_MORF_LOGIT:
        return areas[EVAL_CURVE_MORF_LOGIT];
    case EVAL_MORF_PROB:
        return areas[EVAL_CURVE_MORF_PROB];
    case EVAL_LERF_LOGIT:
        return areas[EVAL_CURVE_LERF_LOGIT];
    case EVAL_LERF_PROB:
        return areas[EVAL_CURVE_LERF_PROB];
    default:
        return NAN;
    }
}

double audit_difference(const struct evaluation *evaluation, const struct eval_image *image,
                        size_t method, struct eval_measure measure) {
    double value = eval_metric_value(evaluation, image, method, measure);
    if (isnan(value) || !audit_covers(evaluation, image->index)) {
        return NAN;
    }
    const struct eval_curves *curves = &image->methods[method].curves[measure.place];
    return value - value_of_areas(curves->fp32_areas, measure.metric);
}

void audit_add(struct vitlrp_audit *audit, double difference) {
    if (!isnan(difference)) {
        audit->mean += difference;
        audit->mean_abs += fabs(difference);
        audit->max_abs = fmax(audit->max_abs, fabs(difference));
        audit->n++;
    }
}

void audit_end(struct vitlrp_audit *audit, const struct vitlrp_statistic *interval) {
    double half_width = (interval->hi - interval->lo) / 2.0;
    if (audit->n == 0) {
        *audit = (struct vitlrp_audit){NAN, NAN, NAN, NAN, 0};
        return;
    }
    audit->mean /= (double) audit->n;
    audit->mean_abs /= (double) audit->n;
    audit->per_half_width = half_width > 0.0 ? fabs(audit->mean) / half_width : NAN;
}
