/* Kinds of bytes, and words that differ in case only, by ASCII alone. What <ctype.h> and strcasecmp
 * say depends on the locale of the program around us: in Turkish "I" is no capital of "i", so .TIFF
 * would not be .tiff, and some 8-bit locales have more blanks than ASCII. */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(unsigned char byte) {
    return byte >= '0' && byte <= '9';
}

/* Blank, tab, and the four characters that end lines or pages. */
static inline bool ascii_is_space(unsigned char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static inline unsigned char ascii_lower(unsigned char byte) {
    return byte >= 'A' && byte <= 'Z' ? (unsigned char) (byte - 'A' + 'a') : byte;
}

/* The value of a hexadecimal digit, in capitals or not; -1: it is none. */
static inline int ascii_hexadecimal(unsigned char byte) {
    unsigned char lower = ascii_lower(byte);
    return ascii_is_digit(byte) ? byte - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Equal but for the case of A to Z. */
static inline bool ascii_equal(const char *a, const char *b) {
    while (*a != '\0' && ascii_lower((unsigned char) *a) == ascii_lower((unsigned char) *b)) {
        a++;
        b++;
    }
    return ascii_lower((unsigned char) *a) == ascii_lower((unsigned char) *b);
}

#endif
