/* Feeds files to a fuzz target without a fuzzer: a crash that was found once is not seen again.
 * usage: replay_NAME [FILE or FOLDER]...; a folder counts with everything below it. */
#define _GNU_SOURCE
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

#define FILE_LIMIT ((size_t) 16 << 20)

/* A copy of exactly the file's size, so that a read beyond its end is one beyond the block's. */
static void replay(const char *path) {
    struct bytes file;
    struct vitlrp_error err;
    if (file_read(path, FILE_LIMIT, &file, &err) != VITLRP_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    size_t size = file.size;
    uint8_t *copy = mem_calloc(size, 1);
    fuzz_check(copy != NULL, "no memory");
    memcpy(copy, file.data, size);
    bytes_free(&file);
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(copy, size);
    mem_free(copy);
}

int main(int argc, char **argv) {
    size_t count = 0;
    size_t bytes = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: %s [FILE or FOLDER]...\n", argv[0]);
        return 2;
    }
    FTS *walk = fts_open(argv + 1, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    while (walk != NULL && (entry = fts_read(walk)) != NULL) {
        if (entry->fts_info == FTS_NS || entry->fts_info == FTS_DNR) {
            fprintf(stderr, "%s: cannot be read\n", entry->fts_path);
            return 1;
        }
        if (entry->fts_info == FTS_F) {
            replay(entry->fts_accpath);
            bytes += (size_t) entry->fts_statp->st_size;
            count++;
        }
    }
    if (walk != NULL) {
        fts_close(walk);
    }
    fuzz_check(bounds_input_bytes() == bytes, "inputs of other sizes than the files");
    printf("%zu files, at most %zu kB and %.2f s each\n", count, bounds_most_bytes() >> 10,
           bounds_most_seconds());
    return count > 0 ? 0 : 1;
}
