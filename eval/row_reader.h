/* Text files of rows, as people keep labels, boxes and lists of files in: separated by tabs, commas
 * or blanks, with or without quotes. Gives fields; does not know what they mean. */
#ifndef EVAL_ROW_READER_H
#define EVAL_ROW_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/sha256.h"
#include "base/status.h"

#define ROW_FIELDS 16

struct row {
    char *field[ROW_FIELDS]; /* terminated; they live as long as the reader */
    size_t count;            /* fields beyond ROW_FIELDS are dropped */
    size_t line;             /* from 1 */
};

struct row_reader {
    char *text; /* owned: rows_close */
    size_t size, next, line;
    char separator;           /* '\0': the whole line is one field */
    char sha256[SHA256_TEXT]; /* of the file's bytes */
};

/* Reads a file ("-": standard input) of at most `limit` bytes. The first of the characters
 * `separators` that its first line contains separates its fields; a blank stands for any number of
 * them. FORMAT for a file with zero bytes. The message names the path. */
enum vitlrp_status rows_open(const char *path, size_t limit, const char *separators,
                             struct row_reader *out, struct vitlrp_error *err);

/* The next row that is not empty; false at the end. A byte order mark and CRLF are fine; fields in
 * double quotes may hold commas, and a doubled quote is one, where commas separate. Blanks at
 * either end of a field are left out, but for those in quotes, and of a first field before a tab: a
 * file may be called so. */
bool rows_next(struct row_reader *reader, struct row *row);

/* A zeroed reader is fine. */
void rows_close(struct row_reader *reader);

#endif
