/* Words of the texts that images are compared with: --words, what each holds of the text's logit,
 * and --word, one of them as what is explained. */
#ifndef CLI_TEXT_WORDS_H
#define CLI_TEXT_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"
#include "console.h"
#include "settings.h"
#include "vitlrp.h"
#include "vitlrp_words.h"

/* The text of an output, and what an image finds in it. Zero-initialise; text_words_close. */
struct text_words {
    struct vitlrp_text *text; /* owned; NULL: of no output yet */
    int32_t output;
    struct vitlrp_text_info info;
    struct vitlrp_rules rules;
    double logit_bias;
    float *embedding, *tokens, *words;  /* owned, in one block */
    struct vitlrp_ledger_entry *ledger; /* owned */
    double explained, sum;
};

/* Of the forward pass of the session: the words of the text that is the model's class `output`.
 * USAGE for a class that is no text, or the mean of several. */
enum vitlrp_status text_words_take(struct text_words *words, const struct settings *settings,
                                   const struct vitlrp_model *model, struct vitlrp_session *session,
                                   int32_t output, struct vitlrp_error *err);

void text_words_close(struct text_words *words);

/* Word number `number`, of words->info.words. */
struct vitlrp_word text_words_at(const struct text_words *words, size_t number);

/* A line for each word, in their order. */
void text_words_report(struct text *out, const struct text_words *words);

/* In one line, for a caption. */
void text_words_caption(struct text *out, const struct text_words *words);

/* As an object; *complete turns false without memory. */
json_t *text_words_json(const struct text_words *words, bool *complete);

/* Makes, of a model of one text, the one whose outputs are the words of the text; *model is
 * replaced by it. */
enum vitlrp_status text_words_choose(const struct settings *settings, const struct console *console,
                                     struct vitlrp_model **model, struct vitlrp_error *err);

/* The output of a word of such a model. USAGE, with the words that there are, for one that the text
 * does not have, has several times, or splits. */
enum vitlrp_status text_words_find(const struct vitlrp_model *model, const char *word,
                                   struct vitlrp_class *out, struct vitlrp_error *err);

#endif
