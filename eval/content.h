/* What the files of a manifest hold, without reading them whole: shards of one run see that each
 * other's images are not those that they were, though each reads only its own. Of every file its
 * size counts, and its first, middle and last CONTENT_PART bytes: another picture of the same size
 * (BMP, PNM and arrays all have one) differs in its middle, a turned one in its head. Of
 * CONTENT_WITNESSES files, evenly spread, every byte counts. */
#ifndef EVAL_CONTENT_H
#define EVAL_CONTENT_H

#include <stddef.h>

#include "base/sha256.h"
#include "base/status.h"

#define CONTENT_WITNESSES ((size_t) 32)
#define CONTENT_PART ((size_t) 4096)
#define CONTENT_PARTS ((size_t) 3) /* a file that is no longer than all of them is read whole */

struct content {
    struct sha256 hash;
    size_t count, added, witnesses;
};

/* Of a manifest of so many images, of which each is added in its order. Released by content_finish.
 */
struct content content_begin(size_t count);

/* Adds an image: its id, a zero byte, the size of its file, a blank, the hash of its bytes or of
 * their parts, and a newline. "- -" stands for a file that cannot be read. What would befall every
 * file (no memory, no descriptor) is the only failure. */
enum vitlrp_status content_add(struct content *content, const char *id, const char *path,
                               struct vitlrp_error *err);

/* As sha256_finish. */
enum vitlrp_status content_finish(struct content *content, enum vitlrp_status status,
                                  char out[SHA256_TEXT], struct vitlrp_error *err);

#endif
