/* vitlrp bench --throughput: images per second of one image per thread against threads inside one
 * image. */
#ifndef CLI_BENCH_THROUGHPUT_H
#define CLI_BENCH_THROUGHPUT_H

#include "cli/args.h"
#include "cli/console.h"
#include "cli/settings.h"

enum exit_code bench_throughput_main(const struct args *args, const struct settings *settings,
                                     const struct console *console);

#endif
