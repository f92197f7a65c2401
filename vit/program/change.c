#include "vit/program/change.h"

#include "base/mem.h"
#include "vit/program/buffers.h"

/* Places of the values' changes, in one block. */
struct changes {
    const struct change_pass *pass;
    struct buffer_list buffers; /* owned, as the next two */
    size_t *offsets;            /* [values], in floats; OP_NONE: nowhere */
    float *block;
};

static size_t rows_of(const struct change_pass *pass, size_t producer) {
    const struct program *program = pass->runner->program;
    return producer < program->tail ? pass->texts->starts[1] : 1;
}

/* The last operation that reads the value. */
static size_t last_reader(const struct program *program, size_t value) {
    size_t last = 0;
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op *op = &program->ops[i];
        last = op->in[0] == value || op->residual == value ? i : last;
    }
    return last;
}

/* Input and output are the caller's. */
static bool place(struct changes *changes) {
    const struct program *program = changes->pass->runner->program;
    changes->buffers.items = mem_calloc(program->op_count, sizeof *changes->buffers.items);
    changes->offsets = mem_calloc(program->value_count, sizeof *changes->offsets);
    size_t *active = mem_calloc(program->op_count, sizeof *active);
    bool there = changes->buffers.items != NULL && changes->offsets != NULL && active != NULL;
    for (size_t i = 0; there && i + 1 < program->op_count; i++) {
        size_t value = program->ops[i].out;
        size_t row = changes->pass->count * program->values[value].width;
        changes->buffers.items[changes->buffers.count++] =
            (struct buffer){.floats = rows_of(changes->pass, i) * row,
                            .first = i,
                            .last = last_reader(program, value),
                            .offset = &changes->offsets[value]};
    }
    if (there) {
        size_t floats = buffers_place(&changes->buffers, active);
        changes->block = mem_alloc_aligned(floats, sizeof *changes->block);
    }
    mem_free(active);
    return there && changes->block != NULL;
}

static void close_changes(struct changes *changes) {
    mem_free(changes->buffers.items);
    mem_free(changes->offsets);
    mem_free(changes->block);
}

/* Every operation, when it has run. */
static void observe_change(void *user, const struct op_call *call) {
    const struct changes *changes = user;
    const struct change_pass *pass = changes->pass;
    const struct program *program = pass->runner->program;
    const struct op *op = call->op;
    struct op_call under = *call;
    under.rules = pass->rules;
    const struct op_changes of = {
        .count = pass->count,
        .in = op->in[0] == program->input ? pass->input
                                          : changes->block + changes->offsets[op->in[0]],
        .residual =
            op->residual == OP_NONE ? NULL : changes->block + changes->offsets[op->residual],
        .out =
            op->out == program->output ? pass->output : changes->block + changes->offsets[op->out]};
    op->kind->change(&under, &of);
}

static enum vitlrp_status check(const struct program *program, struct vitlrp_error *err) {
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op_kind *kind = program->ops[i].kind;
        if (kind->change == NULL) {
            return fail(err, VITLRP_UNSUPPORTED,
                        "words of a model that has an operation \"%s\": not supported yet",
                        kind->name);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status change_run(const struct change_pass *pass, struct vitlrp_error *err) {
    struct changes changes = {.pass = pass};
    const struct observer observer = {observe_change, &changes};
    const struct forward_pass forward = {.runner = pass->runner,
                                         .end = pass->runner->program->op_count,
                                         .texts = pass->texts,
                                         .observers = &observer,
                                         .observer_count = 1};
    TRY(check(pass->runner->program, err));
    if (!place(&changes)) {
        close_changes(&changes);
        return fail(err, VITLRP_NOMEM, "out of memory for the words of a text");
    }
    runner_forward(&forward);
    close_changes(&changes);
    return engine_check(&pass->runner->engine, err);
}
