/* The record of a run, as a file or a folder has it, and what it states that is needed to repeat
 * it.
 */
#ifndef CLI_RERUN_RECORD_H
#define CLI_RERUN_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/status.h"
#include "cli/args.h"

/* Objects of a file: one, or one a line. */
struct rerun_list {
    json_t **items; /* owned, and each of them */
    size_t count;
};

void rerun_list_free(struct rerun_list *list);

/* A file below an open folder (AT_FDCWD: a path as the user gave it). LIMIT for more than this verb
 * takes into memory. The message names no file of a folder. */
enum vitlrp_status rerun_list_read(int folder, const char *path, struct rerun_list *out,
                                   struct vitlrp_error *err);

struct rerun_record {
    const char *path; /* as the user gave it */
    enum verb verb;
    struct rerun_list records; /* of a folder: its run.json */
    struct rerun_list lines;   /* of a folder: those of its results.jsonl */
    int folder;                /* -1: a file */
    const json_t *run;         /* of the first record: verb and options, whose types are checked */
};

/* Reads it whole. FORMAT for what is no record of a run; UNSUPPORTED for one that does not state
 * how it was made, is of a part of a run, or is not complete. *out is owned: rerun_record_free,
 * after a failure too. */
enum vitlrp_status rerun_record_read(const char *path, struct rerun_record *out,
                                     struct vitlrp_error *err);

/* The option of a word of `run.options`, and its value (NULL: it has none); OPTION_COUNT if it is
 * none. */
enum option_id rerun_option_read(const json_t *word, const char **value);

/* The first value that the record states of an option; NULL: none. */
const char *rerun_record_option(const struct rerun_record *record, enum option_id option);

void rerun_record_free(struct rerun_record *record);

/* Where a record of this verb names the model and its data: the record, or its member `search`. */
const json_t *rerun_record_search(const struct rerun_record *record);

#endif
