#define _POSIX_C_SOURCE 200809L
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

void *mem_calloc(size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size)) {
        return NULL;
    }
    return calloc(1, total == 0 ? 1 : total);
}

void *mem_alloc_aligned(size_t count, size_t size) {
    size_t total;
    void *block = NULL;
    if (!checked_mul(&total, count, size) ||
        !checked_align(&total, total == 0 ? 1 : total, MEM_ALIGNMENT)) {
        return NULL;
    }
    return posix_memalign(&block, MEM_ALIGNMENT, total) == 0 ? block : NULL;
}

void *mem_resize(void *pointer, size_t count, size_t size) {
    size_t total;
    if (!checked_mul(&total, count, size)) {
        return NULL;
    }
    return realloc(pointer, total == 0 ? 1 : total);
}

char *mem_strdup(const char *string) {
    size_t length = strlen(string) + 1;
    char *copy = mem_calloc(length, 1);
    if (copy != NULL) {
        memcpy(copy, string, length);
    }
    return copy;
}

void mem_free(void *pointer) {
    free(pointer);
}
