/* The machine's own matrix-product rate on the shapes of the model: the yardstick of `vitlrp
 * bench`. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <time.h>

#include "vit/session_private.h"

enum { REPETITIONS = 9 };

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *) a;
    double y = *(const double *) b;
    return (x > y) - (x < y);
}

double vit_session_gemm_rate(struct vit_session *session) {
    const struct vit_block *weights = &session->net.model->weights.blocks[0];
    struct gemm_product product = {.transpose_b = true,
                                   .m = session->net.tokens,
                                   .n = session->net.mlp_dim,
                                   .k = session->net.dim,
                                   .alpha = 1.0F,
                                   .a = session->state.blocks[0].x_in,
                                   .a_stride = session->net.dim,
                                   .b = weights->fc1_weight,
                                   .b_stride = session->net.dim,
                                   .beta = 0.0F,
                                   .c = session->scratch.hidden,
                                   .c_stride = session->net.mlp_dim};
    double flops = 2.0 * (double) product.m * (double) product.n * (double) product.k;
    double seconds[REPETITIONS];
    int saved = session->net.engine.backend->enter();
    gemm_run(session->net.engine.backend, session->net.engine.pool, &product);
    for (size_t i = 0; i < REPETITIONS; i++) {
        double start = seconds_now();
        gemm_run(session->net.engine.backend, session->net.engine.pool, &product);
        seconds[i] = seconds_now() - start;
    }
    session->net.engine.backend->leave(saved);
    qsort(seconds, REPETITIONS, sizeof seconds[0], compare_doubles);
    return flops / seconds[REPETITIONS / 2] * 1e-9;
}
