#include "base/json_scan.h"

#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"

/* Bytes that jansson 2.14 takes with glibc's malloc, blocks' headers and rounding among them
 * (unit/test_json_memory holds them against it): a value with the table that it begins with, an
 * item's place in tables that double while the smaller one still exists, and the buffer for a
 * token, whose text is copied twice. */
#define OBJECT_BYTES ((size_t) 240)
#define ARRAY_BYTES ((size_t) 144)
#define STRING_BYTES ((size_t) 96)
#define NUMBER_BYTES ((size_t) 32)
#define KEY_BYTES ((size_t) 144)
#define ITEM_BYTES ((size_t) 26)
#define TOKEN_FACTOR ((size_t) 4)

struct scan {
    const char *next, *end;
    size_t depth;
    struct json_cost cost;
    bool too_deep;
};

static void count_value(struct scan *scan, size_t memory) {
    scan->cost.values++;
    scan->cost.memory += memory;
}

static void count_token(struct scan *scan, const char *start) {
    size_t length = (size_t) (scan->next - start);
    scan->cost.longest = length > scan->cost.longest ? length : scan->cost.longest;
}

static char peek(const struct scan *scan) {
    return scan->next < scan->end ? *scan->next : '\0';
}

static bool take(struct scan *scan, char wanted) {
    bool found = scan->next < scan->end && *scan->next == wanted;
    scan->next += found ? 1 : 0;
    return found;
}

static void skip_blanks(struct scan *scan) {
    while (scan->next < scan->end && json_is_blank(*scan->next)) {
        scan->next++;
    }
}

static bool take_digits(struct scan *scan) {
    const char *start = scan->next;
    while (ascii_is_digit((unsigned char) peek(scan))) {
        scan->next++;
    }
    return scan->next > start;
}

static bool scan_digits(struct scan *scan) {
    take(scan, '-');
    bool zero = take(scan, '0');
    if (zero ? ascii_is_digit((unsigned char) peek(scan)) : !take_digits(scan)) {
        return false;
    }
    if (take(scan, '.') && !take_digits(scan)) {
        return false;
    }
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) {
            take(scan, '-');
        }
        return take_digits(scan);
    }
    return true;
}

static bool scan_number(struct scan *scan) {
    const char *start = scan->next;
    bool well_formed = scan_digits(scan);
    count_value(scan, NUMBER_BYTES);
    count_token(scan, start);
    return well_formed;
}

/* The four digits of \uXXXX; -1 for anything else. */
static int take_unit(struct scan *scan) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = ascii_hexadecimal((unsigned char) peek(scan));
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
        scan->next++;
    }
    return value;
}

/* What stands behind a backslash. Surrogates come in pairs. */
static bool scan_escape(struct scan *scan) {
    if (!take(scan, 'u')) {
        bool known = peek(scan) != '\0' && strchr("\"\\/bfnrt", peek(scan)) != NULL;
        scan->next += known ? 1 : 0;
        scan->cost.string_bytes++;
        return known;
    }
    int unit = take_unit(scan);
    scan->cost.string_bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    if (unit >= 0xD800 && unit <= 0xDBFF) {
        scan->cost.string_bytes++;
        int second = take(scan, '\\') && take(scan, 'u') ? take_unit(scan) : -1;
        return second >= 0xDC00 && second <= 0xDFFF;
    }
    return unit >= 0 && (unit < 0xDC00 || unit > 0xDFFF);
}

/* Behind the opening quote, up to the closing one. */
static bool scan_characters(struct scan *scan) {
    while (scan->next < scan->end && !take(scan, '"')) {
        if (take(scan, '\\')) {
            if (!scan_escape(scan)) {
                return false;
            }
        } else if ((unsigned char) *scan->next < 0x20) {
            return false;
        } else {
            scan->next++;
            scan->cost.string_bytes++;
        }
    }
    return scan->next[-1] == '"';
}

static bool scan_string(struct scan *scan, size_t memory) {
    const char *start = scan->next;
    if (!take(scan, '"')) {
        return false;
    }
    bool well_formed = scan_characters(scan);
    count_value(scan, memory);
    count_token(scan, start);
    return well_formed;
}

static bool scan_word(struct scan *scan, const char *word) {
    size_t length = strlen(word);
    bool found =
        (size_t) (scan->end - scan->next) >= length && memcmp(scan->next, word, length) == 0;
    scan->next += found ? length : 0;
    return found;
}

static bool scan_value(struct scan *scan);

/* Behind the opening bracket. */
static bool scan_items(struct scan *scan, char closing) {
    skip_blanks(scan);
    if (take(scan, closing)) {
        return true;
    }
    do {
        skip_blanks(scan);
        if (closing == '}') {
            if (!scan_string(scan, KEY_BYTES)) {
                return false;
            }
            skip_blanks(scan);
            if (!take(scan, ':')) {
                return false;
            }
        }
        scan->cost.memory += ITEM_BYTES;
        if (!scan_value(scan)) {
            return false;
        }
        skip_blanks(scan);
    } while (take(scan, ','));
    return take(scan, closing);
}

static bool scan_container(struct scan *scan, char closing) {
    if (scan->depth == JSON_MAX_DEPTH) {
        scan->too_deep = true;
        return false;
    }
    scan->next++;
    scan->depth++;
    count_value(scan, closing == '}' ? OBJECT_BYTES : ARRAY_BYTES);
    bool well_formed = scan_items(scan, closing);
    scan->depth--;
    return well_formed;
}

static bool scan_value(struct scan *scan) {
    skip_blanks(scan);
    switch (peek(scan)) {
    case '{':
        return scan_container(scan, '}');
    case '[':
        return scan_container(scan, ']');
    case '"':
        return scan_string(scan, STRING_BYTES);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

enum json_verdict json_scan(const char *bytes, size_t size, struct json_cost *cost) {
    struct scan scan = {.next = bytes, .end = bytes + size};
    skip_blanks(&scan);
    bool well_formed = (peek(&scan) == '{' || peek(&scan) == '[') && scan_value(&scan);
    skip_blanks(&scan);
    *cost = scan.cost;
    cost->memory += scan.cost.string_bytes + TOKEN_FACTOR * scan.cost.longest;
    cost->stopped = (size_t) (scan.next - bytes);
    if (scan.too_deep) {
        return JSON_TOO_DEEP;
    }
    return well_formed && scan.next == scan.end ? JSON_WELL_FORMED : JSON_MALFORMED;
}
