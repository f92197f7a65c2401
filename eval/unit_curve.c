#include "eval/unit_curve.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "eval/protocol.h"

/* Points whose logits are held at once, and which share their beginning. */
#define POINTS_AT_ONCE 256

/* Points of a method that no other has: all but the whole input and the one without any unit. */
#define INNER_POINTS ((size_t) DIRECTIONS * (UNIT_POINTS - 2))

enum direction { MORF, LERF, DIRECTIONS };

struct unit_buffers {
    struct ranked_patch *order; /* [units]: of the method at hand */
    uint8_t *masks;             /* [max_points + 1, units]: of each point, then that being built */
    uint32_t *point_of;         /* [methods, DIRECTIONS, UNIT_POINTS] */
    struct point *points;       /* [max_points] */
    float *logits;              /* [at_once, classes] */
};

struct unit_evaluator {
    struct unit_curve_options options;
    size_t units, classes, max_points, at_once;
    size_t point_count; /* of the image at hand */
    struct unit_buffers buffers;
    void *block;
};

/* ---- Memory ---- */

static void lay_out(struct unit_evaluator *e, struct arena *arena) {
    struct unit_buffers *b = &e->buffers;
    size_t curves = DIRECTIONS * e->options.method_count;
    b->order = arena_take(arena, e->units, sizeof *b->order);
    b->masks = arena_take(arena, e->max_points + 1, e->units);
    b->point_of = arena_take(arena, curves, UNIT_POINTS * sizeof *b->point_of);
    b->points = arena_take(arena, e->max_points, sizeof *b->points);
    b->logits = arena_take_floats(arena, e->at_once, e->classes);
}

static enum vitlrp_status evaluator_size(struct unit_evaluator *e, struct vitlrp_error *err) {
    const struct unit_curve_options *options = &e->options;
    const struct vit_config *config = &options->model->config;
    size_t depth = (size_t) config->depth;
    size_t capacity = vit_batch_capacity(options->batch);
    if (options->site != VITLRP_SITE_FC1 && options->site != VITLRP_SITE_HEAD) {
        return fail(err, VITLRP_USAGE, "curves are over hidden neurons (fc1) or heads (head)");
    }
    if (options->blocks == 0 || options->first_block >= depth ||
        options->blocks > depth - options->first_block) {
        return fail(err, VITLRP_USAGE, "%zu blocks from block %zu on: the model has %zu",
                    options->blocks, options->first_block, depth);
    }
    size_t width = (size_t) (options->site == VITLRP_SITE_FC1 ? config->mlp_dim : config->heads);
    e->units = options->blocks * width;
    e->classes = (size_t) config->classes;
    e->at_once = capacity < POINTS_AT_ONCE ? POINTS_AT_ONCE / capacity * capacity : capacity;
    if (options->method_count > EVAL_METHOD_LIMIT) {
        return fail(err, VITLRP_LIMIT, "%zu methods are more than %zu", options->method_count,
                    EVAL_METHOD_LIMIT);
    }
    e->max_points = INNER_POINTS * options->method_count + 2;
    return VITLRP_OK;
}

static enum vitlrp_status open_buffers(struct unit_evaluator *e, struct vitlrp_error *err) {
    TRY(evaluator_size(e, err));
    struct arena arena = arena_measuring();
    lay_out(e, &arena);
    e->block = arena.overflow ? NULL : mem_alloc_aligned(arena.used, 1);
    if (e->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for curves over %zu units", e->units);
    }
    arena = arena_over(e->block, arena.used);
    lay_out(e, &arena);
    return VITLRP_OK;
}

bool unit_evaluator_bytes(size_t units, size_t method_count, size_t *bytes) {
    size_t points = 0;
    return checked_mul(&points, INNER_POINTS, method_count) &&
           checked_add(&points, points, 3 + sizeof(struct ranked_patch)) &&
           checked_mul(bytes, points, units);
}

enum vitlrp_status unit_evaluator_open(const struct unit_curve_options *options,
                                       struct unit_evaluator **out, struct vitlrp_error *err) {
    struct unit_evaluator *evaluator = mem_calloc(1, sizeof *evaluator);
    if (evaluator == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for curves over units");
    }
    evaluator->options = *options;
    enum vitlrp_status status = open_buffers(evaluator, err);
    if (status != VITLRP_OK) {
        unit_evaluator_close(evaluator);
        return status;
    }
    *out = evaluator;
    return VITLRP_OK;
}

void unit_evaluator_close(struct unit_evaluator *evaluator) {
    if (evaluator != NULL) {
        mem_free(evaluator->block);
        mem_free(evaluator);
    }
}

