#include "eval/unit_curve.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "eval/point_set.h"
#include "eval/protocol.h"
#include "eval/statistics.h"

/* Points of a method's curves that no other has: all but the whole input and the one without any
 * unit. */
#define INNER_POINTS ((size_t) DIRECTIONS * (UNIT_POINTS - 2))

enum direction { MORF, LERF, DIRECTIONS };

struct unit_buffers {
    struct ranked_patch *order; /* [units]: of the method at hand */
    uint32_t *point_of;         /* [methods, DIRECTIONS, UNIT_POINTS] */
    uint32_t *early_of;         /* [methods, early_count] */
    struct point *points;       /* [of points.most] */
    uint8_t *masks;             /* [at_once, units] */
    float *logits;              /* [at_once, classes] */
    float *drops;               /* [singles]: what the logit loses without each */
    float *single_scores;       /* [singles]: of the method at hand */
    double *pairs;              /* [2, singles]: both */
};

struct unit_evaluator {
    struct unit_curve_options options;
    size_t width, classes, at_once;
    size_t most_units;  /* of a ranking */
    size_t early_count; /* points before that of 1 per cent, at most */
    size_t units;       /* of the ranking at hand */
    struct point_set points;
    struct unit_buffers buffers;
    void *block;
};

/* ---- Memory ---- */

static size_t count_early(size_t units) {
    size_t count = 0;
    while (unit_order_early(count, units) > 0) {
        count++;
    }
    return count;
}

static void lay_out(struct unit_evaluator *e, struct arena *arena) {
    struct unit_buffers *b = &e->buffers;
    size_t methods = e->options.method_count;
    b->order = arena_take(arena, e->most_units, sizeof *b->order);
    b->point_of = arena_take(arena, DIRECTIONS * methods, UNIT_POINTS * sizeof *b->point_of);
    b->early_of = arena_take(arena, e->early_count, methods * sizeof *b->early_of);
    b->points = arena_take(arena, e->points.most, sizeof *b->points);
    b->masks = arena_take(arena, e->at_once, e->most_units);
    b->logits = arena_take_floats(arena, e->at_once, e->classes);
    b->drops = arena_take_floats(arena, 1, e->options.single_count);
    b->single_scores = arena_take_floats(arena, 1, e->options.single_count);
    b->pairs = arena_take(arena, e->options.single_count, 2 * sizeof *b->pairs);
    point_set_lay_out(&e->points, arena);
}

static size_t most_points(size_t units, size_t method_count) {
    return (INNER_POINTS + count_early(units)) * method_count + 2;
}

static enum vitlrp_status check_blocks(const struct unit_evaluator *e, size_t first, size_t blocks,
                                       size_t most, struct vitlrp_error *err) {
    size_t depth = (size_t) e->options.model->config.depth;
    return blocks > 0 && blocks <= most && first < depth && blocks <= depth - first
               ? VITLRP_OK
               : fail(err, VITLRP_USAGE, "%zu blocks from block %zu on: the model has %zu", blocks,
                      first, depth);
}

static enum vitlrp_status evaluator_size(struct unit_evaluator *e, struct vitlrp_error *err) {
    const struct unit_curve_options *options = &e->options;
    const struct vit_config *config = &options->model->config;
    if (options->site != VITLRP_SITE_FC1 && options->site != VITLRP_SITE_HEAD) {
        return fail(err, VITLRP_USAGE, "curves are over hidden neurons (fc1) or heads (head)");
    }
    TRY(check_blocks(e, 0, options->blocks, options->blocks, err));
    if (options->method_count > EVAL_METHOD_LIMIT) {
        return fail(err, VITLRP_LIMIT, "%zu methods are more than %zu", options->method_count,
                    EVAL_METHOD_LIMIT);
    }
    e->width = (size_t) (options->site == VITLRP_SITE_FC1 ? config->mlp_dim : config->heads);
    e->most_units = options->blocks * e->width;
    e->classes = (size_t) config->classes;
    e->at_once = points_at_once(vit_batch_capacity(options->batch));
    e->early_count = count_early(e->most_units);
    return point_set_measure(&e->points, e->most_units,
                             most_points(e->most_units, options->method_count))
               ? VITLRP_OK
               : fail(err, VITLRP_LIMIT, "curves need more points than there can be");
}

static enum vitlrp_status open_buffers(struct unit_evaluator *e, struct vitlrp_error *err) {
    TRY(evaluator_size(e, err));
    struct arena arena = arena_measuring();
    lay_out(e, &arena);
    e->block = arena.overflow ? NULL : mem_alloc_aligned(arena.used, 1);
    if (e->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for curves over %zu units", e->most_units);
    }
    arena = arena_over(e->block, arena.used);
    lay_out(e, &arena);
    return VITLRP_OK;
}

