/* What a linear layer is for: the roles of include/vitlrp_roles.def, each with a gamma of its own.
 */
#ifndef VIT_ROLE_H
#define VIT_ROLE_H

enum vit_role {
#define ROLE(constant, name, text) VIT_ROLE_##constant,
#include "vitlrp_roles.def"
#undef ROLE
    VIT_ROLE_COUNT
};

#endif
