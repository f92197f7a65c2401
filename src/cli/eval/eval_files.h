/* The files of an evaluation's reports: --json, --csv and --html, and -o for the JSON of merge. */
#ifndef CLI_EVAL_FILES_H
#define CLI_EVAL_FILES_H

#include <stdbool.h>

#include "base/status.h"
#include "cli/args.h"
#include "cli/console.h"
#include "cli/guard.h"
#include "vitlrp_eval.h"

enum eval_file { EVAL_FILE_JSON, EVAL_FILE_CSV, EVAL_FILE_HTML, EVAL_FILES };

struct eval_files {
    const char *path[EVAL_FILES]; /* NULL: not wanted; "-": standard output; owned by args */
    bool stdout_taken;
    struct guard guard; /* of what is read: for the library's options too */
};

/* Finds out before the work whether the files can be written. USAGE for two reports in one file or
 * a report in place of a file that is read, the model's (NULL: none) among them; IO for folders
 * that cannot be written to. eval_files_free releases it, after a failure too. */
enum vitlrp_status eval_files_plan(const struct args *args, const char *model_path,
                                   struct eval_files *files, struct vitlrp_error *err);

void eval_files_free(struct eval_files *files);

/* Writes those that are wanted, each whole or not at all. One that fails is reported and does not
 * keep the others back. */
enum exit_code eval_files_write(const struct eval_files *files,
                                const struct vitlrp_evaluation *evaluation);

#endif
