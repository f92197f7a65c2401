/* The passes of a session: forward, relevance, and looks at attention matrices. */
#include <string.h>

#include "base/checked.h"
#include "vit/model/objective.h"
#include "vit/ops/op_attention.h"
#include "vit/ops/op_qkv.h"
#include "vit/program/session_private.h"
#include "vit/program/units.h"

enum { MAX_OBSERVERS = 5 };

static size_t input_count(const struct program *program) {
    return program->tokens.patches * program->tokens.patch_pixels;
}

static size_t class_count(const struct program *program) {
    return (size_t) program->model->config.classes;
}

/* ---- Forward ---- */

/* observer NULL: nobody looks. */
static enum vitlrp_status forward_pass(struct vit_session *session, const float *input,
                                       float *logits, const struct observer *observer,
                                       struct vitlrp_error *err) {
    struct runner *runner = &session->runner;
    const struct program *program = runner->program;
    const float *made = memory_value(&runner->memory, program->output, false);
    const struct forward_pass pass = {.runner = runner,
                                      .images = 1,
                                      .end = program->op_count,
                                      .observers = observer,
                                      .observer_count = observer == NULL ? 0 : 1};
    session->has_forward = false;
    if (!values_are_finite(input, input_count(program))) {
        return fail(err, VITLRP_NUMERIC, "the model input holds NaN or infinity");
    }
    profile_lap(runner->engine.profile, PROFILE_OTHER, 0.0);
    struct gemm_entry saved;
    runner->engine.backend->enter(&saved);
    embed_unfold(&program->tokens.grid, input,
                 memory_value(&runner->memory, program->input, false));
    runner_forward(&pass);
    runner->engine.backend->leave(&saved);
    TRY(engine_check(&runner->engine, err));
    if (!values_are_finite(made, class_count(program))) {
        return fail(err, VITLRP_NUMERIC,
                    "the logits are not finite: the weights do not suit this input");
    }
    if (logits != NULL) {
        memcpy(logits, made, class_count(program) * sizeof *logits);
    }
    session->has_forward = true;
    return VITLRP_OK;
}

enum vitlrp_status vit_forward(struct vit_session *session, const float *input, float *logits,
                               struct vitlrp_error *err) {
    profile_begin(session->runner.engine.profile, PROFILE_FORWARD);
    enum vitlrp_status status = forward_pass(session, input, logits, NULL, err);
    profile_end(session->runner.engine.profile);
    return status;
}

static enum vitlrp_status check_sites(const struct vitlrp_unit_values *units, size_t sites,
                                      struct vitlrp_error *err) {
    for (size_t i = 0; i < sites; i++) {
        if ((size_t) units[i].site >= PROGRAM_SITES) {
            return fail(err, VITLRP_USAGE, "no such site of a unit: %d", (int) units[i].site);
        }
    }
    return VITLRP_OK;
}

enum vitlrp_status vit_forward_units(struct vit_session *session, const float *input, float *logits,
                                     struct vitlrp_unit_values *units, size_t sites,
                                     struct vitlrp_error *err) {
    struct units_view view = {session->runner.program, units, sites};
    const struct observer observer = {observe_activations, &view};
    TRY(check_sites(units, sites, err));
    profile_begin(session->runner.engine.profile, PROFILE_FORWARD);
    enum vitlrp_status status = forward_pass(session, input, logits, &observer, err);
    profile_end(session->runner.engine.profile);
    return status;
}

enum vitlrp_status vit_block_output(const struct vit_session *session, int32_t block, float *output,
                                    struct vitlrp_error *err) {
    const struct program *program = session->runner.program;
    int32_t depth = (int32_t) program->depth;
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet");
    }
    if (block < -1 || block >= depth) {
        return fail(err, VITLRP_USAGE, "block %d is out of range: -1 (embedding) to %d", block,
                    depth - 1);
    }
    size_t stream = program->streams[block + 1];
    const struct value *shape = &program->values[stream];
    if (shape->rows != program->tokens.count) {
        return fail(err, VITLRP_USAGE,
                    "the last block computed the CLS token only: open the session with "
                    "keep_all_tokens");
    }
    memcpy(output, memory_value(&session->runner.memory, stream, false),
           shape->rows * shape->width * sizeof *output);
    return VITLRP_OK;
}

