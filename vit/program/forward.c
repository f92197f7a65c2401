/* The forward pass: runs a list of operations, as long as the engine goes on. */
#include "vit/program/runner.h"

static void take_rows(struct op_array *array, size_t rows) {
    array->query_rows = array->query_rows > 0 ? rows : 0;
    array->rows = array->rows > 0 ? rows : 0;
}

void runner_take_texts(const struct runner *runner, size_t index, const struct text_rows *texts,
                       struct op_call *call) {
    size_t pool = runner->program->tail;
    size_t rows = texts->starts[texts->count];
    call->texts = texts;
    call->images = index < pool ? 1 : texts->count;
    if (index <= pool) {
        take_rows(&call->in[0], rows);
        take_rows(&call->in[1], rows);
        take_rows(&call->residual, rows);
    }
    if (index < pool) {
        take_rows(&call->out, rows);
    }
}

static void run_op(const struct forward_pass *pass, size_t index) {
    const struct op *op = &pass->runner->program->ops[index];
    struct op_call call = *runner_call(pass->runner, index, false);
    struct profile *profile = pass->runner->engine.profile;
    call.images = pass->images;
    call.absent = pass->absent;
    if (pass->texts != NULL) {
        runner_take_texts(pass->runner, index, pass->texts, &call);
    }
    if (op->out == pass->runner->program->output && pass->output != NULL) {
        call.out.x = pass->output;
    }
    if (!pass->runner->memory.ops[index].is_view) {
        op->kind->forward(&call);
        profile_lap(profile, op->lap,
                    profile == NULL || op->kind->flops == NULL ? 0.0 : op->kind->flops(&call));
    }
    observers_see(pass->observers, pass->observer_count, &call);
}

void runner_forward(const struct forward_pass *pass) {
    for (size_t i = pass->first; i < pass->end && engine_goes_on(&pass->runner->engine); i++) {
        pass->runner->memory.ops[i].total_is_made = false;
        run_op(pass, i);
    }
}
