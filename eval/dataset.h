/* The images that an evaluation runs over, in a fixed order and with what is known of them. Opens
 * no image but for the hash of what they hold (eval/content.h).
 *
 * A dataset is a folder or a list of files:
 *   - below a folder every image file counts; its label comes from a file of labels (one that is
 *     given, or val.txt, val.csv, labels.txt, labels.csv, val_annotations.txt or
 *     LOC_val_solution.csv in the folder, the first that names an image), else from the folder
 * directly under the dataset's, where that is named like a class (ImageFolder, and Tiny-ImageNet's
 * n01443537/images/);
 *   - a list ("-": standard input) has a path on each line, relative to the current folder, and
 *     optionally a tab and a label; labels may come from a file too. Folders in its paths say
 *     nothing: none of them is known to be the dataset's.
 *
 * The manifest is the list of those images, sorted by the bytes of their path and each once, less
 * those that cannot be used, thinned to the limit. An image's index is its place there. */
#ifndef EVAL_DATASET_H
#define EVAL_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/picture_file.h"
#include "base/status.h"
#include "base/text.h"
#include "eval/boxes.h"
#include "eval/eval_results.h"
#include "eval/folder_walk.h"
#include "eval/item.h"
#include "eval/truth.h"

#define DATASET_LIMIT ((size_t) 10000000)

struct dataset_options {
    const char *path;
    const char *truth_path; /* file of labels; NULL: the folder's own, if it has one */
    const char *boxes_path; /* NULL: none */
    enum vitlrp_eval_target target;
    size_t limit; /* of images, spread evenly over the sorted list so that every class has its
                     share; 0: all */
    int32_t shard, shards; /* image i belongs to shard i % shards */
    bool keep_paths;       /* fills dataset.manifest_paths */
    struct truth_classes classes;
    struct vitlrp_inputs
        inputs; /* gets the name of every image that was found, and of the other files */
};

struct dataset {
    struct eval_item *items; /* of the shard, by ascending index */
    size_t count;
    size_t manifest_count;       /* of all shards */
    const char **manifest_paths; /* [manifest_count], by index, where they were asked for; else NULL
                                  */
    size_t found;                /* images before any were left out */
    struct path_list unread;     /* folders below it that must not be read, and are left out */
    struct picture_file_tally passed_over; /* files that are no photographs to read */
    struct text not_read; /* "2 heic, 1 webp" of these; no text where there is none */
    size_t skipped;       /* for VITLRP_EVAL_LABEL: left out, because they have no label that the
                             model knows */
    size_t labelled;      /* in the shard: with a label that the model knows */
    size_t boxed;         /* in the shard: with boxes */
    char manifest_sha256[SHA256_TEXT]; /* of every id and label of the manifest */
    char truth_sha256[SHA256_TEXT];    /* of the file of labels; "": there is none */
    char *silent_truth; /* owned: a file of labels in the folder that names none of the images, so
                           that they are labelled without it; NULL: there is none */
    char content_sha256[SHA256_TEXT]; /* of what the manifest's files hold (eval/content.h) */

    struct path_list paths; /* of the shard, or of the manifest: items point into it */
    struct box_list boxes;
};

/* FORMAT if there is no image, MISMATCH if none can be used, USAGE for a shard that does not exist;
 * a shard may be empty. *out is owned: dataset_close. */
enum vitlrp_status dataset_open(const struct dataset_options *options, struct dataset *out,
                                struct vitlrp_error *err);

/* A zeroed one is fine. */
void dataset_close(struct dataset *dataset);

#endif
