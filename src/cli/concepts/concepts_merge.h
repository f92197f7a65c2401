/* The shards of a run over hidden units, each in a folder of its own, become one run. */
#ifndef CLI_CONCEPTS_MERGE_H
#define CLI_CONCEPTS_MERGE_H

#include <stdbool.h>

#include "cli/args.h"
#include "cli/console.h"

/* True if the first operand is the folder of such a run. */
bool concepts_merge_is_meant(const struct args *args);

/* The verb merge for such folders. */
enum exit_code concepts_merge_main(const struct args *args, struct console *console);

#endif
