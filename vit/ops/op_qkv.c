/* Queries, keys and values: one linear layer of three stacked parts. Where only the first rows
 * leave the attention, only they have queries.
 *
 * Rules: those of a linear layer; parts that carry no relevance (q and k under CP-LRP) take no
 * part. In the ledger: the bias. */
#include <string.h>

#include "vit/math/flops.h"
#include "vit/ops/op_qkv.h"

enum { ROWS = 0, SIGNS = 0, QUERY_G = 1 };

static struct linear part_of(const struct op_call *call, size_t first, size_t parts) {
    struct linear layer = op_linear_layer(call);
    size_t dim = layer.outputs / 3;
    return linear_rows(&layer, first * dim, parts * dim);
}

static bool is_whole(const struct op_call *call) {
    return call->out.query_rows == call->out.rows;
}

static void need(const struct op_call *call, struct op_need *need) {
    size_t rows = call->images * call->in[0].rows;
    size_t dim = call->out.width / 3;
    need->thread_floats = linear_thread_scratch();
    if (!call->backward) {
        need->operand = linear_forward_operand(rows, call->in[0].width, call->form.pieces);
        need->scratch[ROWS] =
            is_whole(call) || call->images == 1 ? 0 : call->images * call->out.query_rows * dim;
        return;
    }
    need->operand = linear_relevance_operand(rows, call->out.width, call->form.pieces);
    need->scratch[SIGNS] = rows * call->out.width;
    need->scratch[QUERY_G] = is_whole(call) ? 0 : call->out.query_rows * dim;
}

/* The queries of the first rows; those of an image lie `tokens` rows after those of the last. */
static void forward_queries(const struct op_call *call) {
    struct linear query = part_of(call, 0, 1);
    size_t stride = call->out.width;
    size_t rows = call->out.query_rows;
    const float *x = op_leading_rows(call, &call->in[0], rows, call->scratch[ROWS]);
    if (rows == 1) {
        linear_forward(
            call->engine, &query,
            &(struct linear_pass){call->images, x, call->out.x, call->out.rows * stride, NULL});
        return;
    }
    for (size_t i = 0; i < call->images; i++) {
        linear_forward(call->engine, &query,
                       &(struct linear_pass){rows, x + i * rows * query.inputs,
                                             call->out.x + i * call->out.rows * stride, stride,
                                             NULL});
    }
}

static void forward(const struct op_call *call) {
    size_t rows = call->images * call->in[0].rows;
    size_t stride = call->out.width;
    if (is_whole(call)) {
        struct linear all = op_linear_layer(call);
        linear_forward(call->engine, &all,
                       &(struct linear_pass){rows, call->in[0].x, call->out.x, stride, NULL});
        return;
    }
    struct linear key_value = part_of(call, 1, 2);
    linear_forward(
        call->engine, &key_value,
        &(struct linear_pass){rows, call->in[0].x, call->out.x + stride / 3, stride, NULL});
    forward_queries(call);
}

void op_qkv_complete(const struct op_call *call) {
    struct linear query = part_of(call, 0, 1);
    size_t first = call->out.query_rows;
    size_t stride = call->out.width;
    if (!is_whole(call)) {
        linear_forward(call->engine, &query,
                       &(struct linear_pass){call->out.rows - first,
                                             call->in[0].x + first * query.inputs,
                                             call->out.x + first * stride, stride, NULL});
    }
}

/* The stacked parts that carry relevance, and for how many tokens each. */
struct qkv_parts {
    size_t count;
    struct {
        size_t first, parts, rows;
    } part[2];
};

static struct qkv_parts parts_of(const struct op_call *call, const struct op_array *qkv) {
    if (op_is_constant(call)) {
        return (struct qkv_parts){1, {{2, 1, qkv->rows}}};
    }
    if (qkv->query_rows == qkv->rows) {
        return (struct qkv_parts){1, {{0, 3, qkv->rows}}};
    }
    return (struct qkv_parts){2, {{1, 2, qkv->rows}, {0, 1, qkv->query_rows}}};
}

double op_qkv_relevance_of(const struct op_call *call, const struct op_array *qkv) {
    struct qkv_parts parts = parts_of(call, qkv);
    size_t dim = qkv->width / 3;
    double sum = 0.0;
    for (size_t i = 0; i < parts.count; i++) {
        size_t at = parts.part[i].first * dim;
        sum += op_sum(call, qkv->x + at, qkv->g + at, parts.part[i].rows, parts.part[i].parts * dim,
                      qkv->width);
    }
    return sum;
}

/* Without y and its G: operations are counted before there are arrays. */
static struct linear_step step_of(const struct op_call *call, const struct linear *layer,
                                  const struct qkv_parts *parts, size_t index) {
    return (struct linear_step){.layer = layer,
                                .rule = op_linear_rule(call),
                                .rows = parts->part[index].rows,
                                .x = call->in[0].x,
                                .y_stride = call->out.width,
                                .g_x = index == 0 ? call->in[0].g : call->scratch[QUERY_G],
                                .scratch = call->scratch[SIGNS]};
}

static void relevance(const struct op_call *call) {
    struct qkv_parts parts = parts_of(call, &call->out);
    double received = op_qkv_relevance_of(call, &call->out);
    for (size_t i = 0; i < parts.count; i++) {
        struct linear layer = part_of(call, parts.part[i].first, parts.part[i].parts);
        struct linear_step step = step_of(call, &layer, &parts, i);
        size_t at = parts.part[i].first * (call->out.width / 3);
        step.y = call->out.x + at;
        step.g_y = call->out.g + at;
        linear_relevance(call->engine, &step);
        if (i > 0) {
            call->engine->kernels->add(call->in[0].g, call->in[0].g, step.g_x,
                                       step.rows * layer.inputs);
        }
    }
    op_record(call, 0, received, op_relevance_of(call, &call->in[0]));
}

static double flops(const struct op_call *call) {
    struct linear query = part_of(call, 0, 1);
    struct linear key_value = part_of(call, 1, 2);
    return flops_linear(&query, call->images * call->out.query_rows) +
           flops_linear(&key_value, call->images * call->out.rows);
}

static double flops_relevance(const struct op_call *call) {
    struct qkv_parts parts = parts_of(call, &call->out);
    double sum = 0.0;
    for (size_t i = 0; i < parts.count; i++) {
        struct linear layer = part_of(call, parts.part[i].first, parts.part[i].parts);
        struct linear_step step = step_of(call, &layer, &parts, i);
        sum += flops_linear_relevance(&step);
    }
    return sum;
}

const struct op_kind OP_QKV = {.name = "qkv",
                               .ledger_lines = 1,
                               .need = need,
                               .forward = forward,
                               .relevance = relevance,
                               .gradient = relevance,
                               .change = op_linear_change,
                               .flops = flops,
                               .flops_relevance = flops_relevance};
