/* What the files of a manifest hold, without reading them all: shards of one run see that each
 * other's images are not those that they were, though each reads only its own. The size of every
 * file counts, and of CONTENT_WITNESSES files, evenly spread, every byte. */
#ifndef EVAL_CONTENT_H
#define EVAL_CONTENT_H

#include <stddef.h>

#include "base/sha256.h"
#include "base/status.h"

#define CONTENT_WITNESSES ((size_t) 32)

struct content {
    struct sha256 hash;
    size_t count, added, witnesses;
};

/* Of a manifest of so many images, of which each is added in its order. Released by content_end. */
struct content content_begin(size_t count);

/* Adds an image: its id, a zero byte, the size of its file, of a witness a blank and the hash of
 * its bytes, and a newline. "-" stands for what cannot be read. NOMEM is the only failure. */
enum vitlrp_status content_add(struct content *content, const char *id, const char *path,
                               struct vitlrp_error *err);

/* As sha256_end. */
enum vitlrp_status content_end(struct content *content, char out[SHA256_TEXT],
                               struct vitlrp_error *err);

#endif
