/* The help texts, made from the option table, and their parts, of which the manual page and the
 * completions are made too (pages/). */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "args.h"
#include "base/text.h"

/* The short help: usage and the most used options. */
void help_short(struct text *out);

/* Everything, examples first; of one verb where it was given, else of all. */
void help_full(struct text *out, const struct args *args);

struct help_entry {
    const char *name; /* NULL behind the last of a list */
    const char *text;
};

const char *help_group_title(enum help_group group);

/* A verb in a few words; its lines of the usage and its examples: two blanks, what is typed, two
 * or more blanks, and an explanation, which deeper lines continue. */
const char *help_verb_summary(enum verb verb);
const char *help_verb_usage(enum verb verb);
const char *help_verb_examples(enum verb verb);

const struct help_entry *help_environment(void);
const struct help_entry *help_exit_status(void);

/* What else there is to say about command lines. */
const char *help_closing(void);

/* "(eval, tune) ": what an option belongs to that explain does not have. */
void help_append_verbs(struct text *out, unsigned verbs);

#endif
