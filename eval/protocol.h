/* The perturbation protocol: in which order patches are replaced, how many at each point, and what
 * is made of a curve. eval/PROTOCOL.md states it for readers. */
#ifndef EVAL_PROTOCOL_H
#define EVAL_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "eval/evaluation.h"

/* 28 steps, 0 after normalisation, the predicted class, seed 0. */
struct eval_protocol eval_protocol_default(void);

/* USAGE unless every setting is in the range that eval/settings.def has. */
enum vitlrp_status eval_protocol_check(const struct eval_protocol *protocol,
                                       struct vitlrp_error *err);

/* "zero", "black", "mean", "blur", "noise", "road", NULL for no value of it; USAGE, listing them,
 * for another name. */
const char *eval_replacement_name(enum vitlrp_replacement replacement);
enum vitlrp_status eval_replacement_find(const char *name, enum vitlrp_replacement *out,
                                         struct vitlrp_error *err);

/* "predicted", "label", likewise. */
const char *eval_target_name(enum vitlrp_eval_target target);
enum vitlrp_status eval_target_find(const char *name, enum vitlrp_eval_target *out,
                                    struct vitlrp_error *err);

/* "fp32", "mixed", "bf16", NULL for no value of it; USAGE, listing them, for another name. */
const char *eval_precision_name(enum vitlrp_precision precision);
enum vitlrp_status eval_precision_find(const char *name, enum vitlrp_precision *out,
                                       struct vitlrp_error *err);

/* Patches replaced at point k of K: floor(k T / K + 1/2), exactly. */
size_t protocol_replaced(size_t point, size_t steps, size_t patches);

/* One patch in an order. */
struct ranked_patch {
    float score;
    uint32_t patch;
};

/* order [patches]: score descending, equal scores by patch index. The scores must not be NaN. */
void protocol_rank(const float *scores, size_t patches, struct ranked_patch *order);

/* Trapezoid rule over k / K in [0, 1]; curve [steps + 1]. */
double protocol_area(const float *curve, size_t steps);

#endif
