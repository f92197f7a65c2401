/* What a vitlrp_session is inside. For src/api only. */
#ifndef API_API_SESSION_H
#define API_API_SESSION_H

#include <stddef.h>

#include "vit/methods/method.h"
#include "vitlrp.h"

struct vitlrp_session {
    struct vit_attributor *attributor;
    struct vit_session *vit;            /* the attributor's */
    struct vitlrp_target *targets;      /* [classes]: the caller's, in the inner layer's type */
    struct vitlrp_ledger_entry *ledger; /* [ledger_length] */
    float *input;   /* [3, input_height, input_width]: of the last forward, since some methods move
                       the inner session on to other inputs */
    float *patches; /* [grid_height, grid_width] */
    size_t classes, ledger_length, pixels, patch_count;
};

/* The caller's rules as the inner layer's; USAGE if they make no sense. */
enum vitlrp_status session_rules(const struct vitlrp_rules *rules, struct vit_rules *out,
                                 struct vitlrp_error *err);

/* The inner layer's rules as the caller's. */
struct vitlrp_rules session_public_rules(const struct vit_rules *rules);

/* Copies the caller's targets to session->targets; USAGE if there are too many. */
enum vitlrp_status session_take_targets(struct vitlrp_session *session,
                                        const struct vitlrp_target *targets, size_t target_count,
                                        struct vitlrp_error *err);

#endif
