/* The characters by which files of merges spell bytes: one that prints is itself, the others are
 * U+0100 and what follows it, in ascending order. The symbols of bytes have the same order: first
 * those that print. */
#ifndef TEXT_BPE_ALPHABET_H
#define TEXT_BPE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define BPE_WORD_END "</w>"

/* 0 to 255, of a byte, and back. */
uint32_t bpe_byte_symbol(unsigned char byte);
unsigned char bpe_symbol_byte(uint32_t symbol);

/* Appends a byte's character. */
void bpe_append_character(unsigned char byte, struct text *out);

/* Appends the bytes that a valid UTF-8 text spells; false, with some of them appended, for a
 * character that spells none. */
bool bpe_append_spelled(const char *text, size_t length, struct text *out);

#endif
