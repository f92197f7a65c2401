/* The measurement of `vitlrp bench --batch DIR`: images per second of a batch, files and all, and
 * of the attributions alone. */
#ifndef CLI_BENCH_BATCH_H
#define CLI_BENCH_BATCH_H

#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"

enum exit_code bench_batch_main(const struct args *args, const struct settings *settings,
                                struct console *console);

#endif
