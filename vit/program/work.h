/* What a program's passes cost, known before anything is allocated for them. */
#ifndef VIT_WORK_H
#define VIT_WORK_H

#include "vit/program/program.h"

/* Operations of a forward pass over one input: two for each multiply-add of its products, and what
 * the softmax takes. */
double work_forward(const struct program *program);

/* LIMIT if an input has more tokens, or its forward pass more operations, than the model's limits
 * allow. */
enum vitlrp_status work_check(const struct program *program, struct vitlrp_error *err);

#endif
