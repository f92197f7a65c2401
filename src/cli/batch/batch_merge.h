/* vitlrp merge with folders: the shards of a batch as the run that was not divided. */
#ifndef CLI_BATCH_MERGE_H
#define CLI_BATCH_MERGE_H

#include <stdbool.h>

#include "cli/args.h"
#include "cli/console.h"

/* True if the first operand is a folder. */
bool batch_merge_is_meant(const struct args *args);

enum exit_code batch_merge_main(const struct args *args, struct console *console);

#endif
