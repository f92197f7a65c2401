/* The backward pass in G form: runs a list of operations backwards. Knows no layer; vit/RULES.md
 * has the rules, the pages of vit/ops their equations. */
#include <string.h>

#include "base/checked.h"
#include "vit/program/runner.h"

void runner_backward_begin(const struct backward_pass *pass) {
    const struct runner *runner = pass->runner;
    memset(runner->memory.made, 0, runner->program->value_count * sizeof *runner->memory.made);
}

/* What leaves the operation carries relevance in its leading rows alone; what enters it has as
 * many, unless the operation mixes rows. */
static void limit_rows(struct op_call *call, size_t rows) {
    call->out.rows = size_min(call->out.rows, rows);
    for (size_t k = 0; k < OP_INPUTS; k++) {
        if (call->op->kind->mixes_tokens) {
            call->in[k].query_rows = size_min(call->in[k].query_rows, rows);
        } else {
            call->in[k].rows = size_min(call->in[k].rows, rows);
        }
    }
}

/* The operation's call over so many leading rows (0: all), with what this pass brings. */
static void make_call(const struct backward_pass *pass, size_t index, size_t rows,
                      struct op_call *call) {
    *call = *runner_call(pass->runner, index, true);
    call->rules = pass->rules;
    call->ledger = pass->ledger;
    call->maps = pass->maps;
    if (pass->texts != NULL) {
        runner_take_texts(pass->runner, index, pass->texts, call);
    }
    if (rows != 0) {
        limit_rows(call, rows);
    }
}

/* Makes a value again that was not kept, and before it what it is made of: so many leading rows, or
 * all (0). Values are nested no deeper than operations that make theirs again follow each other. */
static void make_again(const struct backward_pass *pass, size_t value, size_t rows) {
    const struct runner *runner = pass->runner;
    size_t producer = value == OP_NONE ? OP_NONE : runner->memory.values[value].producer;
    if (producer == OP_NONE || !runner->program->ops[producer].kind->remade ||
        runner->memory.made[value]) {
        return;
    }
    const struct op *op = &runner->program->ops[producer];
    runner->memory.made[value] = true;
    for (size_t k = 0; k < OP_INPUTS; k++) {
        make_again(pass, op->in[k], op->kind->mixes_tokens ? 0 : rows);
    }
    make_again(pass, op->residual, rows);
    if (!runner->memory.ops[producer].is_view) {
        struct op_call call;
        make_call(pass, producer, rows, &call);
        op->kind->forward(&call);
        profile_lap(runner->engine.profile, op->lap, 0.0);
    }
}

void runner_make(const struct backward_pass *pass, size_t value) {
    make_again(pass, value, 0);
}

/* The residual receives G of the result as it is. */
static void pass_residual(const struct op_place *place, const struct op_call *call) {
    size_t count = call->out.rows * call->out.width;
    if (call->op->residual == OP_NONE) {
        return;
    }
    if (place->begins_residual) {
        memset(call->residual.g + count, 0,
               (call->residual.rows * call->residual.width - count) * sizeof(float));
    } else {
        call->engine->kernels->add(call->residual.g, call->residual.g, call->out.g, count);
    }
}

/* Sees to it that what the operation does to G of its inputs comes to the right thing: some kinds
 * write it, others add to it. */
static void begin_inputs(const struct backward_pass *pass, const struct op_place *place,
                         struct op_call *call) {
    for (size_t k = 0; k < OP_INPUTS && call->op->in[k] != OP_NONE; k++) {
        if (place->begins[k] && call->op->kind->adds_relevance) {
            memset(call->in[k].g, 0, call->in[k].rows * call->in[k].width * sizeof(float));
        } else if (place->addend[k] != OP_NONE) {
            call->in[k].g = pass->runner->memory.scratch + place->addend[k];
        }
    }
}

static void add_inputs(const struct backward_pass *pass, const struct op_place *place,
                       struct op_call *call) {
    for (size_t k = 0; k < OP_INPUTS && call->op->in[k] != OP_NONE; k++) {
        if (place->addend[k] != OP_NONE) {
            float *g = memory_g(&pass->runner->memory, call->op->in[k]);
            call->engine->kernels->add(g, g, call->in[k].g, call->in[k].rows * call->in[k].width);
            call->in[k].g = g;
        }
    }
}

static void run_op(const struct backward_pass *pass, size_t index) {
    const struct op_kind *kind = pass->runner->program->ops[index].kind;
    const struct op_place *place = &pass->runner->memory.ops[index];
    struct profile *profile = pass->runner->engine.profile;
    struct op_call call;
    make_call(pass, index, pass->rows, &call);
    for (size_t k = 0; k < OP_INPUTS; k++) {
        make_again(pass, call.op->in[k], kind->mixes_tokens ? 0 : pass->rows);
    }
    make_again(pass, call.op->residual, pass->rows);
    if (!place->is_view) {
        bool counts = profile != NULL && kind->flops_relevance != NULL;
        double flops = counts ? kind->flops_relevance(&call) : 0.0; /* the pass changes it */
        pass_residual(place, &call);
        begin_inputs(pass, place, &call);
        (op_is_gradient(&call) ? kind->gradient : kind->relevance)(&call);
        add_inputs(pass, place, &call);
        profile_lap(profile, call.op->lap, flops);
    }
    observers_see(pass->observers, pass->observer_count, &call);
}

void runner_backward(const struct backward_pass *pass, size_t first, size_t end) {
    for (size_t i = end; i-- > first && engine_goes_on(&pass->runner->engine);) {
        run_op(pass, i);
    }
}
