/* From the tokens that leave the last block to the one row of each image that the head reads, by
 * the pool of the model (vit/tokens/pooling.h). A pool is linear without a bias and absorbs
 * nothing.
 */
#include "vit/ops/op.h"

static struct pool_shape shape_of(const struct op_call *call) {
    return (struct pool_shape){.tokens = call->op->tokens,
                               .images = call->images,
                               .rows = call->in[0].rows,
                               .width = call->in[0].width,
                               .absent = call->absent,
                               .texts = call->texts};
}

/* One row of the pool's own needs no gathering. */
static bool is_view(const struct op_call *call) {
    return call->in[0].rows == 1 && call->op->pool->parts == 1;
}

static void forward(const struct op_call *call) {
    struct pool_shape shape = shape_of(call);
    call->op->pool->gather(&shape, call->in[0].x, call->out.x);
}

static void relevance(const struct op_call *call) {
    struct pool_shape shape = shape_of(call);
    call->op->pool->spread(&shape, call->out.g, call->in[0].g);
}

static void change(const struct op_call *call, const struct op_changes *changes) {
    struct pool_shape shape = shape_of(call);
    for (size_t i = 0; i < changes->count; i++) {
        call->op->pool->gather(&shape, changes->in + i * shape.rows * shape.width,
                               changes->out + i * call->out.width);
    }
}

const struct op_kind OP_POOL = {.name = "pool",
                                .remade = true,
                                .is_view = is_view,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = relevance,
                                .change = change};
