#include "vit/program/ledger.h"

/* head, norm; per block fc2, fc1, norm2, proj, softmax, qkv, norm1; position, cls, conv. */
enum { ENTRIES_BEFORE = 2, ENTRIES_PER_BLOCK = 7, ENTRIES_AFTER = 3 };

size_t vit_ledger_length(const struct vit_config *config) {
    return ENTRIES_BEFORE + ENTRIES_PER_BLOCK * (size_t) config->depth + ENTRIES_AFTER;
}

void ledger_record(struct ledger *ledger, int32_t block, const char *kind, double received,
                   double passed) {
    if (ledger->entries == NULL) {
        return;
    }
    ledger->entries[ledger->count++] =
        (struct vitlrp_ledger_entry){.block = block, .kind = kind, .absorbed = received - passed};
}
