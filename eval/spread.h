/* Which images stand for all: a few that are evenly spread over a list. */
#ifndef EVAL_SPREAD_H
#define EVAL_SPREAD_H

#include <stddef.h>

/* The place of the k-th of `few` images among `count`: floor((k + 1/2) count / few). few > 0. */
static inline size_t spread_place(size_t k, size_t few, size_t count) {
    return (2 * k + 1) * count / (2 * few);
}

#endif
