/* JSON from front to back, in place, building nothing: for vocabularies of a million entries. Safe
 * over any bytes; that they are JSON is for base/json_scan to say. */
#ifndef TEXT_JSON_WALK_H
#define TEXT_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_walk {
    const char *next, *end;
};

/* A value, with its quotes or brackets. */
struct json_span {
    const char *bytes; /* NULL: there is none */
    size_t size;
};

struct json_walk json_walk_over(struct json_span span);

/* Takes an opening bracket; false for any other value. */
bool json_walk_enter(struct json_walk *walk, char opening);

/* Goes to the next item of a container that json_walk_enter entered; false behind the last one. */
bool json_walk_item(struct json_walk *walk);

/* Of an object, after json_walk_item: takes the key, with its quotes, and the colon. */
bool json_walk_key(struct json_walk *walk, struct json_span *key);

/* Takes any value. */
bool json_walk_value(struct json_walk *walk, struct json_span *value);

/* The value of an object's first key of that name; {NULL} without one. */
struct json_span json_walk_find(struct json_span object, const char *key);

/* The value's text unescaped into `out` (size bytes); its length in *length. False for a value that
 * is no string, one that is longer, and escapes that are no characters. */
bool json_span_string(struct json_span span, char *out, size_t size, size_t *length);

/* True for the string `text`, which needs no escapes. */
bool json_span_is(struct json_span span, const char *text);

/* True for a finite number, or an integer in [min, max]. */
bool json_span_number(struct json_span span, double *out);
bool json_span_integer(struct json_span span, int64_t min, int64_t max, int64_t *out);

#endif
