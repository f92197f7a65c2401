/* A file on its way: written under a temporary name, and under its own only once it is complete and
 * on the disk. */
#ifndef BASE_DRAFT_H
#define BASE_DRAFT_H

#include <stddef.h>

#include "base/status.h"

struct draft {
    int staging;    /* folder of the temporary file */
    int folder;     /* folder of the file */
    int descriptor; /* of the temporary file */
    const char *name;
    char temporary[64]; /* "" if there is none */
};

/* Begins the file `path`, which must outlive the draft. The temporary file lies in the folder
 * `staging`, on the same file system; NULL: beside the file. A failed call leaves nothing open. */
enum vitlrp_status draft_open(const char *path, const char *staging, struct draft *draft,
                              struct vitlrp_error *err);

enum vitlrp_status draft_write(struct draft *draft, const void *data, size_t size,
                               struct vitlrp_error *err);

/* fsync, rename, fsync of the folder. Ends the draft, failing or not; after a failure the old file
 * is untouched and the temporary one gone. */
enum vitlrp_status draft_commit(struct draft *draft, struct vitlrp_error *err);

/* Ends the draft and leaves no trace of it. One that has ended is fine. */
void draft_discard(struct draft *draft);

#endif
