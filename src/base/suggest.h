/* What somebody may have meant who typed a word that there is not. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include <stddef.h>

/* A search for the nearest of some words; blanks, - and _ in them and their case make no
 * difference. */
struct suggestion {
    const char *typed; /* `length` bytes of it */
    size_t length;
    const char *nearest; /* so far; NULL: no word is near */
    size_t mistakes;     /* letters that are wrong, missing, too many or exchanged */
};

struct suggestion suggest_for(const char *typed, size_t length);

/* Another word that could be meant. */
void suggest_word(struct suggestion *suggestion, const char *word);

/* What other programs call something, and what it is here. */
struct other_name {
    const char *name; /* NULL behind the last */
    const char *here;
};

/* What the words are called here; NULL if the table does not know them. */
const char *suggest_known(const struct other_name *table, const char *typed, size_t length);

#endif
