/* The attention share of rules as one number: CP-LRP is its 0 and AttnLRP its half. */
#ifndef BASE_ATTENTION_SHARE_H
#define BASE_ATTENTION_SHARE_H

#include "vitlrp_types.h"

/* At 0 and 0.5 the rules are those of CP-LRP and AttnLRP, to the bit. */
static inline void attention_share_set(struct vitlrp_rules *rules, float share) {
    rules->attention_share = share;
    rules->attention = share == 0.0F   ? VITLRP_ATTENTION_CP
                       : share == 0.5F ? VITLRP_ATTENTION_ATTNLRP
                                       : VITLRP_ATTENTION_SHARE;
}

#endif
