/* A folder in the making: it is filled under a temporary name beside its own, which it gets once
 * everything is in it (base/draft does this for a file). */
#ifndef BASE_FOLDER_DRAFT_H
#define BASE_FOLDER_DRAFT_H

#include "base/status.h"
#include "base/text.h"

struct folder_draft {
    const char *path;      /* the caller's */
    struct text temporary; /* path of the temporary folder */
    int parent;            /* open: what holds both */
    int lock;              /* says that the process lives; -1: none */
};

/* Makes the temporary folder, hidden beside the path, and removes that of a process that was killed
 * while it made the same. Messages name the path. *draft must be ended, unless this has failed. */
enum vitlrp_status folder_draft_open(const char *path, struct folder_draft *draft,
                                     struct vitlrp_error *err);

/* Ends the folder that was filled with this status: gives it its name, and asks for this to be on
 * the disk, or removes it with its files, and returns the status. USAGE, and nothing is left
 * either, where something has that name that is no empty folder. */
enum vitlrp_status folder_draft_finish(struct folder_draft *draft, enum vitlrp_status status,
                                       struct vitlrp_error *err);

#endif
