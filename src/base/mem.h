/* The one place that allocates. Tests replace mem.c at link time by one that fails on the n-th
 * call. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_ALIGNMENT ((size_t) 64) /* a cache line, and the widest vector register */

/* count * size zeroed bytes, or NULL when the product wraps or memory is short. A zero size gives a
 * unique pointer. */
void *mem_calloc(size_t count, size_t size);

/* Like mem_calloc, aligned to MEM_ALIGNMENT and not zeroed. */
void *mem_alloc_aligned(size_t count, size_t size);

/* Like realloc(pointer, count * size); on failure the old block stays valid. Not for aligned
 * blocks. */
void *mem_resize(void *pointer, size_t count, size_t size);

/* A copy of the string, or NULL. */
char *mem_strdup(const char *string);

/* Bytes of address space that this process can still have (see ulimit -v); UINT64_MAX where the
 * system sets no limit, or does not say. Takes none, not for a moment: another thread may be in a
 * library that does not survive it where it finds none. */
uint64_t mem_addresses_left(void);

/* Releases any block of this header; NULL is ignored. */
void mem_free(void *pointer);

/* What a photograph of 12 megapixels takes, with what is made of it on its way into a model or into
 * a picture: for the count of what a thread will hold. */
#define MEM_OF_PHOTOGRAPH ((size_t) 72 << 20)

#endif
