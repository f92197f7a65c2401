/* Antialiased text on pictures, in two prerendered sizes of DejaVu Sans (data/make_font.py). Knows
 * ASCII, Latin-1 and some punctuation; shows a box for any other character and for bytes that are
 * not UTF-8. No kerning, no right-to-left, no combining characters. */
#ifndef IMGIO_FONT_H
#define IMGIO_FONT_H

#include <stddef.h>
#include <stdint.h>

#include "imgio/image.h"

enum font_face { FONT_REGULAR, FONT_BOLD };

/* A view of a face in the program's constant data. */
struct font {
    const unsigned char *glyphs; /* table of records, ascending code points, the box last */
    int32_t count;
    int32_t ascent, descent; /* of the tallest glyphs over and below the base line, in pixels */
    int32_t line_height;
};

struct font font_open(enum font_face face);

/* Pixels from the origin of the first character to that of the one after the last. */
int32_t font_measure(const struct font *font, const char *text, size_t length);

/* The bytes of `text` that go on one line of `width` pixels: up to a newline, else up to the last
 * space that fits, else as many characters as fit, but at least one. *next is where the following
 * line begins, behind the newline or the spaces. */
size_t font_fit(const struct font *font, const char *text, size_t length, int32_t width,
                size_t *next);

/* Where a line has its origin, and its colour [3]. */
struct font_pen {
    int32_t x, baseline;
    const uint8_t *color;
};

/* Draws one line; what lies outside of the picture is cut off. */
void font_draw(const struct font *font, struct image *image, const struct font_pen *pen,
               const char *text, size_t length);

#endif
