/* Rows of texts that outlive the process that makes them: a journal (base/journal.h) whose first
 * line says of what they are rows, and whose others have one each. */
#ifndef API_TEXT_JOURNAL_H
#define API_TEXT_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/journal.h"
#include "base/status.h"

struct text_journal {
    struct journal journal;
    bool is_open;
};

/* Begins the file, or goes on with it. `of` says what decides about the rows; USAGE, naming the
 * first thing that differs, for a file of others; FORMAT for another file. text_journal_close,
 * after a failure too. */
enum vitlrp_status text_journal_open(const char *path, const json_t *of, struct text_journal *out,
                                     struct vitlrp_error *err);

/* rows [*done, width]: those of the first classes, as far as it has them one after the other, and
 * of `count` at most. */
enum vitlrp_status text_journal_read(const struct text_journal *journal, size_t width, float *rows,
                                     size_t count, size_t *done, struct vitlrp_error *err);

/* The row of a class that has none yet. */
enum vitlrp_status text_journal_add(struct text_journal *journal, size_t class, const float *row,
                                    size_t width, struct vitlrp_error *err);

/* One that was never opened is fine. */
void text_journal_close(struct text_journal *journal);

#endif
