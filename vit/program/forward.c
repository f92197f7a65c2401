/* The forward pass: runs a list of operations, as long as the engine goes on. */
#include "vit/program/runner.h"

static void run_op(const struct forward_pass *pass, size_t index) {
    const struct op *op = &pass->runner->program->ops[index];
    struct op_call call = *runner_call(pass->runner, index, false);
    struct profile *profile = pass->runner->engine.profile;
    call.images = pass->images;
    call.absent = pass->absent;
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
