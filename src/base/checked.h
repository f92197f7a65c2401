/* Size arithmetic that cannot wrap. Every allocation size in the project goes through these. */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

/* *out = a * b; false, with *out untouched, if the product does not fit. */
static inline bool checked_mul(size_t *out, size_t a, size_t b) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) {
        return false;
    }
    *out = product;
    return true;
}

/* *out = a + b; false, with *out untouched, if the sum does not fit. */
static inline bool checked_add(size_t *out, size_t a, size_t b) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return false;
    }
    *out = sum;
    return true;
}

/* *out = value rounded up to a multiple of `alignment` (a power of two); false if that does not
 * fit. */
static inline bool checked_align(size_t *out, size_t value, size_t alignment) {
    size_t raised;
    if (!checked_add(&raised, value, alignment - 1)) {
        return false;
    }
    *out = raised & ~(alignment - 1);
    return true;
}

static inline size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

#endif
