/* One image of a record as a JSON object, on one line: what becomes of it in a file and back.
 * Nothing else looks into such an object. */
#ifndef EVAL_RECORD_IMAGE_H
#define EVAL_RECORD_IMAGE_H

#include <stdint.h>

#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "eval/record.h"

/* A class of the record as its images name it. */
struct record_class_place {
    int32_t index, output;
};

/* What the images of a record are read with. */
struct record_image_reader {
    const struct record *record;       /* of which all but the images must be there */
    struct record_class_place *places; /* owned: one for each class, by index. One by one, a
                                          record's time would grow with the square of its size */
};

/* FORMAT if two classes have one index. The record must outlive the reader, which is owned:
 * record_image_reader_close. */
enum vitlrp_status record_image_reader_open(const struct record *record,
                                            struct record_image_reader *out,
                                            struct vitlrp_error *err);

/* A zeroed one is fine. */
void record_image_reader_close(struct record_image_reader *reader);

/* Appends the image. Patch scores are kept for the images of the gallery only. */
void record_image_write(const struct record *record, const struct eval_image *image,
                        struct text *out);

/* FORMAT, naming the member, for anything that record_image_write would not have written, and for
 * an index that is not above `after` or not of the record's shard. *image is owned, after a failure
 * too: eval_image_free. */
enum vitlrp_status record_image_read(const struct record_image_reader *reader, const json_t *object,
                                     int64_t after, struct eval_image *image,
                                     struct vitlrp_error *err);

#endif
