/* The grammar of JSON (RFC 8259) without building anything: what a text will take is known before.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Arrays and objects within each other; files have less than ten. */
#define JSON_MAX_DEPTH 64

/* What may stand between values. */
static inline bool json_is_blank(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

enum json_verdict { JSON_WELL_FORMED, JSON_MALFORMED, JSON_TOO_DEEP };

/* What a text takes when it is built. */
struct json_cost {
    size_t string_bytes; /* of all strings and keys together, as UTF-8, unescaped */
    size_t values;       /* and keys */
    size_t memory;       /* bytes at most, of jansson's values and on the way to them */
    size_t longest;      /* string, key or number, in bytes of the text */
    size_t stopped;      /* where the grammar no longer holds, in bytes from the beginning */
};

/* Looks at one object or array and the blanks around it. Does not look at UTF-8, the range of
 * numbers and keys that occur twice. *cost is that of what was seen, of a malformed text too. */
enum json_verdict json_scan(const char *bytes, size_t size, struct json_cost *cost);

#endif
