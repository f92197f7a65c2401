/* The seam through which every matrix product goes: a backend computes one product in the calling
 * thread. Matrices are row-major. Products of any two float32 matrices are here; those with a
 * layer's weights, which may be arranged beforehand and in fewer bits, in vit/math/gemm_weights.h.
 */
#ifndef VIT_GEMM_H
#define VIT_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "base/signals.h"
#include "base/status.h"
#include "base/text.h"

/* C [m, n] = alpha * op(A) [m, k] * op(B) [k, n] + beta * C, op the transpose where flagged;
 * strides in floats. */
struct gemm_product {
    bool transpose_a, transpose_b;
    size_t m, n, k;
    float alpha;
    const float *a;
    size_t a_stride;
    const float *b;
    size_t b_stride;
    float beta;
    float *c;
    size_t c_stride;
};

struct gemm_context;
struct gemm_packing;

/* What a foreign thread had before a backend made it one of its own. */
struct gemm_entry {
    int threads;
    struct signals signals;
};

struct gemm_backend {
    const char *name;

    /* Address space that must be there before the first product: for the process, for code that is
     * compiled then, and for each thread. A library that does not find it does not come back. */
    size_t start_reserve, thread_reserve;

    /* Makes what `threads` products at the same time take, while the address space is there. */
    void (*prepare)(size_t threads);

    /* Once per thread before its first product: single-threaded mode for that thread, buffers
     * touched. */
    void (*thread_start)(void);

    /* Around the products of a call from a foreign thread; leave restores what enter stored. */
    void (*enter)(struct gemm_entry *saved);
    void (*leave)(const struct gemm_entry *saved);

    void (*multiply)(const struct gemm_product *product);

    const struct gemm_packing *packing; /* NULL: multiply is all it has */

    /* Appends the library's name, version and kind. */
    void (*describe)(struct text *out);
};

/* The backend of that name ("auto", "openblas", "onednn" where built); UNSUPPORTED, listing them,
 * for another. */
enum vitlrp_status gemm_backend_find(const char *name, const struct gemm_backend **out,
                                     struct vitlrp_error *err);

#endif
