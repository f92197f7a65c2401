/* Passes over texts. They lie one behind the other, each as long as it is, so that a pass of many
 * short texts computes no padding. */
#include "vit/program/text_tower.h"

#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/model/derived_model.h"
#include "vit/program/change.h"

/* Texts of one pass, at most, and how many tokens each has room for on average: a prompt has about
 * ten. */
#define TEXTS_AT_ONCE ((size_t) 128)
#define TOKENS_OF_TEXT ((size_t) 8)

struct vit_text {
    struct runner runner;
    size_t capacity; /* texts of a pass */
    size_t *starts;  /* [capacity + 1], as pooled of struct text_rows */
    size_t *pooled;
    struct text_rows rows; /* of the last pass */
    size_t given;          /* tokens of the last text of it */
    bool has_forward;
};

static const struct vit_config *config_of(const struct vit_text *text) {
    return &text->runner.program->model->config;
}

static size_t context_of(const struct vit_config *config) {
    return (size_t) config->grid_width;
}

/* ---- Opening ---- */

static void lay_out_rows(void *user, const struct runner *runner, struct arena *arena) {
    struct vit_text *text = user;
    (void) runner;
    text->starts = arena_take(arena, text->capacity + 1, sizeof *text->starts);
    text->pooled = arena_take(arena, text->capacity, sizeof *text->pooled);
}

/* Any text has room in a pass. */
static struct runner_request request_of(struct vit_text *text, const struct vit_model *model,
                                        const struct vit_text_options *options) {
    size_t context = context_of(&model->config);
    size_t shared = size_max(TOKENS_OF_TEXT, (context + TEXTS_AT_ONCE - 1) / TEXTS_AT_ONCE);
    size_t tokens = options->keeps ? context : shared;
    return (struct runner_request){
        .program = {.input_height = 1, .input_width = (int32_t) tokens, .keeps = options->keeps},
        .images = text->capacity,
        .threads = options->threads,
        .in_pool = options->in_pool,
        .backend = options->backend,
        .watch = options->watch,
        .precision = options->precision,
        .many_passes = options->many_passes,
        .max_bytes = options->max_bytes,
        .what = "a text tower",
        .lay_out_more = lay_out_rows,
        .user = text};
}

enum vitlrp_status vit_text_open(const struct vit_model *model,
                                 const struct vit_text_options *options, struct vit_text **out,
                                 struct vitlrp_error *err) {
    if (model->config.vocabulary == 0) {
        return fail(err, VITLRP_USAGE, "%s: a tower for images takes no texts", model->name);
    }
    struct vit_text *text = mem_calloc(1, sizeof *text);
    if (text == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for a text tower");
    }
    text->capacity = options->keeps ? 1 : TEXTS_AT_ONCE;
    const struct runner_request request = request_of(text, model, options);
    enum vitlrp_status status = runner_plan(&text->runner, model, &request, err);
    if (status == VITLRP_OK) {
        status = runner_open(&text->runner, &request, err);
    }
    if (status != VITLRP_OK) {
        vit_text_close(text);
        return status;
    }
    *out = text;
    return VITLRP_OK;
}

void vit_text_close(struct vit_text *text) {
    if (text != NULL) {
        runner_close(&text->runner);
        mem_free(text);
    }
}

/* ---- Texts ---- */

/* Where the token is that the head reads; count: there is none. */
static size_t end_of(const struct vit_config *config, const struct vit_ids *text) {
    size_t largest = 0;
    for (size_t i = 0; i < text->count; i++) {
        largest = text->ids[i] > text->ids[largest] ? i : largest;
        if (config->text_end == VIT_END_FIRST_ID && text->ids[i] == config->end_id) {
            return i;
        }
    }
    switch (config->text_end) {
    case VIT_END_LARGEST_ID:
        return largest;
    case VIT_END_LAST:
        return text->count - 1;
    case VIT_END_FIRST_ID:
        break;
    }
    return text->count;
}

static enum vitlrp_status check_text(const struct vit_config *config, const struct vit_ids *text,
                                     struct vitlrp_error *err) {
    size_t context = context_of(config);
    if (text->count == 0 || text->count > context) {
        return fail(err, VITLRP_MISMATCH, "a text of %zu tokens: the model takes 1 to %zu",
                    text->count, context);
    }
    if (!config->causal && text->count != context) {
        return fail(err, VITLRP_USAGE,
                    "a text of %zu tokens: the model reads padding too, so it takes %zu",
                    text->count, context);
    }
    for (size_t i = 0; i < text->count; i++) {
        if (text->ids[i] < 0 || text->ids[i] >= config->vocabulary) {
            return fail(err, VITLRP_MISMATCH, "a token of id %d: the model has %d tokens",
                        text->ids[i], config->vocabulary);
        }
    }
    if (end_of(config, text) == text->count) {
        return fail(err, VITLRP_MISMATCH, "a text without the token %d, which ends it",
                    config->end_id);
    }
    return VITLRP_OK;
}

/* Tokens that take part. */
static size_t length_of(const struct vit_config *config, const struct vit_ids *text) {
    return config->causal ? end_of(config, text) + 1 : text->count;
}

