/* What a backward pass carries, and the parameters of its rules. */
#ifndef VIT_RULES_H
#define VIT_RULES_H

#include "vit/model/role.h"

enum vit_propagation {
    VIT_PROPAGATE_ATTNLRP,
    VIT_PROPAGATE_CP_LRP,  /* attention weights are constants */
    VIT_PROPAGATE_GRADIENT /* the plain gradient of the explained sum: gammas and epsilon are not
                              read */
};

/* Rule parameters of one attribution. */
struct vit_rules {
    enum vit_propagation propagation;
    float gamma[VIT_ROLE_COUNT];
    float epsilon;
};

#endif
