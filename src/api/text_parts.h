/* The tokens of a text and the words that they make, as people read them. */
#ifndef API_TEXT_PARTS_H
#define API_TEXT_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "text/tokenizer.h"
#include "vitlrp_words.h"

struct text_parts {
    struct vitlrp_token *tokens; /* [token_count]; pieces are in `strings` */
    struct vitlrp_word *words;   /* [word_count]; likewise */
    int32_t *of_token;           /* [token_count]: the word of each, once more */
    int32_t *ids;                /* [token_count], likewise */
    char *strings;               /* all of them, one behind the other */
    const char *text;            /* cleaned; in `strings` */
    size_t token_count, word_count;
};

/* Every token is of one word, and those of a word are neighbours. *out is owned: text_parts_free,
 * after a failure too. */
enum vitlrp_status text_parts_make(const struct tokenizer *tokenizer, const struct tokens *tokens,
                                   struct text_parts *out, struct vitlrp_error *err);

void text_parts_free(struct text_parts *parts);

#endif
