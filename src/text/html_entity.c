#include "text/html_entity.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "base/checked.h"
#include "text/unicode.h"
#include "text/windows_1252.h"

/* Lines "NAME\tHEX HEX...\n" in the order of their bytes; NAME with its semicolon, if it needs one.
 * "\tc" before the end of the line: ftfy's, a name in capitals that HTML does not have. */
extern const char html_entities[];
extern const char html_entities_end[];

/* Characters of a name that are looked at; of those that need no semicolon. */
enum { STRICT_MAX = 24, NAME_MAX = 32, BARE_MAX = 6 };

/* Compares the name with that of the line; as memcmp. */
static int compare_name(const char *name, size_t length, const char *line) {
    const char *tab = strchr(line, '\t');
    size_t own = (size_t) (tab - line);
    int order = memcmp(name, line, length < own ? length : own);
    return order != 0 ? order : (length > own) - (length < own);
}

/* The line of a name, or NULL. */
static const char *find_line(const char *name, size_t length) {
    const char *low = html_entities; /* beginnings of lines */
    const char *high = html_entities_end;
    while (low < high) {
        const char *middle = low + (high - low) / 2;
        while (middle > low && middle[-1] != '\n') {
            middle--;
        }
        int order = compare_name(name, length, middle);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = strchr(middle, '\n') + 1;
        }
    }
    return NULL;
}

/* Appends what a name stands for; false if there is no such name. */
static bool append_named(const char *name, size_t length, bool is_strict, struct text *out) {
    const char *line = find_line(name, length);
    if (line == NULL) {
        return false;
    }
    const char *end = strchr(line, '\n');
    bool is_capital = end[-1] == 'c'; /* digits are in capitals */
    if (is_capital && !is_strict) {
        return false;
    }
    const char *at = line + length;
    while (*at != '\n' && at[1] != 'c') { /* a tab or a blank, then digits */
        int32_t code = 0;
        for (at++; ascii_hexadecimal((unsigned char) *at) >= 0; at++) {
            code = code * 16 + ascii_hexadecimal((unsigned char) *at);
        }
        character_append(out, code);
    }
    return true;
}

/* Appends the character of a number, as HTML's parser does. */
static void append_number(int32_t code, struct text *out) {
    bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
    if (code == 0 || is_surrogate || code > 0x10FFFF) {
        character_append(out, 0xFFFD);
    } else if (code >= 0x80 && code <= 0x9F) {
        character_append(out, windows_1252(code));
    } else {
        bool is_control =
            code < 0x20 && code != '\t' && code != '\n' && code != '\f' && code != '\r';
        bool is_noncharacter = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
        if (!is_control && code != 0x7F && !is_noncharacter) {
            character_append(out, code);
        }
    }
}

/* Reads "#N" or "#xN" at `bytes`; its bytes, or 0: there is none. *code saturates. */
static size_t read_number(const char *bytes, size_t length, int32_t *code) {
    bool is_hex = length > 1 && (bytes[1] == 'x' || bytes[1] == 'X');
    int32_t base = is_hex ? 16 : 10;
    size_t first = is_hex ? 2 : 1;
    size_t i = first;
    *code = 0;
    for (; i < length; i++) {
        int32_t digit = ascii_hexadecimal((unsigned char) bytes[i]);
        if (digit < 0 || digit >= base) {
            break;
        }
        *code = *code > 0x10FFFF ? *code : *code * base + digit;
    }
    return i > first ? i : 0;
}

/* What follows an ampersand is replaced: bytes taken, or 0. */
static size_t replace_number(const char *bytes, size_t length, struct text *out) {
    int32_t code;
    size_t size = read_number(bytes, length, &code);
    if (size > 0) {
        append_number(code, out);
        size += size < length && bytes[size] == ';';
    }
    return size;
}

/* Bytes of up to 32 characters that a name may have, as html.unescape sees it, less the semicolon.
 */
static size_t name_length(const char *bytes, size_t length) {
    size_t i = 0;
    for (int32_t count = 0; i < length && count < NAME_MAX; count++) {
        if (strchr("\t\n\f <&#;", bytes[i]) != NULL && bytes[i] != '\0') {
            break;
        }
        int32_t code;
        i += character_next(bytes + i, length - i, &code);
    }
    return i;
}

static size_t replace_name(const char *bytes, size_t length, struct text *out) {
    size_t size = name_length(bytes, length);
    if (size == 0) {
        return 0;
    }
    size_t whole = size + (size < length && bytes[size] == ';');
    if (append_named(bytes, whole, false, out)) {
        return whole;
    }
    for (size_t part = size_min(whole - 1, BARE_MAX); part > 1;
         part--) { /* "&copy 2020", "&notit;" */
        if (append_named(bytes, part, false, out)) {
            return part;
        }
    }
    return 0;
}

/* What stands for the reference behind an ampersand: appended, and the bytes of the reference; 0:
 * it is none. */
typedef size_t (*replace_reference)(const char *bytes, size_t length, struct text *out);

static void unescape(const char *bytes, size_t length, replace_reference replace,
                     struct text *out) {
    for (size_t i = 0; i < length;) {
        const char *found = memchr(bytes + i, '&', length - i);
        size_t next = found == NULL ? length : (size_t) (found - bytes);
        text_append(out, bytes + i, next - i);
        i = next;
        if (i < length) {
            size_t size = replace(bytes + i + 1, length - i - 1, out);
            if (size == 0) {
                text_append(out, "&", 1);
            }
            i += 1 + size;
        }
    }
}

static size_t replace_any(const char *bytes, size_t length, struct text *out) {
    bool is_number = length > 0 && bytes[0] == '#';
    return is_number ? replace_number(bytes, length, out) : replace_name(bytes, length, out);
}

void html_unescape(const char *bytes, size_t length, struct text *out) {
    unescape(bytes, length, replace_any, out);
}

static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A number that the whole reference is: ftfy leaves the others, and those that are a semicolon. */
static bool append_whole_number(const char *bytes, size_t size, struct text *out) {
    int32_t code;
    if (read_number(bytes, size, &code) != size - 1 || code == ';') {
        return false;
    }
    append_number(code, out);
    return true;
}

/* Bytes of a reference with its semicolon behind an ampersand, as ftfy sees it; 0: none. */
static size_t strict_length(const char *bytes, size_t length) {
    size_t first = length > 0 && bytes[0] == '#';
    size_t i = first;
    while (i < length && i - first < STRICT_MAX && is_alphanumeric(bytes[i])) {
        i++;
    }
    return i > first && i < length && bytes[i] == ';' ? i + 1 : 0;
}

static size_t replace_strictly(const char *bytes, size_t length, struct text *out) {
    size_t size = strict_length(bytes, length);
    bool is_replaced = size > 0 && (bytes[0] == '#' ? append_whole_number(bytes, size, out)
                                                    : append_named(bytes, size, true, out));
    return is_replaced ? size : 0;
}

void html_unescape_strictly(const char *bytes, size_t length, struct text *out) {
    unescape(bytes, length, replace_strictly, out);
}
