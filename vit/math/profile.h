/* Where the time of forward and backward passes goes: seconds and counted operations of every kind
 * of operation. Hangs in struct engine; NULL there measures nothing and costs a branch for each
 * operation. Measuring changes no result.
 *
 * A pass is measured in laps: the time since the last lap belongs to the kind of operation that has
 * just ended, so that the kinds add up to the pass. */
#ifndef VIT_PROFILE_H
#define VIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

enum profile_kind {
    PROFILE_CONV, /* patch embedding */
    PROFILE_NORM,
    PROFILE_QKV,
    PROFILE_ATTENTION, /* both products and the softmax */
    PROFILE_PROJ,
    PROFILE_FC1,
    PROFILE_GELU,
    PROFILE_FC2,
    PROFILE_HEAD,
    PROFILE_OTHER, /* checks, copies and maps at the end of a pass */
    PROFILE_KINDS
};

enum profile_pass { PROFILE_FORWARD, PROFILE_BACKWARD, PROFILE_PASSES };

struct profile_entry {
    double seconds;
    double flops; /* of vit/math/flops.h */
};

struct profile {
    struct profile_entry entries[PROFILE_PASSES][PROFILE_KINDS];
    size_t passes[PROFILE_PASSES]; /* that have ended */

    /* The pass under way. */
    bool running;
    enum profile_pass pass;
    double last; /* seconds at the last lap */
};

/* The kind's name, a constant. */
const char *profile_kind_name(enum profile_kind kind);

/* Around a pass; NULL: does nothing. What is left at its end is PROFILE_OTHER. */
void profile_begin(struct profile *profile, enum profile_pass pass);
void profile_end(struct profile *profile);

/* Outside of a pass this counts nothing. */
void profile_count(struct profile *profile, enum profile_kind kind, double flops);

/* An operation of that kind has ended. */
static inline void profile_lap(struct profile *profile, enum profile_kind kind, double flops) {
    if (profile != NULL) {
        profile_count(profile, kind, flops);
    }
}

#endif
