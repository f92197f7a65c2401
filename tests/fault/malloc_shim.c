/* malloc and its relatives for the whole process, libraries included, counted as base/mem's are.
 * For glibc, whose own functions do the work, and not for sanitizers, which have shims of theirs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

#include "fault/failing_memory.h"

const bool malloc_is_shimmed = true;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static void *refuse(void) {
    errno = ENOMEM;
    return NULL;
}

/* For libraries too, which the project's flags would hide them from. */
#pragma GCC visibility push(default)

void *malloc(size_t size) {
    return failing_memory_step() ? __libc_malloc(size) : refuse();
}

void *calloc(size_t count, size_t size) {
    return failing_memory_step() ? __libc_calloc(count, size) : refuse();
}

void *realloc(void *pointer, size_t size) {
    return failing_memory_step() ? __libc_realloc(pointer, size) : refuse();
}

void *memalign(size_t alignment, size_t size) {
    return failing_memory_step() ? __libc_memalign(alignment, size) : refuse();
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    if (!failing_memory_step()) {
        return ENOMEM;
    }
    *out = __libc_memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

#pragma GCC visibility pop