/* The rows of the table for the ids of one text. */
static enum vitlrp_status take_words(const struct vit_text *text, const struct vit_ids *ids,
                                     size_t first, size_t length, struct vitlrp_error *err) {
    const struct program *program = text->runner.program;
    const struct vit_model *model = program->model;
    size_t width = program->values[program->input].width;
    float *out = memory_value(&text->runner.memory, program->input, false) + first * width;
    for (size_t i = 0; i < length; i++) {
        size_t id = (size_t) ids->ids[i];
        if (model->words != NULL) {
            TRY(error_prefix(err, model->words->read(model->words, id, out + i * width, err),
                             model->name));
        } else {
            memcpy(out + i * width, model->weights.token_table + id * width, width * sizeof *out);
        }
    }
    return VITLRP_OK;
}

/* Puts as many of the texts where the program begins as one pass has room for. */
static enum vitlrp_status take_texts(struct vit_text *text, const struct vit_ids *texts,
                                     size_t count, struct vitlrp_error *err) {
    const struct vit_config *config = config_of(text);
    size_t room = text->runner.memory.images * text->runner.program->tokens.count;
    size_t taken = 0;
    text->starts[0] = 0;
    while (taken < count && taken < text->capacity) {
        size_t first = text->starts[taken];
        size_t length = length_of(config, &texts[taken]);
        if (length > room - first) {
            break;
        }
        TRY(take_words(text, &texts[taken], first, length, err));
        text->given = texts[taken].count;
        text->pooled[taken] = first + end_of(config, &texts[taken]);
        text->starts[++taken] = first + length;
    }
    text->rows = (struct text_rows){.count = taken, .starts = text->starts, .pooled = text->pooled};
    return VITLRP_OK;
}

/* ---- Forward ---- */

static enum vitlrp_status check_embeddings(const float *embeddings, size_t count, size_t width,
                                           struct vitlrp_error *err) {
    for (size_t i = 0; i < count; i++) {
        double length = row_norm(embeddings + i * width, width);
        if (!(length > 0.0) || isinf(length)) {
            return fail(err, VITLRP_NUMERIC,
                        "the embedding of a text is %s: the weights do not suit it",
                        length == 0.0 ? "zero" : "not finite");
        }
    }
    return VITLRP_OK;
}

/* One pass, over the texts that were taken. */
static enum vitlrp_status forward_taken(struct vit_text *text, float *embeddings,
                                        struct vitlrp_error *err) {
    struct runner *runner = &text->runner;
    const struct program *program = runner->program;
    size_t width = (size_t) config_of(text)->classes;
    bool keeps = runner->memory.keeps;
    const struct forward_pass pass = {.runner = runner,
                                      .end = program->op_count,
                                      .output = keeps ? NULL : embeddings,
                                      .texts = &text->rows};
    runner_forward(&pass);
    TRY(engine_check(&runner->engine, err));
    if (keeps) {
        memcpy(embeddings, memory_value(&runner->memory, program->output, false),
               width * sizeof *embeddings);
    }
    return check_embeddings(embeddings, text->rows.count, width, err);
}

enum vitlrp_status vit_text_forward(struct vit_text *text, const struct vit_ids *texts,
                                    size_t count, float *embeddings, struct vitlrp_error *err) {
    const struct gemm_backend *backend = text->runner.engine.backend;
    size_t width = (size_t) config_of(text)->classes;
    enum vitlrp_status status = VITLRP_OK;
    text->has_forward = false;
    for (size_t i = 0; i < count; i++) {
        TRY(check_text(config_of(text), &texts[i], err));
    }
    struct gemm_entry saved;
    backend->enter(&saved);
    for (size_t done = 0; done < count && status == VITLRP_OK; done += text->rows.count) {
        status = take_texts(text, texts + done, count - done, err);
        if (status == VITLRP_OK) {
            status = forward_taken(text, embeddings + done * width, err);
        }
    }
    backend->leave(&saved);
    text->has_forward = status == VITLRP_OK && count > 0;
    return status;
}

/* ---- Relevance ---- */

/* out [given]: what every row of `values` keeps of G; *sum: of all of them. */
static double rows_relevance(const struct vit_text *text, const float *values, float *out) {
    const struct program *program = text->runner.program;
    size_t width = program->values[program->input].width;
    size_t rows = text->starts[text->rows.count];
    const float *g = memory_g(&text->runner.memory, program->input);
    double sum = 0.0;
    for (size_t i = 0; i < text->given; i++) {
        double kept =
            i < rows ? text->runner.engine.kernels->dot(values + i * width, g + i * width, width)
                     : 0.0;
        sum += kept;
        if (out != NULL) {
            out[i] = (float) kept;
        }
    }
    return sum;
}

static enum vitlrp_status make_relevance(const struct vit_text *text,
                                         struct vit_text_relevance *relevance,
                                         struct vitlrp_error *err) {
    const struct runner *runner = &text->runner;
    const struct program *program = runner->program;
    size_t count = text->starts[1] * program->values[program->input].width;
    TRY(engine_check(&runner->engine, err));
    if (!values_are_finite(memory_g(&runner->memory, program->input), count)) {
        return fail(err, VITLRP_NUMERIC, "the relevance of a text is not finite");
    }
    relevance->sum = rows_relevance(text, memory_value(&runner->memory, program->input, true),
                                    relevance->tokens);
    if (relevance->positions != NULL) {
        rows_relevance(text, program->model->weights.position, relevance->positions);
    }
    return VITLRP_OK;
}

