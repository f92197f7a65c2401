#include "vit/tokens/pooling.h"

static const struct pool *const POOLS[] = {[VIT_POOL_CLS] = &POOL_CLS};

const struct pool *pool_of(enum vit_pool pool) {
    return POOLS[pool];
}
