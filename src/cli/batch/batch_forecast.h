/* What a batch would do: the answer to --dry-run. */
#ifndef CLI_BATCH_FORECAST_H
#define CLI_BATCH_FORECAST_H

#include <stddef.h>

#include "base/status.h"
#include "batch_journal.h"
#include "batch_plan.h"
#include "cli/console.h"
#include "cli/explain_session.h"

/* Tells it on standard output, unless the console is quiet. The journal has what earlier runs did;
 * `first` has an open session. */
enum vitlrp_status batch_forecast(const struct batch_plan *plan,
                                  const struct batch_journal *journal,
                                  const struct explain_session *first, size_t threads,
                                  const struct console *console, struct vitlrp_error *err);

#endif
