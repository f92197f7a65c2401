/* The public face of measuring: profiles of a session's passes, and what there is to compare. */
#include "api/api.h"
#include "api/api_session.h"
#include "vit/math/gemm.h"

const char *vitlrp_backend_name(size_t index) {
    static const char *const KNOWN[] = {"openblas", "onednn"};
    const struct gemm_backend *backend;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (gemm_backend_find(KNOWN[i], &backend, NULL) == VITLRP_OK && index-- == 0) {
            return KNOWN[i];
        }
    }
    return NULL;
}

void vitlrp_profile_init(struct vitlrp_profile *profile) {
    if (profile == NULL) {
        return;
    }
    *profile = (struct vitlrp_profile){.struct_size = sizeof *profile};
}

size_t vitlrp_profile_length(void) {
    return PROFILE_KINDS;
}

void vitlrp_session_profile_start(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_session_profile_start(session->vit);
    }
}

void vitlrp_session_profile_stop(struct vitlrp_session *session) {
    if (session != NULL) {
        vit_session_profile_stop(session->vit);
    }
}

static void give_entries(const struct profile_entry *from, struct vitlrp_profile_entry *to) {
    for (size_t i = 0; to != NULL && i < PROFILE_KINDS; i++) {
        to[i] = (struct vitlrp_profile_entry){profile_kind_name((enum profile_kind) i),
                                              from[i].seconds, from[i].flops};
    }
}

enum vitlrp_status vitlrp_session_profile(const struct vitlrp_session *session,
                                          struct vitlrp_profile *profile,
                                          struct vitlrp_error *error) {
    API_NEEDS(session != NULL && profile != NULL, error);
    const struct profile *found = vit_session_profile(session->vit);
    if (profile->struct_size != sizeof *profile) {
        return fail(error, VITLRP_USAGE, "the profile was not initialised");
    }
    give_entries(found->entries[PROFILE_FORWARD], profile->forward);
    give_entries(found->entries[PROFILE_BACKWARD], profile->backward);
    profile->forward_passes = found->passes[PROFILE_FORWARD];
    profile->backward_passes = found->passes[PROFILE_BACKWARD];
    return VITLRP_OK;
}
