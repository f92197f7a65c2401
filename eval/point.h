/* A point of a perturbation curve: what the model says of one version of an input. */
#ifndef EVAL_POINT_H
#define EVAL_POINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eval/eval_results.h"
#include "vit/model/model.h"

struct point {
    float logit, probability, top1;
    bool is_first; /* the output that is measured has the largest logit */
};

/* What is asked of the logits. */
struct point_question {
    int32_t output;   /* whose logit and probability are measured */
    int32_t expected; /* the class that top-1 is compared with */
    bool has_versus;  /* what is measured is the difference to this output */
    int32_t versus;
};

/* Points whose logits are held at once: many batches' worth, so that what a call to the batch costs
 * beside its points does not show. points_at_once: the most of them that are whole batches of so
 * many, one batch at least. */
#define POINTS_AT_ONCE ((size_t) 256)
size_t points_at_once(size_t capacity);

/* logits [classes]. Of equal logits the first is the largest. */
struct point point_read(const struct vit_model *model, const float *logits,
                        const struct point_question *question);

/* Where the point lies on a curve. */
float point_value(const struct point *point, enum eval_curve curve);

#endif
