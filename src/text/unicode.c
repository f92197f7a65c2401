#include "text/unicode.h"

#include <utf8proc.h>

#include "base/ascii.h"
#include "base/text.h"

size_t character_next(const char *bytes, size_t length, int32_t *code) {
    unsigned char first = (unsigned char) bytes[0];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *) bytes,
                                             (utf8proc_ssize_t) length, (utf8proc_int32_t *) code);
    if (size < 1) { /* not of a valid text */
        *code = 0xFFFD;
        return 1;
    }
    return (size_t) size;
}

void character_append(struct text *out, int32_t code) {
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t size = utf8proc_encode_char(code, bytes);
    text_append(out, (const char *) bytes, (size_t) size);
}

bool text_is_ascii(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char) bytes[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

static bool is_space(int32_t code) {
    if (code < 0x80) {
        return ascii_is_space((unsigned char) code);
    }
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

enum character_class character_class(int32_t code) {
    if (is_space(code)) {
        return CHARACTER_SPACE;
    }
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
        return CHARACTER_LETTER;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return CHARACTER_NUMBER;
    default:
        return CHARACTER_OTHER;
    }
}

/* Unicode's Case_Ignorable: marks, formats, modifiers, and punctuation inside of words. */
static bool is_case_ignorable(int32_t code) {
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        break;
    }
    static const int32_t INSIDE[] = {'\'',   '.',    ':',    0xB7,   0x387,  0x55F,
                                     0x5F4,  0x2018, 0x2019, 0x2024, 0x2027, 0xFE13,
                                     0xFE52, 0xFE55, 0xFF07, 0xFF0E, 0xFF1A};
    for (size_t i = 0; i < sizeof INSIDE / sizeof *INSIDE; i++) {
        if (INSIDE[i] == code) {
            return true;
        }
    }
    return false;
}

/* Unicode's Cased, of characters that are not ignorable. */
static bool is_cased(int32_t code) {
    switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
        return true;
    default: /* ordinals, Roman numerals, letters in circles and squares */
        return code == 0xAA || code == 0xBA || (code >= 0x2160 && code <= 0x217F) ||
               (code >= 0x24B6 && code <= 0x24E9) || (code >= 0x1F130 && code <= 0x1F149) ||
               (code >= 0x1F150 && code <= 0x1F169) || (code >= 0x1F170 && code <= 0x1F189);
    }
}

/* True if the next character that is not ignorable has case. */
static bool is_before_cased(const char *bytes, size_t length) {
    for (size_t i = 0; i < length;) {
        int32_t code;
        i += character_next(bytes + i, length - i, &code);
        if (!is_case_ignorable(code)) {
            return is_cased(code);
        }
    }
    return false;
}

#define CAPITAL_SIGMA 0x3A3
#define FINAL_SIGMA 0x3C2
#define CAPITAL_I_WITH_DOT 0x130

void lower_append(const char *bytes, size_t length, bool final_sigma, struct text *out) {
    bool is_behind_cased = false;
    for (size_t i = 0; i < length;) {
        int32_t code;
        i += character_next(bytes + i, length - i, &code);
        if (code == CAPITAL_I_WITH_DOT) { /* the one character that becomes two */
            character_append(out, 'i');
            character_append(out, 0x307);
        } else if (final_sigma && code == CAPITAL_SIGMA && is_behind_cased &&
                   !is_before_cased(bytes + i, length - i)) {
            character_append(out, FINAL_SIGMA);
        } else {
            character_append(out, utf8proc_tolower(code));
        }
        if (!is_case_ignorable(code)) {
            is_behind_cased = is_cased(code);
        }
    }
}

void spaces_append(const char *bytes, size_t length, bool strips, struct text *out) {
    size_t before = out->length;
    bool is_owed = false;
    for (size_t i = 0; i < length;) {
        int32_t code;
        size_t size = character_next(bytes + i, length - i, &code);
        if (is_space(code)) {
            is_owed = true;
        } else {
            if (is_owed && (!strips || out->length > before)) {
                text_append(out, " ", 1);
            }
            is_owed = false;
            text_append(out, bytes + i, size);
        }
        i += size;
    }
    if (is_owed && !strips) {
        text_append(out, " ", 1);
    }
}
