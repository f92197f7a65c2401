/* What a page of one image warns of, above everything else. */
#ifndef CLI_PAGE_NOTICES_H
#define CLI_PAGE_NOTICES_H

#include "base/text.h"
#include "explanation.h"

/* The warning of the photograph's reader, and what edits of the model's units did to the explained
 * class, as paragraphs of HTML. */
void page_notices_append(const struct explanation *explanation, struct text *out);

#endif
