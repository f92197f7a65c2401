/* safetensors files. */
#include "fuzz/fuzz_load.h"

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    int32_t heads = fuzz_byte(&input) % 5;
    fuzz_load(&input, heads);
}
