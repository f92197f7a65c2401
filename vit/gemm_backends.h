/* The backends behind vit/gemm.h. Only gemm.c includes this. */
#ifndef VIT_GEMM_BACKENDS_H
#define VIT_GEMM_BACKENDS_H

#include "vit/gemm.h"

const struct gemm_backend *gemm_openblas(void);

#endif
