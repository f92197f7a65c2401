/* A new folder for the files of one run, for this user alone. */
#ifndef CLI_SCRATCH_FOLDER_H
#define CLI_SCRATCH_FOLDER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/status.h"

struct scratch_folder {
    char *path; /* owned; NULL: there is none */
    int parent; /* open */
    int lock;   /* says that the process lives; -1: none */
    bool is_watched;
    pthread_t watcher; /* removes the folder where a signal ends the process */
};

/* Makes .vitlrp-scratch-PROCESS-N below TMPDIR, else below /tmp, and removes those of this user's
 * processes that were killed. *folder must be removed, by the same thread, unless this has failed.
 * Until then RUN_WATCH_ENDING remove the folder and end the process, but for those that are
 * ignored; what other signals leave the next run removes. *folder stays where it is. */
enum vitlrp_status scratch_folder_make(struct scratch_folder *folder, struct vitlrp_error *err);

/* Removes the folder with all that is in it, and follows no link. A zeroed one, and one that is
 * removed, is fine. */
void scratch_folder_remove(struct scratch_folder *folder);

#endif
