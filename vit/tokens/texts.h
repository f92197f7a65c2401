/* Texts of one pass, one behind the other: each has as many rows as it is long. */
#ifndef VIT_TEXTS_H
#define VIT_TEXTS_H

#include <stddef.h>

struct text_rows {
    size_t count;
    const size_t *starts; /* [count + 1]: the row at which each begins, and the end of the last */
    const size_t *pooled; /* [count]: the row of each that the head reads */
};

#endif
