/* The help texts, made from the option table, and their parts, of which the manual page and the
 * completions are made too (pages/). */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "args.h"
#include "base/status.h"
#include "base/text.h"

/* Of a command without words, and -h: a few lines of usage. */
void help_short(struct text *out);

/* --help: all of the verb where one was given, else a page that leads to the rest. */
void help_option(const struct args *args, struct text *out);

/* The verb help: of the topics that its operands name, or that page. USAGE for a topic that there
 * is not. */
enum vitlrp_status help_of(const struct args *args, struct text *out, struct vitlrp_error *err);

/* The topics beside the verbs, by their number: NULL beyond the last. */
const char *help_topic(size_t index, const char **summary);

/* The beginning of an option's help that says what it is: up to the first colon, semicolon or full
 * stop outside parentheses. Returns its length. */
size_t help_brief_length(const char *help);

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
