/* The backends behind vit/gemm.h, for gemm.c and for each other. */
#ifndef VIT_GEMM_BACKENDS_H
#define VIT_GEMM_BACKENDS_H

#include "vit/gemm.h"

const struct gemm_backend *gemm_openblas(void);

/* Defined where VIT_HAVE_ONEDNN is. */
const struct gemm_backend *gemm_onednn(void);

#endif
