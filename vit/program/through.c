#include "vit/program/through.h"

#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/model/objective.h"
#include "vit/program/session_private.h"
#include "vit/program/units.h"

/* A pass that stops at a cut of the program: all that the operations from there on read of what
 * those before make. */
struct cut_pass {
    struct vit_session *session;
    const struct vit_through *through;
    struct backward_pass pass;
    size_t cut;
    float *saved; /* owned: G of what crosses the cut, one value behind the other */
};

static size_t floats_of(const struct program *program, size_t value) {
    return program->values[value].rows * program->values[value].width;
}

/* True if an operation before the cut, or nobody, makes the value, and one behind reads it. */
static bool crosses(const struct cut_pass *cut, size_t value) {
    const struct runner *runner = &cut->session->runner;
    size_t producer = runner->memory.values[value].producer;
    return (producer == OP_NONE || producer < cut->cut) &&
           program_reads_behind(runner->program, cut->cut, value);
}

/* Every value that crosses the cut; how many numbers they have. */
static size_t each_crossing(const struct cut_pass *cut,
                            void (*visit)(float *g, float *saved, size_t count)) {
    const struct runner *runner = &cut->session->runner;
    size_t at = 0;
    for (size_t v = 0; v < runner->program->value_count; v++) {
        if (crosses(cut, v)) {
            size_t count = floats_of(runner->program, v);
            if (visit != NULL) {
                visit(memory_g(&runner->memory, v), cut->saved + at, count);
            }
            at += count;
        }
    }
    return at;
}

static void save(float *g, float *saved, size_t count) {
    memcpy(saved, g, count * sizeof *g);
}

static void restore(float *g, float *saved, size_t count) {
    memcpy(g, saved, count * sizeof *g);
}

static void clear(float *g, float *saved, size_t count) {
    (void) saved;
    memset(g, 0, count * sizeof *g);
}

/* ---- One group ---- */

static size_t units_value(const struct cut_pass *cut, const struct vitlrp_unit_group *group) {
    return cut->session->runner.program->units[group->site][group->block];
}

static size_t unit_of(const struct vitlrp_unit_group *group, size_t index) {
    return group->indices == NULL ? index : (size_t) group->indices[index];
}

/* G of one unit, from what was there before the site was cleared, or 1. */
static void seed_unit(const struct cut_pass *cut, const struct op_array *site, const float *before,
                      size_t first, size_t columns) {
    bool activation = cut->through->seed == VITLRP_SEED_ACTIVATION;
    for (size_t row = 0; row < site->rows; row++) {
        for (size_t c = first; c < first + columns; c++) {
            size_t at = row * site->width + c;
            site->g[at] = activation ? 1.0F : before[at];
        }
    }
}

/* Sum of a * G, of what has become of the site. */
static double site_relevance(const struct op_array *site) {
    double sum = 0.0;
    for (size_t i = 0; i < site->rows * site->width; i++) {
        sum += (double) site->x[i] * (double) site->g[i];
    }
    return sum;
}

/* Where the value's G was saved. */
static const float *saved_of(const struct cut_pass *cut, size_t value) {
    const struct program *program = cut->session->runner.program;
    size_t at = 0;
    for (size_t v = 0; v < value; v++) {
        at += crosses(cut, v) ? floats_of(program, v) : 0;
    }
    return cut->saved + at;
}

/* G at the units alone. */
static void seed_group(const struct cut_pass *cut, struct vitlrp_unit_group *group) {
    const struct runner *runner = &cut->session->runner;
    size_t value = units_value(cut, group);
    size_t columns = unit_columns(runner->program, group->site);
    struct op_array site = program_array(runner->program, value);
    site.x = memory_value(&runner->memory, value, true);
    site.g = memory_g(&runner->memory, value);
    size_t count = group->indices == NULL ? unit_count(runner->program, group->site) : group->count;
    const float *before = saved_of(cut, value);
    each_crossing(cut, clear);
    for (size_t i = 0; i < count; i++) {
        seed_unit(cut, &site, before, unit_of(group, i) * columns, columns);
    }
    group->relevance = site_relevance(&site);
}

/* From the site to the map. */
static enum vitlrp_status map_group(struct cut_pass *cut, struct vitlrp_unit_group *group,
                                    struct vitlrp_error *err) {
    struct vit_relevance maps = {.pixels = group->pixels, .patches = group->patches};
    runner_backward_begin(&cut->pass);
    runner_make(&cut->pass, units_value(cut, group));
    seed_group(cut, group);
    runner_backward(&cut->pass, 0, cut->cut);
    TRY(session_make_maps(cut->session, &maps, err));
    group->sum = maps.sum;
    return engine_check(&cut->session->runner.engine, err);
}

