#include "text/clip_split.h"

#include <string.h>

#include "base/ascii.h"
#include "text/unicode.h"

#define IOTA_BELOW 0x345

static bool has_prefix(const char *bytes, size_t length, const char *prefix, bool ignores_case) {
    size_t i = 0;
    while (prefix[i] != '\0') {
        if (i == length ||
            (ignores_case ? (char) ascii_lower((unsigned char) bytes[i]) : bytes[i]) != prefix[i]) {
            return false;
        }
        i++;
    }
    return true;
}

/* Bytes of "'s" and its like, or 0. */
static size_t contraction(const char *bytes, size_t length, bool ignores_case) {
    static const char *const BRANCHES[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof BRANCHES / sizeof *BRANCHES; i++) {
        if (has_prefix(bytes, length, BRANCHES[i], ignores_case)) {
            return strlen(BRANCHES[i]);
        }
    }
    static const char LONG[] = "'\xC5\xBF"; /* U+017F is a small s, too */
    return ignores_case && has_prefix(bytes, length, LONG, false) ? sizeof LONG - 1 : 0;
}

/* Bytes of the characters of a class from `at` on. */
static size_t run_length(const char *bytes, size_t length, enum character_class class,
                         bool ignores_case) {
    size_t i = 0;
    while (i < length) {
        int32_t code;
        size_t size = character_next(bytes + i, length - i, &code);
        if (character_class(code) != class || (ignores_case && code == IOTA_BELOW)) {
            break;
        }
        i += size;
    }
    return i;
}

/* Bytes of the word at `bytes`, or 0: there is none at this place. */
static size_t word_length(const char *bytes, size_t length, bool ignores_case) {
    size_t size = contraction(bytes, length, ignores_case);
    if (size > 0) {
        return size;
    }
    int32_t code;
    size_t first = character_next(bytes, length, &code);
    enum character_class class = character_class(code);
    if (class == CHARACTER_SPACE) {
        return 0;
    }
    return class == CHARACTER_NUMBER ? first : run_length(bytes, length, class, ignores_case);
}

bool clip_split(const char *bytes, size_t length, bool ignores_case, size_t at,
                struct clip_word *out) {
    while (at < length) {
        size_t size = word_length(bytes + at, length - at, ignores_case);
        if (size > 0) {
            *out = (struct clip_word){at, at + size};
            return true;
        }
        int32_t code;
        at += character_next(bytes + at, length - at, &code);
    }
    return false;
}

const char *clip_special(const char *bytes, size_t length) {
    static const char *const SPECIAL[] = {CLIP_START, CLIP_END, "<start_of_text>", "<end_of_text>"};
    for (size_t i = 0; i < length; i++) {
        for (size_t k = 0; bytes[i] == '<' && k < sizeof SPECIAL / sizeof *SPECIAL; k++) {
            if (has_prefix(bytes + i, length - i, SPECIAL[k], true)) {
                return SPECIAL[k];
            }
        }
    }
    return NULL;
}
