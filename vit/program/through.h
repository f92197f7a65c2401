/* Conditional maps: relevance that goes through some hidden units of a block, and no other way. */
#ifndef VIT_THROUGH_H
#define VIT_THROUGH_H

#include "vit/program/session.h"

/* Of the last forward's input. At the units' site G stays at the units and becomes 0 elsewhere, in
 * the shortcut beside them too; below, the usual pass (Achtibat et al. 2023, "From attribution maps
 * to human-understandable explanations through Concept Relevance Propagation", equation 5, by the
 * rules of vit/RULES.md). Maps are linear in G: those of a partition of a site add up to that of
 * all its units. With VITLRP_SEED_CLASS the part above is computed once for all groups; with
 * VITLRP_SEED_ACTIVATION G is 1 at the units, and targets are not read. rules NULL: the plain
 * gradient. USAGE without a forward and for units that the model does not have; NUMERIC if a map is
 * not finite. Takes memory for what it saves between groups. */
struct vit_through {
    const struct vitlrp_target *targets;
    size_t target_count;
    const struct vitlrp_rules *rules;
    enum vitlrp_unit_seed seed;
    struct vitlrp_unit_group *groups;
    size_t group_count;
};

enum vitlrp_status vit_session_through(struct vit_session *session,
                                       const struct vit_through *through, struct vitlrp_error *err);

#endif
