/* safetensors files. */
#include "fuzz/fuzz_load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    int32_t heads = fuzz_byte(&input) % 5;
    fuzz_load(&input, heads);
    return 0;
}
