/* A repeated run of batch or concepts: its folder beside the record's. */
#ifndef CLI_RERUN_FOLDER_H
#define CLI_RERUN_FOLDER_H

#include "base/status.h"
#include "rerun_compare.h"
#include "rerun_record.h"

/* Compares run.json, the lines of the images, and every file of results that the new run in the
 * folder `path` has: JSON as records, others byte by byte. Below the record's folder no link is
 * followed. */
enum vitlrp_status rerun_folder_compare(const struct rerun_record *record, const char *path,
                                        struct rerun_comparison *comparison,
                                        struct vitlrp_error *err);

#endif
