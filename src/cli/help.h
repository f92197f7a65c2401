/* The help texts, made from the option table. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "args.h"
#include "base/text.h"

/* The short help: usage and the most used options. */
void help_short(struct text *out);

/* Everything, examples first; of one verb where it was given, else of all. */
void help_full(struct text *out, const struct args *args);

#endif
