/* Forward passes with hidden units off. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/mem.h"
#include "vit/model/weights.h"
#include "vit/program/batch_private.h"
#include "vit/program/units.h"

/* What the versions of a call have in common. */
struct units_call {
    struct vit_batch *batch;
    const struct vit_unit_versions *versions;
    size_t width, dim; /* units of a block, and numbers of a unit */
    size_t begins;     /* the first of the versions' blocks that has a unit off in any of them */
    size_t first;      /* the version of the first image of the pass under way */
};

static size_t site_value(const struct units_call *call, size_t block) {
    const struct vit_unit_versions *versions = call->versions;
    return call->batch->runner.program->units[versions->site][versions->first_block + block];
}

/* ---- Memory ---- */

/* Behind the operation that makes the value. */
static size_t cut_behind(const struct runner *runner, size_t value) {
    return runner->memory.values[value].producer + 1;
}

static size_t crossing_floats(const struct program *program, size_t cut) {
    size_t values[BATCH_MAX_SHARED];
    size_t count = vit_batch_crossing(program, cut, values);
    size_t floats = 0;
    for (size_t i = 0; i < count; i++) {
        const struct value *shape = &program->values[values[i]];
        floats += shape->rows * shape->width;
    }
    return floats;
}

void vit_batch_units_lay_out(struct vit_batch *batch, const struct runner *runner,
                             struct arena *arena) {
    static const enum vitlrp_site SITES[] = {VITLRP_SITE_FC1, VITLRP_SITE_HEAD};
    const struct program *program = runner->program;
    size_t floats = 0;
    size_t width = 0;
    for (size_t i = 0; i < sizeof SITES / sizeof SITES[0]; i++) {
        for (size_t block = 0; block < program->depth; block++) {
            size_t value = program->units[SITES[i]][block];
            floats = size_max(floats, crossing_floats(program, cut_behind(runner, value)));
            width = size_max(width, unit_count(program, SITES[i]));
        }
    }
    batch->beginning = arena_take_floats(arena, 1, floats);
    batch->off = arena_take(arena, width, sizeof *batch->off);
}

/* ---- What all versions begin with ---- */

/* Of one input, when the operations before the cut have run. */
static void keep_beginning(const struct units_call *call, size_t cut) {
    const struct runner *runner = &call->batch->runner;
    size_t values[BATCH_MAX_SHARED];
    size_t count = vit_batch_crossing(runner->program, cut, values);
    float *to = call->batch->beginning;
    for (size_t i = 0; i < count; i++) {
        const struct value *shape = &runner->program->values[values[i]];
        size_t floats = shape->rows * shape->width;
        memcpy(to, memory_value(&runner->memory, values[i], false), floats * sizeof *to);
        to += floats;
    }
}

/* Puts what was kept where every image of a pass has it. */
static void spread_beginning(const struct units_call *call, size_t images) {
    const struct runner *runner = &call->batch->runner;
    size_t cut = call->batch->begun;
    size_t values[BATCH_MAX_SHARED];
    size_t count = vit_batch_crossing(runner->program, cut, values);
    const float *from = call->batch->beginning;
    for (size_t i = 0; i < count; i++) {
        const struct value *shape = &runner->program->values[values[i]];
        size_t floats = shape->rows * shape->width;
        float *to = memory_value(&runner->memory, values[i], false);
        for (size_t image = 0; image < images; image++) {
            memcpy(to + image * floats, from, floats * sizeof *to);
        }
        from += floats;
    }
}

/* Goes on from the beginning that is kept, unless it lies behind the cut. */
static void make_beginning(const struct units_call *call, size_t cut, const float *input) {
    struct vit_batch *batch = call->batch;
    struct forward_pass pass = {.runner = &batch->runner, .images = 1, .end = cut};
    if (batch->begun == cut) {
        return;
    }
    if (batch->begun > cut || batch->begun == 0) {
        vit_batch_unfold(batch, 1, input);
    } else {
        pass.first = batch->begun;
        spread_beginning(call, 1);
    }
    runner_forward(&pass);
    keep_beginning(call, cut);
    batch->begun = cut;
}

/* ---- Units that are off ---- */

static const uint8_t *mask_of(const struct units_call *call, size_t version, size_t block) {
    return call->versions->masks + (version * call->versions->blocks + block) * call->width;
}

/* The last block if nothing is off: what precedes it is computed once all the same. */
static size_t first_off(const struct units_call *call) {
    for (size_t block = 0; block + 1 < call->versions->blocks; block++) {
        for (size_t version = 0; version < call->versions->count; version++) {
            if (memchr(mask_of(call, version, block), 1, call->width) != NULL) {
                return block;
            }
        }
    }
    return call->versions->blocks - 1;
}

