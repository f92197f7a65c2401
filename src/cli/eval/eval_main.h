/* vitlrp eval: methods over a dataset, and how faithful their maps are. */
#ifndef CLI_EVAL_MAIN_H
#define CLI_EVAL_MAIN_H

#include "cli/args.h"
#include "cli/console.h"

enum exit_code eval_main(const struct args *args, struct console *console);

/* vitlrp merge: the shards of one evaluation together. */
enum exit_code merge_main(const struct args *args, struct console *console);

#endif
