#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/program/batch_private.h"

/* Tokens per batch: enough rows for the products to run at full rate, few enough to stay in cache.
 */
#define TOKENS_AT_ONCE 1024

size_t vit_batch_crossing(const struct program *program, size_t cut,
                          size_t values[BATCH_MAX_SHARED]) {
    size_t count = 0;
    for (size_t i = 0; i < cut; i++) {
        size_t value = program->ops[i].out;
        if (program_reads_behind(program, cut, value)) {
            assert(count < BATCH_MAX_SHARED); /* one left out would be another input's */
            values[count++] = value;
        }
    }
    return count;
}

static void lay_out_shared(void *user, const struct runner *runner, struct arena *arena) {
    struct vit_batch *batch = user;
    const struct program *program = runner->program;
    size_t values[BATCH_MAX_SHARED];
    batch->first_mixing = runner_first_mixing(runner);
    batch->shared_count = vit_batch_crossing(program, batch->first_mixing, values);
    batch->absent = arena_take(arena, batch->capacity, program->tokens.count);
    for (size_t i = 0; i < batch->shared_count; i++) {
        const struct value *shape = &program->values[values[i]];
        batch->shared[i].value = values[i];
        for (size_t variant = 0; variant < 2; variant++) {
            batch->shared[i].variants[variant] =
                arena_take_floats(arena, shape->rows, shape->width);
        }
    }
    if (batch->units) {
        vit_batch_units_lay_out(batch, runner, arena);
    }
}

size_t vit_batch_default_capacity(size_t tokens) {
    return size_max(1, TOKENS_AT_ONCE / tokens);
}

static struct runner_request request_of(struct vit_batch *batch,
                                        const struct vit_batch_options *options) {
    return (struct runner_request){
        .program = {.input_height = options->input_height, .input_width = options->input_width},
        .images = batch->capacity,
        .threads = options->threads,
        .in_pool = options->in_pool,
        .backend = options->backend,
        .watch = options->watch,
        .precision = options->precision,
        .many_passes = options->many_passes,
        .what = "a batch",
        .lay_out_more = lay_out_shared,
        .user = batch};
}

/* Sets the capacity and measures; *request is for runner_open. */
static enum vitlrp_status plan(struct vit_batch *batch, const struct vit_model *model,
                               const struct vit_batch_options *options,
                               struct runner_request *request, struct vitlrp_error *err) {
    struct token_layout tokens;
    TRY(tokens_lay_out(model, options->input_height, options->input_width, &tokens, err));
    batch->capacity =
        options->capacity > 0 ? options->capacity : vit_batch_default_capacity(tokens.count);
    batch->units = options->units;
    *request = request_of(batch, options);
    return runner_plan(&batch->runner, model, request, err);
}

enum vitlrp_status vit_batch_bytes(const struct vit_model *model,
                                   const struct vit_batch_options *options, size_t *bytes,
                                   struct vitlrp_error *err) {
    struct vit_batch batch = {0};
    struct runner_request request;
    enum vitlrp_status status = plan(&batch, model, options, &request, err);
    if (status == VITLRP_OK) {
        *bytes = batch.runner.bytes;
    }
    runner_close(&batch.runner);
    return status;
}

enum vitlrp_status vit_batch_open(const struct vit_model *model,
                                  const struct vit_batch_options *options, struct vit_batch **out,
                                  struct vitlrp_error *err) {
    struct vit_batch *batch = mem_calloc(1, sizeof *batch);
    struct runner_request request;
    if (batch == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a batch");
    }
    enum vitlrp_status status = plan(batch, model, options, &request, err);
    if (status == VITLRP_OK) {
        status = runner_open(&batch->runner, &request, err);
    }
    if (status != VITLRP_OK) {
        vit_batch_close(batch);
        return status;
    }
    *out = batch;
    return VITLRP_OK;
}

void vit_batch_close(struct vit_batch *batch) {
    if (batch != NULL) {
        runner_close(&batch->runner);
        mem_free(batch);
    }
}

size_t vit_batch_capacity(const struct vit_batch *batch) {
    return batch->capacity;
}

size_t vit_batch_inputs(const struct vit_batch *batch) {
    return batch->inputs;
}

size_t vit_batch_classes(const struct vit_batch *batch) {
    return (size_t) batch->runner.program->model->config.classes;
}

enum vitlrp_status vit_batch_finish(struct vit_batch *batch, const struct forward_pass *part,
                                    float *logits, struct vitlrp_error *err) {
    struct forward_pass pass = *part;
    pass.runner = &batch->runner;
    pass.end = batch->runner.program->op_count;
    pass.output = logits;
    runner_forward(&pass);
    batch->inputs += pass.images;
    TRY(engine_check(&batch->runner.engine,
                     err)); /* first: its products make what follows worthless */
    if (!values_are_finite(logits, pass.images * vit_batch_classes(batch))) {
        return fail(err, VITLRP_NUMERIC, "the logits of a perturbed input are not finite");
    }
    return VITLRP_OK;
}

static size_t input_floats(const struct vit_batch *batch) {
    const struct token_layout *tokens = &batch->runner.program->tokens;
    return tokens->patches * tokens->patch_pixels;
}

void vit_batch_unfold(struct vit_batch *batch, size_t count, const float *inputs) {
    const struct program *program = batch->runner.program;
    float *patches = memory_value(&batch->runner.memory, program->input, false);
    size_t floats = input_floats(batch);
    for (size_t i = 0; i < count; i++) {
        embed_unfold(&program->tokens.grid, inputs + i * floats, patches + i * floats);
    }
}