/* Turns `count` units off in a row; means of the block [width, dim, 2], or NULL. */
static void turn_off(const struct units_call *call, size_t count, const float *means, size_t kind,
                     float *row) {
    size_t dim = call->dim;
    for (size_t i = 0; i < count; i++) {
        size_t unit = call->batch->off[i];
        for (size_t k = unit * dim; k < (unit + 1) * dim; k++) {
            row[k] = means == NULL ? 0.0F : means[2 * k + kind];
        }
    }
}

/* In the rows of one version, at the site of one of its blocks. */
static void mask_version(const struct units_call *call, size_t version, size_t block, size_t rows,
                         float *x) {
    const struct vit_unit_versions *versions = call->versions;
    const uint8_t *mask = mask_of(call, version, block);
    size_t numbers = call->width * call->dim;
    const float *means = versions->means == NULL ? NULL : versions->means + block * numbers * 2;
    size_t count = 0;
    for (size_t unit = 0; unit < call->width; unit++) {
        if (mask[unit] != 0) {
            call->batch->off[count++] = (uint32_t) unit;
        }
    }
    bool has_cls = vit_has_cls(&call->batch->runner.program->model->config);
    for (size_t row = 0; row < rows && count > 0; row++) {
        size_t kind = has_cls && row == 0 ? 0 : 1;
        turn_off(call, count, means, kind, x + row * numbers);
    }
}

/* In all images of the pass under way. */
static void mask_images(const struct units_call *call, size_t block, size_t images, float *x) {
    const struct value *shape = &call->batch->runner.program->values[site_value(call, block)];
    for (size_t image = 0; image < images; image++) {
        mask_version(call, call->first + image, block, shape->rows,
                     x + image * shape->rows * shape->width);
    }
}

/* Every operation, when it has run: those that make a site's value behind the beginning. */
static void observe_site(void *user, const struct op_call *op_call) {
    const struct units_call *call = user;
    int32_t block = op_call->op->block - (int32_t) call->versions->first_block;
    if (block > (int32_t) call->begins && block < (int32_t) call->versions->blocks &&
        op_call->op->out == site_value(call, (size_t) block)) {
        mask_images(call, (size_t) block, op_call->images, op_call->out.x);
    }
}

/* ---- Versions ---- */

static enum vitlrp_status forward_versions(struct units_call *call, const float *input,
                                           float *logits, struct vitlrp_error *err) {
    struct vit_batch *batch = call->batch;
    size_t value = site_value(call, call->begins);
    size_t cut = cut_behind(&batch->runner, value);
    size_t count = call->versions->count;
    const struct observer observer = {observe_site, call};
    make_beginning(call, cut, input);
    for (call->first = 0; call->first < count; call->first += batch->capacity) {
        size_t images = size_min(batch->capacity, count - call->first);
        const struct forward_pass part = {
            .images = images, .first = cut, .observers = &observer, .observer_count = 1};
        spread_beginning(call, images);
        mask_images(call, call->begins, images, memory_value(&batch->runner.memory, value, false));
        TRY(vit_batch_finish(batch, &part, logits + call->first * vit_batch_classes(batch), err));
    }
    return VITLRP_OK;
}

static enum vitlrp_status check(const struct vit_batch *batch,
                                const struct vit_unit_versions *versions,
                                struct vitlrp_error *err) {
    size_t depth = batch->runner.program->depth;
    assert(batch->units);
    if (versions->site != VITLRP_SITE_FC1 && versions->site != VITLRP_SITE_HEAD) {
        return fail(err, VITLRP_USAGE,
                    "only hidden neurons (fc1) and heads (head) can be off: without a dimension of "
                    "the residual stream its norms would be other ones");
    }
    if (versions->blocks == 0 || versions->first_block >= depth ||
        versions->blocks > depth - versions->first_block) {
        return fail(err, VITLRP_USAGE, "%zu blocks from block %zu on: the model has %zu",
                    versions->blocks, versions->first_block, depth);
    }
    return VITLRP_OK;
}

/* From the beginning that is kept, which is this input's. */
static enum vitlrp_status go_on(struct vit_batch *batch, const float *input,
                                const struct vit_unit_versions *versions, float *logits,
                                struct vitlrp_error *err) {
    const struct gemm_backend *backend = batch->runner.engine.backend;
    const struct program *program = batch->runner.program;
    struct units_call call = {.batch = batch, .versions = versions};
    struct gemm_entry saved;
    TRY(check(batch, versions, err));
    size_t value = site_value(&call, 0);
    call.width = unit_count(program, versions->site);
    call.dim = program->values[value].width / call.width;
    call.begins = first_off(&call);
    backend->enter(&saved);
    enum vitlrp_status status = forward_versions(&call, input, logits, err);
    backend->leave(&saved);
    return status;
}

