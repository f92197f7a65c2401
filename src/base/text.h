/* Growable text with a hard maximum, and the escaping of names for terminals. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Zero-initialise with a limit: struct text t = {.limit = ...}. data is terminated once anything
 * was appended. */
struct text {
    char *data; /* owned: text_free */
    size_t length;
    size_t capacity;
    size_t limit;
    bool failed;  /* an append met the limit or found no memory; later appends do nothing */
    bool is_full; /* it was the limit */
};

/* OK unless an append has failed; else LIMIT with the limit, or NOMEM, for the text that `what`
 * names. */
enum vitlrp_status text_check(const struct text *text, const char *what, struct vitlrp_error *err);

/* Likewise, but OK for a text that met its limit: for those who go on without it. */
enum vitlrp_status text_check_memory(const struct text *text, const char *what,
                                     struct vitlrp_error *err);

void text_append(struct text *text, const char *bytes, size_t length);
void text_append_string(struct text *text, const char *string);
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void text_printf(struct text *text, const char *format, ...);
void text_free(struct text *text);

/* Appends the string, its backslashes and the bytes that are not UTF-8 as \xNN: at most four times
 * its length, and no two strings alike. */
void text_append_escaped(struct text *text, const char *string);

/* Appends what that has escaped: each \xNN as the byte. */
void text_append_unescaped(struct text *text, const char *string);

/* Appends the string as text of an HTML page, in or outside of a quoted attribute. */
void text_append_html(struct text *text, const char *string);

/* Appends a report of several lines for a terminal: as text_escape_name, but line ends and tabs
 * stay. At most four times its length. */
void text_append_terminal(struct text *text, const char *bytes, size_t length);

/* Writes `name` for a terminal into out (size > 8): control characters, separators of lines, marks
 * of a text's direction and bytes that are not UTF-8 become \xNN; if it is too long its beginning
 * is replaced by "...". */
void text_escape_name(char *out, size_t size, const char *name);

/* As text_escape_name for whole messages: what is too long loses its end, and false is returned. */
bool text_escape_line(char *out, size_t size, const char *line);

/* The last `count` components of a path, within the string; one that ends in slashes keeps them.
 * All of a path that has no more. */
const char *text_path_tail(const char *path, int count);

/* The name of a folder or file for a page that goes to other people: of an absolute path its last
 * component, any other as it is. */
const char *text_path_shown(const char *path);

/* Length of the valid UTF-8 sequence at `bytes` (1 to 4), or 0. Overlong forms and surrogates are
 * not valid. */
size_t text_utf8_length(const char *bytes, size_t available);

/* Writes a character, at most U+10FFFF, as UTF-8; its length. */
size_t text_utf8_put(uint32_t code, char out[4]);

/* Length of the sequence at `bytes` if text_escape_name escapes this character, with its code
 * point; else 0. */
size_t text_hostile_length(const char *bytes, size_t available, uint32_t *code);

/* True if the whole string is valid UTF-8. */
bool text_is_utf8(const char *bytes, size_t length);

#endif
