/* The folder that keeps what is done of eval and tune while they run, so that nothing is lost. */
#ifndef CLI_RUN_JOURNAL_H
#define CLI_RUN_JOURNAL_H

#include <stdbool.h>

#include "base/status.h"
#include "cli/args.h"
#include "cli/console.h"

struct run_journal {
    char *path;  /* owned; NULL: none */
    bool is_own; /* nobody asked for it: it goes when the results are written */
};

/* --journal, else NAME.journal beside the file NAME of the results; none without one (NULL, "-"),
 * and beside a pipe or a device. run_journal_free releases it. */
enum vitlrp_status run_journal_choose(const struct args *args, const char *results,
                                      struct run_journal *out, struct vitlrp_error *err);

void run_journal_free(struct run_journal *journal);

/* What it is good for once the results are written, or are not: says that it keeps them, or removes
 * it. Returns what becomes of the code. One that is not there is fine. */
enum exit_code run_journal_end(const struct run_journal *journal, bool cancelled,
                               enum exit_code code, const struct console *console);

#endif
