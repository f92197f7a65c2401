/* How texts for SigLIP and SigLIP 2 are cleaned: each library does it in its own way, and with it
 * gets ids of its own. */
#include <stdbool.h>

#include "text/clean_steps.h"
#include "text/unicode.h"

/* Python's string.punctuation: what of ASCII is neither letter, digit, space nor control. */
static bool is_punctuation(char byte) {
    return (byte >= '!' && byte <= '/') || (byte >= ':' && byte <= '@') ||
           (byte >= '[' && byte <= '`') || (byte >= '{' && byte <= '~');
}

/* Python's \s has four separators beside White_Space. */
static bool is_separator(char byte) {
    return byte >= 0x1C && byte <= 0x1F;
}

static void drop_punctuation(const struct text *from, bool underscore_is_space, struct text *out) {
    for (size_t i = 0; i < from->length; i++) {
        char byte = from->data[i];
        if (is_separator(byte) || (underscore_is_space && byte == '_')) {
            text_append(out, " ", 1);
        } else if (!is_punctuation(byte)) {
            text_append(out, &byte, 1);
        }
    }
}

/* open_clip's canonicalize_text, behind its basic_clean. */
enum vitlrp_status clean_canonical(const char *bytes, size_t length, struct text *out,
                                   struct vitlrp_error *err) {
    struct text basic = {.limit = out->limit};
    struct text plain = {.limit = out->limit};
    struct text lower = {.limit = out->limit};
    enum vitlrp_status status = clean_basic(bytes, length, &basic, err);
    if (status == VITLRP_OK) {
        drop_punctuation(&basic, true, &plain);
        lower_append(plain.data, plain.length, true, &lower);
        spaces_append(lower.data, lower.length, true, out);
        status = text_check(&basic, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        status = text_check(&plain, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        status = text_check(&lower, "a cleaned text", err);
    }
    text_free(&basic);
    text_free(&plain);
    text_free(&lower);
    return status;
}

/* Puts a space for each U+2581. */
static void append_spaces(const char *bytes, size_t length, struct text *out) {
    for (size_t i = 0; i < length;) {
        int32_t code;
        size_t size = character_next(bytes + i, length - i, &code);
        text_append(out, code == 0x2581 ? " " : bytes + i, code == 0x2581 ? 1 : size);
        i += size;
    }
}

/* Transformers' SiglipTokenizer. */
enum vitlrp_status clean_siglip(const char *bytes, size_t length, struct text *out,
                                struct vitlrp_error *err) {
    struct text spaced = {.limit = out->limit};
    struct text lower = {.limit = out->limit};
    struct text plain = {.limit = out->limit};
    append_spaces(bytes, length, &spaced);
    lower_append(spaced.data, spaced.length, false, &lower);
    drop_punctuation(&lower, false, &plain);
    spaces_append(plain.data, plain.length, true, out);
    enum vitlrp_status status = text_check(&spaced, "a cleaned text", err);
    if (status == VITLRP_OK) {
        status = text_check(&lower, "a cleaned text", err);
    }
    if (status == VITLRP_OK) {
        status = text_check(&plain, "a cleaned text", err);
    }
    text_free(&spaced);
    text_free(&lower);
    text_free(&plain);
    return status;
}

/* As big_vision does before its tokenizer. Transformers' Siglip2Tokenizer does it behind its added
 * tokens, which it looks for as they are written. */
enum vitlrp_status clean_lower(const char *bytes, size_t length, struct text *out,
                               struct vitlrp_error *err) {
    (void) err;
    lower_append(bytes, length, false, out);
    return VITLRP_OK;
}
