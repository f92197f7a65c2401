/* How many hidden units are off at each point of their curves, and the area under one. They go in
 * the order of protocol_rank: score descending, equal scores by their place, block * width + index;
 * LeRF is the reverse. */
#ifndef EVAL_UNIT_ORDER_H
#define EVAL_UNIT_ORDER_H

#include <stddef.h>

/* 0 1 2 5 10 20 35 50 65 80 90 95 98 99 100 per cent: close where few units decide, at both ends.
 */
enum { UNIT_POINTS = 15 };

/* Those of 1 and 10 per cent. */
enum { UNIT_POINT_1 = 1, UNIT_POINT_10 = 4 };

/* Units that are off at a point: floor(share * units + 1/2), exactly. */
size_t unit_order_count(size_t point, size_t units);

/* That count as a share of the units. */
double unit_order_share(size_t point, size_t units);

/* Trapezoid rule over count / units in [0, 1]; curve [UNIT_POINTS], at least one unit. */
double unit_order_area(const float *curve, size_t units);

/* Likewise from 0 to a point, over the share there: the mean of the curve up to it. With fewer
 * units than tell them apart, that at 0. */
double unit_order_mean_to(const float *curve, size_t point, size_t units);

/* Units that are off at the points before that of 1 per cent, of which few units of many decide
 * whether a class is lost: 1, 2, 5, 10, 20, ... as long as they are fewer; 0 behind the last. */
size_t unit_order_early(size_t place, size_t units);

#endif
