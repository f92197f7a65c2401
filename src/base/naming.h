/* What classes and models are called where people read it, in one line that is safe to show. */
#ifndef BASE_NAMING_H
#define BASE_NAMING_H

#include <stdint.h>

#include "base/text.h"

/* "goldfish (1)", or "class 1" for an empty label. Of a long label the beginning.
 * The label alone where index is negative: of several classes together. */
void class_name_append(struct text *out, const char *label, int32_t index);

/* The last part of a model's path; two where that is the name of every model of a hub. */
const char *model_short_name(const char *name);

#endif
