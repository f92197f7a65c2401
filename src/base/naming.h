/* What classes and models are called where people read it, in one line that is safe to show. */
#ifndef BASE_NAMING_H
#define BASE_NAMING_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* "goldfish (1)", or "class 1" for an empty label. Of a long label the beginning.
 * The label alone where index is negative: of several classes together. */
void class_name_append(struct text *out, const char *label, int32_t index);

/* The first `most` of a record's edits of hidden units, with a comma between two of them, and how
 * many more there are; of a head's vector of constants the number of them. */
void edit_names_append(struct text *out, const json_t *edits, size_t most);

/* The last part of a model's path; two where that is the name of every model of a hub. */
const char *model_short_name(const char *name);

#endif
