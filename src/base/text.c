#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

static bool reserve(struct text *text, size_t extra) {
    if (text->failed || extra >= text->limit - text->length) {
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
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(text, (size_t) length)) {
        text->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(text->data + text->length, (size_t) length + 1, format, arguments);
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

/* One escaped character of name into piece (8 bytes or more); returns how many bytes of name it
 * took. */
static size_t escape_one(char *piece, size_t size, const char *name, size_t available) {
    size_t step = text_utf8_length(name, available);
    unsigned char byte = (unsigned char) name[0];
    /* U+0080..U+009F are control characters too, and terminals obey them. */
    bool c1_control = step == 2 && byte == 0xC2 && (unsigned char) name[1] < 0xA0;
    if (step == 0 || byte < 0x20 || byte == 0x7F || c1_control) {
        snprintf(piece, size, "\\x%02X", byte);
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

void text_escape_line(char *out, size_t size, const char *line) {
    size_t length = strlen(line);
    size_t used = 0;
    char piece[8];
    for (size_t i = 0; i < length;) {
        i += escape_one(piece, sizeof piece, line + i, length - i);
        size_t piece_length = strlen(piece);
        if (used + piece_length >= size) {
            break;
        }
        memcpy(out + used, piece, piece_length);
        used += piece_length;
    }
    out[used] = '\0';
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
