#include "vit/gemm.h"

#include <string.h>

#include "vit/gemm_backends.h"

enum status gemm_backend_find(const char *name, const struct gemm_backend **out,
                              struct error *err) {
    if (strcmp(name, "auto") == 0 || strcmp(name, "openblas") == 0) {
        *out = gemm_openblas();
        return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED, "no backend '%s' in this build: auto or openblas", name);
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

struct split {
    const struct gemm_backend *backend;
    const struct gemm_product *product;
    size_t parts;
};

static void multiply_part(void *context, size_t index, size_t thread) {
    const struct split *split = context;
    const struct gemm_product *product = split->product;
    (void) thread;
    bool by_columns = product->n >= product->m;
    size_t length = by_columns ? product->n : product->m;
    size_t first = length * index / split->parts;
    size_t count = length * (index + 1) / split->parts - first;
    if (count > 0) {
        struct gemm_product part =
            by_columns ? gemm_columns(product, first, count) : gemm_rows(product, first, count);
        split->backend->multiply(&part);
    }
}

void gemm_run(const struct gemm_backend *backend, struct pool *pool,
              const struct gemm_product *product) {
    struct split split = {backend, product, pool_threads(pool)};
    pool_run(pool, split.parts, multiply_part, &split);
}
