/* vitlrp bench --eval: what the evaluator's forward passes cost against plain ones. */
#ifndef CLI_BENCH_EVAL_H
#define CLI_BENCH_EVAL_H

#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"

enum exit_code bench_eval_main(const struct args *args, const struct settings *settings,
                               const struct console *console);

#endif