enum vitlrp_status vit_batch_forward(struct vit_batch *batch, size_t count, const float *inputs,
                                     float *logits, struct vitlrp_error *err) {
    const struct gemm_backend *backend = batch->runner.engine.backend;
    enum vitlrp_status status = VITLRP_OK;
    struct gemm_entry saved;
    backend->enter(&saved);
    for (size_t done = 0; done < count && status == VITLRP_OK;) {
        size_t step = size_min(batch->capacity, count - done);
        vit_batch_unfold(batch, step, inputs + done * input_floats(batch));
        status = vit_batch_finish(batch, &(struct forward_pass){.images = step},
                                  logits + done * vit_batch_classes(batch), err);
        done += step;
    }
    backend->leave(&saved);
    return status;
}

/* Before the first attention a token depends on its own patch alone: what becomes of it up to there
 * is computed once for each of the two inputs. */
static void make_variant(struct vit_batch *batch, size_t variant, const float *input) {
    const struct forward_pass pass = {
        .runner = &batch->runner, .images = 1, .end = batch->first_mixing};
    vit_batch_unfold(batch, 1, input);
    runner_forward(&pass);
    for (size_t i = 0; i < batch->shared_count; i++) {
        size_t value = batch->shared[i].value;
        const struct value *shape = &batch->runner.program->values[value];
        memcpy(batch->shared[i].variants[variant],
               memory_value(&batch->runner.memory, value, false),
               shape->rows * shape->width * sizeof(float));
    }
}

/* Copies the tokens that the masks of `count` versions choose; NULL: those of the original. */
static void mix_variants(struct vit_batch *batch, size_t count, const uint8_t *masks) {
    const struct program *program = batch->runner.program;
    const struct token_layout *tokens = &program->tokens;
    for (size_t row = 0; row < count * tokens->count; row++) {
        size_t token = row % tokens->count;
        const uint8_t *mask = masks == NULL ? NULL : masks + row / tokens->count * tokens->patches;
        bool chosen = mask != NULL && token >= tokens->prefix && mask[token - tokens->prefix] != 0;
        size_t variant = chosen ? 1 : 0;
        for (size_t i = 0; i < batch->shared_count; i++) {
            size_t value = batch->shared[i].value;
            size_t width = program->values[value].width;
            memcpy(memory_value(&batch->runner.memory, value, false) + row * width,
                   batch->shared[i].variants[variant] + token * width, width * sizeof(float));
        }
    }
}

/* Versions of one input: the tokens of either variant that masks choose, or without some. */
struct versions {
    const uint8_t *masks;  /* [count, patches]; NULL: all tokens of variant 0 */
    const uint8_t *absent; /* [count, patches]; NULL: all are there */
    size_t count;
};

/* The tokens of `count` inputs whose patches are not there. */
static void leave_out(struct vit_batch *batch, size_t count, const uint8_t *patches) {
    const struct token_layout *tokens = &batch->runner.program->tokens;
    for (size_t i = 0; i < count; i++) {
        uint8_t *row = batch->absent + i * tokens->count;
        memset(row, 0, tokens->prefix);
        memcpy(row + tokens->prefix, patches + i * tokens->patches, tokens->patches);
    }
}

/* Of variants that are made. */
static enum vitlrp_status forward_versions(struct vit_batch *batch, const struct versions *versions,
                                           float *logits, struct vitlrp_error *err) {
    const struct token_layout *tokens = &batch->runner.program->tokens;
    bool drops = versions->absent != NULL;
    enum vitlrp_status status = VITLRP_OK;
    for (size_t done = 0; done < versions->count && status == VITLRP_OK;) {
        size_t step = size_min(batch->capacity, versions->count - done);
        if (drops) {
            leave_out(batch, step, versions->absent + done * tokens->patches);
        }
        mix_variants(batch, step,
                     versions->masks == NULL ? NULL : versions->masks + done * tokens->patches);
        const struct forward_pass part = {
            .images = step, .first = batch->first_mixing, .absent = drops ? batch->absent : NULL};
        status = vit_batch_finish(batch, &part, logits + done * vit_batch_classes(batch), err);
        done += step;
    }
    return status;
}

enum vitlrp_status vit_batch_forward_mixed(struct vit_batch *batch,
                                           const struct vit_mixture *mixture, float *logits,
                                           struct vitlrp_error *err) {
    const struct gemm_backend *backend = batch->runner.engine.backend;
    const struct versions versions = {.masks = mixture->masks, .count = mixture->count};
    struct gemm_entry saved;
    backend->enter(&saved);
    make_variant(batch, 0, mixture->original);
    make_variant(batch, 1, mixture->replacement);
    enum vitlrp_status status = forward_versions(batch, &versions, logits, err);
    backend->leave(&saved);
    return status;
}

enum vitlrp_status vit_batch_forward_without(struct vit_batch *batch, const float *input,
                                             const uint8_t *absent, size_t count, float *logits,
                                             struct vitlrp_error *err) {
    const struct gemm_backend *backend = batch->runner.engine.backend;
    const struct versions versions = {.absent = absent, .count = count};
    struct gemm_entry saved;
    backend->enter(&saved);
    make_variant(batch, 0, input);
    enum vitlrp_status status = forward_versions(batch, &versions, logits, err);
    backend->leave(&saved);
    return status;
}
