#include "vit/math/gemm.h"

#include <string.h>

#include "base/mem.h"
#include "vit/math/gemm_backends.h"

#ifdef VIT_HAVE_ONEDNN
#define ONEDNN_NAME " or onednn"
#else
#define ONEDNN_NAME "; onednn was not found when it was built"
#endif

enum vitlrp_status gemm_backend_find(const char *name, const struct gemm_backend **out,
                                     struct vitlrp_error *err) {
#ifdef VIT_HAVE_ONEDNN
    if (strcmp(name, "auto") == 0 || strcmp(name, "onednn") == 0) {
        *out = gemm_onednn();
        return VITLRP_OK;
    }
#endif
    if (strcmp(name, "auto") == 0 || strcmp(name, "openblas") == 0) {
        *out = gemm_openblas();
        return VITLRP_OK;
    }
    return fail(err, VITLRP_UNSUPPORTED,
                "this build has no backend '%.40s', only openblas" ONEDNN_NAME, name);
}

/* A square product, and one of few rows with a transposed factor as in attention of a row: oneDNN
 * has kernels of their own for these. Their result is not on the stack, of which the libraries take
 * half of the 64 KiB that a run has to do with. Without memory for it nothing is computed now, nor
 * later: a run needs more. */
void gemm_warm_up(void (*multiply)(const struct gemm_product *product)) {
    enum { SIDE = 64, FEW = 4 };
    static const float zeros[SIDE * SIDE];
    float *c = mem_calloc((size_t) SIDE * SIDE, sizeof *c);
    if (c == NULL) {
        return;
    }
    struct gemm_product product = {.m = SIDE,
                                   .n = SIDE,
                                   .k = SIDE,
                                   .alpha = 1.0F,
                                   .a = zeros,
                                   .a_stride = SIDE,
                                   .b = zeros,
                                   .b_stride = SIDE,
                                   .c = c,
                                   .c_stride = SIDE};
    multiply(&product);
    product.transpose_b = true;
    product.m = FEW;
    multiply(&product);
    mem_free(c);
}
