/* A file in the making: it is written under a temporary name, and gets its own only once it is
 * complete and on the disk. */
#ifndef BASE_DRAFT_H
#define BASE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/signals.h"
#include "base/status.h"

/* Where a file is to be. The descriptors are folders of one file system and stay the caller's. */
struct draft_place {
    int folder;
    const char *name; /* in the folder; must outlive the draft */
    int staging;      /* where its temporary file lies; -1: in the folder too */
};

struct draft {
    int staging;    /* folder of the temporary file */
    int folder;     /* folder of the file */
    int descriptor; /* of the temporary file */
    int lock;       /* of the same, read-only: says that its process lives; -1: none */
    const char *name;
    char temporary[64];  /* "" if there is none */
    struct signals held; /* what draft_open has to give back */
    bool replaces;       /* a file with these rights: */
    uint32_t mode, owner, group;
};

/* Begins the file. Until the draft has ended, this thread takes no signals: none leaves the
 * temporary file behind. A failed call leaves nothing open. */
enum vitlrp_status draft_open(const struct draft_place *place, struct draft *draft,
                              struct vitlrp_error *err);

/* Begins the file `path`, which must outlive the draft, with the temporary one beside it. */
enum vitlrp_status draft_open_path(const char *path, struct draft *draft, struct vitlrp_error *err);

enum vitlrp_status draft_write(struct draft *draft, const void *data, size_t size,
                               struct vitlrp_error *err);

/* fsync, rename, fsync of the folder. A file that is replaced passes on its mode, and its owner
 * where that is allowed. Ends the draft, failing or not; after a failure the old file is untouched
 * and the temporary one gone. */
enum vitlrp_status draft_commit(struct draft *draft, struct vitlrp_error *err);

/* Ends the draft that was written with this status: commits it, or discards it and returns the
 * status. */
enum vitlrp_status draft_finish(struct draft *draft, enum vitlrp_status status,
                                struct vitlrp_error *err);

/* Makes the file of these bytes, whole or not at all. */
enum vitlrp_status draft_put(const struct draft_place *place, const void *data, size_t size,
                             struct vitlrp_error *err);

/* Ends the draft and leaves no trace of it. One that has ended is fine. */
void draft_discard(struct draft *draft);

/* True for a name that a draft gives its temporary file, of any process. */
bool draft_is_temporary(const char *name);

#endif
