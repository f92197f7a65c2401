/* What one input of a fuzz target may take: processor time and memory in proportion to its size.
 * More ends the process, for the fuzzer, or for the test that reads the files again, to see. */
#ifndef TESTS_FUZZ_BOUNDS_H
#define TESTS_FUZZ_BOUNDS_H

#include <stddef.h>

/* What a target's named limits allow beyond 4 s and a second for every MB, and beyond 64 MB
 * and 16 bytes for every byte. */
struct bounds {
    unsigned seconds;              /* of limits that do not depend on the input's size */
    unsigned seconds_per_megabyte; /* of a reader whose limit is its factor */
    size_t bytes;                  /* as seconds */
    size_t bytes_per_byte;         /* as seconds_per_megabyte */
};

/* Watches what follows until bounds_end. */
void bounds_begin(size_t input_size, const struct bounds *more);
void bounds_end(void);

/* The most memory of an input so far, and the most processor time in seconds: for those who choose
 * the bounds. */
size_t bounds_most_bytes(void);
double bounds_most_seconds(void);

/* The sizes of all inputs so far. */
size_t bounds_input_bytes(void);

/* For what counts the process's memory (bounds_glibc.c, bounds_sanitizer.c): `held` bytes are
 * allocated now. Called by any thread, inside malloc. */
void bounds_note(size_t held);

/* Starts the counting; called once. */
void bounds_watch_memory(void);

/* Bytes that are allocated now. */
size_t bounds_held(void);

#endif
