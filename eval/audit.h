/* What curves in fewer bits are worth: some images of an evaluation have theirs computed again in
 * float32, and the areas are compared. */
#ifndef EVAL_AUDIT_H
#define EVAL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/eval_results.h"
#include "eval/metric.h"
#include "eval/statistics.h"

/* Of so many images of the manifest in a row one is audited: 5 %. */
#define AUDIT_EVERY 20

/* Metrics that are compared: those before, EVAL_DELTA_LOGIT to EVAL_LERF_PROB. */
#define AUDIT_METRICS (EVAL_LERF_PROB + 1)

/* True for ceil(count / AUDIT_EVERY) of the indices below `count`: one by chance in each of as many
 * equal stretches. Depends on nothing else, so on no shard and no thread. */
bool audit_chooses(size_t index, size_t count, uint64_t seed);

/* True if the image of that index has areas in float32 beside its curves. */
bool audit_covers(const struct evaluation *evaluation, size_t index);

/* Metric of the curves as they are - that in float32; NaN where either is missing. */
double audit_difference(const struct evaluation *evaluation, const struct eval_image *image,
                        size_t method, struct eval_measure measure);

/* A zeroed audit becomes one of several differences: each is added, in the order of the images (NaN
 * is passed over), and the end makes means of the sums. `interval` is the metric's mean over all
 * images. */
void audit_add(struct vitlrp_audit *audit, double difference);
void audit_end(struct vitlrp_audit *audit, const struct vitlrp_statistic *interval);

#endif
