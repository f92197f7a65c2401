/* HTML's character references, as Python's html.unescape and ftfy read them. The names are
 * data/html_entities.tsv (data/make_entities.py). */
#ifndef TEXT_HTML_ENTITY_H
#define TEXT_HTML_ENTITY_H

#include <stddef.h>

#include "base/text.h"

/* Appends the text with its references replaced as html.unescape does: also those without a
 * semicolon, of the names that HTML once had. */
void html_unescape(const char *bytes, size_t length, struct text *out);

/* Likewise as ftfy does: only those that end in a semicolon, and names in capitals too. */
void html_unescape_strictly(const char *bytes, size_t length, struct text *out);

#endif
