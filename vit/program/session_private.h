/* The inside of a session, for the files that compute with it: session.c, session_passes.c. */
#ifndef VIT_SESSION_PRIVATE_H
#define VIT_SESSION_PRIVATE_H

#include "vit/math/profile.h"
#include "vit/program/runner.h"
#include "vit/program/session.h"

struct vit_session {
    struct runner runner;
    struct attention_maps maps; /* [heads, tokens, tokens] each; NULL without attention_maps */
    float *last;                /* [rows_needed, dim], of vit_block_gradient; likewise */
    bool has_forward;
    struct profile profile; /* the engine's, while it is measured */
};

#endif
