#include "vit/tokens/pooling.h"

#define POOL(constant, name) extern const struct pool POOL_##constant;
#include "vit/model/pools.def"

static const struct pool *const POOLS[] = {
#define POOL(constant, name) &POOL_##constant,
#include "vit/model/pools.def"
};

const struct pool *pool_of(enum vit_pool pool) {
    return POOLS[pool];
}
