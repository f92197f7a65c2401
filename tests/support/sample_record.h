/* Made-up records of evaluations: what reports are tested on, with every kind of value that a real
 * one can have. */
#ifndef TESTS_SAMPLE_RECORD_H
#define TESTS_SAMPLE_RECORD_H

#include <stddef.h>

#include "base/text.h"
#include "eval/record.h"

struct sample_shape {
    size_t images, methods;
    int32_t steps, grid;
    int32_t shard, shards;
    enum vitlrp_precision precision;
    uint32_t replacements; /* 0: zero alone */
    int32_t coalitions;
    int32_t regions; /* 0: single patches */
    int32_t randomized, sensitivity;
};

/* The images of one shard; equal shapes give equal records, and image i is the same in every
 * division. Image 3 failed, and method 1 failed on image 5. Method 0 is the best by far, method 2
 * (rollout, the reference) is in the middle, the last one is no better than chance. In bf16 the
 * areas of audited images differ from those in float32 by up to 0.001. Owned: record_free. */
struct record sample_record(const struct sample_shape *shape);

/* Its JSON; fails the test if there is none. Owned: text_free. */
struct text sample_json(const struct record *record);

#endif
