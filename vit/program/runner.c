#include "vit/program/runner.h"

#include "base/mem.h"
#include "vit/model/arranged.h"
#include "vit/program/work.h"
#include "vit/tokens/position.h"
#include "vit/tokens/rotary.h"

static void lay_out(struct runner *runner, const struct runner_request *request,
                    struct arena *arena) {
    memory_lay_out(&runner->memory, runner->program, &runner->engine, request->threads, arena);
    if (request->lay_out_more != NULL) {
        request->lay_out_more(request->user, runner, arena);
    }
}

static enum vitlrp_status fail_size(const struct runner *runner,
                                    const struct runner_request *request,
                                    struct vitlrp_error *err) {
    if (request->program.keeps) {
        return fail(err, VITLRP_LIMIT, "an input of %d x %d pixels needs more memory than there is",
                    runner->program->tokens.input_width, runner->program->tokens.input_height);
    }
    return fail(err, VITLRP_LIMIT, "a batch of %zu inputs needs more memory than there is",
                request->images);
}

enum vitlrp_status runner_plan(struct runner *runner, const struct vit_model *model,
                               const struct runner_request *request, struct vitlrp_error *err) {
    const struct gemm_backend *backend;
    TRY(gemm_backend_find(request->backend, &backend, err));
    TRY(program_open(model, &request->program, &runner->program, err));
    runner->precision = packs_precision(backend, request->precision);
    runner->memory.form = packs_form(backend, runner->precision);
    enum vitlrp_status status =
        memory_plan(runner->program, request->images, request->program.keeps, &runner->memory, err);
    struct arena arena = arena_measuring();
    if (status == VITLRP_OK) {
        lay_out(runner, request, &arena);
        runner->bytes = arena.used;
    }
    return status == VITLRP_LIMIT || arena.overflow ? fail_size(runner, request, err) : status;
}

/* ---- Calls ---- */

static struct op_array array_of(const struct runner *runner, size_t value, bool backward) {
    struct op_array array = program_array(runner->program, value);
    if (value != OP_NONE) {
        array.x = memory_value(&runner->memory, value, backward);
        array.g = backward ? memory_g(&runner->memory, value) : NULL;
    }
    return array;
}

static struct op_call make_call(const struct runner *runner, size_t index, bool backward) {
    const struct op *op = &runner->program->ops[index];
    struct op_place *place = &runner->memory.ops[index];
    const size_t *offsets = backward ? place->backward : place->forward;
    struct op_call call = {.engine = &runner->engine,
                           .op = op,
                           .images = 1,
                           .form = runner->memory.form,
                           .backward = backward,
                           .residual = array_of(runner, op->residual, backward),
                           .out = array_of(runner, op->out, backward)};
    for (size_t k = 0; k < OP_INPUTS; k++) {
        call.in[k] = array_of(runner, op->in[k], backward);
    }
    for (size_t i = 0; i < OP_SCRATCH; i++) {
        call.scratch[i] = offsets[i] == OP_NONE ? NULL : runner->memory.scratch + offsets[i];
    }
    if (backward && place->total != NULL) {
        call.total = place->total;
        call.total_is_made = &place->total_is_made;
    }
    return call;
}

enum vitlrp_status runner_make_calls(struct runner *runner, struct vitlrp_error *err) {
    size_t count = runner->program->op_count;
    size_t passes = runner->memory.keeps ? 2 : 1;
    runner->calls = mem_calloc(passes * count, sizeof *runner->calls);
    if (runner->calls == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a table of operations");
    }
    for (size_t i = 0; i < count; i++) {
        runner->calls[i] = make_call(runner, i, false);
        if (passes == 2) {
            runner->calls[count + i] = make_call(runner, i, true);
        }
    }
    return VITLRP_OK;
}

/* ---- Opening ---- */