size_t unit_evaluator_units(const struct unit_evaluator *evaluator) {
    return evaluator->units;
}

/* ---- Which points there are ---- */

static uint8_t *mask_of(const struct unit_evaluator *e, size_t point) {
    return e->buffers.masks + point * e->units;
}

/* The point of the mask being built, a new one if no curve has met it yet: the ends of all curves
 * above all, and, where units are few, neighbouring points. */
static uint32_t intern_mask(struct unit_evaluator *e) {
    const uint8_t *built = mask_of(e, e->max_points);
    for (size_t point = 0; point < e->point_count; point++) {
        if (memcmp(mask_of(e, point), built, e->units) == 0) {
            return (uint32_t) point;
        }
    }
    assert(e->point_count < e->max_points);
    memcpy(mask_of(e, e->point_count), built, e->units);
    return (uint32_t) e->point_count++;
}

static uint32_t *points_of_curve(const struct unit_evaluator *e, size_t method,
                                 enum direction direction) {
    return e->buffers.point_of + (method * DIRECTIONS + direction) * UNIT_POINTS;
}

static void trace_direction(struct unit_evaluator *e, size_t method, enum direction direction) {
    uint32_t *point_of = points_of_curve(e, method, direction);
    uint8_t *built = mask_of(e, e->max_points);
    size_t off = 0;
    memset(built, 0, e->units);
    for (size_t k = 0; k < UNIT_POINTS; k++) {
        for (; off < unit_order_count(k, e->units); off++) {
            size_t rank = direction == MORF ? off : e->units - 1 - off;
            built[e->buffers.order[rank].patch] = 1;
        }
        point_of[k] = intern_mask(e);
    }
}

static enum vitlrp_status trace_curves(struct unit_evaluator *e,
                                       const struct unit_curve_request *request,
                                       struct vitlrp_error *err) {
    e->point_count = 0;
    for (size_t m = 0; m < request->method_count; m++) {
        for (size_t i = 0; i < e->units; i++) {
            if (!isfinite(request->scores[m][i])) {
                return fail(err, VITLRP_NUMERIC, "the score of a hidden unit is not finite");
            }
        }
        protocol_rank(request->scores[m], e->units, e->buffers.order);
        trace_direction(e, m, MORF);
        trace_direction(e, m, LERF);
    }
    return VITLRP_OK;
}

/* ---- What the model says at them ---- */

static enum vitlrp_status compute_points(struct unit_evaluator *e,
                                         const struct unit_curve_request *request,
                                         struct vitlrp_error *err) {
    for (size_t first = 0; first < e->point_count; first += e->at_once) {
        const struct vit_unit_versions versions = {
            .site = e->options.site,
            .first_block = e->options.first_block,
            .blocks = e->options.blocks,
            .masks = mask_of(e, first),
            .means = e->options.means,
            .count = size_min(e->at_once, e->point_count - first)};
        float *logits = e->buffers.logits;
        TRY(vit_batch_forward_units(e->options.batch, request->input, &versions, logits, err));
        for (size_t i = 0; i < versions.count; i++) {
            e->buffers.points[first + i] =
                point_read(e->options.model, logits + i * e->classes, &request->question);
        }
    }
    return VITLRP_OK;
}

static bool is_morf(enum eval_curve curve) {
    return curve == EVAL_CURVE_MORF_LOGIT || curve == EVAL_CURVE_MORF_PROB ||
           curve == EVAL_CURVE_MORF_TOP1;
}

static void give_curves(const struct unit_evaluator *e, size_t method, struct unit_curves *out) {
    for (int c = 0; c < EVAL_CURVES; c++) {
        enum eval_curve curve = (enum eval_curve) c;
        const uint32_t *point_of = points_of_curve(e, method, is_morf(curve) ? MORF : LERF);
        for (size_t k = 0; k < UNIT_POINTS; k++) {
            out->of[c][k] = point_value(&e->buffers.points[point_of[k]], curve);
        }
    }
}

enum vitlrp_status unit_curve_evaluate(struct unit_evaluator *evaluator,
                                       const struct unit_curve_request *request,
                                       struct unit_curves *curves, struct vitlrp_error *err) {
    struct unit_evaluator *e = evaluator;
    assert(request->method_count <= e->options.method_count);
    TRY(trace_curves(e, request, err));
    TRY(compute_points(e, request, err));
    for (size_t m = 0; m < request->method_count; m++) {
        give_curves(e, m, &curves[m]);
    }
    return VITLRP_OK;
}
