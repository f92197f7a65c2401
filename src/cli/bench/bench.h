/* What bench measures instead of passes and methods, where it is asked to. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"

/* bench --batch DIR: images per second of a batch, files and all, and of the attributions alone. */
enum exit_code bench_batch_main(const struct args *args, const struct settings *settings,
                                struct console *console);

/* bench --eval: what the evaluator's forward passes cost against plain ones. */
enum exit_code bench_eval_main(const struct args *args, const struct settings *settings,
                               const struct console *console);

/* bench --throughput: images per second of one image per thread against threads inside one image.
 */
enum exit_code bench_throughput_main(const struct args *args, const struct settings *settings,
                                     const struct console *console);

#endif
