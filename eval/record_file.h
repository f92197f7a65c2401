/* The images of a record that stay in a file, and are read one after the other: memory does not
 * grow with their number. */
#ifndef EVAL_RECORD_FILE_H
#define EVAL_RECORD_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/status.h"
#include "eval/record.h"

/* Where the object of an image lies; of length 0: nowhere. */
struct record_place {
    uint64_t offset;
    uint32_t length;
};

/* What the images are read from. */
struct record_origin {
    struct record head;          /* owned: the record without its images */
    struct source source;        /* owned */
    struct record_place *places; /* owned: [count], image i of the manifest at i / shards */
    size_t count;
};

/* A store of these images, for an evaluation. Every visit reads the file and refuses what
 * record_image_read does, with the place of the image in the shard. Takes the origin over, failing
 * or not. *out is owned. */
enum vitlrp_status record_file_open(struct record_origin *origin, struct eval_store **out,
                                    struct vitlrp_error *err);

/* A zeroed one but for its source's descriptor, -1, is fine. */
void record_origin_free(struct record_origin *origin);

#endif
