/* Linear layers y = x W^T + b: forward, and relevance under LRP-0, the epsilon rule and the gamma
 * rule (vit/RULES.md). */
#ifndef VIT_LINEAR_H
#define VIT_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/engine.h"

struct linear {
    const float *weight; /* [outputs, inputs] */
    const float *bias;   /* [outputs] */
    size_t outputs, inputs;
};

/* gamma 0 with epsilon 0 is LRP-0; epsilon counts only where gamma is 0. */
struct linear_rule {
    float gamma;
    float epsilon;
};

/* y [rows, outputs] (row stride y_stride) = x [rows, inputs] W^T + b, plus residual (dense, may be
 * NULL). */
void linear_forward(const struct engine *engine, const struct linear *layer, size_t rows,
                    const float *x, float *y, size_t y_stride, const float *residual);

/* One backward step. Rows of y and g_y have stride y_stride; x, g_x are dense. */
struct linear_step {
    const struct linear *layer;
    struct linear_rule rule;
    size_t rows;
    const float *x; /* [rows, inputs] */
    const float *y; /* [rows, outputs], bias included; not read under LRP-0 */
    float *g_y;     /* [rows, outputs]; overwritten */
    size_t y_stride;
    float *g_x;     /* [rows, inputs] */
    float *scratch; /* linear_relevance_scratch floats; unused under LRP-0 and epsilon */

    /* t = |x||W|^T + |b| of the gamma rule [rows, outputs], which depends on x alone: kept between
     * steps over the same x if total is not NULL, and not made again if total_is_made. */
    float *total;
    bool total_is_made;
};

/* True if the rule needs y. */
bool linear_rule_reads_output(struct linear_rule rule);

void linear_relevance(const struct engine *engine, const struct linear_step *step);

/* Floats of scratch for a layer of that size over that many rows. */
size_t linear_relevance_scratch(size_t rows, size_t outputs, size_t inputs);

/* Floats of scratch that a thread needs (struct engine). */
size_t linear_thread_scratch(void);

#endif
