/* Rotary position embeddings (Su et al. 2021, arXiv:2104.09864; on grids: Heo et al. 2024,
 * arXiv:2403.13298): the queries and keys of every patch turn by angles that depend on where the
 * patch lies, each pair (a, b) of a head's entries to (a cos - b sin, b cos + a sin). Values, and
 * tokens in front of the patches, stay as they are. weights[0]: the table of vit/tokens/rotary.h.
 *
 * An orthogonal linear map, so LRP-0 and the gradient agree: G turns back by the same angles, and R
 * of a pair is the same before and after. Nothing is absorbed. */
#include <string.h>

#include "vit/ops/op.h"

enum { PARTS = 3, QUERY_AND_KEY = 2 };

struct rope_job {
    const struct op_call *call;
    float *to;
    const float *from; /* may be `to` */
    float sense;       /* 1: forwards; -1: back */
};

/* `count` entries from `at` on, as they are. */
static void keep(const struct rope_job *job, size_t at, size_t count) {
    if (job->to != job->from) {
        memcpy(job->to + at, job->from + at, count * sizeof *job->to);
    }
}

/* `heads` heads from `at` on, of one token: of queries and keys, or of keys alone. */
static void turn(const struct rope_job *job, size_t at, size_t heads, const float *table) {
    const struct op *op = job->call->op;
    const struct kernels *kernels = job->call->engine->kernels;
    size_t size = job->call->out.width / PARTS / op->heads;
    bool apart = op->rope->form == VIT_ROPE_MIXED;
    for (size_t i = 0; i < heads; i++) {
        const float *turns = table + (apart ? i % op->heads * size : 0);
        (op->rope->halves ? kernels->turn_halves : kernels->turn_pairs)(
            job->to + at + i * size, job->from + at + i * size, turns, size / 2, job->sense);
    }
}

static void turn_rows(void *context, size_t first, size_t count) {
    const struct rope_job *job = context;
    const struct op_call *call = job->call;
    const struct op *op = call->op;
    size_t dim = call->out.width / PARTS;
    size_t patch_width = op->rope->form == VIT_ROPE_MIXED ? dim : dim / op->heads;
    size_t prefix = op->tokens->prefix;
    for (size_t r = first; r < first + count; r++) {
        size_t token = r % call->out.rows;
        size_t parts = token < call->out.query_rows ? QUERY_AND_KEY : QUERY_AND_KEY - 1;
        size_t at = (r * PARTS + QUERY_AND_KEY - parts) * dim;
        if (token < prefix) {
            keep(job, at, parts * dim);
        } else {
            turn(job, at, parts * op->heads, op->weights[0] + (token - prefix) * patch_width);
        }
        keep(job, (r * PARTS + QUERY_AND_KEY) * dim, dim);
    }
}

static void forward(const struct op_call *call) {
    struct rope_job job = {call, call->out.x, call->in[0].x, 1.0F};
    engine_rows(call->engine, call->images * call->out.rows, turn_rows, &job);
}

/* Where attention weights are constants, queries and keys carry no relevance. */
static void relevance(const struct op_call *call) {
    struct rope_job job = {call, call->in[0].g, call->out.g, -1.0F};
    if (!op_is_constant(call) || job.to != job.from) {
        engine_rows(call->engine, call->out.rows, turn_rows, &job);
    }
}

const struct op_kind OP_ROPE = {.name = "rope",
                                .remade = true,
                                .in_place = true,
                                .forward = forward,
                                .relevance = relevance,
                                .gradient = relevance};
