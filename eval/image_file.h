/* Files beside the images of a dataset: one of a folder for each image, and named like it. */
#ifndef EVAL_IMAGE_FILE_H
#define EVAL_IMAGE_FILE_H

#include <stdbool.h>

#include "base/status.h"

/* How a file is called: an image's name with an ending behind it, or in place of its own. */
struct image_file_form {
    bool whole; /* the image's name, its ending included */
    const char *ending;
};

/* For messages: "map", ".npy". */
struct image_file_kind {
    const char *what, *ending;
    const struct image_file_form
        *forms; /* in the order of choice; one without an ending ends them */
};

/* The first that is there of the forms of the image's id, below the folder; then of the same
 * without the id's folders. *path is owned: mem_free. MISMATCH, naming folder and image, if none
 * is. */
enum vitlrp_status image_file_find(const char *folder, const char *id,
                                   const struct image_file_kind *kind, char **path,
                                   struct vitlrp_error *err);

/* True if the image has no such file now, or one with another hash. One that is there and cannot be
 * read has not changed: whoever needs it says why. */
bool image_file_has_changed(const char *folder, const char *id, const struct image_file_kind *kind,
                            const char *sha256);

/* IO, or USAGE for what is no folder; plural: "maps". */
enum vitlrp_status image_file_check_folder(const char *path, const char *plural,
                                           struct vitlrp_error *err);

#endif
