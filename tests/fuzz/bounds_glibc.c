/* malloc and its relatives for the whole process, libraries included, counted; glibc's own
 * functions do the work. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fuzz/bounds.h"

static atomic_size_t held;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

static void *taken(void *block) {
    size_t size = block == NULL ? 0 : malloc_usable_size(block);
    bounds_note(atomic_fetch_add(&held, size) + size);
    return block;
}

static void given(void *block) {
    if (block != NULL) {
        atomic_fetch_sub(&held, malloc_usable_size(block));
    }
}

/* For libraries too, which the project's flags would hide them from. */
#pragma GCC visibility push(default)

void *malloc(size_t size) {
    return taken(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return taken(__libc_calloc(count, size));
}

/* Both blocks may exist at the same time. */
void *realloc(void *pointer, size_t size) {
    size_t before = pointer == NULL ? 0 : malloc_usable_size(pointer);
    void *block = taken(__libc_realloc(pointer, size));
    if (block != NULL || size == 0) {
        atomic_fetch_sub(&held, before);
    }
    return block;
}

void *memalign(size_t alignment, size_t size) {
    return taken(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = memalign(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}

void free(void *pointer) {
    given(pointer);
    __libc_free(pointer);
}

#pragma GCC visibility pop

void bounds_watch_memory(void) {
}

size_t bounds_held(void) {
    return atomic_load(&held);
}