/* ---- All of them ---- */

/* Behind the operation that makes the group's site. */
static size_t cut_of(const struct cut_pass *cut, const struct vitlrp_unit_group *group) {
    return cut->session->runner.memory.values[units_value(cut, group)].producer + 1;
}

/* The last cut before `end`, 0 if there is none. */
static size_t next_cut(const struct cut_pass *cut, size_t end) {
    size_t found = 0;
    for (size_t i = 0; i < cut->through->group_count; i++) {
        size_t place = cut_of(cut, &cut->through->groups[i]);
        found = place < end ? size_max(found, place) : found;
    }
    return found;
}

/* The groups of a cut, above which G is there if a class is explained; it is there again then. */
static enum vitlrp_status run_cut(struct cut_pass *cut, struct vitlrp_error *err) {
    const struct vit_through *through = cut->through;
    enum vitlrp_status status = VITLRP_OK;
    cut->saved = mem_calloc(each_crossing(cut, NULL), sizeof *cut->saved);
    if (cut->saved == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for conditional maps");
    }
    each_crossing(cut, save);
    for (size_t i = 0; i < through->group_count && status == VITLRP_OK; i++) {
        if (cut_of(cut, &through->groups[i]) == cut->cut) {
            status = map_group(cut, &through->groups[i], err);
        }
    }
    each_crossing(cut, restore);
    mem_free(cut->saved);
    cut->saved = NULL;
    return status;
}

static enum vitlrp_status run_cuts(struct cut_pass *cut, struct vitlrp_error *err) {
    size_t end = cut->session->runner.program->op_count;
    for (cut->cut = next_cut(cut, end + 1); cut->cut > 0; cut->cut = next_cut(cut, cut->cut)) {
        if (cut->through->seed == VITLRP_SEED_CLASS) {
            runner_backward_begin(&cut->pass);
            runner_backward(&cut->pass, cut->cut, end);
        }
        end = cut->cut;
        TRY(engine_check(&cut->session->runner.engine, err));
        TRY(run_cut(cut, err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status check_group(const struct program *program,
                                      const struct vitlrp_unit_group *group,
                                      struct vitlrp_error *err) {
    int32_t depth = (int32_t) program->depth;
    if ((size_t) group->site >= PROGRAM_SITES) {
        return fail(err, VITLRP_USAGE, "no such site of a unit: %d", (int) group->site);
    }
    if (group->block < 0 || group->block >= depth) {
        return fail(err, VITLRP_USAGE, "block %d is out of range: 0 to %d", (int) group->block,
                    depth - 1);
    }
    size_t width = unit_count(program, group->site);
    for (size_t i = 0; group->indices != NULL && i < group->count; i++) {
        if (group->indices[i] < 0 || (size_t) group->indices[i] >= width) {
            return fail(err, VITLRP_USAGE, "unit %d of block %d is out of range: 0 to %zu",
                        (int) group->indices[i], (int) group->block, width - 1);
        }
    }
    return VITLRP_OK;
}

static enum vitlrp_status check(const struct vit_session *session,
                                const struct vit_through *through, struct vitlrp_error *err) {
    const struct objective objective = {through->targets, through->target_count};
    for (size_t i = 0; i < through->group_count; i++) {
        TRY(check_group(session->runner.program, &through->groups[i], err));
    }
    if (through->seed == VITLRP_SEED_CLASS) {
        return session_check_objective(session, &objective, err);
    }
    return session->has_forward
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "no forward pass yet: there is nothing to explain");
}

enum vitlrp_status vit_session_through(struct vit_session *session,
                                       const struct vit_through *through,
                                       struct vitlrp_error *err) {
    const struct objective objective = {through->targets, through->target_count};
    struct cut_pass cut = {.session = session,
                           .through = through,
                           .pass = {.runner = &session->runner, .rules = through->rules}};
    const struct engine *engine = &session->runner.engine;
    struct gemm_entry saved;
    TRY(check(session, through, err));
    profile_begin(engine->profile, PROFILE_BACKWARD);
    engine->backend->enter(&saved);
    if (through->seed == VITLRP_SEED_CLASS) {
        session_seed_output(session, &objective);
    }
    enum vitlrp_status status = run_cuts(&cut, err);
    engine->backend->leave(&saved);
    profile_end(engine->profile);
    return status;
}
