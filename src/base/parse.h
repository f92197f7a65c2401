/* Strict numbers from text: the whole string, finite, in range, the same in every locale. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal integer with an optional minus; false unless the whole text is one and min <= value <=
 * max. */
bool parse_int64(const char *text, int64_t min, int64_t max, int64_t *out);

/* Decimal number ("0.25", "1e-3"); false on anything else, on NaN, infinity or overflow, or outside
 * [min, max]. */
bool parse_double(const char *text, double min, double max, double *out);

/* The first `length` bytes of text as parse_int64 reads them. */
bool parse_int64_span(const char *text, size_t length, int64_t min, int64_t max, int64_t *out);

/* The digits that a text begins with, whatever follows; false without any or beyond max. */
bool parse_leading_int64(const char *text, int64_t max, int64_t *out);

/* As parse_int64_span, of a number of bytes: "65536", or with one of the endings KiB, MiB and GiB.
 */
bool parse_bytes_span(const char *text, size_t length, int64_t min, int64_t max, int64_t *out);

#endif
