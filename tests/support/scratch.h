/* A folder of a test's own, removed with everything in it. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <stddef.h>

struct scratch {
    char path[64];
};

struct scratch scratch_open(void);
void scratch_close(struct scratch *scratch);

/* "scratch/name" into out. */
void scratch_path(const struct scratch *scratch, const char *name, char *out, size_t size);

/* Writes a file, with the folders that its name asks for. */
void scratch_write(const struct scratch *scratch, const char *name, const void *data, size_t size);
void scratch_text(const struct scratch *scratch, const char *name, const char *text);

#endif
