/* The words for the values of enumerations: in records, in options, in messages and in Python. A
 * value's place is its number. No word is written anywhere else. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

enum word_list {
    WORDS_STATUS,
    WORDS_RESIZE,
    WORDS_INTERPOLATION,
    WORDS_CROP_OFFSET,
    WORDS_OUTPUTS,
    WORDS_PRECISION,
    WORDS_ATTENTION_RULE,
    WORDS_ROLE,
    WORDS_HEAD_FUSION,
    WORDS_STYLE,
    WORDS_UPSAMPLE,
    WORDS_MAP_KIND,
    WORDS_UNDERLAY,
    WORDS_TOP_AS,
    WORDS_COLORMAP_KIND,
    WORDS_PICTURE_FORMAT,
    WORDS_REPLACEMENT,
    WORDS_EVAL_TARGET,
    WORDS_EVAL_UNITS,
    WORDS_PATCH_GOAL,
    WORDS_WEIGHTS,
    WORDS_ACTIVATION,
    WORDS_TEXT_TOWER,
    WORDS_POOL,
    WORDS_PROBABILITY,
    WORDS_FACT_SOURCE,
    WORDS_SCORE,
    WORDS_MASKS,
    WORDS_MODEL_KIND,
    WORDS_SITE,
    WORDS_UNIT_SEED,
    WORDS_CONCEPT_KIND,
    WORD_LISTS
};

/* All words of a list, NULL behind the last. */
const char *const *words_of(enum word_list list);

/* The name of the list: that of its enumeration without "vitlrp_"; NULL beyond the last list. */
const char *words_name(enum word_list list);

/* The word of a value; NULL if there is no such value. */
const char *word_of(enum word_list list, int64_t value);

/* The value of a word; -1 if there is no such word. */
int word_find(enum word_list list, const char *word);

/* Appends "a, b or c"; `words` ends with NULL. */
void words_append(struct text *out, const char *const *words);

#endif