/* What follows the blocks, of the stream that lies where they leave it. Short, and what it makes
 * stays in the session: it is not interrupted. */
static void run_tail(struct runner *runner, size_t end) {
    const struct forward_pass pass = {
        .runner = runner, .images = 1, .first = runner->program->tail, .end = end};
    struct engine_watch *watch = runner->engine.watch;
    runner->engine.watch = NULL;
    runner_forward(&pass);
    runner->engine.watch = watch;
}

/* The embedding, if any, is the output of a model that has nothing behind it. */
static size_t embedding_value(const struct program *program) {
    return program->embedding != OP_NONE ? program->embedding : program->output;
}

enum vitlrp_status vit_session_embedding(struct vit_session *session, float *embedding,
                                         struct vitlrp_error *err) {
    struct runner *runner = &session->runner;
    size_t value = embedding_value(runner->program);
    if (runner->program->model->outputs == VITLRP_OUTPUTS_CLASSES &&
        runner->program->embedding == OP_NONE) {
        return fail(err, VITLRP_USAGE, "the model has a head of classes, and no embedding");
    }
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet");
    }
    struct gemm_entry saved;
    runner->engine.backend->enter(&saved);
    run_tail(runner, runner->memory.values[value].producer + 1); /* not all of it is kept */
    runner->engine.backend->leave(&saved);
    memcpy(embedding, memory_value(&runner->memory, value, false),
           runner->program->values[value].width * sizeof *embedding);
    return engine_check(&runner->engine, err);
}

/* ---- Checks ---- */

enum vitlrp_status session_check_objective(const struct vit_session *session,
                                           const struct objective *objective,
                                           struct vitlrp_error *err) {
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet: there is nothing to explain");
    }
    return objective_check(objective, class_count(session->runner.program), err);
}