enum vitlrp_status vit_batch_forward_units(struct vit_batch *batch, const float *input,
                                           const struct vit_unit_versions *versions, float *logits,
                                           struct vitlrp_error *err) {
    batch->begun = 0;
    return go_on(batch, input, versions, logits, err);
}

/* ---- Each unit alone ---- */

/* Versions of one call, for which there is room: many batches' worth. */
#define EACH_AT_ONCE 256

struct placed_unit {
    struct vitlrp_unit unit;
    size_t place; /* among the caller's */
};

/* Room for a call's versions. */
struct each_buffers {
    struct placed_unit *units; /* by site and block */
    uint8_t *masks;            /* [EACH_AT_ONCE, widest] */
    float *logits;             /* [EACH_AT_ONCE, classes] */
};

static int compare_units(const void *left, const void *right) {
    const struct placed_unit *a = left;
    const struct placed_unit *b = right;
    if (a->unit.site != b->unit.site) {
        return a->unit.site < b->unit.site ? -1 : 1;
    }
    if (a->unit.block != b->unit.block) {
        return a->unit.block < b->unit.block ? -1 : 1;
    }
    return a->place < b->place ? -1 : a->place > b->place;
}

static enum vitlrp_status check_unit(const struct vit_batch *batch, const struct vitlrp_unit *unit,
                                     size_t *width, struct vitlrp_error *err) {
    const struct program *program = batch->runner.program;
    const struct vit_unit_versions versions = {
        .site = unit->site, .first_block = (size_t) unit->block, .blocks = 1};
    TRY(check(batch, &versions, err));
    *width = unit_count(program, unit->site);
    return unit->index >= 0 && (size_t) unit->index < *width
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "unit %d of block %d: there are %zu", (int) unit->index,
                      (int) unit->block, *width);
}

static enum vitlrp_status each_open(struct vit_batch *batch, const struct vitlrp_unit *units,
                                    size_t count, struct each_buffers *out,
                                    struct vitlrp_error *err) {
    size_t widest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t width = 0;
        TRY(check_unit(batch, &units[i], &width, err));
        widest = size_max(widest, width);
    }
    out->units = mem_calloc(count, sizeof *out->units);
    out->masks = mem_calloc(EACH_AT_ONCE, widest);
    out->logits = mem_calloc(EACH_AT_ONCE * vit_batch_classes(batch), sizeof *out->logits);
    if (out->units == NULL || out->masks == NULL || out->logits == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for %zu units", count);
    }
    for (size_t i = 0; i < count; i++) {
        out->units[i] = (struct placed_unit){units[i], i};
    }
    qsort(out->units, count, sizeof *out->units, compare_units);
    return VITLRP_OK;
}

static void each_close(struct each_buffers *buffers) {
    mem_free(buffers->units);
    mem_free(buffers->masks);
    mem_free(buffers->logits);
}

/* The units from `first` on that one call takes: of one site and block. */
static size_t group_of(const struct placed_unit *units, size_t count) {
    size_t group = 1;
    while (group < count && group < EACH_AT_ONCE && units[group].unit.site == units[0].unit.site &&
           units[group].unit.block == units[0].unit.block) {
        group++;
    }
    return group;
}

static enum vitlrp_status forward_group(struct vit_batch *batch, const float *input,
                                        const struct placed_unit *units, size_t count,
                                        const struct each_buffers *buffers,
                                        struct vitlrp_error *err) {
    const struct vitlrp_unit *of = &units[0].unit;
    const struct program *program = batch->runner.program;
    size_t width = unit_count(program, of->site);
    const struct vit_unit_versions versions = {.site = of->site,
                                               .first_block = (size_t) of->block,
                                               .blocks = 1,
                                               .masks = buffers->masks,
                                               .count = count};
    memset(buffers->masks, 0, count * width);
    for (size_t i = 0; i < count; i++) {
        buffers->masks[i * width + (size_t) units[i].unit.index] = 1;
    }
    return go_on(batch, input, &versions, buffers->logits, err);
}

enum vitlrp_status vit_batch_forward_without_each(struct vit_batch *batch, const float *input,
                                                  const struct vitlrp_unit *units, size_t count,
                                                  float *logits, struct vitlrp_error *err) {
    struct each_buffers buffers = {0};
    size_t classes = vit_batch_classes(batch);
    enum vitlrp_status status = each_open(batch, units, count, &buffers, err);
    batch->begun = 0;
    for (size_t done = 0, group = 0; done < count && status == VITLRP_OK; done += group) {
        const struct placed_unit *next = buffers.units + done;
        group = group_of(next, count - done);
        status = forward_group(batch, input, next, group, &buffers, err);
        for (size_t i = 0; i < group && status == VITLRP_OK; i++) {
            memcpy(logits + next[i].place * classes, buffers.logits + i * classes,
                   classes * sizeof *logits);
        }
    }
    each_close(&buffers);
    return status;
}