/* Tables of what depends on the input's size. */
static void bind_tables(struct runner *runner) {
    const struct program *program = runner->program;
    const struct vit_config *config = &program->model->config;
    size_t table = program->tokens.patches * rotary_width(config);
    bool apart = rotary_tables(config) > 1;
    rotary_fill(program->model, &program->tokens.grid, runner->memory.rotary);
    for (size_t i = 0; i < program->op_count; i++) {
        struct op *op = &program->ops[i];
        if (op->kind == &OP_ROPE) {
            op->weights[0] = runner->memory.rotary + (apart ? (size_t) op->block * table : 0);
        }
    }
}

/* The arranged weights of operations, and the position embeddings of this input size. */
static enum vitlrp_status bind_weights(struct runner *runner, const struct runner_request *request,
                                       struct vitlrp_error *err) {
    const struct program *program = runner->program;
    const struct vit_model *model = program->model;
    size_t tokens = program_find(program, &OP_TOKENS, -1);
    struct linear_packs *packs = mem_calloc(arranged_count(&model->config), sizeof *packs);
    if (packs == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a table of layers");
    }
    enum vitlrp_status status =
        arranged_choose(model, &runner->engine,
                        &(struct packs_request){.precision = runner->precision,
                                                .backward = request->program.keeps,
                                                .many_passes = request->many_passes},
                        packs, err);
    for (size_t i = 0; status == VITLRP_OK && i < program->op_count; i++) {
        if (program->ops[i].pack != OP_NONE) {
            program->ops[i].packs = packs[program->ops[i].pack];
        }
    }
    mem_free(packs);
    TRY(status);
    bind_tables(runner);
    if (program->tokens.longest > 0) { /* a text takes the first of them, as they are */
        program->ops[tokens].weights[1] = model->weights.position;
        return VITLRP_OK;
    }
    program->ops[tokens].weights[1] = runner->memory.position;
    return position_resample(model, (int32_t) program->tokens.grid.rows,
                             (int32_t) program->tokens.grid.columns, runner->memory.position, err);
}

/* Memory is the system's until it is touched, which can take 3 ms for a megabyte: where many passes
 * follow, all threads do it here, so that a first one takes as long as the others. A single pass
 * touches what it needs. */
#define STRIPE_BYTES ((size_t) 1 << 21)
#define PAGE_BYTES ((size_t) 4096)

static void touch_stripe(void *context, size_t index, size_t thread) {
    const struct runner *runner = context;
    volatile unsigned char *block = runner->block;
    size_t first = index * STRIPE_BYTES;
    (void) thread;
    for (size_t i = 0; i < STRIPE_BYTES && first + i < runner->bytes; i += PAGE_BYTES) {
        block[first + i] = 0;
    }
}

enum vitlrp_status runner_open(struct runner *runner, const struct runner_request *request,
                               struct vitlrp_error *err) {
    if (request->max_bytes != 0 && runner->bytes > request->max_bytes) {
        return fail_limit(err, "needs %zu bytes of memory, the limit is %zu", runner->bytes,
                          request->max_bytes);
    }
    TRY(work_check(runner->program, err));
    runner->block = mem_alloc_aligned(runner->bytes, 1);
    if (runner->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: %s needs %zu bytes", request->what,
                    runner->bytes);
    }
    TRY(request->in_pool ? engine_open_in_pool(&runner->engine, request->backend, err)
                         : engine_open(&runner->engine, request->backend, request->threads, err));
    runner->engine.watch = request->watch;
    if (request->many_passes) {
        pool_run(runner->engine.pool, (runner->bytes + STRIPE_BYTES - 1) / STRIPE_BYTES,
                 touch_stripe, runner);
    }
    struct arena arena = arena_over(runner->block, runner->bytes);
    lay_out(runner, request, &arena);
    TRY(bind_weights(runner, request, err));
    return runner_make_calls(runner, err);
}

void runner_close(struct runner *runner) {
    engine_close(&runner->engine);
    memory_close(&runner->memory);
    program_close(runner->program);
    mem_free(runner->calls);
    mem_free(runner->block);
    *runner = (struct runner){0};
}

size_t runner_first_mixing(const struct runner *runner) {
    size_t i = 0;
    while (i < runner->program->op_count && !runner->program->ops[i].kind->mixes_tokens) {
        i++;
    }
    return i;
}
