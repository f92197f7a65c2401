/* What the targets for checkpoints share. */
#ifndef TESTS_FUZZ_LOAD_H
#define TESTS_FUZZ_LOAD_H

#include "fuzz/fuzz.h"
#include "vitlrp.h"

/* Reads all that a model has: weights, preprocessing, classes. */
void fuzz_look(const struct vitlrp_model *model);

/* Opens the input as a model, with heads where the file does not tell, and looks at all it has. */
void fuzz_load(const struct fuzz_input *input, int32_t heads);

/* As fuzz_load, once every stored entry of the zip archive has the checksum of its bytes, wherever
 * its records lie within the file: without, a fuzzer would not get behind the first changed byte.
 */
void fuzz_load_repaired(const struct fuzz_input *input, int32_t heads);

/* A zip archive of stored entries in memory. Owned: mem_free. */
struct fuzz_part {
    const char *name;
    const uint8_t *data;
    size_t size;
};

uint8_t *fuzz_make_zip(const struct fuzz_part *parts, size_t count, size_t *size);

#endif
