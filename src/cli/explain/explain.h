/* The verb explain: images in, heat maps and numbers out. */
#ifndef CLI_EXPLAIN_H
#define CLI_EXPLAIN_H

#include "cli/args.h"
#include "cli/console.h"

/* Runs it and says what there is to say; returns the exit code. */
enum exit_code explain_main(const struct args *args, struct console *console);

#endif
