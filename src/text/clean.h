/* What is done to a text before it is split into tokens. Reference tokenizers differ in it, and
 * with it in their ids of everything but plain ASCII. */
#ifndef TEXT_CLEAN_H
#define TEXT_CLEAN_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

/* The table of cleanings: cleanings.def. */
enum text_cleaning {
#define TEXT_CLEANING(constant, name, function) TEXT_CLEANING_##constant,
#include "text/cleanings.def"
#undef TEXT_CLEANING
    TEXT_CLEANINGS
};

/* The word of a cleaning, or NULL for another number. */
const char *text_cleaning_name(enum text_cleaning cleaning);

/* Appends the cleaned text to *out, whose limit it keeps. USAGE for bytes that are not UTF-8;
 * LIMIT, NOMEM. */
enum vitlrp_status text_clean(enum text_cleaning cleaning, const char *bytes, size_t length,
                              struct text *out, struct vitlrp_error *err);

#endif
