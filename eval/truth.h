/* The labels of a dataset's images from a file beside them. Names are matched with images; pixels
 * are not looked at. */
#ifndef EVAL_TRUTH_H
#define EVAL_TRUTH_H

#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "base/status.h"

/* How a dataset's words for classes become model outputs. */
struct truth_classes {
    int32_t (*find)(void *user, const char *text); /* index, WordNet id or label; -1: not known */
    void *user;
};

/* Labels by file name. */
struct truth {
    struct truth_entry *entries; /* owned: truth_close */
    size_t count;
    char *text;               /* owned: the names */
    char sha256[SHA256_TEXT]; /* of the file; "": there is none */
};

/* Reads a file of rows "name label ..." separated by tabs, commas or blanks: ImageNet's val.txt,
 * Tiny-ImageNet's val_annotations.txt, Kaggle's LOC_val_solution.csv, or a CSV of one's own. A
 * first row that cannot be data is a header. FORMAT for a row without a label and for two labels of
 * one name. *out is owned: truth_close. */
enum vitlrp_status truth_open(const char *path, const struct truth_classes *classes,
                              struct truth *out, struct vitlrp_error *err);

/* The label of an image: looked up by the whole id, then by its file name, then by that without its
 * ending. -1 if its class is not the model's, TRUTH_ABSENT if there is no row for it. */
int32_t truth_find(const struct truth *truth, const char *id);

#define TRUTH_ABSENT (-2)

/* A zeroed one is fine. */
void truth_close(struct truth *truth);

#endif
