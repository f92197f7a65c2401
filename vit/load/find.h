/* Where the weights are that a path leads to: a file, a folder, an index of shards, or the folder
 * of a model in the cache of the Hugging Face hub. */
#ifndef VIT_FIND_H
#define VIT_FIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"
#include "base/status.h"

#define PATH_SIZE ((size_t) 4096)

struct weights_place {
    char path[PATH_SIZE]; /* of the file of the weights, or of the index of their shards */
    bool index;
};

/* Of a folder the first of timm's and Hugging Face's names that is there; which one is logged where
 * there are several. Of a shard its index. Symbolic links are not resolved: what lies beside the
 * link belongs to the model. FORMAT if a folder has no weights; a path that is not there is taken
 * as it is. */
enum vitlrp_status weights_find(const char *path, const struct vitlrp_log *log,
                                struct weights_place *out, struct vitlrp_error *err);

/* The path of `name` in the folder of `path`, or in `path` itself. */
enum vitlrp_status path_join(char out[PATH_SIZE], const char *path, bool is_folder,
                             const char *name, struct vitlrp_error *err);

bool path_exists(const char *path);

#endif
