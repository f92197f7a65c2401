/* torch.save's files, as they are or with their checksums put right; and pickles alone, which find
 * storages of whatever size they ask for. */
#include "base/mem.h"
#include "fuzz/fuzz_load.h"
#include "vit/load/pickle.h"

/* The pickle in an archive with one storage, "0". */
static void load_pickle(struct fuzz_input *input, int32_t heads) {
    static const uint8_t zeros[4096];
    size_t size = 0;
    size_t storage = fuzz_number(input) % (sizeof zeros + 1);
    const struct fuzz_part parts[] = {
        {"a/data.pkl", input->data, input->size},
        {"a/data/0", zeros, storage},
        {"a/version", (const uint8_t *) "3\n", 2},
    };
    uint8_t *file = fuzz_make_zip(parts, 3, &size);
    fuzz_load(&(struct fuzz_input){file, size}, heads);
    mem_free(file);
}

static void parse_pickle(const struct fuzz_input *input) {
    struct pickle pickle;
    struct vitlrp_error err;
    size_t consumed = 0;
    enum vitlrp_status status =
        pickle_parse(input->data, input->size, 100000, &consumed, &pickle, &err);
    if (status == VITLRP_OK) {
        fuzz_check(pickle.root != NULL && consumed <= input->size, "a strange end of the pickle");
        fuzz_touch(input->data, consumed);
    } else {
        fuzz_check_failure(status, &err);
    }
    pickle_free(&pickle);
}

const struct bounds FUZZ_BOUNDS = {0};

void fuzz_one(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    uint8_t way = fuzz_byte(&input);
    int32_t heads = way >> 2 & 7;
    switch (way & 3) {
    case 0:
        fuzz_load(&input, heads);
        break;
    case 1:
        fuzz_load_repaired(&input, heads);
        break;
    case 2:
        load_pickle(&input, heads);
        break;
    default:
        parse_pickle(&input);
        break;
    }
}
