#include "vit/program/memory.h"

#include "base/checked.h"
#include "base/mem.h"
#include "vit/program/buffers.h"
#include "vit/tokens/rotary.h"

/* Passes as steps: operation i of n runs in step i and, backwards, in step 2 n - 1 - i. */
struct planner {
    const struct program *program;
    struct memory *memory;
    struct buffer_list buffers;
    size_t *last_read; /* [values]: the last operation that reads it going forward */
    size_t *first[2];  /* [values]: steps in which what is made again, and G, begin */
    size_t *last[2];   /* ... and end */
    size_t *floats;    /* [values]: of G, with all that are parts of it */
};

enum { AGAIN, GRADIENT };

static size_t step_back(const struct planner *planner, size_t op) {
    return 2 * planner->program->op_count - 1 - op;
}

static size_t value_floats(const struct planner *planner, size_t value) {
    const struct value *shape = &planner->program->values[value];
    return planner->memory->images * shape->rows * shape->width;
}

static void add_buffer(struct planner *planner, size_t floats, size_t first, size_t last,
                       size_t *offset) {
    *offset = OP_NONE;
    if (floats > 0) {
        planner->buffers.items[planner->buffers.count++] =
            (struct buffer){floats, first, last, offset};
    }
}

static bool is_remade(const struct planner *planner, size_t value) {
    size_t producer = planner->memory->values[value].producer;
    return producer != OP_NONE && planner->program->ops[producer].kind->remade;
}

/* An operation's call in one of the passes, without memory. */
static struct op_call shape_call(const struct planner *planner, size_t index, bool backward) {
    struct op_call call = program_call(planner->program, index);
    call.images = planner->memory->images;
    call.form = planner->memory->form;
    call.backward = backward;
    return call;
}

static bool is_view(const struct planner *planner, size_t index) {
    return planner->memory->ops[index].is_view;
}

/* Asks every operation once. The output is nobody's view: a pass may want it elsewhere. */
static void note_views(struct planner *planner) {
    for (size_t i = 0; i < planner->program->op_count; i++) {
        const struct op *op = &planner->program->ops[i];
        const struct op_call call = shape_call(planner, i, false);
        planner->memory->ops[i].is_view = op->out != planner->program->output &&
                                          op->kind->is_view != NULL && op->kind->is_view(&call);
    }
}

/* ---- The forward pass ---- */

static void note_readers(struct planner *planner) {
    for (size_t i = 0; i < planner->program->op_count; i++) {
        const struct op *op = &planner->program->ops[i];
        planner->memory->values[op->out].producer = i;
        planner->last_read[op->out] = i;
        for (size_t k = 0; k < OP_INPUTS; k++) {
            if (op->in[k] != OP_NONE) {
                planner->last_read[op->in[k]] = i;
            }
        }
        if (op->residual != OP_NONE) {
            planner->last_read[op->residual] = i;
        }
    }
}

/* Which values lie in others' places: views, and results that may overwrite what nobody reads any
 * more, in the backward pass neither. Going backwards, so that whole chains live as long as their
 * last member is read. */
static void join_places(struct planner *planner) {
    struct memory *memory = planner->memory;
    for (size_t i = planner->program->op_count; i-- > 0;) {
        const struct op *op = &planner->program->ops[i];
        size_t in = op->in[0];
        size_t maker = memory->values[in].producer;
        bool owned = maker != OP_NONE && !memory->values[in].is_kept && !is_view(planner, maker) &&
                     !(memory->keeps && planner->program->ops[maker].kind->reads_output);
        bool overwrites = op->kind->in_place && owned && planner->last_read[in] == i;
        if (is_view(planner, i) || overwrites) {
            memory->values[op->out].lies_in = in;
            memory->values[op->out].is_kept = false;
            planner->last_read[in] = size_max(planner->last_read[in], planner->last_read[op->out]);
        }
    }
}

static void place_values(struct planner *planner) {
    struct memory *memory = planner->memory;
    for (size_t v = 0; v < planner->program->value_count; v++) {
        struct value_place *place = &memory->values[v];
        bool outside = v == planner->program->output && !memory->keeps;
        place->forward = OP_NONE;
        if (!place->is_kept && place->lies_in == OP_NONE && !outside) {
            add_buffer(planner, value_floats(planner, v),
                       place->producer == OP_NONE ? 0 : place->producer, planner->last_read[v],
                       &place->forward);
        }
    }
}

