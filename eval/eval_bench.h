/* What the evaluator's forward passes cost against plain ones: the yardstick of `vitlrp bench
 * --eval`. */
#ifndef EVAL_BENCH_H
#define EVAL_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "vit/model.h"

struct eval_bench_options {
    const struct vit_model *model;
    size_t threads; /* images at the same time, as in an evaluation */
    const char *backend;
    size_t images, methods; /* methods: random orders, which share no points but the end points */
    int32_t steps;
    uint64_t seed;
};

struct eval_bench_result {
    size_t points; /* inputs computed, by either side */
    /* Thread seconds, summed over the images. Both sides of an image are measured one right after
     * the other, so that a machine that slows down slows down both. */
    double evaluator_seconds; /* curves: orders, sets, masks, forward passes, softmax */
    double plain_seconds; /* as many inputs through vit_batch_forward, whole batches at a time */
};

/* USAGE for counts of 0; NOMEM. */
enum status eval_bench_run(const struct eval_bench_options *options,
                           struct eval_bench_result *result, struct error *err);

#endif
