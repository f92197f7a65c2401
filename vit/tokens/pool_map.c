/* The head reads what a learned query finds among the patches, or among all tokens: operations of
 * the program (append_map of vit/program/block.c), since it has weights and rules of its own. */
#include "vit/tokens/pooling.h"

const struct pool POOL_MAP = {.rows_needed = pool_all_rows, .parts = 1, .attends = true};
const struct pool POOL_MAP_ALL = {
    .rows_needed = pool_all_rows, .parts = 1, .reads_all = true, .attends = true};
