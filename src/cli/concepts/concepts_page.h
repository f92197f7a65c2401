/* The page of a run that merge has joined. */
#ifndef CLI_CONCEPTS_PAGE_H
#define CLI_CONCEPTS_PAGE_H

#include "cli/args.h"
#include "cli/console.h"

/* Makes it, by merge's options, where the model and the images are those of run.json; says why
 * there is none where they are not at hand. */
enum exit_code concepts_page(const struct args *args, const char *folder, struct console *console);

#endif
