/* The inside of a session, for the files that compute with it: session.c, session_passes.c. */
#ifndef VIT_SESSION_PRIVATE_H
#define VIT_SESSION_PRIVATE_H

#include "vit/math/profile.h"
#include "vit/model/objective.h"
#include "vit/program/runner.h"
#include "vit/program/session.h"

struct vit_session {
    struct runner runner;
    struct attention_maps maps; /* [heads, tokens, tokens] each; NULL without attention_maps */
    float *last;                /* [rows_needed, dim], of vit_block_gradient; likewise */
    bool has_forward;
    struct profile profile; /* the engine's, while it is measured */
};

/* USAGE without a forward pass, and for targets out of range. */
enum vitlrp_status session_check_objective(const struct vit_session *session,
                                           const struct objective *objective,
                                           struct vitlrp_error *err);

/* G of the program's output, where a backward pass begins. */
void session_seed_output(const struct vit_session *session, const struct objective *objective);

/* From G of the input to the maps. */
enum vitlrp_status session_make_maps(const struct vit_session *session,
                                     struct vit_relevance *relevance, struct vitlrp_error *err);

#endif
