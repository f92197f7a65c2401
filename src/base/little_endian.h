/* Numbers between memory and files. All that this project reads and writes as raw numbers is
 * little-endian: the elements of .npy files and of checkpoints, the states of indexes, rows of
 * texts. Where the processor is too, nothing is done but copying. A few readers of single fields
 * shift bytes themselves. */
#ifndef BASE_LITTLE_ENDIAN_H
#define BASE_LITTLE_ENDIAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__
#error "the order of bytes within numbers is neither little-endian nor big-endian"
#endif

/* `count` numbers of item_size bytes each from one order to the other, whichever of the two is the
 * file's. Both may lie anywhere; they do not overlap. */
static inline void little_endian_copy(void *out, const void *numbers, size_t item_size,
                                      size_t count) {
    if (count == 0) {
        return; /* NULL is allowed */
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(out, numbers, item_size * count);
#else
    const unsigned char *from = numbers;
    unsigned char *to = out;
    for (size_t i = 0; i < item_size * count; i += item_size) {
        for (size_t k = 0; k < item_size; k++) {
            to[i + k] = from[i + item_size - 1 - k];
        }
    }
#endif
}

/* Likewise in place, for numbers of at most 8 bytes. */
static inline void little_endian_turn(void *numbers, size_t item_size, size_t count) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    (void) numbers;
    (void) item_size;
    (void) count;
#else
    unsigned char *at = numbers;
    unsigned char number[8];
    for (size_t i = 0; i < count; i++, at += item_size) {
        memcpy(number, at, item_size);
        little_endian_copy(at, number, item_size, 1);
    }
#endif
}

#endif
