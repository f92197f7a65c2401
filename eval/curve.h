/* The perturbation curves of one image: MoRF and LeRF of any number of methods, under every
 * replacement of the protocol. Under each, every set of removed patches is computed once whichever
 * curves pass through it, the end points above all. */
#ifndef EVAL_CURVE_H
#define EVAL_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_results.h"
#include "imgio/preprocess.h"
#include "vit/model/model.h"
#include "vit/program/batch.h"

struct curve_evaluator;

struct curve_options {
    const struct vit_model *model;
    struct vit_batch *batch; /* computes the points; the evaluator's size is the batch's */
    struct vit_batch *audit; /* in float32, for requests that want audits; may be NULL otherwise */
    int32_t input_height, input_width;
    const struct vitlrp_preprocess *preprocess;
    struct eval_protocol protocol;
    size_t method_count; /* at most, per image */
};

/* *out is owned: curve_evaluator_close. Everything that `options` points to must outlive it. All
 * memory but that of a blurred replacement is allocated here. One thread at a time. */
enum vitlrp_status curve_evaluator_open(const struct curve_options *options,
                                        struct curve_evaluator **out, struct vitlrp_error *err);

/* NULL is ignored. */
void curve_evaluator_close(struct curve_evaluator *evaluator);

struct curve_request {
    const float *input; /* [3, input_height, input_width], normalised */
    int32_t output;     /* whose logit and probability are measured */
    int32_t expected;   /* the class that top-1 is compared with */
    uint64_t seed;      /* of this image, for replacements with noise */
    const float *donor; /* another image's input, for VITLRP_REPLACE_DONOR; NULL without it */
    struct eval_method_result *methods; /* valid ones: from patches to the curves under each
                                           replacement, which the caller has allocated */
    size_t method_count;                /* at most curve_options.method_count */
    bool audited;    /* computes the points by the audit's batch too: fills fp32_areas */
    bool has_versus; /* what is measured is the difference to this output */
    int32_t versus;
};

/* The curves under a replacement have the bits of a protocol that has it alone. NUMERIC if a logit
 * is not finite. */
enum vitlrp_status curve_evaluate(struct curve_evaluator *evaluator,
                                  const struct curve_request *request, struct vitlrp_error *err);

#endif
