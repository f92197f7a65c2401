/* What eval and merge do with an evaluation that they have. */
#ifndef CLI_EVAL_REPORT_H
#define CLI_EVAL_REPORT_H

#include "cli/console.h"
#include "eval_files.h"
#include "vitlrp_eval.h"

/* Writes the files and the table, and reports images that failed. CODE_ITEMS if some did,
 * CODE_INPUT if all did. */
enum exit_code eval_report(const struct vitlrp_evaluation *evaluation,
                           const struct eval_files *files, const struct console *console);

#endif
