#include "base/spell.h"

#include "base/text.h"

#define REPLACEMENT 0xFFFD /* what others put in the place of bytes that are not UTF-8 */

struct character character_read(const char *text, size_t length) {
    static const unsigned char lead_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t hostile;
    size_t size = text_utf8_length(text, length);
    if (size == 0) {
        return (struct character){.code = (unsigned char) text[0], .bytes = 1};
    }
    uint32_t code = (unsigned char) text[0] & lead_mask[size];
    for (size_t i = 1; i < size; i++) {
        code = code << 6 | ((unsigned char) text[i] & 0x3FU);
    }
    bool is_text = text_hostile_length(text, length, &hostile) == 0 && code != REPLACEMENT;
    return (struct character){.code = code, .bytes = size, .is_text = is_text};
}

size_t character_spell(const struct character *character, char out[SPELLED_BYTES]) {
    static const char DIGITS[] = "0123456789ABCDEF";
    bool is_byte = character->bytes == 1;
    bool is_short = character->code <= 0xFFFF;
    size_t digits = is_byte ? 2 : is_short ? 4 : 8;
    out[0] = '\\';
    out[1] = is_byte ? 'x' : is_short ? 'u' : 'U';
    for (size_t i = 0; i < digits; i++) {
        out[2 + i] = DIGITS[character->code >> 4 * (digits - 1 - i) & 0xFU];
    }
    return 2 + digits;
}
