/* Floating-point operations of layers, two per multiply-add: those that the equations ask for.
 * What an implementation makes again instead of keeping it is not counted, nor is elementwise
 * work. */
#ifndef VIT_FLOPS_H
#define VIT_FLOPS_H

#include <stdbool.h>
#include <stddef.h>

#include "vit/math/attention.h"
#include "vit/math/linear.h"

double flops_linear(const struct linear *layer, size_t rows);

/* One product under LRP-0 and the epsilon rule; three under the gamma rule, two if t is there. */
double flops_linear_relevance(const struct linear_step *step);

double flops_attention(const struct attention *attention, size_t images);
double flops_attention_relevance(const struct attention *attention, struct attention_rule rule);

#endif
