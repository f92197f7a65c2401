#include "eval/curve.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include "eval/point.h"
#include "eval/point_set.h"
#include "eval/protocol.h"
#include "eval/protocol_table.h"
#include "eval/regions.h"
#include "eval/replace.h"
#include "eval/replaced.h"
#include "eval/road.h"
#include "vit/model/weights.h"

enum direction { MORF, LERF, DIRECTIONS };

/* Of regions with equal scores: row by row from above, and the reverse. A curve is the mean of
 * both, so that no place of the picture comes first. */
enum ties { TIES_FORTH, TIES_BACK, TIE_ORDERS };

#define CURVES_OF_METHOD ((size_t) TIE_ORDERS * DIRECTIONS)

struct curve_buffers {
    float *scores;              /* [region_count]: of the method at hand */
    struct ranked_patch *order; /* [region_count]: ranks of regions */
    uint32_t *point_of;         /* [methods, TIE_ORDERS, DIRECTIONS, steps + 1] */
    struct point *points;       /* [of points.most] */
    uint8_t *masks;             /* [at_once, patches] */
    float *logits;              /* [at_once, classes] */
    float *curve;               /* [steps + 1] */
    float *replacement;         /* [3, height, width]; ROAD: the noise */
    float *imputed;             /* [capacity, 3, height, width], for ROAD only */
};

struct curve_evaluator {
    struct curve_options options;
    size_t patches, steps, classes, pixels;
    struct regions regions; /* what is removed at a time */
    size_t region_count;
    struct point_set points;  /* of the image at hand: removed patches */
    size_t capacity, at_once; /* points of one pass of the batch, and of one call */
    size_t forth_count;       /* the image's first points: those of TIES_FORTH */
    struct curve_buffers buffers;
    struct road *road; /* NULL without that replacement */
    void *block;
};

/* ---- Memory ---- */

static void lay_out(struct curve_evaluator *evaluator, struct arena *arena) {
    const struct curve_evaluator *e = evaluator;
    struct curve_buffers *b = &evaluator->buffers;
    size_t curves = CURVES_OF_METHOD * e->options.method_count;
    bool is_road = eval_replacement_has(&e->options.protocol, VITLRP_REPLACE_ROAD);
    b->scores = arena_take_floats(arena, 1, e->region_count);
    b->order = arena_take(arena, e->region_count, sizeof *b->order);
    point_set_lay_out(&evaluator->points, arena);
    b->point_of = arena_take(arena, curves, (e->steps + 1) * sizeof *b->point_of);
    b->points = arena_take(arena, e->points.most, sizeof *b->points);
    b->masks = arena_take(arena, e->at_once, e->patches);
    b->logits = arena_take_floats(arena, e->at_once, e->classes);
    b->curve = arena_take_floats(arena, 1, e->steps + 1);
    b->replacement = arena_take_floats(arena, 1, e->pixels);
    b->imputed = is_road ? arena_take_floats(arena, e->capacity, e->pixels) : NULL;
}

/* Sizes, from the options. USAGE for regions of which there is only one, LIMIT for more points than
 * can be numbered. */
static enum vitlrp_status evaluator_size(struct curve_evaluator *e, struct vitlrp_error *err) {
    const struct curve_options *options = &e->options;
    const struct vit_config *config = &options->model->config;
    size_t capacity = vit_batch_capacity(options->batch);
    e->regions = (struct regions){.rows = (size_t) (options->input_height / config->patch_height),
                                  .columns = (size_t) (options->input_width / config->patch_width),
                                  .side = (size_t) options->protocol.regions};
    e->region_count = regions_count(&e->regions);
    e->patches = e->regions.rows * e->regions.columns;
    e->steps = (size_t) options->protocol.steps;
    e->classes = (size_t) config->classes;
    e->pixels =
        vit_channels(config) * (size_t) options->input_height * (size_t) options->input_width;
    e->capacity = capacity;
    e->at_once = points_at_once(capacity);
    if (e->region_count < 2 && e->regions.side > 1) {
        return fail(err, VITLRP_USAGE,
                    "regions of %zu x %zu patches: the grid of %zu x %zu is a single one, which "
                    "leaves no order; choose smaller ones",
                    e->regions.side, e->regions.side, e->regions.rows, e->regions.columns);
    }
    size_t inner = 0;
    if (!checked_mul(&inner, CURVES_OF_METHOD * (e->steps - 1), options->method_count) ||
        inner > SIZE_MAX - 2 || !point_set_measure(&e->points, e->patches, inner + 2)) {
        return fail(err, VITLRP_LIMIT, "%zu methods with %zu steps are too many points",
                    options->method_count, e->steps);
    }
    return VITLRP_OK;
}

