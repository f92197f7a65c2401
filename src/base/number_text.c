#include "base/number_text.h"

void number_significant(struct text *out, double value, int digits) {
    text_printf(out, "%.*g", digits, value);
}

void number_fixed(struct text *out, double value, int decimals) {
    text_printf(out, "%.*f", decimals, value);
}
