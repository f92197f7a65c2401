/* What the command does without a verb: help, version, and a safe start. */
#ifndef CLI_GENERAL_H
#define CLI_GENERAL_H

#include <stdbool.h>

#include "args.h"
#include "console.h"

/* Puts something harmless where standard input, output or error is closed, so that no file that is
 * opened later takes its number. Reads and writes there still fail. */
void general_guard_streams(void);

/* True if -h, --help or --version was given. */
bool general_is_wanted(const struct args *args);

/* Answers it on standard output. */
enum exit_code general_main(const struct args *args);

/* The short help on standard error, for a call without arguments. */
enum exit_code general_usage(void);

#endif