static enum vitlrp_status open_resources(struct curve_evaluator *e, struct vitlrp_error *err) {
    const struct curve_options *options = &e->options;
    const struct vit_config *config = &options->model->config;
    TRY(eval_protocol_check(&options->protocol, err));
    TRY(evaluator_size(e, err));
    struct arena arena = arena_measuring();
    lay_out(e, &arena);
    if (arena.overflow) {
        return fail(err, VITLRP_LIMIT, "curves need more memory than there is");
    }
    e->block = mem_alloc_aligned(arena.used, 1);
    if (e->block == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory: curves need %zu bytes", arena.used);
    }
    arena = arena_over(e->block, arena.used);
    lay_out(e, &arena);
    if (!eval_replacement_has(&options->protocol, VITLRP_REPLACE_ROAD)) {
        return VITLRP_OK;
    }
    struct road_shape shape = {.grey = options->model->config.grey,
                               .height = (size_t) options->input_height,
                               .width = (size_t) options->input_width,
                               .patch_height = (size_t) config->patch_height,
                               .patch_width = (size_t) config->patch_width};
    return road_open(&shape, &e->road, err);
}

enum vitlrp_status curve_evaluator_open(const struct curve_options *options,
                                        struct curve_evaluator **out, struct vitlrp_error *err) {
    struct curve_evaluator *evaluator = mem_calloc(1, sizeof *evaluator);
    if (evaluator == NULL) {
        return fail(err, VITLRP_NOMEM, "out of memory for curves");
    }
    evaluator->options = *options;
    enum vitlrp_status status = open_resources(evaluator, err);
    if (status != VITLRP_OK) {
        curve_evaluator_close(evaluator);
        return status;
    }
    *out = evaluator;
    return VITLRP_OK;
}

void curve_evaluator_close(struct curve_evaluator *evaluator) {
    if (evaluator != NULL) {
        road_close(evaluator->road);
        mem_free(evaluator->block);
        mem_free(evaluator);
    }
}

/* ---- Which points there are ---- */

/* Adds the patches of a region to the set being built. */
static void remove_region(struct curve_evaluator *e, size_t region) {
    struct region_bounds bounds = regions_bounds(&e->regions, region);
    for (size_t row = bounds.top; row < bounds.bottom; row++) {
        for (size_t column = bounds.left; column < bounds.right; column++) {
            size_t patch = row * e->regions.columns + column;
            point_set_add(&e->points, patch);
        }
    }
}

static void trace_direction(struct curve_evaluator *e, enum direction direction,
                            uint32_t *point_of) {
    struct curve_buffers *b = &e->buffers;
    size_t replaced = 0;
    point_set_clear(&e->points);
    for (size_t k = 0; k <= e->steps; k++) {
        size_t wanted = protocol_replaced(k, e->steps, e->region_count);
        for (; replaced < wanted; replaced++) {
            size_t rank = direction == MORF ? replaced : e->region_count - 1 - replaced;
            remove_region(e, b->order[rank].patch);
        }
        point_of[k] = point_set_intern(&e->points);
    }
}

static uint32_t *points_of_curve(const struct curve_evaluator *e, size_t method, enum ties ties,
                                 enum direction direction) {
    size_t curve = (method * TIE_ORDERS + ties) * DIRECTIONS + direction;
    return e->buffers.point_of + curve * (e->steps + 1);
}

/* Both curves in an order of the regions. */
static void trace_order(struct curve_evaluator *e, size_t method, enum ties ties) {
    trace_direction(e, MORF, points_of_curve(e, method, ties, MORF));
    trace_direction(e, LERF, points_of_curve(e, method, ties, LERF));
}

static void trace_curves(struct curve_evaluator *e, const struct curve_request *request) {
    point_set_begin(&e->points);
    for (enum ties ties = TIES_FORTH; ties < TIE_ORDERS; ties++) {
        for (size_t m = 0; m < request->method_count; m++) {
            if (request->methods[m].valid) {
                regions_mean(&e->regions, request->methods[m].patches, e->buffers.scores);
                protocol_rank(e->buffers.scores, e->region_count, e->buffers.order);
                if (ties == TIES_BACK) {
                    protocol_reverse_ties(e->buffers.order, e->region_count);
                }
                trace_order(e, m, ties); /* meets known points where nothing is tied */
            }
        }
        if (ties == TIES_FORTH) {
            e->forth_count = e->points.count;
        }
    }
}

/* ---- What the model says at them ---- */

static enum vitlrp_status make_replacement(struct curve_evaluator *e,
                                           const struct curve_request *request,
                                           enum vitlrp_replacement replacement,
                                           struct vitlrp_error *err) {
    const struct vit_config *config = &e->options.model->config;
    struct replacement_request wanted = {.replacement = replacement,
                                         .preprocess = e->options.preprocess,
                                         .height = (size_t) e->options.input_height,
                                         .width = (size_t) e->options.input_width,
                                         .patch_height = (size_t) config->patch_height,
                                         .patch_width = (size_t) config->patch_width,
                                         .donor = request->donor,
                                         .seed = request->seed};
    return replacement_make(&wanted, request->input, e->buffers.replacement, err);
}

/* A pass over the points of an image. */
struct point_pass {
    struct vit_batch *batch;
    const struct curve_request *request;
    struct road *road; /* NULL for other replacements */
};

