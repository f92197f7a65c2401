/* The machine's own matrix-product rate on a layer's shape: the yardstick of `vitlrp bench`. */
#ifndef VIT_GEMM_RATE_H
#define VIT_GEMM_RATE_H

#include <stddef.h>

#include "vit/math/linear.h"

/* Median GFLOP/s of products of x [rows, inputs] with the layer's weights. */
double gemm_rate(const struct engine *engine, const struct linear *layer, size_t rows,
                 const float *x);

#endif
