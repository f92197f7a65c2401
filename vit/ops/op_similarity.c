/* Logits of texts: y = z / |u| + b. u is an image's embedding, z its products with the texts' unit
 * vectors times a scale, so that z / |u| are scaled cosines. z is made of what the head reads, h,
 * by a linear layer: u = P h and z = s V u make z = W h, W = s V P, so W has the gamma of a head
 * and stands before this operation. The second input is u; P itself may be the identity.
 *
 * Relevance: |u| is a constant, as in the rule of LayerNorm (Achtibat et al. 2024,
 * proposition 3.4), so each row W / |u| is that of a classifier. In G form G_z = G_y / |u|, and u
 * receives nothing. In the ledger: b, which the gamma rule of W has not seen. The plain gradient
 * does not hold |u| constant: G_u = -<G_y, z> u / |u|^3. A row u of zeros has no direction: its
 * logits are NaN. */
#include <math.h>
#include <string.h>

#include "vit/ops/op.h"

enum { PRODUCTS = 0, EMBEDDING = 1 }; /* inputs */

static double norm_of(const struct op_call *call, size_t image) {
    const struct op_array *embedding = &call->in[EMBEDDING];
    const float *row = embedding->x + image * embedding->width;
    return sqrt(call->engine->kernels->dot(row, row, embedding->width));
}

static void forward(const struct op_call *call) {
    double bias = call->op->weights[0] == NULL ? 0.0 : (double) call->op->weights[0][0];
    size_t count = call->out.width;
    for (size_t i = 0; i < call->images; i++) {
        double norm = norm_of(call, i);
        for (size_t c = 0; c < count; c++) {
            double product = (double) call->in[PRODUCTS].x[i * count + c];
            call->out.x[i * count + c] = norm > 0.0 ? (float) (product / norm + bias) : NAN;
        }
    }
}

/* G of the products, which are linear in any case. */
static void pass_products(const struct op_call *call, double norm) {
    for (size_t c = 0; c < call->out.width; c++) {
        call->in[PRODUCTS].g[c] = (float) ((double) call->out.g[c] / norm);
    }
}

static void relevance(const struct op_call *call) {
    const struct op_array *embedding = &call->in[EMBEDDING];
    double received = op_relevance_of(call, &call->out);
    pass_products(call, norm_of(call, 0));
    memset(embedding->g, 0, embedding->width * sizeof *embedding->g);
    op_record(call, 0, received, op_relevance_of(call, &call->in[PRODUCTS]));
}

static void gradient(const struct op_call *call) {
    const struct op_array *embedding = &call->in[EMBEDDING];
    double norm = norm_of(call, 0);
    pass_products(call, norm);
    double along =
        call->engine->kernels->dot(call->in[PRODUCTS].g, call->in[PRODUCTS].x, call->out.width) /
        (norm * norm);
    for (size_t d = 0; d < embedding->width; d++) {
        embedding->g[d] = (float) (-along * (double) embedding->x[d]);
    }
}

const struct op_kind OP_SIMILARITY = {.name = "similarity",
                                      .ledger_lines = 1,
                                      .forward = forward,
                                      .relevance = relevance,
                                      .gradient = gradient};
