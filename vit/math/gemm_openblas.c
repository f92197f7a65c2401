/* OpenBLAS as a single-threaded kernel: the threads are ours. */
#include <cblas.h>

#include "base/checked.h"
#include "vit/math/gemm_backends.h"

/* The OpenMP flavour of OpenBLAS takes as many threads as the calling thread's OpenMP setting says,
 * and that setting is per thread: 1 keeps it inside our pool without touching anybody else's.
 * Declared here since omp.h differs by compiler; the functions are those of the OpenMP API,
 * section 3.2. */
void omp_set_num_threads(int threads);
int omp_get_max_threads(void);

static void enter(struct gemm_entry *saved) {
    saved->threads = omp_get_max_threads();
    omp_set_num_threads(1);
    if (openblas_get_parallel() == OPENBLAS_THREAD && openblas_get_num_threads() != 1) {
        /* The pthread flavour knows only one setting for the whole process. */
        openblas_set_num_threads(1);
    }
}

static void leave(const struct gemm_entry *saved) {
    omp_set_num_threads(saved->threads);
}

static void multiply(const struct gemm_product *product) {
    cblas_sgemm(CblasRowMajor, product->transpose_a ? CblasTrans : CblasNoTrans,
                product->transpose_b ? CblasTrans : CblasNoTrans, (blasint) product->m,
                (blasint) product->n, (blasint) product->k, product->alpha, product->a,
                (blasint) product->a_stride, product->b, (blasint) product->b_stride, product->beta,
                product->c, (blasint) product->c_stride);
}

/* What OpenBLAS takes a product's buffer with, from a table that all threads share: as many as
 * there have ever been products at the same time. Every build of it that was looked at shows these
 * two, but no header does: without them products make their buffers when they meet. */
__attribute__((weak)) void *blas_memory_alloc(int purpose);
__attribute__((weak)) void blas_memory_free(void *buffer);

/* Of more threads the others' buffers are made when they meet. */
#define MOST_BUFFERS 128

static void prepare(size_t threads) {
    void *buffers[MOST_BUFFERS];
    size_t count = size_min(threads, MOST_BUFFERS);
    if (blas_memory_alloc == NULL || blas_memory_free == NULL) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        buffers[i] = blas_memory_alloc(0);
    }
    for (size_t i = 0; i < count; i++) {
        blas_memory_free(buffers[i]);
    }
}

/* OpenBLAS allocates at a thread's first product, and loops for ever if the address space is
 * exhausted by then. */
static void thread_start(void) {
    struct gemm_entry ours;
    enter(&ours);
    gemm_warm_up(multiply);
}

static void describe(struct text *out) {
    int kind = openblas_get_parallel();
    text_printf(out, "%s (kernels for %s, %s)", openblas_get_config(), openblas_get_corename(),
                kind == OPENBLAS_OPENMP   ? "OpenMP"
                : kind == OPENBLAS_THREAD ? "threads of its own"
                                          : "serial");
}

const struct gemm_backend *gemm_openblas(void) {
    static const struct gemm_backend backend = {.name = "openblas",
                                                .thread_reserve = OPENBLAS_THREAD_RESERVE,
                                                .prepare = prepare,
                                                .thread_start = thread_start,
                                                .enter = enter,
                                                .leave = leave,
                                                .multiply = multiply,
                                                .describe = describe};
    return &backend;
}
