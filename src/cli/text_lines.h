/* A file of texts, one a line. Refuses, with the number of the line, one that is empty, one that is
 * not UTF-8 and one that has a zero byte. */
#ifndef CLI_TEXT_LINES_H
#define CLI_TEXT_LINES_H

#include <stddef.h>

#include "base/status.h"

struct text_lines {
    char *text;   /* owned */
    char **lines; /* [count]: without their ends, which may be those of any system; owned */
    size_t count;
};

/* `what` names a line, in the message about a file without one: "prompt". FORMAT for the above.
 * text_lines_close, after a failure too. */
enum vitlrp_status text_lines_read(const char *path, const char *what, struct text_lines *out,
                                   struct vitlrp_error *err);

/* Puts "path:line" in front of a failure of line number `line`, from 0. */
enum vitlrp_status text_lines_fail(const char *path, size_t line, struct vitlrp_error *err,
                                   enum vitlrp_status status);

void text_lines_close(struct text_lines *lines);

#endif
