#include "vit/gemm.h"

#include <string.h>

#include "base/checked.h"
#include "vit/gemm_backends.h"

#ifdef VIT_HAVE_ONEDNN
#define ONEDNN_NAME " or onednn"
#else
#define ONEDNN_NAME "; onednn was not found when it was built"
#endif

enum status gemm_backend_find(const char *name, const struct gemm_backend **out,
                              struct error *err) {
    if (strcmp(name, "auto") == 0 || strcmp(name, "openblas") == 0) {
        *out = gemm_openblas();
        return STATUS_OK;
    }
#ifdef VIT_HAVE_ONEDNN
    if (strcmp(name, "onednn") == 0) {
        *out = gemm_onednn();
        return STATUS_OK;
    }
#endif
    return fail(err, STATUS_UNSUPPORTED, "no backend '%.40s' in this build: openblas" ONEDNN_NAME,
                name);
}

struct gemm_product gemm_columns(const struct gemm_product *product, size_t first, size_t count) {
    struct gemm_product part = *product;
    part.n = count;
    part.b += product->transpose_b ? first * product->b_stride : first;
    part.c += first;
    return part;
}

struct gemm_product gemm_rows(const struct gemm_product *product, size_t first, size_t count) {
    struct gemm_product part = *product;
    part.m = count;
    part.a += product->transpose_a ? first : first * product->a_stride;
    part.c += first * product->c_stride;
    return part;
}

/* Enough parts for the cores of a desktop, none so short that packing the other operand again for
 * it costs more than a few per cent. */
#define MOST_PARTS ((size_t) 8)
#define SHORTEST_PART ((size_t) 96)

/* Parts begin at multiples of this, the kernels' own tile. */
#define GRAIN ((size_t) 16)

struct gemm_split gemm_split_of(size_t m, size_t n) {
    size_t length = size_max(m, n);
    size_t parts = size_min(MOST_PARTS, length / SHORTEST_PART);
    return (struct gemm_split){.by_columns = n >= m, .length = length, .parts = size_max(1, parts)};
}

size_t gemm_split_begin(const struct gemm_split *split, size_t index) {
    size_t grains = (split->length + GRAIN - 1) / GRAIN;
    return size_min(grains * index / split->parts * GRAIN, split->length);
}

struct split_job {
    const struct gemm_backend *backend;
    const struct gemm_product *product;
    struct gemm_split split;
};

static void multiply_part(void *context, size_t index, size_t thread) {
    const struct split_job *job = context;
    size_t first = gemm_split_begin(&job->split, index);
    size_t count = gemm_split_begin(&job->split, index + 1) - first;
    (void) thread;
    struct gemm_product part = job->split.by_columns ? gemm_columns(job->product, first, count)
                                                     : gemm_rows(job->product, first, count);
    job->backend->multiply(&part);
}

void gemm_run(const struct gemm_backend *backend, struct pool *pool,
              const struct gemm_product *product) {
    struct split_job job = {backend, product, gemm_split_of(product->m, product->n)};
    pool_run(pool, job.split.parts, multiply_part, &job);
}
