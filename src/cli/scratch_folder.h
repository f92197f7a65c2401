/* A new folder for the files of one run, for this user alone. */
#ifndef CLI_SCRATCH_FOLDER_H
#define CLI_SCRATCH_FOLDER_H

#include "base/status.h"

/* Makes "vitlrp-VERB-" and six letters below TMPDIR, else below /tmp. *path is owned:
 * scratch_folder_remove. */
enum vitlrp_status scratch_folder_make(const char *verb, char **path, struct vitlrp_error *err);

/* Removes the folder with all that is in it, follows no link, and releases the path. NULL is fine.
 */
void scratch_folder_remove(char *path);

#endif
