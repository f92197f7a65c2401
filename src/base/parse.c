#define _GNU_SOURCE
#include "base/parse.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool parse_int64_span(const char *text, size_t length, int64_t min, int64_t max, int64_t *out) {
    bool negative = length > 0 && text[0] == '-';
    size_t start = negative ? 1 : 0;
    if (length == start) {
        return false;
    }
    int64_t value = 0; /* kept negative: the most negative number has no positive twin */
    for (size_t i = start; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, text[i] - '0', &value)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow((int64_t) 0, value, &value)) {
        return false;
    }
    if (value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool parse_bytes_span(const char *text, size_t length, int64_t min, int64_t max, int64_t *out) {
    static const char *const UNITS[] = {"KiB", "MiB", "GiB"};
    int64_t unit = 1;
    int64_t value = 0;
    for (size_t i = 0; i < 3 && length > 3; i++) {
        if (memcmp(text + length - 3, UNITS[i], 3) == 0) {
            unit = (int64_t) 1 << 10 * (i + 1);
            length -= 3;
            break;
        }
    }
    if (!parse_int64_span(text, length, INT64_MIN, INT64_MAX, &value) ||
        __builtin_mul_overflow(value, unit, &value) || value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}

bool parse_int64(const char *text, int64_t min, int64_t max, int64_t *out) {
    return parse_int64_span(text, strlen(text), min, max, out);
}

bool parse_leading_int64(const char *text, int64_t max, int64_t *out) {
    return parse_int64_span(text, strspn(text, "0123456789"), 0, max, out);
}

bool parse_double(const char *text, double min, double max, double *out) {
    /* strtod also takes blanks, hexadecimal, "inf" and "nan": none of them is a number here. */
    if (text[0] == '\0' || text[strspn(text, "+-0123456789.eE")] != '\0') {
        return false;
    }
    locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t) 0);
    if (c_locale == (locale_t) 0) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    double value = strtod_l(text, &end, c_locale);
    freelocale(c_locale);
    if (end == text || *end != '\0' || !isfinite(value) || value < min || value > max) {
        return false;
    }
    *out = value;
    return true;
}
