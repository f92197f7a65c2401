/* An allocator that fails when told to, in the place of base/mem.c, of jansson's allocator, and,
 * with the shim, of malloc itself, which libjpeg, the C library and OpenBLAS call. */
#ifndef TESTS_FAILING_MEMORY_H
#define TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Counts this thread's allocations from 1 on and fails the n-th (0: none), with all behind it if
 * `on` is set. */
void failing_memory_start(size_t nth, bool on);

/* Stops; how many allocations there were. */
size_t failing_memory_stop(void);

/* The largest block that base/mem was asked for since the start, in bytes. */
size_t failing_memory_largest(void);

/* Blocks of base/mem and jansson that are held at the moment. */
size_t failing_memory_held(void);

/* jansson gets its memory here from now on. */
void failing_memory_install(void);

/* For malloc_shim.c: false if this allocation is to fail. */
bool failing_memory_step(void);

/* True if malloc_shim.c is part of the program. */
extern const bool malloc_is_shimmed;

#endif