/* ---- The backward pass ---- */

/* The value is read in that step: what is made again, and what that is made of, begins. */
static void require(struct planner *planner, size_t value, size_t step) {
    if (value == OP_NONE || !is_remade(planner, value)) {
        return;
    }
    size_t producer = planner->memory->values[value].producer;
    const struct op *op = &planner->program->ops[producer];
    if (planner->first[AGAIN][value] == OP_NONE) {
        planner->first[AGAIN][value] = step;
        for (size_t k = 0; k < OP_INPUTS; k++) {
            require(planner, op->in[k], step);
        }
        require(planner, op->residual, step);
    }
    size_t last = op->kind->reads_output ? size_max(step, step_back(planner, producer)) : step;
    planner->last[AGAIN][value] = size_max(planner->last[AGAIN][value], last);
}

/* G of the value begins in that step, as a part of another's from `shift` floats on. */
static void begin_part(struct planner *planner, size_t value, size_t whole, size_t shift) {
    struct value_place *values = planner->memory->values;
    size_t root = values[whole].g_root;
    values[value].g_root = root;
    values[value].g = values[whole].g + shift;
    planner->floats[root] =
        size_max(planner->floats[root], values[value].g + value_floats(planner, value));
}

static void begin_g(struct planner *planner, size_t value, size_t step) {
    planner->memory->values[value].g_root = value;
    planner->memory->values[value].g = 0;
    planner->first[GRADIENT][value] = step;
    planner->floats[value] = value_floats(planner, value);
}

/* G of an input begins with this operation. */
static void begin_input(struct planner *planner, size_t index, size_t input) {
    const struct op *op = &planner->program->ops[index];
    size_t value = op->in[input];
    size_t width = planner->program->values[op->out].width;
    planner->memory->ops[index].begins[input] = true;
    bool shares = input == 0 && op->residual == OP_NONE;
    if (shares && op->kind->g_row != NULL) {
        begin_part(planner, value, op->out, op->kind->g_row(op) * width);
    } else if (shares && (op->kind->in_place || is_view(planner, index))) {
        begin_part(planner, value, op->out, 0);
    } else {
        begin_g(planner, value, step_back(planner, index));
    }
}

static void note_backward(struct planner *planner) {
    const struct program *program = planner->program;
    struct value_place *values = planner->memory->values;
    begin_g(planner, program->output, program->op_count);
    for (size_t i = program->op_count; i-- > 0;) {
        const struct op *op = &program->ops[i];
        size_t step = step_back(planner, i);
        size_t root = values[op->out].g_root;
        if (op->residual != OP_NONE && values[op->residual].g_root == OP_NONE) {
            planner->memory->ops[i].begins_residual = true;
            begin_part(planner, op->residual, op->out, 0);
        }
        for (size_t k = 0; k < OP_INPUTS; k++) {
            if (op->in[k] != OP_NONE && values[op->in[k]].g_root == OP_NONE) {
                begin_input(planner, i, k);
            }
            require(planner, op->in[k], step);
        }
        require(planner, op->residual, step);
        planner->last[GRADIENT][root] = size_max(planner->last[GRADIENT][root], step);
    }
    size_t end = values[program->input].g_root;
    planner->last[GRADIENT][end] = 2 * program->op_count;
}

static void place_backward(struct planner *planner) {
    for (size_t v = 0; v < planner->program->value_count; v++) {
        struct value_place *place = &planner->memory->values[v];
        place->backward = OP_NONE;
        if (place->lies_in == OP_NONE && planner->first[AGAIN][v] != OP_NONE) {
            add_buffer(planner, value_floats(planner, v), planner->first[AGAIN][v],
                       planner->last[AGAIN][v], &place->backward);
        }
        if (place->g_root == v) {
            add_buffer(planner, planner->floats[v], planner->first[GRADIENT][v],
                       planner->last[GRADIENT][v], &place->g);
        }
    }
}

