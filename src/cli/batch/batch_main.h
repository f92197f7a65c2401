/* vitlrp batch: heat maps of a dataset, to be stopped and taken up again at any time. */
#ifndef CLI_BATCH_MAIN_H
#define CLI_BATCH_MAIN_H

#include "cli/args.h"
#include "cli/console.h"

enum exit_code batch_main(const struct args *args, struct console *console);

#endif
