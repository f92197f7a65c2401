/* Characters as tokenizers see them: classes, lower case, NFC (utf8proc's tables; Unicode 15 or
 * newer). Texts are valid UTF-8. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/text.h"

enum character_class {
    CHARACTER_SPACE,  /* the 25 of White_Space */
    CHARACTER_LETTER, /* general category L* */
    CHARACTER_NUMBER, /* N* */
    CHARACTER_OTHER
};

enum character_class character_class(int32_t code);

/* The character at `bytes` (length > 0); *code is its code point. Returns its bytes, 1 to 4. */
size_t character_next(const char *bytes, size_t length, int32_t *code);

void character_append(struct text *out, int32_t code);

bool text_is_ascii(const char *bytes, size_t length);

/* Appends the text in NFC (UAX 15), in time proportional to its length. NOMEM. */
enum vitlrp_status nfc_append(const char *bytes, size_t length, struct text *out,
                              struct vitlrp_error *err);

/* The compatibility form of one character (NFKC): its code points into `codes`, their number. */
size_t character_compatible(int32_t code, int32_t codes[static 18]);

/* Appends the text in lower case, character by character, as Rust's char::to_lowercase does; with
 * `final_sigma` as Python's str.lower, for which a capital sigma at a word's end is U+03C2. */
void lower_append(const char *bytes, size_t length, bool final_sigma, struct text *out);

/* Appends the text with each run of White_Space as one space; `strips`: none at its ends. */
void spaces_append(const char *bytes, size_t length, bool strips, struct text *out);

#endif
