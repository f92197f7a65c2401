/* The perturbation curves of one image over hidden units: MoRF and LeRF of any number of scores of
 * the neurons or heads of consecutive blocks, which form one ranking. Every set of units that are
 * off is computed once, whichever curves pass through it. And what scores say of single units,
 * against what the logit loses without each. */
#ifndef EVAL_UNIT_CURVE_H
#define EVAL_UNIT_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_results.h"
#include "eval/point.h"
#include "eval/unit_order.h"
#include "vit/model/model.h"
#include "vit/program/batch.h"

struct unit_evaluator;

struct unit_curve_options {
    const struct vit_model *model;
    struct vit_batch *batch; /* computes the points; opened with options.units */
    enum vitlrp_site site;   /* fc1 or head */
    size_t blocks;           /* of a request, at most */
    const float *means;  /* of all blocks: what units that are off are at, as vit_unit_versions has
                            it; NULL: 0 */
    size_t block_means;  /* numbers of a block there */
    size_t method_count; /* at most, per image */
    size_t single_count; /* likewise */
};

/* *out is owned: unit_evaluator_close. Everything that `options` points to must outlive it. USAGE
 * for another site or more blocks than there are. One thread at a time. */
enum vitlrp_status unit_evaluator_open(const struct unit_curve_options *options,
                                       struct unit_evaluator **out, struct vitlrp_error *err);

/* NULL is ignored. */
void unit_evaluator_close(struct unit_evaluator *evaluator);

/* Bytes for the sets of so many methods over a ranking of `units`: most of what one takes. False if
 * they cannot be counted. */
bool unit_evaluator_bytes(size_t units, size_t method_count, size_t *bytes);

/* Of one method on one image. */
struct unit_curves {
    float of[EVAL_CURVES][UNIT_POINTS];
    double units_to_lose; /* the fewest of the best units, of the counts that were measured, without
                             which another class has the largest logit; all of them if none has.
                             NaN if another one has it from the beginning */
    double rho, pearson;  /* Spearman's and Pearson's correlation of the scores of the single units
                             with what the logit loses without each; NaN without such */
};

struct unit_curve_request {
    const float *input; /* [3, input_height, input_width], normalised */
    struct point_question question;
    size_t first_block, blocks; /* of the ranking: at most unit_curve_options.blocks */
    const float *const *scores; /* [method_count]: [blocks, width] each, of the ranking's blocks */
    size_t method_count;        /* at most unit_curve_options.method_count */
    bool curves_alone;          /* nothing else of unit_curves: the rest is NaN */
    const uint32_t *singles;    /* units of the ranking, block * width + index, ascending */
    size_t single_count;        /* at most unit_curve_options.single_count */
};

/* curves [method_count], which have the bits of a request for curves alone. USAGE for blocks that
 * there are not; NUMERIC if a score or a logit is not finite. */
enum vitlrp_status unit_curve_evaluate(struct unit_evaluator *evaluator,
                                       const struct unit_curve_request *request,
                                       struct unit_curves *curves, struct vitlrp_error *err);

#endif
