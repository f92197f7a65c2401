/* The backends behind vit/math/gemm.h, for gemm.c and for each other. */
#ifndef VIT_GEMM_BACKENDS_H
#define VIT_GEMM_BACKENDS_H

#include "vit/math/gemm.h"

/* OpenBLAS's buffer on x86-64, with what it adds: strace shows mmap of 134225920 and of 135266304
 * bytes. */
#define OPENBLAS_THREAD_RESERVE ((size_t) 130 << 20)

const struct gemm_backend *gemm_openblas(void);

/* A small product, for what a library does at a thread's first. */
void gemm_warm_up(void (*multiply)(const struct gemm_product *product));

/* Defined where VIT_HAVE_ONEDNN is. */
const struct gemm_backend *gemm_onednn(void);

#endif
