/* The characters of a text, and how those that cannot be drawn are spelled out, so that a reader
 * sees which they are: \u0627 or \U0001F428, and \xNN for a byte that is not UTF-8 or a control
 * character. */
#ifndef BASE_SPELL_H
#define BASE_SPELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest spelling. */
#define SPELLED_BYTES 10

struct character {
    uint32_t code; /* of a byte that is not UTF-8, the byte */
    size_t bytes;  /* that it takes */
    bool is_text;  /* false for what is no character for people: bytes that are not UTF-8, control
                      characters, ends of lines, marks of direction, U+FFFD */
};

/* The character at `text`, where length > 0. */
struct character character_read(const char *text, size_t length);

/* Its spelling, without a zero byte; returns the number of bytes. */
size_t character_spell(const struct character *character, char out[SPELLED_BYTES]);

#endif
