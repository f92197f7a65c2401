/* A linear layer, y = x W^T + b, and what is added to it: z = y + residual.
 *
 * LRP-0 (Achtibat et al. 2024, eq. 8 with epsilon 0): R_i = x_i sum_j w_ji R_j / y_j, in G form G_x
 * = G_y W. Epsilon rule: G_y |y| / (|y| + e) in its place. Gamma rule: vit/RULES.md. The residual
 * receives G_z as it is. In the ledger: the bias. */
#include <string.h>

#include "base/checked.h"
#include "vit/math/flops.h"
#include "vit/ops/op.h"

enum { ROWS = 0, OUTPUT = 0, OUTPUT_G = 1, SIGNS = 2 };

static bool has_residual(const struct op_call *call) {
    return call->op->residual != OP_NONE;
}

static void need(const struct op_call *call, struct op_need *need) {
    size_t rows = call->images * call->out.rows;
    size_t outputs = rows * call->out.width;
    size_t widest = size_max(call->in[0].width, call->out.width);
    need->thread_floats = linear_thread_scratch();
    if (!call->backward) {
        bool gathers = has_residual(call) && call->residual.rows != call->out.rows;
        need->operand = linear_forward_operand(rows, call->in[0].width, call->form.pieces);
        need->scratch[ROWS] = gathers && call->images > 1 ? outputs : 0;
        return;
    }
    need->operand = linear_relevance_operand(rows, widest, call->form.pieces);
    need->scratch[OUTPUT] = has_residual(call) ? outputs : 0;
    need->scratch[OUTPUT_G] = has_residual(call) ? outputs : 0;
    need->scratch[SIGNS] = outputs;
}

static void forward(const struct op_call *call) {
    struct linear layer = op_linear_layer(call);
    const float *residual = NULL;
    if (has_residual(call)) {
        residual = op_leading_rows(call, &call->residual, call->out.rows, call->scratch[ROWS]);
    }
    linear_forward(call->engine, &layer,
                   &(struct linear_pass){call->images * call->out.rows, call->in[0].x, call->out.x,
                                         layer.outputs, residual});
}

/* y itself: z minus the residual, where somebody reads it. */
static const float *output_of(const struct op_call *call, struct linear_rule rule) {
    if (!has_residual(call)) {
        return call->out.x;
    }
    if (linear_rule_reads_output(rule) || call->ledger != NULL) {
        call->engine->kernels->subtract(call->scratch[OUTPUT], call->out.x, call->residual.x,
                                        call->out.rows * call->out.width);
    }
    return call->scratch[OUTPUT];
}

static struct linear_step step_of(const struct op_call *call, const struct linear *layer,
                                  struct linear_rule rule) {
    return (struct linear_step){.layer = layer,
                                .rule = rule,
                                .rows = call->out.rows,
                                .x = call->in[0].x,
                                .y_stride = layer->outputs,
                                .g_x = call->in[0].g,
                                .scratch = call->scratch[SIGNS],
                                .total = call->total,
                                .total_is_made =
                                    call->total_is_made != NULL && *call->total_is_made};
}

static void relevance(const struct op_call *call) {
    struct linear layer = op_linear_layer(call);
    struct linear_rule rule = op_linear_rule(call);
    struct linear_step step = step_of(call, &layer, rule);
    step.y = output_of(call, rule);
    step.g_y = call->out.g;
    if (has_residual(call)) {
        /* The rule overwrites G, which the residual needs as it is. */
        step.g_y = call->scratch[OUTPUT_G];
        memcpy(step.g_y, call->out.g, step.rows * layer.outputs * sizeof *step.g_y);
    }
    double received = op_sum(call, step.y, step.g_y, step.rows, layer.outputs, layer.outputs);
    linear_relevance(call->engine, &step);
    if (call->total_is_made != NULL && rule.gamma != 0.0F) {
        *call->total_is_made = true;
    }
    op_record(call, 0, received,
              op_sum(call, step.x, step.g_x, step.rows, layer.inputs, layer.inputs));
}

static double flops(const struct op_call *call) {
    struct linear layer = op_linear_layer(call);
    return flops_linear(&layer, call->images * call->out.rows);
}

static double flops_relevance(const struct op_call *call) {
    struct linear layer = op_linear_layer(call);
    struct linear_step step = step_of(call, &layer, op_linear_rule(call));
    return flops_linear_relevance(&step);
}

const struct op_kind OP_LINEAR = {.name = "linear",
                                  .ledger_lines = 1,
                                  .need = need,
                                  .forward = forward,
                                  .relevance = relevance,
                                  .gradient = relevance,
                                  .change = op_linear_change,
                                  .flops = flops,
                                  .flops_relevance = flops_relevance};
