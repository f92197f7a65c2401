#include "vit/program/observe.h"

#include <string.h>

#include "vit/ops/op_attention.h"

void observers_see(const struct observer *observers, size_t count, const struct op_call *call) {
    for (size_t i = 0; i < count; i++) {
        observers[i].on_op(observers[i].user, call);
    }
}

static void record_line(void *user, const struct op *op, const char *name, double received,
                        double passed) {
    struct ledger_lines *lines = user;
    lines->entries[lines->count++] = (struct vitlrp_ledger_entry){
        .block = op->block, .kind = name, .absorbed = received - passed};
}

struct op_ledger ledger_of(struct ledger_lines *lines) {
    return (struct op_ledger){record_line, lines};
}

void observe_neurons(void *user, const struct op_call *call) {
    const struct neurons_view *view = user;
    const struct op_array *hidden = &call->in[0];
    size_t count = hidden->rows * hidden->width;
    if (!call->backward || call->op->in[0] != view->value) {
        return;
    }
    call->engine->kernels->multiply(view->neurons, hidden->x, hidden->g, count);
    memset(view->neurons + count, 0,
           (view->tokens * hidden->width - count) * sizeof *view->neurons);
}

void observe_norm1(void *user, const struct op_call *call) {
    const struct norm1_view *view = user;
    const struct op_array *normed = &call->in[0];
    size_t bytes = normed->rows * normed->width * sizeof(float);
    if (!call->backward || call->op->in[0] != view->read) {
        return;
    }
    if (view->value != NULL) {
        memcpy(view->value, normed->x, bytes);
    }
    if (view->g != NULL) {
        memcpy(view->g, normed->g, bytes);
    }
}

void observe_attention(void *user, const struct op_call *call) {
    const struct vit_attention_visitor *visitor = user;
    if (call->op->kind != &OP_ATTENTION) {
        return;
    }
    visitor->visit(visitor->user,
                   &(struct vit_attention_view){.block = call->op->block,
                                                .heads = call->op->heads,
                                                .rows = call->out.rows,
                                                .tokens = call->in[0].rows,
                                                .a = call->maps.a,
                                                .g_a = call->backward ? call->maps.g_a : NULL,
                                                .v = call->in[0].x + 2 * call->out.width,
                                                .v_stride = 3 * call->out.width,
                                                .dim = call->out.width,
                                                .g_out = call->backward ? call->out.g : NULL});
}