/* Parts know their shift so far; the places of the wholes are known now. */
static void shift_parts(struct planner *planner) {
    struct value_place *values = planner->memory->values;
    for (size_t v = 0; v < planner->program->value_count; v++) {
        if (values[v].g_root != v && values[v].g_root != OP_NONE) {
            values[v].g += values[values[v].g_root].g;
        }
    }
}

/* ---- What operations need ---- */

static void place_need(struct planner *planner, size_t index, bool backward, size_t step,
                       size_t places[OP_SCRATCH]) {
    struct memory *memory = planner->memory;
    const struct op_kind *kind = planner->program->ops[index].kind;
    const struct op_call call = shape_call(planner, index, backward);
    struct op_need need = {0};
    if (kind->need != NULL) {
        kind->need(&call, &need);
    }
    memory->thread_floats = size_max(memory->thread_floats, need.thread_floats);
    memory->operand = size_max(memory->operand, need.operand);
    for (size_t i = 0; i < OP_SCRATCH; i++) {
        add_buffer(planner, need.scratch[i], step, step, &places[i]);
    }
}

static void place_needs(struct planner *planner) {
    const struct program *program = planner->program;
    for (size_t i = 0; i < program->op_count; i++) {
        struct op_place *place = &planner->memory->ops[i];
        size_t step = step_back(planner, i);
        place_need(planner, i, false, i, place->forward);
        if (!planner->memory->keeps) {
            continue;
        }
        place_need(planner, i, true, step, place->backward);
        for (size_t k = 0; k < OP_INPUTS; k++) {
            size_t value = program->ops[i].in[k];
            bool adds =
                value != OP_NONE && !place->begins[k] && !program->ops[i].kind->adds_relevance;
            add_buffer(planner, adds ? value_floats(planner, value) : 0, step, step,
                       &place->addend[k]);
        }
    }
}

/* ---- Planning ---- */

/* Every size that an operation may ask for is a small multiple of these. */
static bool sizes_fit(const struct program *program, size_t images) {
    const size_t margin = 4096;
    bool fit = true;
    for (size_t i = 0; i < program->op_count && fit; i++) {
        const struct op *op = &program->ops[i];
        const struct value *out = &program->values[op->out];
        size_t heads = size_max(op->heads, 1);
        size_t size = 0;
        fit = checked_mul(&size, margin, images) && checked_mul(&size, size, heads) &&
              checked_mul(&size, size, out->width) && checked_mul(&size, size, out->rows);
    }
    const struct value *input = &program->values[program->input];
    size_t size = 0;
    return fit && checked_mul(&size, margin, images) && checked_mul(&size, size, input->rows) &&
           checked_mul(&size, size, input->width);
}

static size_t *index_table(size_t count) {
    size_t *table = mem_calloc(count, sizeof *table);
    for (size_t i = 0; table != NULL && i < count; i++) {
        table[i] = OP_NONE;
    }
    return table;
}

static void planner_close(struct planner *planner) {
    mem_free(planner->buffers.items);
    mem_free(planner->last_read);
    mem_free(planner->floats);
    for (size_t i = 0; i < 2; i++) {
        mem_free(planner->first[i]);
        mem_free(planner->last[i]);
    }
}

static bool planner_open(struct planner *planner) {
    size_t values = planner->program->value_count;
    size_t most = 3 * values + (2 * OP_SCRATCH + OP_INPUTS) * planner->program->op_count;
    planner->buffers.items = mem_calloc(most, sizeof *planner->buffers.items);
    planner->last_read = index_table(values);
    planner->floats = mem_calloc(values, sizeof *planner->floats);
    bool complete =
        planner->buffers.items != NULL && planner->last_read != NULL && planner->floats != NULL;
    for (size_t i = 0; i < 2; i++) {
        planner->first[i] = index_table(values);
        planner->last[i] = mem_calloc(values, sizeof *planner->last[i]);
        complete = complete && planner->first[i] != NULL && planner->last[i] != NULL;
    }
    return complete;
}

