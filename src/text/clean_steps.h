/* The cleanings of cleanings.def, and steps that they share. */
#ifndef TEXT_CLEAN_STEPS_H
#define TEXT_CLEAN_STEPS_H

#include <stddef.h>

#include "base/status.h"
#include "base/text.h"

/* Of every cleaning: appends what it makes of a text that is UTF-8. The caller checks *out's limit.
 */
#define TEXT_CLEANING(constant, name, function)                                                    \
    enum vitlrp_status function(const char *bytes, size_t length, struct text *out,                \
                                struct vitlrp_error *err);
#include "text/cleanings.def"
#undef TEXT_CLEANING

/* ftfy.fix_text and html.unescape twice: open_clip's basic_clean, but for the blanks at the ends.
 * Repairs no mojibake. LIMIT for entities within entities. */
enum vitlrp_status clean_basic(const char *bytes, size_t length, struct text *out,
                               struct vitlrp_error *err);

#endif
