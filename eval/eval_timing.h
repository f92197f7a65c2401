/* What the evaluator's forward passes cost against plain ones: the yardstick of `vitlrp bench
 * --eval`. */
#ifndef EVAL_EVAL_TIMING_H
#define EVAL_EVAL_TIMING_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/math/packs.h"
#include "vit/model/model.h"

struct eval_timing_options {
    const struct vit_model *model;
    size_t threads; /* images at the same time, as in an evaluation */
    const char *backend;
    size_t images;  /* 0: one for each thread */
    size_t methods; /* random orders, which share no points but the end points */
    int32_t steps;
    uint64_t seed;
    enum vitlrp_precision precision; /* of the evaluator; the others are in float32 */
};

struct eval_timing_result {
    size_t images, threads;
    const char *backend;             /* its name */
    enum vitlrp_precision precision; /* in use */
    size_t points;        /* inputs computed, by the evaluator and in plain batches alike */
    size_t single_points; /* by a session, one at a time: fewer, as they take longer */
    /* Thread seconds, summed over the images. All sides of an image are measured one right after
     * the other, so that a machine that slows down slows down all of them. */
    double evaluator_seconds; /* curves: orders, sets, masks, forward passes, softmax */
    double plain_seconds;  /* as many inputs through vit_batch_forward, whole batches at a time */
    double single_seconds; /* of single_points through vit_forward */
};

/* USAGE for counts of 0, images excepted; NOMEM. */
enum vitlrp_status eval_timing_run(const struct eval_timing_options *options,
                                   struct eval_timing_result *result, struct vitlrp_error *err);

#endif
