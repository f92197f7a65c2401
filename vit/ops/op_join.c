/* Two rows of each image one behind the other: what a head reads of several blocks. Every number
 * passes, and so does its G: nothing is absorbed. */
#include <string.h>

#include "vit/ops/op.h"

static void forward(const struct op_call *call) {
    size_t first = call->in[0].width;
    size_t second = call->in[1].width;
    for (size_t i = 0; i < call->images; i++) {
        float *out = call->out.x + i * call->out.width;
        memcpy(out, call->in[0].x + i * first, first * sizeof *out);
        memcpy(out + first, call->in[1].x + i * second, second * sizeof *out);
    }
}

static void relevance(const struct op_call *call) {
    memcpy(call->in[0].g, call->out.g, call->in[0].width * sizeof(float));
    memcpy(call->in[1].g, call->out.g + call->in[0].width, call->in[1].width * sizeof(float));
}

const struct op_kind OP_JOIN = {
    .name = "join", .forward = forward, .relevance = relevance, .gradient = relevance};
