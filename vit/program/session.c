#include "vit/program/session.h"

#include "base/checked.h"
#include "base/mem.h"
#include "vit/math/gemm_rate.h"
#include "vit/program/session_private.h"
#include "vit/program/work.h"

/* Rows of the largest attention matrices of a block, all heads together. */
static size_t map_rows(const struct program *program, size_t *tokens) {
    size_t rows = 0;
    *tokens = 0;
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op *op = &program->ops[i];
        if (op->kind == &OP_ATTENTION) {
            *tokens = size_max(*tokens, program->values[op->in[0]].rows);
            rows = size_max(rows, op->heads * program->values[op->in[0]].rows);
        }
    }
    return rows;
}

static void lay_out_maps(void *user, const struct runner *runner, struct arena *arena) {
    struct vit_session *session = user;
    size_t tokens;
    size_t rows = map_rows(runner->program, &tokens);
    session->maps.a = arena_take_floats(arena, rows, tokens);
    session->maps.g_a = arena_take_floats(arena, rows, tokens);
    const struct program *program = runner->program;
    session->last = arena_take_floats(arena, program->rows_needed,
                                      program->values[program->streams[program->depth]].width);
}

static struct runner_request request_of(struct vit_session *session,
                                        const struct vit_session_options *options) {
    return (struct runner_request){.program = {.input_height = options->input_height,
                                               .input_width = options->input_width,
                                               .keeps = true,
                                               .all_tokens = options->keep_all_tokens,
                                               .keeps_totals = options->keep_totals},
                                   .images = 1,
                                   .threads = options->threads,
                                   .in_pool = options->in_pool,
                                   .backend = options->backend,
                                   .watch = options->watch,
                                   .precision = options->precision,
                                   .many_passes = options->many_passes,
                                   .max_bytes = options->max_bytes,
                                   .what = "a session",
                                   .lay_out_more = options->attention_maps ? lay_out_maps : NULL,
                                   .user = session};
}

/* The width of what q, k and v of the last block are made of. */
static size_t norm1_width(const struct program *program) {
    size_t qkv = program_find(program, &OP_QKV, (int32_t) program->depth - 1);
    return program->values[program->ops[qkv].in[0]].width;
}

static bool size_of(const struct runner *runner, struct vit_session_size *size) {
    size_t tokens;
    size_t rows = map_rows(runner->program, &tokens);
    *size = (struct vit_session_size){.bytes = runner->bytes,
                                      .norm1_width = norm1_width(runner->program)};
    return checked_mul(&size->attention_floats, rows, tokens);
}

enum vitlrp_status vit_session_measure(const struct vit_model *model,
                                       const struct vit_session_options *options,
                                       struct vit_session_size *size, struct vitlrp_error *err) {
    struct vit_session session = {0};
    const struct runner_request request = request_of(&session, options);
    enum vitlrp_status status = runner_plan(&session.runner, model, &request, err);
    if (status == VITLRP_OK && !size_of(&session.runner, size)) {
        status = fail(err, VITLRP_LIMIT, "attention matrices need more memory than there is");
    }
    runner_close(&session.runner);
    return status;
}

enum vitlrp_status vit_session_open(const struct vit_model *model,
                                    const struct vit_session_options *options,
                                    struct vit_session **out, struct vitlrp_error *err) {
    struct vit_session *session = mem_calloc(1, sizeof *session);
    if (session == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a session");
    }
    const struct runner_request request = request_of(session, options);
    enum vitlrp_status status = runner_plan(&session->runner, model, &request, err);
    if (status == VITLRP_OK) {
        status = runner_open(&session->runner, &request, err);
    }
    if (status != VITLRP_OK) {
        vit_session_close(session);
        return status;
    }
    *out = session;
    return VITLRP_OK;
}

void vit_session_close(struct vit_session *session) {
    if (session != NULL) {
        runner_close(&session->runner);
        mem_free(session);
    }
}

/* ---- Describing and measuring ---- */

double vit_session_forward_flops(const struct vit_session *session) {
    const struct runner *runner = &session->runner;
    double flops = 0.0;
    for (size_t i = 0; i < runner->program->op_count; i++) {
        const struct op_kind *kind = runner->program->ops[i].kind;
        flops += kind->flops == NULL ? 0.0 : kind->flops(runner_call(runner, i, false));
    }
    return flops;
}

double vit_session_work(const struct vit_session *session) {
    return work_forward(session->runner.program);
}

struct vit_session_info vit_session_describe(const struct vit_session *session) {
    const struct runner *runner = &session->runner;
    const struct token_layout *tokens = &runner->program->tokens;
    return (struct vit_session_info){.threads = pool_threads(runner->engine.pool),
                                     .input_height = tokens->input_height,
                                     .input_width = tokens->input_width,
                                     .grid_height = (int32_t) tokens->grid.rows,
                                     .grid_width = (int32_t) tokens->grid.columns,
                                     .tokens = (int32_t) tokens->count,
                                     .backend = runner->engine.backend->name,
                                     .precision = runner->precision,
                                     .instruction_set = runner->engine.kernels->name,
                                     .bytes = runner->bytes,
                                     .arranged_bytes = packs_bytes(runner->program->model->packs)};
}

void vit_session_profile_start(struct vit_session *session) {
    session->profile = (struct profile){0};
    session->runner.engine.profile = &session->profile;
}

void vit_session_profile_stop(struct vit_session *session) {
    session->runner.engine.profile = NULL;
}

const struct profile *vit_session_profile(const struct vit_session *session) {
    return &session->profile;
}

double vit_session_gemm_rate(struct vit_session *session) {
    const struct runner *runner = &session->runner;
    const struct program *program = runner->program;
    size_t wide = 0;
    while (program->ops[wide].role != VITLRP_ROLE_FC1) {
        wide++;
    }
    const struct op *op = &program->ops[wide];
    struct linear layer = {.weight = op->weights[0],
                           .bias = op->weights[1],
                           .outputs = program->values[op->out].width,
                           .inputs = program->values[op->in[0]].width,
                           .packs = op->packs};
    return gemm_rate(&runner->engine, &layer, program->tokens.count,
                     memory_value(&runner->memory, program->streams[0], false));
}
