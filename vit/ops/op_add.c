/* The sum of a branch and the stream that it joins, where no layer of the branch can add it on the
 * way: z = x + residual.
 *
 * Rules: a sum passes G to each term (LRP-0). Nothing is absorbed. */
#include <string.h>

#include "vit/ops/op.h"

struct add_job {
    const struct op_call *call;
    const float *residual;
};

static void need(const struct op_call *call, struct op_need *need) {
    if (!call->backward && call->residual.rows != call->out.rows && call->images > 1) {
        need->scratch[0] = call->images * call->out.rows * call->out.width;
    }
}

static void forward_rows(void *context, size_t first, size_t count) {
    const struct add_job *job = context;
    size_t at = first * job->call->out.width;
    job->call->engine->kernels->add(job->call->out.x + at, job->call->in[0].x + at,
                                    job->residual + at, count * job->call->out.width);
}

static void forward(const struct op_call *call) {
    struct add_job job = {call,
                          op_leading_rows(call, &call->residual, call->out.rows, call->scratch[0])};
    engine_rows(call->engine, call->images * call->out.rows, forward_rows, &job);
}

static void relevance(const struct op_call *call) {
    memcpy(call->in[0].g, call->out.g, call->out.rows * call->out.width * sizeof(float));
}

const struct op_kind OP_ADD = {
    .name = "add", .need = need, .forward = forward, .relevance = relevance, .gradient = relevance};
