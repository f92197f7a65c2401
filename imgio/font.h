/* Antialiased text on pictures, in two prerendered faces of DejaVu Sans (data/make_font.py). They
 * have ASCII, Latin-1 and some punctuation. A text with another character is drawn by a shaper, if
 * the font has one; otherwise what the faces lack is spelled out (spell.h). No kerning. */
#ifndef IMGIO_FONT_H
#define IMGIO_FONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imgio/image.h"

enum font_face { FONT_REGULAR, FONT_BOLD };

struct shaper;

/* A view of a face in the program's constant data. */
struct font {
    const unsigned char *glyphs; /* table of records, ascending code points */
    int32_t count;
    int32_t ascent, descent; /* of the tallest glyphs over and below the base line, in pixels */
    int32_t line_height;
    enum font_face face;
    struct shaper *shaper; /* the caller's, of font_shaper; NULL: none */
};

/* Without a shaper. */
struct font font_open(enum font_face face);

/* True if the face has every character of the text, ends of lines apart. */
bool font_covers(const struct font *font, const char *text, size_t length);

/* A shaper (shaper.h) for fonts that will draw these texts, which may be NULL; NULL if the faces
 * have all that is in them, or if there is none. Owned: shaper_close. */
struct shaper *font_shaper(const char *text, const char *other);

/* Pixels from the origin of the first character to that of the one after the last. */
int32_t font_measure(const struct font *font, const char *text, size_t length);

/* The bytes of `text` that go on one line of `width` pixels: up to a newline, else up to the last
 * space that fits and has no per cent sign behind it, else as many characters as fit, but at least
 * one. *next is where the following line begins, behind the newline or the spaces. */
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
