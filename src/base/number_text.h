/* Numbers as text with a decimal point, whatever locale the program around us has chosen. */
#ifndef BASE_NUMBER_TEXT_H
#define BASE_NUMBER_TEXT_H

#include "base/text.h"

/* As printf's %.*g and %.*f; `value` must be finite. */
void number_significant(struct text *out, double value, int digits);
void number_fixed(struct text *out, double value, int decimals);

#endif
