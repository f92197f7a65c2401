/* One step of a search: several rules measured on the same images, by one evaluation. With a
 * journal every image is kept as soon as it is done, and what is there is not done again. */
#ifndef EVAL_TUNE_STEP_H
#define EVAL_TUNE_STEP_H

#include <stddef.h>

#include "base/run_folder.h"
#include "base/sha256.h"
#include "base/status.h"
#include "eval/eval_run.h"
#include "eval/item.h"
#include "eval/metric.h"
#include "vit/methods/method.h"

struct tune_images {
    const struct eval_item *items; /* [count] */
    size_t count;
};

struct tune_step {
    const struct eval_run_options *evaluate; /* its methods are not read */
    const struct vit_method *method;
    const struct vitlrp_method_options *options; /* of the method; their rules are not read */
    const struct vitlrp_rules *rules;            /* [count] */
    size_t count;
    const struct tune_images *images; /* whose patches may stand in each other */
    struct run_folder *journal;       /* NULL: none */
    size_t first;                     /* place in the journal of the first image */
};

/* What an image came to. */
struct tune_outcome {
    char sha256[SHA256_TEXT]; /* of the file's bytes; "": they could not be read */
    enum vitlrp_status status;
    char *message; /* owned: why it failed; NULL if it did not */
};

struct tune_values {
    size_t rules, replacements, images;
    struct tune_outcome *outcomes; /* owned: [images] */
    double *delta; /* owned: [rules][replacements][images]: Delta (logit); NaN: it failed */
};

/* CANCELLED if the observer says so; FORMAT for a line of the journal that is not of this step;
 * otherwise as eval_run. *out is owned: tune_values_free. */
enum vitlrp_status tune_step_run(const struct tune_step *step, struct tune_values *out,
                                 struct vitlrp_error *err);

/* The images' values of one rule under one replacement, by their places. */
const double *tune_values_of(const struct tune_values *values, size_t rule, size_t replacement);

/* A zeroed one is fine. */
void tune_values_free(struct tune_values *values);

#endif
