/* The folder (base/run_folder) that keeps a search: run.json is what is searched and where it
 * begins; a line of results.jsonl is what an image came to in one step (eval/tune_step). */
#ifndef EVAL_TUNE_JOURNAL_H
#define EVAL_TUNE_JOURNAL_H

#include <stddef.h>

#include "base/run_folder.h"
#include "base/status.h"
#include "eval/record.h"

/* Begins the search in this folder, which is created if it is not there, or resumes it. `head` is
 * the record of an evaluation that has no images: of the method that is tuned, as it is at the
 * beginning. Of `places` results. As run_folder_open. */
enum vitlrp_status tune_journal_open(const char *path, const struct record *head, size_t places,
                                     struct run_folder *journal, struct vitlrp_error *err);

#endif