enum vitlrp_status vit_text_relevance(struct vit_text *text, const float *seed,
                                      const struct vitlrp_rules *rules,
                                      struct vit_text_relevance *relevance,
                                      struct vitlrp_error *err) {
    struct runner *runner = &text->runner;
    size_t output = runner->program->output;
    size_t width = (size_t) config_of(text)->classes;
    if (!text->has_forward || !runner->memory.keeps) {
        return fail(err, VITLRP_USAGE, "no forward pass that keeps a text: nothing to explain");
    }
    struct ledger_lines lines = {.entries = relevance->ledger};
    struct op_ledger ledger = ledger_of(&lines);
    const struct backward_pass pass = {.runner = runner,
                                       .rules = rules,
                                       .ledger = relevance->ledger == NULL ? NULL : &ledger,
                                       .texts = &text->rows};
    struct gemm_entry saved;
    runner->engine.backend->enter(&saved);
    memcpy(memory_g(&runner->memory, output), seed, width * sizeof *seed);
    relevance->explained =
        runner->engine.kernels->dot(seed, memory_value(&runner->memory, output, true), width);
    runner_backward_begin(&pass);
    runner_backward(&pass, 0, runner->program->op_count);
    enum vitlrp_status status = make_relevance(text, relevance, err);
    runner->engine.backend->leave(&saved);
    return status;
}

/* ---- Words ---- */

/* Rows of changes that one pass takes, at most. */
#define CHANGES_AT_ONCE ((size_t) 1024)

static enum vitlrp_status check_words(const struct vit_text *text, const struct vit_words *words,
                                      const struct vitlrp_rules *rules, struct vitlrp_error *err) {
    if (!text->has_forward || !text->runner.memory.keeps) {
        return fail(err, VITLRP_USAGE, "no forward pass that keeps a text: it has no words");
    }
    bool linear = rules != NULL && rules->epsilon == 0.0F;
    for (size_t i = 0; linear && i < VITLRP_ROLE_COUNT; i++) {
        linear = rules->gamma[i] == 0.0F;
    }
    if (!linear) {
        return fail(err, VITLRP_USAGE, "rows of words need rules without gamma and epsilon");
    }
    for (size_t i = 0; i < text->given; i++) {
        if (words->of_token[i] < -1 || words->of_token[i] >= (int64_t) words->count) {
            return fail(err, VITLRP_USAGE, "token %zu belongs to word %d, and there are %zu", i,
                        words->of_token[i], words->count);
        }
    }
    return VITLRP_OK;
}

/* input [count, rows, width]: the embedding of its tokens for each of `count` words from `first`
 * on.
 */
static void take_changes(const struct vit_text *text, const struct vit_words *words, size_t first,
                         size_t count, float *input) {
    const struct program *program = text->runner.program;
    const float *embedded = memory_value(&text->runner.memory, program->input, false);
    size_t width = program->values[program->input].width;
    size_t rows = text->starts[1];
    memset(input, 0, count * rows * width * sizeof *input);
    for (size_t t = 0; t < rows; t++) {
        int64_t word = words->of_token[t];
        if (word >= (int64_t) first && word < (int64_t) (first + count)) {
            memcpy(input + (((size_t) word - first) * rows + t) * width, embedded + t * width,
                   width * sizeof *input);
        }
    }
}

enum vitlrp_status vit_text_words(struct vit_text *text, const struct vit_words *words,
                                  const struct vitlrp_rules *rules, float *rows,
                                  struct vitlrp_error *err) {
    TRY(check_words(text, words, rules, err));
    const struct program *program = text->runner.program;
    const struct gemm_backend *backend = text->runner.engine.backend;
    size_t outputs = (size_t) config_of(text)->classes;
    size_t step = size_max(1, CHANGES_AT_ONCE / text->starts[1]);
    size_t most = size_min(step, words->count);
    float *input =
        mem_calloc(most * text->starts[1] * program->values[program->input].width, sizeof *input);
    enum vitlrp_status status = VITLRP_OK;
    if (input == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for the words of a text");
    }
    struct gemm_entry saved;
    backend->enter(&saved);
    for (size_t first = 0; first < words->count && status == VITLRP_OK; first += step) {
        size_t count = size_min(step, words->count - first);
        take_changes(text, words, first, count, input);
        status = change_run(&(struct change_pass){.runner = &text->runner,
                                                  .texts = &text->rows,
                                                  .rules = rules,
                                                  .count = count,
                                                  .input = input,
                                                  .output = rows + first * outputs},
                            err);
    }
    backend->leave(&saved);
    mem_free(input);
    if (status == VITLRP_OK && !values_are_finite(rows, words->count * outputs)) {
        status = fail(err, VITLRP_NUMERIC, "the relevance of words is not finite");
    }
    return status;
}
