#include "base/number_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Longest %f of a double: 309 digits, a sign and decimals. */
#define NUMBER_LIMIT 400

/* Whatever stands for the point, one byte or several, becomes one. */
static void append_with_point(struct text *out, const char *number) {
    bool was_point = false;
    for (; *number != '\0'; number++) {
        bool is_plain = strchr("0123456789+-e", *number) != NULL;
        if (is_plain) {
            text_append(out, number, 1);
        } else if (!was_point) {
            text_append(out, ".", 1);
        }
        was_point = !is_plain;
    }
}

void number_significant(struct text *out, double value, int digits) {
    char number[NUMBER_LIMIT];
    snprintf(number, sizeof number, "%.*g", digits, value);
    append_with_point(out, number);
}

void number_fixed(struct text *out, double value, int decimals) {
    char number[NUMBER_LIMIT];
    snprintf(number, sizeof number, "%.*f", decimals, value);
    append_with_point(out, number);
}