/* The logits of points [first, first + count). */
static enum vitlrp_status forward_points(struct curve_evaluator *e, const struct point_pass *pass,
                                         size_t first, size_t count, struct vitlrp_error *err) {
    struct curve_buffers *b = &e->buffers;
    for (size_t i = 0; i < count; i++) {
        point_set_mask(&e->points, first + i, b->masks + i * e->patches);
    }
    const struct replaced_input of = {.input = pass->request->input,
                                      .replacement = b->replacement,
                                      .road = pass->road,
                                      .imputed = b->imputed,
                                      .patches = e->patches,
                                      .pixels = e->pixels};
    return replaced_forward(&of, pass->batch, b->masks, count, b->logits, err);
}

/* The points [first, end). */
static enum vitlrp_status compute_range(struct curve_evaluator *e, const struct point_pass *pass,
                                        size_t first, size_t end, struct vitlrp_error *err) {
    size_t at_once = pass->road == NULL ? e->at_once : e->capacity;
    const struct point_question question = {.output = pass->request->output,
                                            .expected = pass->request->expected,
                                            .has_versus = pass->request->has_versus,
                                            .versus = pass->request->versus};
    for (; first < end; first += at_once) {
        size_t count = size_min(at_once, end - first);
        TRY(forward_points(e, pass, first, count, err));
        for (size_t i = 0; i < count; i++) {
            e->buffers.points[first + i] =
                point_read(e->options.model, e->buffers.logits + i * e->classes, &question);
        }
    }
    return VITLRP_OK;
}

/* In two parts: how many inputs a batch has may show in their last bits, and a curve without ties
 * shall not change with those that another method has. For the same reason the point of the whole
 * image is computed under each replacement: without it, the others would lie in other batches. */
static enum vitlrp_status compute_points(struct curve_evaluator *e, const struct point_pass *pass,
                                         struct vitlrp_error *err) {
    TRY(compute_range(e, pass, 0, e->forth_count, err));
    return compute_range(e, pass, e->forth_count, e->points.count, err);
}

static void read_curve(const struct curve_evaluator *e, size_t method, enum eval_curve curve,
                       float *out) {
    enum direction direction = eval_curve_is_morf(curve) ? MORF : LERF;
    const uint32_t *forth = points_of_curve(e, method, TIES_FORTH, direction);
    const uint32_t *back = points_of_curve(e, method, TIES_BACK, direction);
    for (size_t k = 0; k <= e->steps; k++) {
        /* In double the mean of a number and itself is that number. */
        out[k] = (float) (0.5 * ((double) point_value(&e->buffers.points[forth[k]], curve) +
                                 (double) point_value(&e->buffers.points[back[k]], curve)));
    }
}

static void give_curves(const struct curve_evaluator *e, const struct curve_request *request,
                        size_t place) {
    for (size_t m = 0; m < request->method_count; m++) {
        const struct eval_method_result *result = &request->methods[m];
        for (int curve = 0; result->valid && curve < EVAL_CURVES; curve++) {
            read_curve(e, m, (enum eval_curve) curve, result->curves[place].of[curve]);
        }
    }
}

static void give_areas(const struct curve_evaluator *e, const struct curve_request *request,
                       size_t place) {
    for (size_t m = 0; m < request->method_count; m++) {
        const struct eval_method_result *result = &request->methods[m];
        for (int curve = 0; result->valid && curve < EVAL_AREAS; curve++) {
            read_curve(e, m, (enum eval_curve) curve, e->buffers.curve);
            result->curves[place].fp32_areas[curve] = protocol_area(e->buffers.curve, e->steps);
        }
    }
}

/* Under the replacement at a place of the protocol's. */
static enum vitlrp_status evaluate_under(struct curve_evaluator *e,
                                         const struct curve_request *request, size_t place,
                                         struct vitlrp_error *err) {
    enum vitlrp_replacement replacement = eval_replacement_at(&e->options.protocol, place);
    struct point_pass pass = {.batch = e->options.batch,
                              .request = request,
                              .road = replacement == VITLRP_REPLACE_ROAD ? e->road : NULL};
    TRY(make_replacement(e, request, replacement, err));
    TRY(compute_points(e, &pass, err));
    give_curves(e, request, place);
    if (request->audited) {
        pass.batch = e->options.audit;
        TRY(compute_points(e, &pass, err));
        give_areas(e, request, place);
    }
    return VITLRP_OK;
}

enum vitlrp_status curve_evaluate(struct curve_evaluator *evaluator,
                                  const struct curve_request *request, struct vitlrp_error *err) {
    struct curve_evaluator *e = evaluator;
    assert(request->method_count <= e->options.method_count);
    assert(!request->audited || e->options.audit != NULL);
    trace_curves(e, request);
    for (size_t place = 0; place < eval_replacement_count(&e->options.protocol); place++) {
        TRY(evaluate_under(e, request, place, err));
    }
    return VITLRP_OK;
}
