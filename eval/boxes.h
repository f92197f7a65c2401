/* Boxes of objects from a CSV file: "path,xmin,ymin,xmax,ymax", other columns as they like. */
#ifndef EVAL_BOXES_H
#define EVAL_BOXES_H

#include <stddef.h>

#include "base/sha256.h"
#include "base/status.h"
#include "eval/item.h"

struct box_list {
    struct box_entry *entries; /* owned, as the next two: boxes_close */
    struct eval_box *boxes;    /* in the order of the entries: those of one image together */
    char *text;                /* the names */
    char sha256[SHA256_TEXT];  /* of the file; "": there is none */
    size_t count;
};

/* Reads the file. A header names the columns (path, image, image_id, file, filename, name or
 * ImageId; xmin, ymin, xmax, ymax); without one they are the first and the only four that are
 * numbers. Numbers are pixels of the upright photograph and both ends lie in the box, as in
 * ImageNet's annotations, so that "3,.,5,." is three pixels wide. One row for each box. FORMAT,
 * with the line, for a row that is no box. *out is owned: boxes_close. */
enum vitlrp_status boxes_open(const char *path, struct box_list *out, struct vitlrp_error *err);

/* The boxes of an image, by its whole id or else by its file name; NULL and 0 if it has none. They
 * live as long as the list. */
const struct eval_box *boxes_find(const struct box_list *list, const char *id, size_t *count);

/* A zeroed one is fine. */
void boxes_close(struct box_list *list);

#endif
