/* The grammar of JSON (RFC 8259) without building anything: jansson tells a text without sense and
 * one that it had no memory for by the same error. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stddef.h>

/* Arrays and objects within each other; files have less than ten. */
#define JSON_MAX_DEPTH 64

enum json_verdict { JSON_WELL_FORMED, JSON_MALFORMED, JSON_TOO_DEEP };

/* Looks at one object or array and the blanks around it. Does not look at UTF-8, the range of
 * numbers and keys that occur twice. *string_bytes gets the length of all strings and keys together
 * as UTF-8, unescaped. */
enum json_verdict json_scan(const char *bytes, size_t size, size_t *string_bytes);

#endif
