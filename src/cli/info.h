/* The verb info: what is in a weights file, and what running it takes. */
#ifndef CLI_INFO_H
#define CLI_INFO_H

#include "args.h"
#include "console.h"

enum exit_code info_main(const struct args *args, struct console *console);

#endif
