/* The folder that a repeated run writes into: a new one of its own, for this user alone. */
#ifndef CLI_RERUN_SCRATCH_H
#define CLI_RERUN_SCRATCH_H

#include "base/status.h"

/* Makes it below TMPDIR, else below /tmp. *path is owned: rerun_scratch_remove. */
enum vitlrp_status rerun_scratch_make(char **path, struct vitlrp_error *err);

/* Removes the folder with all that is in it, follows no link, and releases the path. NULL is fine.
 */
void rerun_scratch_remove(char *path);

#endif