static bool open_tables(const struct program *program, struct memory *memory) {
    memory->values = mem_calloc(program->value_count, sizeof *memory->values);
    memory->ops = mem_calloc(program->op_count, sizeof *memory->ops);
    memory->made = mem_calloc(program->value_count, sizeof *memory->made);
    if (memory->values == NULL || memory->ops == NULL || memory->made == NULL) {
        return false;
    }
    for (size_t v = 0; v < program->value_count; v++) {
        memory->values[v] = (struct value_place){
            .lies_in = OP_NONE, .g = OP_NONE, .g_root = OP_NONE, .producer = OP_NONE};
    }
    return true;
}

static bool plan(struct planner *planner) {
    struct memory *memory = planner->memory;
    note_readers(planner);
    note_views(planner);
    for (size_t v = 0; v < planner->program->value_count; v++) {
        /* The output is read before anything is made again. */
        bool is_output = v == planner->program->output;
        memory->values[v].is_kept = memory->keeps && (is_output || !is_remade(planner, v));
    }
    join_places(planner);
    if (memory->keeps) {
        note_backward(planner);
        place_backward(planner);
    }
    place_values(planner);
    place_needs(planner);
    size_t *active = mem_calloc(planner->buffers.count, sizeof *active);
    if (active == NULL) {
        return false;
    }
    memory->scratch_floats = buffers_place(&planner->buffers, active);
    mem_free(active);
    shift_parts(planner);
    return true;
}

enum vitlrp_status memory_plan(const struct program *program, size_t images, bool keeps,
                               struct memory *memory, struct vitlrp_error *err) {
    struct planner planner = {.program = program, .memory = memory};
    *memory = (struct memory){.images = images, .form = memory->form, .keeps = keeps};
    if (!sizes_fit(program, images)) {
        return fail(err, VITLRP_LIMIT, "sizes beyond what memory can hold");
    }
    bool planned = open_tables(program, memory) && planner_open(&planner) && plan(&planner);
    planner_close(&planner);
    return planned ? VITLRP_OK : fail(err, VITLRP_NOMEM, "out of memory for a plan of memory");
}

void memory_lay_out(struct memory *memory, const struct program *program, struct engine *engine,
                    size_t threads, struct arena *arena) {
    size_t tokens = program_find(program, &OP_TOKENS, -1);
    if (tokens != OP_NONE) {
        const struct value *shape = &program->values[program->ops[tokens].out];
        memory->position = arena_take_floats(arena, shape->rows, shape->width);
    }
    if (program->model != NULL) {
        const struct vit_config *config = &program->model->config;
        memory->rotary = arena_take_floats(arena, rotary_tables(config) * program->tokens.patches,
                                           rotary_width(config));
    }
    for (size_t v = 0; v < program->value_count; v++) {
        struct value_place *place = &memory->values[v];
        const struct value *shape = &program->values[v];
        if (place->is_kept) {
            place->kept = arena_take_floats(arena, shape->rows, shape->width);
        }
    }
    for (size_t i = 0; i < program->op_count; i++) {
        const struct op *op = &program->ops[i];
        if (op->keeps_total) {
            memory->ops[i].total = arena_take_floats(arena, program->values[op->out].rows,
                                                     program->values[op->out].width);
        }
    }
    memory->scratch = arena_take_floats(arena, 1, memory->scratch_floats);
    engine->operand = arena_take(arena, memory->operand, 1);
    engine->thread_floats = memory->thread_floats;
    engine->thread_scratch = arena_take_floats(arena, threads, memory->thread_floats);
}

void memory_close(struct memory *memory) {
    mem_free(memory->values);
    mem_free(memory->ops);
    mem_free(memory->made);
    *memory = (struct memory){0};
}

float *memory_value(const struct memory *memory, size_t value, bool backward) {
    while (memory->values[value].lies_in != OP_NONE) {
        value = memory->values[value].lies_in;
    }
    const struct value_place *place = &memory->values[value];
    if (place->is_kept) {
        return place->kept;
    }
    size_t offset = backward ? place->backward : place->forward;
    return offset == OP_NONE ? NULL : memory->scratch + offset;
}

float *memory_g(const struct memory *memory, size_t value) {
    size_t offset = memory->values[value].g;
    return offset == OP_NONE ? NULL : memory->scratch + offset;
}
