#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/print_plain.h"

static bool reserve(struct text *text, size_t extra) {
    if (text->failed || extra >= text->limit - text->length) {
        text->is_full = text->is_full || !text->failed;
        text->failed = true;
        return false;
    }
    size_t needed = text->length + extra + 1;
    if (needed <= text->capacity) {
        return true;
    }
    size_t capacity = text->capacity == 0 ? 256 : text->capacity;
    while (capacity < needed) {
        capacity = capacity > text->limit / 2 ? text->limit : capacity * 2;
    }
    char *data = mem_resize(text->data, capacity, 1);
    if (data == NULL) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

enum vitlrp_status text_check(const struct text *text, const char *what, struct vitlrp_error *err) {
    if (text->is_full) {
        return fail(err, VITLRP_LIMIT, "%s: longer than the limit of %zu bytes", what, text->limit);
    }
    return text_check_memory(text, what, err);
}

enum vitlrp_status text_check_memory(const struct text *text, const char *what,
                                     struct vitlrp_error *err) {
    return text->failed && !text->is_full ? fail(err, VITLRP_NOMEM, "out of memory for %s", what)
                                          : VITLRP_OK;
}

void text_append(struct text *text, const char *bytes, size_t length) {
    if (!reserve(text, length)) {
        return;
    }
    if (length > 0) {
        memcpy(text->data + text->length, bytes, length);
    }
    text->length += length;
    text->data[text->length] = '\0';
}

void text_append_string(struct text *text, const char *string) {
    text_append(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = print_plain_list(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(text, (size_t) length)) {
        text->failed = true;
        return;
    }
    va_start(arguments, format);
    print_plain_list(text->data + text->length, (size_t) length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t) length;
}

void text_free(struct text *text) {
    mem_free(text->data);
    *text = (struct text){.limit = text->limit};
}

static bool is_continuation(char byte) {
    return ((unsigned char) byte & 0xC0U) == 0x80U;
}

size_t text_utf8_length(const char *bytes, size_t available) {
    if (available == 0) {
        return 0;
    }
    unsigned char first = (unsigned char) bytes[0];
    size_t length = first < 0x80   ? 1
                    : first < 0xC2 ? 0
                    : first < 0xE0 ? 2
                    : first < 0xF0 ? 3
                    : first < 0xF5 ? 4
                                   : 0;
    if (length == 0 || length > available) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(bytes[i])) {
            return 0;
        }
    }
    unsigned char second = length > 1 ? (unsigned char) bytes[1] : 0;
    bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    bool surrogate = first == 0xED && second > 0x9F;
    bool beyond = first == 0xF4 && second > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

size_t text_utf8_put(uint32_t code, char out[4]) {
    static const uint32_t FIRST[] = {0, 0, 0xC0, 0xE0, 0xF0};
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length; i-- > 1;) {
        out[i] = (char) (0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char) (FIRST[length] | code);
    return length;
}

bool text_is_utf8(const char *bytes, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t step = text_utf8_length(bytes + i, length - i);
        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

/* The code point of a valid sequence of `length` bytes. */
static uint32_t code_point(const char *bytes, size_t length) {
    uint32_t value = (unsigned char) bytes[0];
    value &= length == 1 ? 0x7FU : 0xFFU >> (length + 1);
    for (size_t i = 1; i < length; i++) {
        value = value << 6 | ((unsigned char) bytes[i] & 0x3FU);
    }
    return value;
}

/* What a terminal obeys (control characters, U+0080 to U+009F among them), what ends a line
 * elsewhere, what turns the direction of the text around it, and what XML may not hold. */
static bool is_hostile(uint32_t code) {
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    bool line_end = code == 0x2028 || code == 0x2029;
    bool direction = code == 0x061C || code == 0x200E || code == 0x200F ||
                     (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    bool no_character = code == 0xFFFE || code == 0xFFFF;
    return control || line_end || direction || no_character;
}

size_t text_hostile_length(const char *bytes, size_t available, uint32_t *code) {
    size_t length = text_utf8_length(bytes, available);
    *code = length > 0 ? code_point(bytes, length) : 0;
    return length > 0 && is_hostile(*code) ? length : 0;
}

/* One escaped character of name into piece (8 bytes or more); returns how many bytes of name it
 * took: of a hostile one the first, as what is left of it is no UTF-8 then. */
static size_t escape_one(char *piece, size_t size, const char *name, size_t available) {
    size_t step = text_utf8_length(name, available);
    if (step == 0 || is_hostile(code_point(name, step))) {
        snprintf(piece, size, "\\x%02X", (unsigned char) name[0]);
        return 1;
    }
    memcpy(piece, name, step);
    piece[step] = '\0';
    return step;
}

void text_escape_name(char *out, size_t size, const char *name) {
    size_t length = strlen(name);
    char piece[8];
    size_t total = 0;
    for (size_t i = 0; i < length;) {
        i += escape_one(piece, sizeof piece, name + i, length - i);
        total += strlen(piece);
    }
    size_t used = 0;
    size_t room = size - 1;
    size_t skip = 0; /* escaped bytes to leave out at the beginning */
    if (total > room) {
        skip = total - room + 3;
        memcpy(out, "...", 3);
        used = 3;
    }
    for (size_t i = 0, seen = 0; i < length;) {
        i += escape_one(piece, sizeof piece, name + i, length - i);
        size_t piece_length = strlen(piece);
        if (seen >= skip && used + piece_length <= room) {
            memcpy(out + used, piece, piece_length);
            used += piece_length;
        }
        seen += piece_length;
    }
    out[used] = '\0';
}

void text_append_escaped(struct text *text, const char *string) {
    size_t length = strlen(string);
    for (size_t i = 0; i < length;) {
        size_t step = text_utf8_length(string + i, length - i);
        if (step == 0 || string[i] == '\\') {
            text_printf(text, "\\x%02X", (unsigned char) string[i]);
            step = 1;
        } else {
            text_append(text, string + i, step);
        }
        i += step;
    }
}

bool text_escape_line(char *out, size_t size, const char *line) {
    size_t length = strlen(line);
    size_t used = 0;
    char piece[8];
    for (size_t i = 0; i < length;) {
        i += escape_one(piece, sizeof piece, line + i, length - i);
        size_t piece_length = strlen(piece);
        if (used + piece_length >= size) {
            out[used] = '\0';
            return false;
        }
        memcpy(out + used, piece, piece_length);
        used += piece_length;
    }
    out[used] = '\0';
    return true;
}

void text_append_terminal(struct text *text, const char *bytes, size_t length) {
    char piece[8];
    for (size_t i = 0; i < length;) {
        if (bytes[i] == '\n' || bytes[i] == '\t') {
            text_append(text, bytes + i, 1);
            i++;
        } else {
            i += escape_one(piece, sizeof piece, bytes + i, length - i);
            text_append_string(text, piece);
        }
    }
}

static int hex_digit(char letter) {
    static const char DIGITS[] = "0123456789ABCDEF";
    const char *found = letter == '\0' ? NULL : strchr(DIGITS, letter);
    return found == NULL ? -1 : (int) (found - DIGITS);
}

void text_append_unescaped(struct text *text, const char *string) {
    while (*string != '\0') {
        int high = string[0] == '\\' && string[1] == 'x' ? hex_digit(string[2]) : -1;
        int low = high < 0 ? -1 : hex_digit(string[3]);
        if (low >= 0) {
            char byte = (char) (unsigned char) (16 * high + low);
            text_append(text, &byte, 1);
            string += 4;
        } else {
            text_append(text, string, 1);
            string++;
        }
    }
}

void text_append_html(struct text *text, const char *string) {
    for (; *string != '\0'; string++) {
        switch (*string) {
        case '&':
            text_append_string(text, "&amp;");
            break;
        case '<':
            text_append_string(text, "&lt;");
            break;
        case '>':
            text_append_string(text, "&gt;");
            break;
        case '"':
            text_append_string(text, "&quot;");
            break;
        case '\'':
            text_append_string(text, "&#39;");
            break;
        default:
            text_append(text, string, 1);
        }
    }
}

const char *text_path_tail(const char *path, int count) {
    const char *begin = path + strlen(path);
    while (begin > path && begin[-1] == '/') {
        begin--;
    }
    for (int found = 0; begin > path; begin--) {
        found += begin[-1] == '/' ? 1 : 0;
        if (found == count) {
            break;
        }
    }
    return begin == path ? path + (path[0] == '/' && path[1] != '\0' ? 1 : 0) : begin;
}

const char *text_path_shown(const char *path) {
    return path[0] == '/' ? text_path_tail(path, 1) : path;
}
