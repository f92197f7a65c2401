#include "text/bpe_alphabet.h"

#include "text/unicode.h"

/* Ranges of bytes and the symbol of their first: those that print, then the others. */
static const struct range {
    uint32_t first, last, symbol;
} RANGES[] = {{'!', '~', 0}, {0xA1, 0xAC, 94},  {0xAE, 0xFF, 106},
              {0, ' ', 188}, {0x7F, 0xA0, 221}, {0xAD, 0xAD, 255}};

enum { RANGE_COUNT = 6, OTHERS = 188, FIRST_OTHER = 0x100 };

uint32_t bpe_byte_symbol(unsigned char byte) {
    size_t i = 0;
    while (byte < RANGES[i].first || byte > RANGES[i].last) {
        i++;
    }
    return RANGES[i].symbol + byte - RANGES[i].first;
}

unsigned char bpe_symbol_byte(uint32_t symbol) {
    size_t i = 0;
    while (i + 1 < RANGE_COUNT && symbol >= RANGES[i + 1].symbol) {
        i++;
    }
    return (unsigned char) (symbol - RANGES[i].symbol + RANGES[i].first);
}

void bpe_append_character(unsigned char byte, struct text *out) {
    uint32_t symbol = bpe_byte_symbol(byte);
    character_append(out, symbol < OTHERS ? byte : (int32_t) (FIRST_OTHER + symbol - OTHERS));
}

bool bpe_append_spelled(const char *text, size_t length, struct text *out) {
    for (size_t i = 0; i < length;) {
        int32_t code;
        i += character_next(text + i, length - i, &code);
        uint32_t symbol = 0;
        if (code < FIRST_OTHER) {
            symbol = bpe_byte_symbol((unsigned char) code);
        } else {
            symbol = (uint32_t) code - FIRST_OTHER + OTHERS;
        }
        if ((code < FIRST_OTHER) != (symbol < OTHERS) || symbol > 0xFF) {
            return false;
        }
        char byte = (char) bpe_symbol_byte(symbol);
        text_append(out, &byte, 1);
    }
    return true;
}
