/* Whether the inputs of a record are still what they were, before anything is computed. */
#ifndef CLI_RERUN_INPUTS_H
#define CLI_RERUN_INPUTS_H

#include "cli/console.h"
#include "rerun_command.h"
#include "rerun_record.h"

/* Compares the hashes of the images that the record names, and of the model, with those that it
 * states. Reports every one that is missing or another; CODE_INPUT then. */
enum exit_code rerun_inputs_check(const struct rerun_record *record,
                                  const struct rerun_command *command, const char *root,
                                  const struct console *console);

#endif
