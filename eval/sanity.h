/* Do maps depend on the model, and how much do they change when the input hardly does? Cascading
 * randomisation (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018) and
 * Max-Sensitivity (Yeh et al., "On the (In)fidelity and Sensitivity of Explanations", NeurIPS
 * 2019). */
#ifndef EVAL_SANITY_H
#define EVAL_SANITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_run_private.h"

/* True if a run has maps to check, in either way. */
bool sanity_is_wanted(const struct eval_run_options *options);

/* How many parts of the model are drawn anew: as many as the protocol says, or as there are. */
int32_t sanity_parts(const struct eval_run_options *options);

/* A copy of the run's model of which so many parts are drawn anew from the head down; NULL for
 * none. *out is owned: vit_model_free; the run's model must outlive it. */
enum vitlrp_status sanity_model(const struct eval_run_options *options, struct vit_model **out,
                                struct vitlrp_error *err);

/* Of all valid maps of the image: rho_randomized, Spearman's rank correlation over the patches with
 * the map that the randomised model gives of the same output, and max_sensitivity, the largest
 * |map(x') - map(x)| / |map(x)| (Euclidean) over as many x' as the protocol says, x with every
 * normalised value moved by up to 0.2, uniform and seeded. NaN where the protocol asks for none,
 * for maps that were read, and where the method fails. NOMEM, CANCELLED and the like are returned.
 */
enum vitlrp_status sanity_measure(const struct run *run, struct worker *worker,
                                  const struct eval_item *item, const struct eval_image *image,
                                  struct vitlrp_error *err);

#endif
