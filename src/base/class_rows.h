/* The sums of relevance by class of an index of hidden units (base/unit_index): a row for each
 * class, of a number for each unit, which memory need not hold.
 *
 * While a run is at work its rows are in the file classes.bin, which has two places for each class.
 * The state knows each row by its SHA-256. An image goes into the place that the state does not
 * know: so a process may be killed at any time, and whatever state is there has its rows. When the
 * run is complete they are SITE.classes.npy, and classes.bin is gone. */
#ifndef BASE_CLASS_ROWS_H
#define BASE_CLASS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/unit_index.h"

#define CLASS_ROWS_WORK "classes.bin"

struct class_rows {
    struct unit_index *index; /* the caller's: what the state knows of the rows */
    int folder;               /* the caller's; -1: rows are in memory */
    const char *site;         /* likewise */
    const char *path;         /* likewise, of the folder: for messages; NULL */
    int work, whole;          /* classes.bin, SITE.classes.npy; -1 */
    size_t begin;             /* of the first row in `whole` */
    unsigned char *places;    /* owned: [classes], where the row is that the state knows */
    bool *changed;            /* owned: [classes], images went into its other place */
    bool failed;              /* a row may be torn: no state may know it */
    int64_t **memory;         /* owned: [classes]; NULL: in files */
    int64_t *row;             /* owned: [units] */
};

/* Rows of an index with classes, which outlives them. Nothing is read before it is asked for. IO
 * where a file of them cannot be opened, with its name. *out is owned: class_rows_close, after a
 * failure too. */
enum vitlrp_status class_rows_open(struct unit_index *index, int folder, const char *site,
                                   struct class_rows *out, struct vitlrp_error *err);
void class_rows_close(struct class_rows *rows);

/* The row of a class, [units], with the images since the state. FORMAT if no file has it. One
 * thread at a time, as all of these. */
enum vitlrp_status class_rows_read(struct class_rows *rows, size_t output, int64_t *out,
                                   struct vitlrp_error *err);

/* Adds the shares of an image, which unit_index_check has passed and the index has not. */
enum vitlrp_status class_rows_add(struct class_rows *rows, const struct unit_index_image *image,
                                  struct vitlrp_error *err);

/* Before the state is written: the rows are on the disk, and the index knows their hashes. */
enum vitlrp_status class_rows_settle(struct class_rows *rows, struct vitlrp_error *err);

/* When it is written. */
void class_rows_keep(struct class_rows *rows);

/* Of rows that are settled and kept: writes SITE.classes.npy into the folder, whole, unless it is
 * theirs already, and removes classes.bin. FORMAT if no file has a row. */
enum vitlrp_status class_rows_finish(struct class_rows *rows, struct vitlrp_error *err);

/* Writes SITE.classes.npy of rows in memory into a folder. */
enum vitlrp_status class_rows_write(struct class_rows *rows, int folder, const char *site,
                                    struct vitlrp_error *err);

/* Writes those of an index that others were merged into, the sum of theirs, and tells it their
 * hashes. */
enum vitlrp_status class_rows_join(struct class_rows *parts, size_t count, struct class_rows *out,
                                   struct vitlrp_error *err);

#endif
