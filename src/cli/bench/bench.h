/* The verb bench: how long a forward pass and each method take, beside the machine's own matrix
 * product measured in the same rounds. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/args.h"
#include "cli/console.h"

enum exit_code bench_main(const struct args *args, struct console *console);

#endif
