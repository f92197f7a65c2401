/* One input without some of its patches: what the model says of it then, and sets of patches that
 * decide what it says. Patches are replaced as evaluations do it (eval/replace.h, eval/road.h).
 * Finds sets along one order, by forward passes; never says that a set is the smallest one. */
#ifndef EVAL_REMOVAL_H
#define EVAL_REMOVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "imgio/preprocess.h"
#include "vit/model/model.h"

struct removal;

struct removal_options {
    const struct vit_model *model;
    const struct vitlrp_preprocess *preprocess; /* that made the input; read while it opens */
    int32_t input_height, input_width;
    size_t threads;
    const char *backend;
    size_t max_bytes; /* LIMIT beyond; 0: none */
    enum vitlrp_replacement replacement;
    uint64_t seed; /* of replacements with noise */
    struct vitlrp_session_observer observer;
};

/* Keeps a copy of input [3, input_height, input_width]. *out is owned: removal_close. The model
 * must outlive it. One thread at a time. */
enum vitlrp_status removal_open(const struct removal_options *options, const float *input,
                                struct removal **out, struct vitlrp_error *err);

/* NULL is ignored. */
void removal_close(struct removal *removal);

/* logits [count, classes] of versions of the input: masks [count, patches] are 1 where a patch is
 * taken away. NUMERIC if a logit is not finite, CANCELLED if the observer says so. */
enum vitlrp_status removal_logits(struct removal *removal, const uint8_t *masks, size_t count,
                                  float *logits, struct vitlrp_error *err);

struct removal_info {
    int32_t grid_height, grid_width;
    size_t at_once;  /* versions that are computed together */
    size_t forwards; /* versions that were computed since it opened */
};

struct removal_info removal_describe(const struct removal *removal);

/* What is looked for. A class is decided for where its logit is above that of `versus`; without one
 * (-1), where it is the largest of all, of equal ones the first, or, of probabilities by sigmoid,
 * above 0. */
struct removal_search {
    const float *scores; /* [patches]: the order of the search is from the largest to the least */
    int32_t output, versus;
    enum vitlrp_patch_goal goal;
    size_t most_prunings;
    uint8_t *set;  /* out [patches]: 1 in the patches of the set; all 0 if none was found */
    float *logits; /* out [classes]: with the set alone, or without it; of the last try if none was
                      found */
};

struct removal_found {
    bool found;
    size_t count;    /* of the set's patches */
    size_t prefix;   /* of the order that the set was pruned from */
    size_t forwards; /* that it took */
};

/* Finds a beginning of the order that reaches the goal, by doubling and halving, and leaves out
 * what can be left out, one patch at a time from its least relevant one on. Every set that it keeps
 * was seen to reach the goal in a forward pass. Fails as removal_logits. */
enum vitlrp_status removal_search(struct removal *removal, const struct removal_search *search,
                                  struct removal_found *found, struct vitlrp_error *err);

#endif
