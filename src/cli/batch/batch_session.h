/* The first session of a batch: it stands for those of its workers. */
#ifndef CLI_BATCH_SESSION_H
#define CLI_BATCH_SESSION_H

#include <stddef.h>

#include "base/status.h"
#include "batch_plan.h"
#include "cli/console.h"
#include "cli/explain_session.h"

/* Opens a session for the size that images will have, as far as that is known: a crop's, else the
 * one that the model was trained with. The model stays the caller's. explain_session_close releases
 * it, after a failure too. */
enum vitlrp_status batch_session_open(const struct settings *settings,
                                      const struct batch_plan *plan, struct vitlrp_model *model,
                                      struct console *console, struct explain_session *state,
                                      struct vitlrp_error *err);

/* How many of `wanted` workers there is memory for, with sessions like that of `state`. A warning
 * tells why they are fewer. */
enum vitlrp_status batch_session_workers(const struct explain_session *state, size_t wanted,
                                         size_t *workers, struct vitlrp_error *err);

/* How many images are to be explained at once: the settings' threads, which become one for each
 * image's session. */
size_t batch_take_threads(struct settings *settings);

#endif