static enum vitlrp_status check_block(const struct vit_session *session, int32_t block,
                                      struct vitlrp_error *err) {
    int32_t depth = (int32_t) session->runner.program->depth;
    if (block < 0 || block >= depth) {
        return fail(err, VITLRP_USAGE, "block %d is out of range: 0 to %d", block, depth - 1);
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_attention_maps(const struct vit_session *session,
                                               struct vitlrp_error *err) {
    if (session->maps.a == NULL) {
        return fail(err, VITLRP_USAGE, "the session was opened without attention_maps");
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_inside(const struct vit_inside *inside, struct vitlrp_error *err) {
    TRY(check_sites(inside->units, inside->unit_sites, err));
    if (inside->conductance != NULL && (size_t) inside->conductance->site >= PROGRAM_SITES) {
        return fail(err, VITLRP_USAGE, "no such site of a unit: %d",
                    (int) inside->conductance->site);
    }
    return VITLRP_OK;
}

/* ---- Relevance ---- */

/* G of the program's output, where a backward pass begins. */
void session_seed_output(const struct vit_session *session, const struct objective *objective) {
    const struct runner *runner = &session->runner;
    objective_seed(objective, memory_g(&runner->memory, runner->program->output),
                   class_count(runner->program));
}

static enum vitlrp_status fail_relevance(struct vitlrp_error *err) {
    return fail(err, VITLRP_NUMERIC,
                "the relevance is not finite: try another rule (a positive gamma has no pole)");
}

/* From G of the input to the maps. */
enum vitlrp_status session_make_maps(const struct vit_session *session,
                                     struct vit_relevance *relevance, struct vitlrp_error *err) {
    const struct runner *runner = &session->runner;
    const struct program *program = runner->program;
    const struct kernels *kernels = runner->engine.kernels;
    const struct patch_grid *grid = &program->tokens.grid;
    const float *input = memory_value(&runner->memory, program->input, true);
    float *g = memory_g(&runner->memory, program->input);
    size_t count = input_count(program);
    relevance->sum = kernels->dot(input, g, count);
    if (relevance->input_g != NULL) {
        embed_fold(grid, g, relevance->input_g);
    }
    kernels->multiply(g, g, input, count);
    if (!values_are_finite(g, count)) {
        return fail_relevance(err);
    }
    if (relevance->pixels != NULL) {
        embed_fold(grid, g, relevance->pixels);
    }
    if (relevance->patches != NULL) {
        embed_patch_sums(grid, g, relevance->patches);
    }
    return VITLRP_OK;
}

/* Who watches an attribution: what the caller wants beside the maps. */
struct watchers {
    struct observer observers[MAX_OBSERVERS];
    size_t count;
    struct neurons_view neurons;
    struct norm1_view norm1;
    struct units_view units;
    struct flow_view flow;
    struct conductance_view conductance;
};

static void watch(struct watchers *watchers, void (*on_op)(void *, const struct op_call *),
                  void *user) {
    watchers->observers[watchers->count++] = (struct observer){on_op, user};
}

static void choose_watchers(const struct vit_session *session, struct vit_relevance *relevance,
                            struct watchers *watchers) {
    const struct program *program = session->runner.program;
    watchers->count = 0;
    if (relevance->neurons != NULL) {
        watchers->neurons = (struct neurons_view){
            .neurons = relevance->neurons,
            .value = program->units[VITLRP_SITE_FC1][relevance->neurons_block],
            .tokens = program->tokens.count};
        watch(watchers, observe_neurons, &watchers->neurons);
    }
    if (relevance->norm1 != NULL || relevance->norm1_g != NULL) {
        size_t qkv = program_find(program, &OP_QKV, (int32_t) program->depth - 1);
        watchers->norm1 =
            (struct norm1_view){relevance->norm1, relevance->norm1_g, program->ops[qkv].in[0]};
        watch(watchers, observe_norm1, &watchers->norm1);
    }
    if (relevance->visitor.visit != NULL) {
        watch(watchers, observe_attention, &relevance->visitor);
    }
    if (relevance->inside != NULL) {
        const struct vit_inside *inside = relevance->inside;
        watchers->units = (struct units_view){program, inside->units, inside->unit_sites};
        watchers->flow = (struct flow_view){program, inside->flow, inside->tokens};
        watch(watchers, observe_units, &watchers->units);
        if (inside->conductance != NULL) {
            watchers->conductance = (struct conductance_view){program, inside->conductance};
            watch(watchers, observe_conductance, &watchers->conductance);
        }
        if (inside->flow != NULL || inside->tokens != NULL) {
            flow_begin(&watchers->flow);
            watch(watchers, observe_flow, &watchers->flow);
        }
    }
}

static bool units_alone(const struct vit_relevance *relevance) {
    return relevance->inside != NULL && relevance->inside->units_only;
}

/* The last operation of a backward pass: of one for units alone the first reader of their value in
 * block 0. */
static size_t backward_end(const struct program *program, const struct vit_relevance *relevance) {
    size_t end = units_alone(relevance) ? program->op_count : 0;
    for (size_t i = 0; units_alone(relevance) && i < relevance->inside->unit_sites; i++) {
        size_t value = program->units[relevance->inside->units[i].site][0];
        size_t reader = 0;
        while (program->ops[reader].in[0] != value) {
            reader++;
        }
        end = size_min(end, reader);
    }
    return end;
}

/* A pass that is not finite is not at its end either. */
static enum vitlrp_status leave_maps(const struct vit_session *session,
                                     struct vit_relevance *relevance, struct vitlrp_error *err) {
    const struct program *program = session->runner.program;
    size_t end = backward_end(program, relevance);
    const struct op_array *in = &runner_call(&session->runner, end, true)->in[0];
    relevance->sum = 0.0;
    if (relevance->patches != NULL) {
        memset(relevance->patches, 0, program->tokens.patches * sizeof *relevance->patches);
    }
    return values_are_finite(in->g, in->rows * in->width) ? VITLRP_OK : fail_relevance(err);
}

enum vitlrp_status vit_relevance(struct vit_session *session, const struct vitlrp_target *targets,
                                 size_t target_count, const struct vitlrp_rules *rules,
                                 struct vit_relevance *relevance, struct vitlrp_error *err) {
    struct runner *runner = &session->runner;
    const struct objective objective = {targets, target_count};
    struct watchers watchers;
    TRY(session_check_objective(session, &objective, err));
    if (relevance->neurons != NULL) {
        TRY(check_block(session, relevance->neurons_block, err));
    }
    if (relevance->visitor.visit != NULL) {
        TRY(check_attention_maps(session, err));
    }
    if (relevance->inside != NULL) {
        TRY(check_inside(relevance->inside, err));
    }
    choose_watchers(session, relevance, &watchers);
    struct ledger_lines lines = {.entries = relevance->ledger};
    struct op_ledger ledger = ledger_of(&lines);
    struct backward_pass pass = {.runner = runner,
                                 .rules = rules,
                                 .ledger = relevance->ledger == NULL ? NULL : &ledger,
                                 .observers = watchers.observers,
                                 .observer_count = watchers.count};
    if (relevance->visitor.visit != NULL) {
        pass.maps = session->maps;
    }
    profile_begin(runner->engine.profile, PROFILE_BACKWARD);
    struct gemm_entry saved;
    runner->engine.backend->enter(&saved);
    relevance->explained =
        objective_value(&objective, memory_value(&runner->memory, runner->program->output, true));
    session_seed_output(session, &objective);
    runner_backward_begin(&pass);
    runner_backward(&pass, backward_end(runner->program, relevance), runner->program->op_count);
    enum vitlrp_status status =
        (units_alone(relevance) ? leave_maps : session_make_maps)(session, relevance, err);
    runner->engine.backend->leave(&saved);
    profile_end(runner->engine.profile);
    TRY(engine_check(&runner->engine, err));
    return status;
}

/* ---- Attention matrices ---- */

/* The first of the operations that make the input of this one from what is kept. */
static size_t made_from(const struct runner *runner, size_t index) {
    const struct op *ops = runner->program->ops;
    size_t maker = runner->memory.values[ops[index].in[0]].producer;
    while (maker != OP_NONE && ops[maker].kind->remade) {
        index = maker;
        maker = runner->memory.values[ops[index].in[0]].producer;
    }
    return index;
}

/* The operation's call over every row, though fewer have queries. */
static struct op_call whole_call(const struct runner *runner, size_t index) {
    struct op_call call = *runner_call(runner, index, false);
    call.in[0].query_rows = call.in[0].rows;
    call.out.query_rows = call.out.rows;
    return call;
}

/* Makes the queries of a block that the forward pass left out. */
static void complete_queries(struct runner *runner, size_t qkv) {
    const struct forward_pass again = {
        .runner = runner, .images = 1, .first = made_from(runner, qkv), .end = qkv};
    runner_forward(&again);
    op_qkv_complete(runner_call(runner, qkv, false));
}

/* The attention of a block with all its queries, of which what was not kept is made again. */
static struct op_call complete_attention(struct vit_session *session, int32_t block) {
    struct runner *runner = &session->runner;
    const struct op *ops = runner->program->ops;
    size_t index = program_find(runner->program, &OP_ATTENTION, block);
    size_t qkv = program_find(runner->program, &OP_QKV, block);
    struct op_call call = *runner_call(runner, index, false);
    if (call.in[0].query_rows < call.in[0].rows) {
        complete_queries(runner, qkv);
    }
    for (size_t i = qkv + 1; i < index; i++) {
        struct op_call between = whole_call(runner, i);
        ops[i].kind->forward(&between);
    }
    call.out.rows = call.in[0].rows;
    call.maps = (struct attention_maps){.a = session->maps.a};
    return call;
}

enum vitlrp_status vit_visit_attention(struct vit_session *session,
                                       const struct vit_attention_visitor *visitor,
                                       struct vitlrp_error *err) {
    const struct engine *engine = &session->runner.engine;
    if (!session->has_forward) {
        return fail(err, VITLRP_USAGE, "no forward pass yet: there is nothing to show");
    }
    TRY(check_attention_maps(session, err));
    struct gemm_entry saved;
    engine->backend->enter(&saved);
    for (int32_t i = (int32_t) session->runner.program->depth - 1; i >= 0 && engine_goes_on(engine);
         i--) {
        struct op_call call = complete_attention(session, i);
        struct attention attention = op_attention_of(&call);
        attention_matrices(engine, &attention, session->maps.a);
        observe_attention((void *) visitor, &call);
    }
    engine->backend->leave(&saved);
    return engine_check(engine, err);
}

/* Where a block's operations end. */
static size_t block_end(const struct program *program, int32_t block) {
    size_t end = program->op_count;
    while (program->ops[end - 1].block != block) {
        end--;
    }
    return end;
}

/* Where the blocks' stream lies, and the bytes of it that the end reads. */
static float *last_stream(const struct vit_session *session, size_t *bytes) {
    const struct program *program = session->runner.program;
    size_t end = program->streams[program->depth];
    *bytes = program->rows_needed * program->values[end].width * sizeof(float);
    return memory_value(&session->runner.memory, end, false);
}

/* The model as if it ended after that block: norms and products of two values have a slope of their
 * own at each stream. */
static void end_after(struct vit_session *session, int32_t block) {
    const struct runner *runner = &session->runner;
    size_t bytes;
    float *last = last_stream(session, &bytes);
    memcpy(session->last, last, bytes);
    memmove(last, memory_value(&runner->memory, runner->program->streams[block + 1], false), bytes);
    run_tail(&session->runner, runner->program->op_count);
}

/* The whole model again. */
static void end_as_it_is(struct vit_session *session) {
    size_t bytes;
    float *last = last_stream(session, &bytes);
    memcpy(last, session->last, bytes);
    run_tail(&session->runner, session->runner.program->op_count);
}

enum vitlrp_status vit_block_gradient(struct vit_session *session, int32_t block,
                                      const struct vitlrp_target *targets, size_t target_count,
                                      const struct vit_attention_visitor *visitor,
                                      struct vitlrp_error *err) {
    struct runner *runner = &session->runner;
    const struct program *program = runner->program;
    const struct objective objective = {targets, target_count};
    TRY(session_check_objective(session, &objective, err));
    TRY(check_block(session, block, err));
    TRY(check_attention_maps(session, err));
    const struct observer observer = {observe_attention, (void *) visitor};
    size_t last = program->streams[program->depth];
    struct backward_pass pass = {.runner = runner,
                                 .rules = NULL, /* the plain gradient */
                                 .maps = session->maps,
                                 .observers = &observer,
                                 .observer_count = 1};
    size_t rows = program->rows_needed;
    struct gemm_entry saved;
    runner->engine.backend->enter(&saved);
    end_after(session, block);
    session_seed_output(session, &objective);
    runner_backward_begin(&pass);
    runner_backward(&pass, program->tail, program->op_count);
    memmove(memory_g(&runner->memory, program->streams[block + 1]), memory_g(&runner->memory, last),
            rows * program->values[last].width * sizeof(float));
    pass.rows = rows;
    runner_backward(&pass, program_find(program, &OP_ATTENTION, block), block_end(program, block));
    end_as_it_is(session);
    runner->engine.backend->leave(&saved);
    return engine_check(&runner->engine, err);
}
