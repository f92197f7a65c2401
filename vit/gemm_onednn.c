/* oneDNN's matrix product as a single-threaded kernel. It compiles code for the processor at hand,
 * and shines on small products. dnnl_sgemm is the one call that oneDNN 2 and 3 have in common. */
#include <dnnl.h>

#include "vit/gemm_backends.h"

static void multiply(const struct gemm_product *product) {
    dnnl_status_t status = dnnl_sgemm(
        product->transpose_a ? 'T' : 'N', product->transpose_b ? 'T' : 'N', (dnnl_dim_t) product->m,
        (dnnl_dim_t) product->n, (dnnl_dim_t) product->k, product->alpha, product->a,
        (dnnl_dim_t) product->a_stride, product->b, (dnnl_dim_t) product->b_stride, product->beta,
        product->c, (dnnl_dim_t) product->c_stride);
    /* It may lack memory for a packed copy. OpenBLAS has its buffers already, and a refused product
     * has written nothing. */
    if (status != dnnl_success) {
        gemm_openblas()->multiply(product);
    }
}

/* The first product compiles; later threads find the code. */
static void thread_start(void) {
    enum { SIDE = 64 };
    static const float zeros[SIDE * SIDE];
    float c[SIDE * SIDE];
    gemm_openblas()->thread_start();
    multiply(&(struct gemm_product){.m = SIDE,
                                    .n = SIDE,
                                    .k = SIDE,
                                    .alpha = 1.0F,
                                    .a = zeros,
                                    .a_stride = SIDE,
                                    .b = zeros,
                                    .b_stride = SIDE,
                                    .c = c,
                                    .c_stride = SIDE});
}

/* Debian's oneDNN runs on OpenMP too and obeys the same per-thread setting. */
static int enter(void) {
    return gemm_openblas()->enter();
}

static void leave(int saved) {
    gemm_openblas()->leave(saved);
}

const struct gemm_backend *gemm_onednn(void) {
    static const struct gemm_backend backend = {.name = "onednn",
                                                .thread_start = thread_start,
                                                .enter = enter,
                                                .leave = leave,
                                                .multiply = multiply};
    return &backend;
}
