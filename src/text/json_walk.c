#include "text/json_walk.h"

#include <float.h>
#include <string.h>

#include "base/ascii.h"
#include "base/json_scan.h"
#include "base/parse.h"
#include "base/text.h"

/* Of a number, terminated. */
#define MAX_NUMBER 64

struct json_walk json_walk_over(struct json_span span) {
    return (struct json_walk){span.bytes, span.bytes == NULL ? NULL : span.bytes + span.size};
}

static void skip_blanks(struct json_walk *walk) {
    while (walk->next < walk->end && json_is_blank(*walk->next)) {
        walk->next++;
    }
}

static bool take(struct json_walk *walk, char wanted) {
    skip_blanks(walk);
    bool found = walk->next < walk->end && *walk->next == wanted;
    if (found) { /* a walk over nothing has no pointer to move */
        walk->next++;
    }
    return found;
}

bool json_walk_enter(struct json_walk *walk, char opening) {
    return take(walk, opening);
}

bool json_walk_item(struct json_walk *walk) {
    if (take(walk, '}') || take(walk, ']')) {
        return false;
    }
    take(walk, ',');
    skip_blanks(walk);
    return walk->next < walk->end;
}

/* Behind the closing quote of the string that begins here. */
static bool skip_string(struct json_walk *walk) {
    if (!take(walk, '"')) {
        return false;
    }
    while (walk->next < walk->end) {
        char byte = *walk->next++;
        if (byte == '"') {
            return true;
        }
        if (byte == '\\' && walk->next < walk->end) {
            walk->next++;
        }
    }
    return false;
}

bool json_walk_key(struct json_walk *walk, struct json_span *key) {
    skip_blanks(walk);
    const char *begin = walk->next;
    if (!skip_string(walk)) {
        return false;
    }
    *key = (struct json_span){begin, (size_t) (walk->next - begin)};
    return take(walk, ':');
}

/* Behind the bracket that closes the one that begins here. */
static bool skip_container(struct json_walk *walk) {
    size_t depth = 0;
    do {
        char byte = walk->next < walk->end ? *walk->next : '\0';
        if (byte == '"') {
            if (!skip_string(walk)) {
                return false;
            }
            continue;
        }
        depth += byte == '[' || byte == '{' ? 1 : 0;
        depth -= byte == ']' || byte == '}' ? 1 : 0;
        walk->next++;
    } while (depth > 0 && walk->next < walk->end);
    return depth == 0;
}

static bool skip_word(struct json_walk *walk) {
    const char *begin = walk->next;
    while (walk->next < walk->end && strchr(",]} \n\t\r", *walk->next) == NULL) {
        walk->next++;
    }
    return walk->next > begin;
}

bool json_walk_value(struct json_walk *walk, struct json_span *value) {
    skip_blanks(walk);
    const char *begin = walk->next;
    if (begin == walk->end) {
        return false;
    }
    bool found = *begin == '"'                    ? skip_string(walk)
                 : *begin == '[' || *begin == '{' ? skip_container(walk)
                                                  : skip_word(walk);
    *value = (struct json_span){begin, (size_t) (walk->next - begin)};
    return found;
}

struct json_span json_walk_find(struct json_span object, const char *key) {
    struct json_walk walk = json_walk_over(object);
    struct json_span name;
    struct json_span value;
    bool is_object = json_walk_enter(&walk, '{');
    while (is_object && json_walk_item(&walk) && json_walk_key(&walk, &name) &&
           json_walk_value(&walk, &value)) {
        if (json_span_is(name, key)) {
            return value;
        }
    }
    return (struct json_span){0};
}

static bool read_unit(const char *bytes, const char *end, uint32_t *out) {
    if (end - bytes < 6 || bytes[0] != '\\' || bytes[1] != 'u') {
        return false;
    }
    *out = 0;
    for (int i = 2; i < 6; i++) {
        int value = ascii_hexadecimal((unsigned char) bytes[i]);
        if (value < 0) {
            return false;
        }
        *out = *out * 16 + (uint32_t) value;
    }
    return true;
}

/* An escape at `bytes`: its length, with the character's bytes in out[*length]; 0: none. */
static size_t read_escape(const char *bytes, const char *end, char out[4], size_t *length) {
    static const char NAMES[] = "\"\\/bfnrt";
    static const char VALUES[] = "\"\\/\b\f\n\r\t";
    uint32_t code;
    uint32_t second = 0;
    if (!read_unit(bytes, end, &code)) {
        const char *name = end - bytes < 2 || bytes[1] == '\0' ? NULL : strchr(NAMES, bytes[1]);
        out[0] = name == NULL ? '\0' : VALUES[name - NAMES];
        *length = 1;
        return name == NULL ? 0 : 2;
    }
    bool is_pair = code >= 0xD800 && code <= 0xDBFF;
    if (is_pair) {
        if (!read_unit(bytes + 6, end, &second) || second < 0xDC00 || second > 0xDFFF) {
            return 0;
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return 0;
    }
    *length = text_utf8_put(code, out);
    return is_pair ? 12 : 6;
}

bool json_span_string(struct json_span span, char *out, size_t size, size_t *length) {
    *length = 0;
    if (span.bytes == NULL || span.size < 2 || span.bytes[0] != '"') {
        return false;
    }
    const char *end = span.bytes + span.size - 1;
    for (const char *next = span.bytes + 1; next < end;) {
        char bytes[4] = {*next};
        size_t count = 1;
        size_t taken = *next == '\\' ? read_escape(next, end, bytes, &count) : 1;
        if (taken == 0 || count > size - *length) {
            return false;
        }
        memcpy(out + *length, bytes, count);
        *length += count;
        next += taken;
    }
    return true;
}

bool json_span_is(struct json_span span, const char *text) {
    size_t length = strlen(text);
    return span.bytes != NULL && span.size == length + 2 && span.bytes[0] == '"' &&
           memcmp(span.bytes + 1, text, length) == 0;
}

bool json_span_number(struct json_span span, double *out) {
    char text[MAX_NUMBER];
    if (span.bytes == NULL || span.size >= sizeof text) {
        return false;
    }
    memcpy(text, span.bytes, span.size);
    text[span.size] = '\0';
    return parse_double(text, -DBL_MAX, DBL_MAX, out);
}

bool json_span_integer(struct json_span span, int64_t min, int64_t max, int64_t *out) {
    return span.bytes != NULL && parse_int64_span(span.bytes, span.size, min, max, out);
}
