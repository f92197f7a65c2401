/* What a record states of the command that made it, in its member `run`: what vitlrp rerun repeats.
 */
#ifndef CLI_RUN_RECORD_H
#define CLI_RUN_RECORD_H

#include "base/json.h"
#include "base/text.h"
#include "settings.h"
#include "vitlrp.h"

/* The verb and the options that decide about figures, as words: "--class=281", "--words". */
json_t *json_run(const struct settings *settings, bool *complete);

/* The same as one line; *out must have no text, and is owned: text_free. */
enum vitlrp_status run_append(const struct settings *settings, struct text *out,
                              struct vitlrp_error *err);

/* Sets `run`, with the processor, the threads and the arithmetic of a session. Not for a file of a
 * batch, whose bytes are the same wherever its images are done: the folder's run.json has it. */
void json_set_run(json_t *object, const struct settings *settings,
                  const struct vitlrp_session_info *session, bool *complete);

#endif
