/* The bytes that a model was made of, for those who name them by their hashes: on demand, since
 * hashing takes longer than many a use of the model. */
#ifndef VIT_ORIGIN_H
#define VIT_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"
#include "base/status.h"

/* A file of weights, open as long as the model, or the caller's memory. */
struct vit_file {
    char *name; /* owned; in the folder of the model's name, NULL for that file itself */
    struct source source;
    struct file_state state; /* while it was read */
};

/* A file beside the weights, or the caller's, that decided about the model. */
struct vit_sidecar {
    const char *name;   /* in its folder, or what it is: a constant */
    struct bytes bytes; /* owned: as they were read */
};

/* The rows of texts, as a sidecar is called. */
#define VIT_TEXT_EMBEDDINGS "text_embeddings"

/* A configuration, two files of preprocessing, the caller's facts, and a head or what outputs
 * compare. */
#define VIT_SIDECARS ((size_t) 5)

struct vit_origin {
    struct vit_file *files; /* owned; none of random weights. Of shards, the index is the first */
    size_t file_count;
    bool in_memory; /* each "file" is a tensor of the caller's, under its name */
    struct vit_sidecar sidecars[VIT_SIDECARS];
    size_t sidecar_count;
};

/* Room for `count` files, all still without a source. */
enum vitlrp_status vit_origin_reserve(struct vit_origin *origin, size_t count,
                                      struct vitlrp_error *err);

/* Gives a file its source, which it takes over, failing or not, and notes its state. */
enum vitlrp_status vit_origin_set(struct vit_file *file, const char *name,
                                  const struct source *source, struct vitlrp_error *err);

/* Opens the file at a path, which is told to the caller's callback, under that name of the model's
 * list. Its messages name the path. */
enum vitlrp_status vit_origin_open(struct vit_file *file, const char *path, const char *name,
                                   const struct vitlrp_inputs *inputs, struct vitlrp_error *err);

/* IO if a file is no longer as it was when it was opened. */
enum vitlrp_status vit_origin_check(const struct vit_origin *origin, struct vitlrp_error *err);

/* IO if these are not the files of `first`, as they were when that was read: two parts of a model
 * that are loaded one after the other belong together. */
enum vitlrp_status vit_origin_compare(const struct vit_origin *origin,
                                      const struct vit_origin *first, struct vitlrp_error *err);

void vit_origin_close(struct vit_origin *origin);

#endif
