/* The seam through which every matrix product goes: a backend computes one product in the calling
 * thread, this layer splits large ones over the pool. Matrices are row-major float32. */
#ifndef VIT_GEMM_H
#define VIT_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "base/status.h"

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

struct gemm_backend {
    const char *name;

    /* Once per thread before its first product: single-threaded mode for that thread, buffers
     * touched. */
    void (*thread_start)(void);

    /* Around the products of a call from a foreign thread: returns what leave needs to restore. */
    int (*enter)(void);
    void (*leave)(int saved);

    void (*multiply)(const struct gemm_product *product);
};

/* The backend of that name ("auto", "openblas", "onednn" where built); UNSUPPORTED, listing them,
 * for another. */
enum status gemm_backend_find(const char *name, const struct gemm_backend **out, struct error *err);

/* How a product is shared out to threads: along its longer side, in parts that follow from its
 * shape alone. The last bits of an element depend on where its part begins and ends, so results are
 * the same for any number of threads. */
struct gemm_split {
    bool by_columns; /* else by rows */
    size_t length;   /* of the side that is split */
    size_t parts;
};

struct gemm_split gemm_split_of(size_t m, size_t n);

/* Where part `index` begins; part `parts` is the end. */
size_t gemm_split_begin(const struct gemm_split *split, size_t index);

/* Runs the product on the pool, split along its longer side. Not from within a pool task. */
void gemm_run(const struct gemm_backend *backend, struct pool *pool,
              const struct gemm_product *product);

/* The part of a product that computes columns [first, first + count) of C. */
struct gemm_product gemm_columns(const struct gemm_product *product, size_t first, size_t count);

/* The part of a product that computes rows [first, first + count) of C. */
struct gemm_product gemm_rows(const struct gemm_product *product, size_t first, size_t count);

#endif
