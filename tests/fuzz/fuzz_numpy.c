/* NumPy's files: .npz as checkpoints, as they are or with their checksums put right, and .npy. */
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "base/npy.h"
#include "fuzz/fuzz_load.h"

/* The input as the only array of an archive. */
static void load_array(const struct fuzz_input *input, int32_t heads) {
    size_t size = 0;
    const struct fuzz_part part = {"embedding/kernel.npy", input->data, input->size};
    uint8_t *file = fuzz_make_zip(&part, 1, &size);
    fuzz_load(&(struct fuzz_input){file, size}, heads);
    mem_free(file);
}

/* An array that is read is written, and read as the same. */
static void read_array(const struct fuzz_input *input, size_t rank) {
    size_t shape[NPY_MAX_RANK] = {0};
    size_t again_shape[NPY_MAX_RANK] = {0};
    float *values = NULL;
    float *again = NULL;
    struct bytes file;
    struct vitlrp_error err;
    enum vitlrp_status status =
        npy_read_float32(fuzz_file(input, 0), (size_t) 1 << 20, rank, shape, &values, &err);
    if (status != VITLRP_OK) {
        fuzz_check_failure(status, &err);
        return;
    }
    size_t count = 1;
    for (size_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    status = npy_encode_float32(values, rank, shape, &file, &err);
    fuzz_check(status == VITLRP_OK, "an array that is not written");
    struct fuzz_input written = {file.data, file.size};
    status =
        npy_read_float32(fuzz_file(&written, 0), (size_t) 1 << 21, rank, again_shape, &again, &err);
    fuzz_check(status == VITLRP_OK && memcmp(shape, again_shape, sizeof shape) == 0,
               "a written array that is not read");
    fuzz_check(memcmp(values, again, count * sizeof *values) == 0, "other values than written");
    bytes_free(&file);
    mem_free(values);
    mem_free(again);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    uint8_t way = fuzz_byte(&input);
    switch (way & 3) {
    case 0:
        fuzz_load(&input, way >> 2 & 7);
        break;
    case 1:
        fuzz_load_repaired(&input, way >> 2 & 7);
        break;
    case 2:
        load_array(&input, way >> 2 & 7);
        break;
    default:
        read_array(&input, (way >> 2) % (NPY_MAX_RANK + 1));
        break;
    }
}
