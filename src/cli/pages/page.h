/* The manual page and the shells' completions, made from the option table and the parts of the
 * help. Knows no option by name: whatever the table and the library gain is in the pages with the
 * next build. */
#ifndef PAGES_PAGE_H
#define PAGES_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "cli/args.h"

void page_man(struct text *out);
void page_bash(struct text *out);
void page_zsh(struct text *out);
void page_fish(struct text *out);

/* What completes the value of an option. */
enum page_value {
    PAGE_NO_VALUE,
    PAGE_FILE,
    PAGE_WORD, /* one of its choices */
    PAGE_LIST, /* several of them, with commas */
    PAGE_OTHER /* a number, say: nothing does */
};

enum page_value page_value_of(enum option_id option);

/* The i-th word that an option takes with every verb, NULL beyond; with *summary, which may be
 * NULL: a few words about it, or NULL where there are none. */
const char *page_choice(enum option_id option, size_t i, const char **summary);

/* All words that an option takes with every verb, with a blank between two of them. */
void page_append_choices(struct text *out, enum option_id option);

/* What there is help on: topics and verbs, with `join` between two of them. */
void page_append_topics(struct text *out, const char *join);

/* The names of a set of verbs, with `join` between two of them. */
void page_append_verbs(struct text *out, unsigned verbs, const char *join);

/* Appends bytes, each that is one of `special` with a backslash before it. */
void page_append_quoted(struct text *out, const char *bytes, size_t length, const char *special);

#endif
