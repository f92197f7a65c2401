/* The beginning of a run: new, or where an earlier one was stopped. */
#ifndef CLI_BATCH_RESUME_H
#define CLI_BATCH_RESUME_H

#include "base/json.h"
#include "base/status.h"
#include "batch_journal.h"
#include "batch_plan.h"
#include "batch_store.h"

/* Writes run.json if there is none, or compares with it; then opens the journal, in which images
 * whose files are missing, and with --retry-failed those that failed, are open again. USAGE for a
 * run of other settings, naming them, and for files in the way of a new one. A store that only
 * looks stays as it is. */
enum vitlrp_status batch_resume(const struct batch_plan *plan, const struct settings *settings,
                                const struct batch_store *store, const json_t *config,
                                struct batch_journal *journal, struct vitlrp_error *err);

#endif