bool unit_evaluator_bytes(size_t units, size_t method_count, size_t *bytes) {
    size_t sets = 0;
    size_t beside = 0;
    return units == 0
               ? (*bytes = 0, true)
               : point_set_bytes(units, most_points(units, method_count), &sets) &&
                     checked_mul(&beside, POINTS_AT_ONCE + sizeof(struct ranked_patch), units) &&
                     checked_add(bytes, sets, beside);
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

/* ---- Which points there are ---- */

static uint32_t *points_of_curve(const struct unit_evaluator *e, size_t method,
                                 enum direction direction) {
    return e->buffers.point_of + (method * DIRECTIONS + direction) * UNIT_POINTS;
}

static void trace_direction(struct unit_evaluator *e, size_t method, enum direction direction) {
    uint32_t *point_of = points_of_curve(e, method, direction);
    size_t off = 0;
    point_set_clear(&e->points);
    for (size_t k = 0; k < UNIT_POINTS; k++) {
        for (; off < unit_order_count(k, e->units); off++) {
            size_t rank = direction == MORF ? off : e->units - 1 - off;
            point_set_add(&e->points, e->buffers.order[rank].patch);
        }
        point_of[k] = point_set_intern(&e->points);
    }
}

static enum vitlrp_status trace_curves(struct unit_evaluator *e,
                                       const struct unit_curve_request *request,
                                       struct vitlrp_error *err) {
    point_set_begin(&e->points);
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

/* Of MoRF, those before 1 per cent. */
static void trace_early(struct unit_evaluator *e, const struct unit_curve_request *request) {
    for (size_t m = 0; m < request->method_count; m++) {
        size_t off = 0;
        protocol_rank(request->scores[m], e->units, e->buffers.order);
        point_set_clear(&e->points);
        for (size_t i = 0; unit_order_early(i, e->units) > 0; i++) {
            for (; off < unit_order_early(i, e->units); off++) {
                point_set_add(&e->points, e->buffers.order[off].patch);
            }
            e->buffers.early_of[m * e->early_count + i] = point_set_intern(&e->points);
        }
    }
}

/* ---- What the model says at them ---- */

/* Of the masks in the buffer, which are over `blocks` from `first_block` of the model on. */
static enum vitlrp_status forward(struct unit_evaluator *e, const float *input,
                                  struct vit_unit_versions versions, struct vitlrp_error *err) {
    assert(versions.count <= e->at_once);
    versions.site = e->options.site;
    versions.masks = e->buffers.masks;
    versions.means = e->options.means == NULL
                         ? NULL
                         : e->options.means + versions.first_block * e->options.block_means;
    return vit_batch_forward_units(e->options.batch, input, &versions, e->buffers.logits, err);
}

static struct point read_point(const struct unit_evaluator *e, size_t place,
                               const struct unit_curve_request *request) {
    return point_read(e->options.model, e->buffers.logits + place * e->classes, &request->question);
}

/* The points from `first` on. */
static enum vitlrp_status compute_points(struct unit_evaluator *e,
                                         const struct unit_curve_request *request, size_t first,
                                         struct vitlrp_error *err) {
    for (; first < e->points.count; first += e->at_once) {
        size_t count = size_min(e->at_once, e->points.count - first);
        for (size_t i = 0; i < count; i++) {
            point_set_mask(&e->points, first + i, e->buffers.masks + i * e->units);
        }
        const struct vit_unit_versions versions = {
            .first_block = request->first_block, .blocks = request->blocks, .count = count};
        TRY(forward(e, request->input, versions, err));
        for (size_t i = 0; i < count; i++) {
            e->buffers.points[first + i] = read_point(e, i, request);
        }
    }
    return VITLRP_OK;
}

static void give_curves(const struct unit_evaluator *e, size_t method, struct unit_curves *out) {
    for (int c = 0; c < EVAL_CURVES; c++) {
        enum eval_curve curve = (enum eval_curve) c;
        const uint32_t *point_of =
            points_of_curve(e, method, eval_curve_is_morf(curve) ? MORF : LERF);
        for (size_t k = 0; k < UNIT_POINTS; k++) {
            out->of[c][k] = point_value(&e->buffers.points[point_of[k]], curve);
        }
    }
    out->units_to_lose = out->rho = out->pearson = NAN;
}

/* ---- How few units lose the class ---- */

static bool is_lost(const struct unit_evaluator *e, uint32_t point) {
    return !e->buffers.points[point].is_first;
}

static double units_to_lose(const struct unit_evaluator *e, size_t method) {
    const uint32_t *morf = points_of_curve(e, method, MORF);
    if (is_lost(e, morf[0])) {
        return NAN;
    }
    for (size_t i = 0; unit_order_early(i, e->units) > 0; i++) {
        if (is_lost(e, e->buffers.early_of[method * e->early_count + i])) {
            return (double) unit_order_early(i, e->units);
        }
    }
    for (size_t k = 1; k < UNIT_POINTS; k++) {
        if (is_lost(e, morf[k])) {
            return (double) unit_order_count(k, e->units);
        }
    }
    return (double) e->units;
}

/* ---- Single units ---- */

/* The logit without each of `count` units of one block. */
static enum vitlrp_status compute_singles(struct unit_evaluator *e,
                                          const struct unit_curve_request *request, size_t first,
                                          size_t count, struct vitlrp_error *err) {
    size_t block = request->singles[first] / e->width;
    memset(e->buffers.masks, 0, count * e->width);
    for (size_t i = 0; i < count; i++) {
        e->buffers.masks[i * e->width + request->singles[first + i] % e->width] = 1;
    }
    const struct vit_unit_versions versions = {
        .first_block = request->first_block + block, .blocks = 1, .count = count};
    TRY(forward(e, request->input, versions, err));
    for (size_t i = 0; i < count; i++) {
        e->buffers.drops[first + i] = read_point(e, i, request).logit;
    }
    return VITLRP_OK;
}

/* Units from `first` on that are computed together: of one block, whose beginning they share. */
static size_t group_of(const struct unit_evaluator *e, const struct unit_curve_request *request,
                       size_t first) {
    size_t count = 1;
    while (first + count < request->single_count && count < e->at_once &&
           request->singles[first + count] / e->width == request->singles[first] / e->width) {
        count++;
    }
    return count;
}

static enum vitlrp_status correlate(struct unit_evaluator *e,
                                    const struct unit_curve_request *request,
                                    struct unit_curves *curves, struct vitlrp_error *err) {
    struct unit_buffers *b = &e->buffers;
    size_t count = request->single_count;
    for (size_t m = 0; m < request->method_count; m++) {
        for (size_t i = 0; i < count; i++) {
            b->single_scores[i] = request->scores[m][request->singles[i]];
            b->pairs[i] = b->single_scores[i];
            b->pairs[count + i] = b->drops[i];
        }
        TRY(statistics_spearman(b->single_scores, b->drops, count, &curves[m].rho, err));
        curves[m].pearson = statistics_pearson(b->pairs, b->pairs + count, count);
    }
    return VITLRP_OK;
}

static enum vitlrp_status evaluate_singles(struct unit_evaluator *e,
                                           const struct unit_curve_request *request,
                                           struct unit_curves *curves, struct vitlrp_error *err) {
    assert(request->single_count <= e->options.single_count);
    for (size_t first = 0, count = 0; first < request->single_count; first += count) {
        count = group_of(e, request, first);
        TRY(compute_singles(e, request, first, count, err));
    }
    float whole = e->buffers.points[points_of_curve(e, 0, MORF)[0]].logit;
    for (size_t i = 0; i < request->single_count; i++) {
        e->buffers.drops[i] = whole - e->buffers.drops[i];
    }
    return correlate(e, request, curves, err);
}

enum vitlrp_status unit_curve_evaluate(struct unit_evaluator *evaluator,
                                       const struct unit_curve_request *request,
                                       struct unit_curves *curves, struct vitlrp_error *err) {
    struct unit_evaluator *e = evaluator;
    assert(request->method_count <= e->options.method_count);
    TRY(check_blocks(e, request->first_block, request->blocks, e->options.blocks, err));
    e->units = e->points.units = request->blocks * e->width;
    TRY(trace_curves(e, request, err));
    TRY(compute_points(e, request, 0, err));
    for (size_t m = 0; m < request->method_count; m++) {
        give_curves(e, m, &curves[m]);
    }
    if (request->curves_alone || request->method_count == 0) {
        return VITLRP_OK;
    }
    /* Behind the curves' points: how many inputs a batch has may show in their last bits. */
    size_t known = e->points.count;
    trace_early(e, request);
    TRY(compute_points(e, request, known, err));
    for (size_t m = 0; m < request->method_count; m++) {
        curves[m].units_to_lose = units_to_lose(e, m);
    }
    return request->single_count > 0 ? evaluate_singles(e, request, curves, err) : VITLRP_OK;
}
