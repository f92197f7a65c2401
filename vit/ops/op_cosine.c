/* How alike a row u is to a constant unit vector v: s = <u, v> / |u|.
 *
 * Relevance: the norm of u is a constant, as in the rule of LayerNorm (Achtibat et al. 2024,
 * proposition 3.4), and v a weight: a linear layer of one row v / |u| without a bias. In G form G_u
 * = v G_s / |u|, and nothing is absorbed. The plain gradient does not hold |u| constant: G_u = (v -
 * s u / |u|) G_s / |u|. A row of zeros is like nothing: s is 0, and nothing passes. */
#include <math.h>

#include "vit/ops/op.h"

static double norm_of(const struct op_call *call, const float *row) {
    return sqrt(call->engine->kernels->dot(row, row, call->in[0].width));
}

static double cosine(const struct op_call *call, const float *row) {
    double norm = norm_of(call, row);
    double product = call->engine->kernels->dot(row, call->op->weights[0], call->in[0].width);
    return norm > 0.0 ? product / norm : 0.0;
}

static void forward(const struct op_call *call) {
    for (size_t i = 0; i < call->images; i++) {
        call->out.x[i] = (float) cosine(call, call->in[0].x + i * call->in[0].width);
    }
}

static void backward(const struct op_call *call, double along) {
    double norm = norm_of(call, call->in[0].x);
    double share = norm > 0.0 ? call->out.g[0] / norm : 0.0;
    for (size_t d = 0; d < call->in[0].width; d++) {
        double own = norm > 0.0 ? along * call->in[0].x[d] / norm : 0.0;
        call->in[0].g[d] = (float) (share * (call->op->weights[0][d] - own));
    }
}

static void relevance(const struct op_call *call) {
    backward(call, 0.0);
}

static void gradient(const struct op_call *call) {
    backward(call, cosine(call, call->in[0].x));
}

const struct op_kind OP_COSINE = {
    .name = "cosine", .forward = forward, .relevance = relevance, .gradient = gradient};
