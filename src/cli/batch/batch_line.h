/* What a line of results says of the files of its image. Lines may come from anywhere: nothing of
 * them is a path before it has been compared with the names that a run gives its files. */
#ifndef CLI_BATCH_LINE_H
#define CLI_BATCH_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/journal.h"
#include "base/sha256.h"
#include "base/status.h"
#include "batch_plan.h"

/* Most rows, and most columns, of the map that a line holds in few numbers. */
#define BATCH_COARSE 14

struct batch_line_file {
    char *path;   /* owned: the bytes of the name */
    int64_t size; /* -1: a line of an older version does not state it */
    size_t place; /* of its class among those of the line */
    int32_t class_index;
};

struct batch_line {
    char *id;                      /* owned: the bytes of the name */
    char sha256[SHA256_TEXT];      /* of the image's bytes; "": it does not tell */
    struct batch_line_file *files; /* owned: in the order of the line */
    size_t file_count, file_capacity;
    size_t classes;
};

/* FORMAT, naming the member, for a line that no run would have written: a member that is read of it
 * is missing, or is not of its type and range. */
enum vitlrp_status batch_line_check(const json_t *line, struct vitlrp_error *err);

/* Reads the line at a place of the journal. The journal was opened with batch_line_check.
 * batch_line_free releases it, after a failure too. */
enum vitlrp_status batch_line_read(const struct journal *journal, size_t place,
                                   struct batch_line *line, struct vitlrp_error *err);

void batch_line_free(struct batch_line *line);

/* What every line of an image has, whatever became of it. */
struct batch_line_head {
    const struct vitlrp_dataset_image *image;
    const char *status;
    const char *sha256; /* of the image's bytes; "": not known */
    int32_t label;      /* the index of its class; -1: none */
    const char *method;
};

/* A line that has its head; owned. *complete becomes false where memory is short. */
json_t *batch_line_begin(const struct batch_line_head *head, bool *complete);

/* A map [height, width] in at most BATCH_COARSE rows and columns: the sums over equal shares, in
 * percent of the largest magnitude. NULL where memory is short. */
json_t *batch_line_coarse(const float *map, int32_t height, int32_t width);

/* *complete: the files are those that a run writes for the image: none is missing, none is another.
 * several: their names have the class. */
enum vitlrp_status batch_line_is_complete(const struct batch_line *line,
                                          const struct batch_choice *choice, bool several,
                                          bool *complete, struct vitlrp_error *err);

/* FORMAT, naming it, for a file that bears none of the names that the image's files have. */
enum vitlrp_status batch_line_check_names(const struct batch_line *line, struct vitlrp_error *err);

/* True if the image's file holds other bytes than those that the line is of. A file that cannot be
 * read is taken for the same: what it held stays as good as it was. */
bool batch_line_is_outdated(const struct batch_line *line, const char *path);

#endif
