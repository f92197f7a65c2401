/* The area of a union of many boxes on each patch of a grid, in the time of sorting them. */
#ifndef EVAL_SWEEP_H
#define EVAL_SWEEP_H

#include "eval/localize.h"

/* area [rows, columns] of the union of the boxes, which are in pixels of the model input; a box
 * that ends before it begins is none. NOMEM is the only failure. */
enum vitlrp_status sweep_areas(const struct eval_box *boxes, size_t count,
                               const struct localize_grid *grid, double *area,
                               struct vitlrp_error *err);

#endif
