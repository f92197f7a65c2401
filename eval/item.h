/* One photograph of a dataset as an evaluation takes it: where it is, and what is known of it.
 * Filled by eval/dataset, plain data; whoever fills it owns what it points to. */
#ifndef EVAL_ITEM_H
#define EVAL_ITEM_H

#include <stddef.h>
#include <stdint.h>

/* Pixels of the upright photograph (as decoded and turned by its EXIF orientation); edges, so that
 * a box of the pixels 3 to 5 begins at 3 and ends at 6. May reach beyond the photograph. */
struct eval_box {
    double left, top, right, bottom;
};

struct eval_item {
    const char *path; /* to open */
    const char *id;   /* relative to the dataset, with which results name it */
    size_t index;     /* position in the whole manifest, whatever the shard */
    int32_t label;    /* model output of its label; -1 if it has none that the model knows */
    const struct eval_box *boxes; /* of the labelled object; NULL if there are none */
    size_t box_count;
};

#endif
