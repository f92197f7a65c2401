/* vitlrp tune: gammas for a model, found on images and judged on others. */
#ifndef CLI_TUNE_MAIN_H
#define CLI_TUNE_MAIN_H

#include "cli/args.h"
#include "cli/console.h"

enum exit_code tune_main(const struct args *args, struct console *console);

#endif
