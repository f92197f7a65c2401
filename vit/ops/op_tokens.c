/* The tokens of an input: those in front (CLS) and the embedded patches, or the words of texts,
 * each with its position embedding added.
 *
 * A sum passes G to each term (LRP-0), so G of a patch is that of its token. In the ledger: what
 * the position embeddings and the tokens in front keep. */
#include <string.h>

#include "vit/ops/op.h"

/* Positions begin anew with every text. */
static void forward_texts(const struct op_call *call) {
    const size_t *starts = call->texts->starts;
    size_t width = call->out.width;
    for (size_t i = 0; i < call->texts->count; i++) {
        size_t at = starts[i] * width;
        call->engine->kernels->add(call->out.x + at, call->in[0].x + at, call->op->weights[1],
                                   (starts[i + 1] - starts[i]) * width);
    }
}

static void forward(const struct op_call *call) {
    const struct kernels *kernels = call->engine->kernels;
    const float *position = call->op->weights[1];
    size_t width = call->out.width;
    size_t prefix = call->op->tokens->prefix * width;
    size_t patches = call->in[0].rows * width;
    if (call->texts != NULL) {
        forward_texts(call);
        return;
    }
    for (size_t i = 0; i < call->images; i++) {
        float *tokens = call->out.x + i * call->out.rows * width;
        kernels->add(tokens, call->op->weights[0], position, prefix);
        kernels->add(tokens + prefix, call->in[0].x + i * patches, position + prefix, patches);
    }
}

static size_t g_row(const struct op *op) {
    return op->tokens->prefix;
}

static void relevance(const struct op_call *call) {
    const float *const *weights = call->op->weights;
    size_t width = call->out.width;
    size_t prefix = call->op->tokens->prefix;
    op_record(call, 0, op_sum(call, weights[1], call->out.g, call->out.rows, width, width), 0.0);
    op_record(call, 1, op_sum(call, weights[0], call->out.g, prefix, width, width), 0.0);
}

/* Of words, which have no tokens in front. */
static void change(const struct op_call *call, const struct op_changes *changes) {
    memcpy(changes->out, changes->in,
           changes->count * call->out.rows * call->out.width * sizeof *changes->out);
}

const struct op_kind OP_TOKENS = {.name = "tokens",
                                  .ledger_lines = 2,
                                  .g_row = g_row,
                                  .forward = forward,
                                  .relevance = relevance,
                                  .gradient = relevance,
                                  .change = change};
