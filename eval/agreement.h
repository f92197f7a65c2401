/* How far maps agree with what a model loses when patches leave: Spearman's rank correlation over
 * the patches with token-drop's map, and with sampled Shapley values (vit/methods/shapley.h). */
#ifndef EVAL_AGREEMENT_H
#define EVAL_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "eval/eval_run_private.h"

/* USAGE for a number of coalitions above 0 that is too small to tell anything. */
enum vitlrp_status agreement_check(const struct eval_protocol *protocol, struct vitlrp_error *err);

/* True if a run has maps to compare. */
bool agreement_is_wanted(const struct eval_run_options *options);

/* The two methods that maps are compared with; NULL behind them. */
const struct vit_method *agreement_method_at(size_t place);

/* What they are run with on an image, but for its seed. */
struct vitlrp_method_options agreement_options(const struct run *run,
                                               const struct vit_method *method);

/* Correlations of all valid maps of the image, and how exact the Shapley values are. What befalls
 * the two methods on this image alone leaves NaN. NOMEM, CANCELLED and the like are returned. */
enum vitlrp_status agreement_measure(const struct run *run, struct worker *worker,
                                     const struct eval_item *item, struct eval_image *image,
                                     struct vitlrp_error *err);

#endif
