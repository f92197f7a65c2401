/* Do maps depend on the model, and how much do they jump when the input hardly changes? Adebayo et
 * al., "Sanity Checks for Saliency Maps", NeurIPS 2018; Yeh et al., "On the (In)fidelity and
 * Sensitivity of Explanations", NeurIPS 2019. */
#ifndef EVAL_SANITY_H
#define EVAL_SANITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/eval_run.h"
#include "eval/item.h"
#include "eval/statistics.h"

struct sanity_options {
    const struct eval_run_options *evaluate; /* maps_only and input_noise are set here */
    uint64_t seed;
    size_t samples; /* Max-Sensitivity: perturbed inputs per image */
    double radius;  /* Max-Sensitivity: largest change of a normalised value */
};

/* 10 samples within 0.2, as Quantus has it. */
struct sanity_options sanity_options_default(const struct eval_run_options *evaluate);

/* Rank correlation of a method's maps with those of the trained model, after all weights from the
 * head down to a stage have been drawn anew. A map that depends on the model falls to 0; one that
 * stays near 1 shows the image and not the model. The output explained is always the trained
 * model's. */
struct sanity_randomization {
    size_t stage_count, method_count;
    char (*stages)[24]; /* [stage_count], eval/randomize.h; owned */
    struct vitlrp_statistic
        *correlation; /* [stage_count, method_count]: Spearman, of signed maps; owned */
    struct vitlrp_statistic *absolute; /* the same of absolute values; owned */
};

void sanity_randomization_free(struct sanity_randomization *randomization);

/* *out is owned: sanity_randomization_free. Images that can't be read are left out. CANCELLED if
 * the observer says so. */
enum vitlrp_status sanity_randomize(const struct sanity_options *options,
                                    const struct eval_item *items, size_t count,
                                    struct sanity_randomization *out, struct vitlrp_error *err);

/* out [method_count]: mean over the images of Max-Sensitivity, max over the samples of |map(x') -
 * map(x)| / |map(x)| (Euclidean), x' = x with every value moved by up to the radius. The output
 * explained is that of x. */
enum vitlrp_status sanity_max_sensitivity(const struct sanity_options *options,
                                          const struct eval_item *items, size_t count,
                                          struct vitlrp_statistic *out, struct vitlrp_error *err);

#endif
