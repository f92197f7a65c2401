/* The conservation ledger: where relevance is absorbed on its way from the logit to the pixels. */
#ifndef VIT_LEDGER_H
#define VIT_LEDGER_H

#include <stddef.h>

#include "vit/program/session.h"

/* Writes entries in the order the backward pass meets the operations. entries NULL: records
 * nothing. */
struct ledger {
    struct vitlrp_ledger_entry *entries;
    size_t count;
};

/* Adds one operation that took in `received` from its output side and passed on `passed`. */
void ledger_record(struct ledger *ledger, int32_t block, const char *kind, double received,
                   double passed);

#endif
